//! Standard output and wording that several verbs share.

use crate::error::Result;
use crate::log;

/// Writes `text` to standard output and returns the exit status 0.
pub fn print(text: &str) -> Result<u8> {
    log::write_stdout(text.as_bytes()).map(|()| 0)
}

/// Returns the count and the right word for it.
pub fn plural(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
