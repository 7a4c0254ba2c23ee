//! Work that goes on after this program has ended.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;

use super::errno::check;
use super::files::open_null_device;
use super::fork::fork;
use super::signals;

/// Does `work` in a copy of this process, in another session, with the null device as all three
/// standard streams and every other descriptor closed: a client that reads our output to its end does
/// not wait for the copy. `option` is for systems on which a process cannot be copied.
pub fn run_detached(_option: &str, work: &mut dyn FnMut()) -> io::Result<()> {
    // SAFETY: this program has a single thread, so the copy may do anything (fork(2)).
    if check(unsafe { fork() })? != 0 {
        return Ok(());
    }
    // If the client's streams stayed open, it would wait for us to end. No work at all is better.
    if detach().is_ok() {
        work();
    }
    // SAFETY: _exit(2) never returns. What the parent has buffered is not for the copy to write.
    unsafe { libc::_exit(0) }
}

fn detach() -> io::Result<()> {
    // SAFETY: system calls on descriptors that this process alone has. No value that owns a descriptor
    // is used after it was closed: the work opens again what it needs.
    unsafe {
        libc::setsid();
        // A process that stays must end when it is asked to. Under nohup, SIGHUP is ignored.
        signals::stop_catching();
        libc::signal(libc::SIGHUP, libc::SIG_DFL);
        let null = open_null_device()?;
        for standard in 0..3 {
            check(libc::dup2(null.as_raw_fd(), standard))?;
        }
        drop(null);
        close_from(3);
    }
    Ok(())
}

/// # Safety
/// No descriptor from `first` on may be used afterwards.
#[cfg(target_os = "linux")]
pub(super) unsafe fn close_from(first: i32) {
    // SAFETY: close_range(2) closes descriptors and touches no memory. By number, because musl has no
    // function for it.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) != 0 {
            close_each_from(first);
        }
    }
}

/// # Safety
/// No descriptor from `first` on may be used afterwards.
#[cfg(not(target_os = "linux"))]
pub(super) unsafe fn close_from(first: i32) {
    // SAFETY: as the caller promises.
    unsafe { close_each_from(first) }
}

/// # Safety
/// No descriptor from `first` on may be used afterwards.
unsafe fn close_each_from(first: i32) {
    const MOST: u64 = 65_536;
    // SAFETY: `limit` outlives the call (getrlimit(2)), and zero is valid for it. To close a descriptor
    // that is not open does no harm (close(2)).
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        for descriptor in first..limit.rlim_cur.min(MOST) as i32 {
            libc::close(descriptor);
        }
    }
}
