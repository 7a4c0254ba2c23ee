//! Locks of single bytes of a file.
//!
//! Classic POSIX locks vanish when any descriptor of the file is closed. These belong to the open file
//! (fcntl(2), "Open file description locks").
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::errno::check;

#[cfg(any(target_os = "linux", target_os = "macos"))]
const SET_LOCK: i32 = libc::F_OFD_SETLK;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const SET_LOCK: i32 = libc::F_SETLK;

// The integers differ in width between Linux and macOS.
#[allow(clippy::unnecessary_cast)]
const WRITE_LOCK: libc::c_short = libc::F_WRLCK as libc::c_short;
#[allow(clippy::unnecessary_cast)]
const UNLOCK: libc::c_short = libc::F_UNLCK as libc::c_short;

/// Locks the byte at `offset`, which may lie beyond the end of the file. Returns false if the byte is
/// locked through another open file.
pub fn try_lock_byte(file: &File, offset: u64) -> io::Result<bool> {
    match set_lock(file, offset, WRITE_LOCK) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Unlocks the byte at `offset`.
pub fn unlock_byte(file: &File, offset: u64) -> io::Result<()> {
    set_lock(file, offset, UNLOCK)
}

fn set_lock(file: &File, offset: u64, kind: libc::c_short) -> io::Result<()> {
    // SAFETY: `flock` is plain data; zero is valid for each of its fields, and l_pid must be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = offset as _;
    lock.l_len = 1;
    // SAFETY: `lock` outlives the call (fcntl(2)).
    check(unsafe { libc::fcntl(file.as_raw_fd(), SET_LOCK, &lock) }).map(drop)
}
