//! Words of commands that are pasted into a shell.

use std::ffi::OsStr;

use crate::error::shown;
use crate::format::shell::quote;

/// Returns `word` without control characters, quoted for a POSIX shell if that is necessary.
pub fn word(word: &(impl AsRef<OsStr> + ?Sized)) -> String {
    quote(&shown(word).to_string())
}
