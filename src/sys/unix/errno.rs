//! The errors of system calls.

use std::io;

/// Turns the result of a system call that returns -1 and sets `errno` when it fails.
pub fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
