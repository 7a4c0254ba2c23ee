//! Copies of this process.
#![allow(unsafe_code)]

use std::io;

/// _Fork(3), which is fork(2) without the locks that musl takes for other threads. They would bring musl's
/// heap, timed waits and the vDSO into the program: 3 KB.
///
/// # Safety
/// This program has a single thread. A test has several, so its copy may only make system calls.
#[cfg(target_env = "musl")]
pub(super) unsafe fn fork() -> libc::pid_t {
    unsafe extern "C" {
        /// <https://pubs.opengroup.org/onlinepubs/9799919799/functions/_Fork.html>
        fn _Fork() -> libc::pid_t;
    }
    // SAFETY: as the caller promises.
    unsafe { _Fork() }
}

/// fork(2).
///
/// # Safety
/// This program has a single thread. A test has several, so its copy may only make system calls.
#[cfg(not(target_env = "musl"))]
pub(super) unsafe fn fork() -> libc::pid_t {
    // SAFETY: as the caller promises.
    unsafe { libc::fork() }
}

/// Waits until the child ends, without regard to its status.
pub(super) fn collect(id: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` outlives the call (waitpid(2)).
    while unsafe { libc::waitpid(id, &mut status, 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}
