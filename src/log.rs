//! Lines of our own: to people while they watch, and to the log file that they asked for.
//!
//! Some clients merge standard error into standard output, so a call that ends well says nothing
//! there unless it is a terminal. The log gets one line per call; nothing in it is secret: of the
//! command, only the name of the program is named.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::printable;
use crate::format::time;
use crate::sys::{self, Stream};

pub struct Log {
    file: Option<PathBuf>,
    program: String,
}

impl Log {
    pub fn new(file: Option<PathBuf>, command: &[OsString]) -> Log {
        let program = command.first().map(|program| Path::new(program).file_name().unwrap_or_default());
        let program = printable(&program.unwrap_or_default().to_string_lossy());
        Log { file, program }
    }

    /// For people who watch, while the call goes on to end well; and for the log.
    pub fn warn(&self, text: &dyn std::fmt::Display, now: Duration) {
        if sys::is_terminal(Stream::Error) {
            say(text);
        }
        self.write("warning", text, now);
    }

    /// One line: time, process id, program, what happened.
    pub fn write(&self, event: &str, detail: &dyn std::fmt::Display, now: Duration) {
        let Some(path) = &self.file else { return };
        let text = format!(
            "{} {} {} {event}: {detail}\n",
            time::format_rfc3339(now.as_secs()),
            std::process::id(),
            self.program,
        );
        let line = text.trim_ascii_end().replace('\n', "; ") + "\n";
        // A log that cannot be written must not cost anybody the credential.
        if let Ok(mut file) = sys::open_log(path) {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// One line on standard error.
pub fn say(text: &dyn std::fmt::Display) {
    write_error(&format!("k8s-token-cache: {text}\n"));
}

/// `text` as it is on standard error, which may be closed.
pub fn write_error(text: &str) {
    let _ = sys::write(Stream::Error, text.as_bytes());
}
