//! Windows.
//!
//! There are no owners and modes to check as on Unix: a directory is its path, and who may read and
//! write below it is left to the access control lists of the user's profile, where all default
//! paths lie. std opens every file with all share modes and makes no handle inheritable.
#![allow(unsafe_code)]

mod children;
mod environment;
mod ffi;
mod files;
mod processes;
mod programs;
mod terminal;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::ptr;

pub use super::clock::*;
pub use children::*;
pub use environment::*;
pub use files::*;
pub use processes::*;
pub use programs::*;
pub use terminal::*;

/// The result of a function that returns zero and sets the last error where it fails.
fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Memory of zeros, for as long as the program runs; null where there is no more.
pub fn more_memory(bytes: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(bytes, 16) else { return ptr::null_mut() };
    // SAFETY: the arena never asks for nothing.
    unsafe { System.alloc_zeroed(layout) }
}
