//! The functions of the C library for what `calls_linux.rs` asks the kernel itself.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::PathBuf;

use super::check;
pub use crate::sys::clock::{now, steady_clock};

/// The descriptor of a file that is opened, or made with `mode`.
pub fn openat(directory: RawFd, name: &CStr, flags: i32, mode: u32) -> io::Result<RawFd> {
    // SAFETY: `name` is a C string (openat(2)).
    check(unsafe { libc::openat(directory, name.as_ptr(), flags, libc::c_uint::from(mode)) })
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
const SET_LOCK: i32 = libc::F_OFD_SETLK;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const SET_LOCK: i32 = libc::F_SETLK;

pub fn set_lock(file: &File, lock: &libc::flock) -> io::Result<()> {
    // SAFETY: `lock` outlives the call (fcntl(2)).
    check(unsafe { libc::fcntl(file.as_raw_fd(), SET_LOCK, lock) }).map(drop)
}

pub fn is_open(descriptor: RawFd) -> bool {
    // SAFETY: asks for a number and touches no memory (fcntl(2)).
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
}

/// Two descriptors, which no program inherits.
pub fn pipe(ends: &mut [RawFd; 2]) -> io::Result<()> {
    // SAFETY: the array has the two places that are written (pipe(2)); fcntl(2) touches no memory.
    unsafe {
        check(libc::pipe(ends.as_mut_ptr()))?;
        for end in *ends {
            check(libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC))?;
        }
    }
    Ok(())
}

pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

pub fn set_owner(file: &File, user: u32, group: u32) -> io::Result<()> {
    fchown(file, Some(user), Some(group))
}

pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// Zero in the copy of this process.
///
/// # Safety
/// The copy makes do with what a single thread of this process may use.
pub unsafe fn fork() -> io::Result<libc::pid_t> {
    // SAFETY: as the caller promises.
    check(unsafe { libc::fork() })
}
