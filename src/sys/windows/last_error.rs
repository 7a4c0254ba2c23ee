//! The errors of Windows' functions.

use std::io;

/// Turns the result of a function that returns zero and sets the last error when it fails.
pub fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
