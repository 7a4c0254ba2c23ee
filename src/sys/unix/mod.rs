//! Linux and macOS.
#![allow(unsafe_code)]

mod ancestors;
#[cfg_attr(all(target_os = "linux", target_pointer_width = "64"), path = "calls_linux.rs")]
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "calls_other.rs")]
mod calls;
mod children;
mod environment;
mod files;
mod processes;
mod start;
pub mod stat;
mod terminal;

use std::io;
use std::ptr;

pub use ancestors::*;
pub use calls::{now, set_mode, set_owner, steady_clock, working_directory};
pub use children::*;
pub use environment::variable;
pub use files::*;
pub use processes::*;
pub use start::start;
pub use terminal::*;

/// The result of a system call that returns -1 and sets `errno` where it fails.
fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Memory of zeros, for as long as the program runs; null where there is no more.
pub fn more_memory(bytes: usize) -> *mut u8 {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: new pages at a place that the kernel chooses (mmap(2)) are nobody else's.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, kind, -1, 0) };
    if start == libc::MAP_FAILED { ptr::null_mut() } else { start.cast() }
}
