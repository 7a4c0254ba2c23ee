//! System calls that the C library wraps in more than this program needs, made by their numbers.
//! musl's functions know a way for kernels of 2005, look for the kernel's short cut to its clocks,
//! and run handlers around fork(2): 5 KB.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use super::check;
use crate::format::time::LAST_STAMP_UNIX_S;

/// The descriptor of a file that is opened, or made with `mode`.
pub fn openat(directory: RawFd, name: &CStr, flags: i32, mode: u32) -> io::Result<RawFd> {
    // SAFETY: `name` is a C string (openat(2)).
    check(unsafe { libc::syscall(libc::SYS_openat, directory, name.as_ptr(), flags, mode) as i32 })
}

pub fn set_lock(file: &File, lock: &libc::flock) -> io::Result<()> {
    // SAFETY: `lock` outlives the call (fcntl(2)); the struct is the kernel's where pointers have 64 bits.
    check(unsafe { libc::syscall(libc::SYS_fcntl, file.as_raw_fd(), libc::F_OFD_SETLK, lock) as i32 })
        .map(drop)
}

pub fn is_open(descriptor: RawFd) -> bool {
    // SAFETY: asks for a number and touches no memory (fcntl(2)).
    unsafe { libc::syscall(libc::SYS_fcntl, descriptor, libc::F_GETFD) >= 0 }
}

/// Two descriptors, which no program inherits.
pub fn pipe(ends: &mut [RawFd; 2]) -> io::Result<()> {
    // SAFETY: the array has the two places that are written (pipe2(2)).
    check(unsafe { libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC) as i32 }).map(drop)
}

pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    // SAFETY: touches no memory (fchmod(2)).
    check(unsafe { libc::syscall(libc::SYS_fchmod, file.as_raw_fd(), mode) as i32 }).map(drop)
}

pub fn set_owner(file: &File, user: u32, group: u32) -> io::Result<()> {
    // SAFETY: touches no memory (fchown(2)).
    check(unsafe { libc::syscall(libc::SYS_fchown, file.as_raw_fd(), user, group) as i32 }).map(drop)
}

pub fn working_directory() -> io::Result<PathBuf> {
    let mut path = vec![0; libc::PATH_MAX as usize];
    // SAFETY: the kernel writes no more than the buffer's length, and returns how much (getcwd(2)).
    let length = check(unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) as i32 })?;
    path.truncate((length as usize).saturating_sub(1));
    // One that cannot be reached from the root has a text in front.
    if path.first() != Some(&b'/') {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(PathBuf::from(OsString::from_vec(path)))
}

/// Zero in the copy of this process.
///
/// # Safety
/// This process has a single thread.
#[cfg(target_env = "musl")]
pub unsafe fn fork() -> io::Result<libc::pid_t> {
    // As wide as the kernel takes them.
    let (flags, none) = (i64::from(libc::SIGCHLD), 0_i64);
    // SAFETY: clone(2) with nothing shared, as fork(2) does.
    check(unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) as i32 })
}

/// Zero in the copy of this process. glibc's heap, which tests have, wants to know about it.
///
/// # Safety
/// The copy makes do with what a single thread of this process may use.
#[cfg(not(target_env = "musl"))]
pub unsafe fn fork() -> io::Result<libc::pid_t> {
    // SAFETY: as the caller promises.
    check(unsafe { libc::fork() })
}

/// Since the Unix epoch; zero if the clock stands before it.
pub fn now() -> Duration {
    clock(libc::CLOCK_REALTIME)
}

/// Since some moment; nobody sets this clock.
pub fn steady_clock() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// A clock that cannot be read stands where everything has expired.
fn clock(which: libc::clockid_t) -> Duration {
    const ATTEMPTS: u32 = 3;
    const YEAR_9999: Duration = Duration::from_secs(LAST_STAMP_UNIX_S as u64);
    // SAFETY: `timespec` is plain data, for which zero is valid.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    for _ in 0..ATTEMPTS {
        // SAFETY: `time` outlives the call.
        if unsafe { clock_gettime(which, &mut time) } == 0 {
            return Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), time.tv_nsec as u32);
        }
    }
    YEAR_9999
}

/// For a program that reads a clock once, the call is cheaper than to find the short cut.
#[cfg(target_env = "musl")]
unsafe fn clock_gettime(which: libc::clockid_t, time: &mut libc::timespec) -> i32 {
    // SAFETY: as the caller promises (clock_gettime(2)).
    unsafe { libc::syscall(libc::SYS_clock_gettime, which, time) as i32 }
}

/// Tests put another function in the place of this one.
#[cfg(not(target_env = "musl"))]
unsafe fn clock_gettime(which: libc::clockid_t, time: &mut libc::timespec) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { libc::clock_gettime(which, time) }
}
