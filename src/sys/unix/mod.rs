//! Linux and macOS.

mod files;
mod processes;
#[cfg(not(any(test, fuzzing)))]
mod start;
mod terminal;

use std::io;

pub use files::*;
pub use processes::*;
pub use terminal::*;

/// The result of a system call that returns -1 and sets `errno` where it fails.
fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
