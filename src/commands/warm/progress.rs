//! The last line of a terminal, which says what `--warm` waits for.

use crate::commands::page;
use crate::config::Environment;
use crate::log;
use crate::sys::{self, Stream};

const DEFAULT_WIDTH: usize = 80;

pub struct Progress {
    total: usize,
    /// The number of columns; `None` if standard error is not a terminal.
    width: Option<usize>,
    drawn: String,
}

impl Progress {
    pub fn new(total: usize, environment: Environment<'_>) -> Progress {
        let width = sys::is_terminal(Stream::Error)
            .then(|| page::width(Stream::Error, environment).unwrap_or(DEFAULT_WIDTH));
        Progress { total, width, drawn: String::new() }
    }

    pub fn draw(&mut self, done: usize, names: &str) {
        let Some(width) = self.width else { return };
        let text = format!("{done} of {}, waiting for {names}", self.total);
        let text = page::shorten(&text, width.saturating_sub(1));
        if text != self.drawn {
            self.erase();
            log::write_stderr(&text);
            self.drawn = text;
        }
    }

    /// Overwrites the line with blanks: not every terminal has a code for that.
    pub fn erase(&mut self) {
        let columns = page::columns(&self.drawn);
        if columns > 0 {
            log::write_stderr(&format!("\r{}\r", " ".repeat(columns)));
            self.drawn.clear();
        }
    }

    /// Ends the line and leaves it, because a plugin writes next.
    pub fn keep(&mut self) {
        if !self.drawn.is_empty() {
            log::write_stderr("\n");
            self.drawn.clear();
        }
    }
}
