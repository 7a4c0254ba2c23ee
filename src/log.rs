//! What the program writes: standard output, messages on standard error, and the log.
//!
//! Some clients merge standard error into standard output, so a call that succeeds writes messages
//! only if standard error is a terminal. The log gets one line per call. Nothing in it is secret: it
//! names the command's program and none of its arguments.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result, io_error, printable, reason};
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

    /// Shows a message on a terminal, and logs it. The call can still succeed.
    pub fn warn(&self, text: &dyn std::fmt::Display, now: Duration) {
        if sys::is_terminal(Stream::Error) {
            write_message(text);
        }
        self.write("warning", text, now);
    }

    /// Appends one line: time, process id, program, what happened. Errors are ignored: the credential
    /// matters more than the log.
    pub fn write(&self, event: &str, detail: &dyn std::fmt::Display, now: Duration) {
        let Some(path) = &self.file else { return };
        let text = format!(
            "{} {} {} {event}: {detail}\n",
            time::format_rfc3339(now.as_secs()),
            std::process::id(),
            self.program,
        );
        let line = printable(&text.trim_ascii_end().replace('\n', "; ")) + "\n";
        if let Ok(mut file) = open(path) {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// Opens the log for appending, and creates it if it is missing. Fails with `InvalidData` if the file has
/// content that does not begin with a line of a log, so that no other file is damaged.
pub fn open(path: &Path) -> io::Result<File> {
    let file = sys::open_log(path)?;
    let mut start = [0; TIME.len()];
    if !file.metadata()?.is_file() || sys::read_at(&file, &mut start, 0)? == 0 || is_time(&start) {
        return Ok(file);
    }
    Err(io_error(io::ErrorKind::InvalidData, "it is not a log of this program"))
}

/// The form of the time at the beginning of a line; `0` is any digit.
const TIME: &[u8; 21] = b"0000-00-00T00:00:00Z ";

fn is_time(start: &[u8; TIME.len()]) -> bool {
    start.iter().zip(TIME).all(|(byte, shape)| byte == shape || *shape == b'0' && byte.is_ascii_digit())
}

/// Writes one line to standard error, after the program's name.
pub fn write_message(text: &dyn std::fmt::Display) {
    write_stderr(&format!("k8s-token-cache: {text}\n"));
}

/// Writes `text` to standard error, which may be closed: errors are ignored.
pub fn write_stderr(text: &str) {
    let _ = sys::write(Stream::Error, text.as_bytes());
}

/// Writes `bytes` to standard output.
pub fn write_stdout(bytes: &[u8]) -> Result<()> {
    sys::write(Stream::Output, bytes)
        .map_err(|error| Error::failure(format!("cannot write to standard output: {}", reason(&error))))
}
