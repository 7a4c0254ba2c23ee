//! Windows.
//!
//! There are no owners and modes to check as on Unix: a directory is its path, and who may read and
//! write below it is left to the access control lists of the user's profile, where all default
//! paths lie. std opens every file with all share modes and makes no handle inheritable.

mod ffi;
mod files;
mod processes;
mod programs;
mod terminal;

use std::io;

pub use files::*;
pub use processes::*;
pub use programs::*;
pub use terminal::*;

/// The result of a function that returns zero and sets the last error where it fails.
fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
