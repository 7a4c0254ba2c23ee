//! Errors: what failed, on what, why, and with which exit status.
//!
//! An [`Error`] is one line for people, an optional hint on a line of its own, and a [`Kind`]. It
//! never holds a byte of a plugin's output or of a credential. [`printable`] makes text from other
//! sources harmless for terminals.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

/// Decides the exit status, and whether the call can continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The call or a setting is wrong.
    Usage,
    /// The cache cannot be used; the plugin can still provide the credential.
    Cache,
    /// The wrapped command does not exist.
    PluginNotFound,
    /// The wrapped command exists but cannot be started.
    PluginNotRunnable,
    /// Anything else.
    Failure,
}

/// One line of text without newline, in the form "cannot read 'PATH': permission denied".
///
/// Boxed, so that a result fits into a register: nearly every function can return an error.
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

    /// Names the setting that the error follows from: "NAME=VALUE: TEXT".
    pub fn of_setting(mut self, name: &str, value: &str) -> Self {
        self.0.text = [name, "=", value, ": ", &self.0.text].concat();
        self
    }

    /// Adds a line that says what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the text without the hint.
    pub fn text(&self) -> String {
        printable(&self.0.text)
    }

    /// Returns the same error with another text for its hint, if it has one.
    pub fn map_hint(mut self, change: impl FnOnce(&str) -> String) -> Self {
        self.0.hint = self.0.hint.map(|hint| change(&hint));
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn exit_status(&self) -> u8 {
        self.0.kind.exit_status()
    }
}

impl Kind {
    pub const fn exit_status(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::PluginNotFound => 127,
            Kind::PluginNotRunnable => 126,
            Kind::Cache | Kind::Failure => 1,
        }
    }
}

/// Writes the text as one line, and the hint on a second one.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())?;
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Returns an error with a text of this program instead of the system's.
pub fn io_error(kind: io::ErrorKind, why: impl Into<String>) -> io::Error {
    io::Error::new(kind, Cause(why.into()))
}

/// The text of an `io::Error`. std's own type for it adds 2 KB to the program, for its `Debug`.
#[derive(Debug)]
struct Cause(String);

impl std::error::Error for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the system's text for `error`, in lower case, without std's "(os error N)" and Windows' full
/// stop.
pub fn reason(error: &io::Error) -> String {
    // The system's text. Rust's own text is "entity not found".
    let is_bare = error.raw_os_error().is_none() && error.get_ref().is_none();
    if is_bare && error.kind() == io::ErrorKind::NotFound {
        return "no such file or directory".to_owned();
    }
    let mut text = error.to_string();
    if let Some(number) = text.find("(os error") {
        text.truncate(number);
    }
    text.truncate(text.trim_end_matches([' ', '.']).len());
    // "I/O error" stays.
    if text.as_bytes().get(1).is_some_and(u8::is_ascii_lowercase) {
        text[..1].make_ascii_lowercase();
    }
    if text.is_empty() { "unknown error".to_owned() } else { text }
}

/// Returns text from elsewhere as one line that is harmless on a terminal: control characters and the
/// marks that change the direction of text become U+FFFD.
pub fn printable(text: &str) -> String {
    text.replace(is_dangerous, REPLACEMENT)
}

const REPLACEMENT: &str = "\u{fffd}";

/// Whether a terminal may obey the character, or shows what follows in another order
/// (<https://trojansource.codes>).
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Displays a path or name as [`printable`] text; bytes that are not Unicode become U+FFFD.
pub struct Shown<'a>(&'a OsStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.to_string_lossy()))
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
    fn an_error_is_one_line_and_its_hint_another() {
        let error = Error::usage("cannot use 'a\nb\u{1b}[31m'").with_hint("do so");
        assert_eq!(error.to_string(), "cannot use 'a\u{fffd}b\u{fffd}[31m'\nhint: do so");
    }

    #[test]
    fn a_missing_file_is_reported_with_the_systems_text() {
        assert_eq!(reason(&io::ErrorKind::NotFound.into()), "no such file or directory");
        assert_eq!(reason(&io::Error::new(io::ErrorKind::NotFound, "no key")), "no key");
    }

    #[test]
    fn control_characters_and_direction_marks_are_replaced() {
        let dangerous = ['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{61c}']
            .into_iter()
            .chain('\u{200e}'..='\u{200f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for character in dangerous {
            let text = format!("a{character}b");
            assert_eq!(printable(&text), "a\u{fffd}b", "{character:?}");
            assert_eq!(shown(&text).to_string(), "a\u{fffd}b", "{character:?}");
        }
        for harmless in ["ä ö ü", "日本", "אבג", "a\u{200d}b", "~/.kube/config"] {
            assert_eq!(printable(harmless), harmless);
        }
    }
}
