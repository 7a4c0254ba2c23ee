//! What went wrong, with what, and whether it may be ignored.
//!
//! An [`Error`] is one line for people (what failed, on what, why), perhaps a hint on a line of
//! its own, and a [`Kind`] that decides the exit status. Nothing in here ever holds a byte of a
//! plugin's output or of a credential.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

/// Decides the exit status, and whether the call can go on without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The call or a setting is wrong.
    Usage,
    /// The cache cannot be used; the credential can still be had from the plugin.
    Cache,
    /// The wrapped command does not exist.
    PluginNotFound,
    /// The wrapped command exists and cannot be started.
    PluginNotRunnable,
    /// Anything else.
    Failure,
}

/// One line of text without newline, in the form "cannot read 'PATH': permission denied".
///
/// Boxed, because nearly every function can return one: a result then fits into a register.
#[derive(Debug)]
pub struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: Kind,
    text: String,
    hint: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Error(Box::new(Details { kind, text: text.into(), hint: None }))
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Error::new(Kind::Usage, text)
    }

    pub fn failure(text: impl Into<String>) -> Self {
        Error::new(Kind::Failure, text)
    }

    /// "cannot VERB 'PATH': REASON".
    pub fn io(kind: Kind, verb: &str, path: &Path, error: &io::Error) -> Self {
        Error::new(kind, format!("cannot {verb} '{}': {}", shown(path), reason(error)))
    }

    /// The same as the fault of a setting: "NAME=VALUE: TEXT".
    pub fn of_setting(mut self, name: &str, value: &str) -> Self {
        self.0.kind = Kind::Usage;
        self.0.text = [name, "=", value, ": ", &self.0.text].concat();
        self
    }

    /// A line that tells what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn exit_status(&self) -> u8 {
        match self.0.kind {
            Kind::Usage => 2,
            Kind::PluginNotFound => 127,
            Kind::PluginNotRunnable => 126,
            Kind::Cache | Kind::Failure => 1,
        }
    }
}

/// The text, which may quote anything, and the hint on a second line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.text))?;
        match &self.0.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The system's own words, in lower case, without std's "(os error N)" and Windows' full stop.
pub fn reason(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(number) = text.rfind("(os error") {
        text.truncate(number);
    }
    text.truncate(text.trim_end_matches([' ', '.']).len());
    // "I/O error" stays.
    if text.as_bytes().get(1).is_some_and(u8::is_ascii_lowercase) {
        text[..1].make_ascii_lowercase();
    }
    if text.is_empty() { "unknown error".to_owned() } else { text }
}

/// One line of text from elsewhere, without what a terminal would obey.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Displays a path or name; bytes that are not Unicode become U+FFFD.
pub struct Shown<'a>(&'a OsStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

/// See [`Shown`].
pub fn shown<T: AsRef<OsStr> + ?Sized>(name: &T) -> Shown<'_> {
    Shown(name.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_it_quotes_and_its_hint_another() {
        let error = Error::usage("cannot use 'a\nb\u{1b}[31m'").with_hint("do so");
        assert_eq!(error.to_string(), "cannot use 'a\u{fffd}b\u{fffd}[31m'\nhint: do so");
    }
}
