//! Locks of single bytes of a file.
//!
//! Classic POSIX locks vanish when any descriptor of the file is closed. These belong to the open file
//! (fcntl(2), "Open file description locks").
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::errno::check;
#[cfg(target_os = "linux")]
use super::ticks::Ticks;

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
    is_locked(set_lock(file, offset, SET_LOCK, WRITE_LOCK))
}

/// Locks the byte at `offset`, and waits until it is free, but for about `limit` at most. Returns false if it is
/// still locked then.
pub fn lock_byte_within(file: &File, offset: u64, limit: Duration) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    if let Some(_ticks) = Ticks::every(limit) {
        return is_locked(set_lock(file, offset, libc::F_OFD_SETLKW, WRITE_LOCK));
    }
    std::thread::sleep(limit);
    try_lock_byte(file, offset)
}

fn is_locked(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES | libc::EINTR)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Unlocks the byte at `offset`.
pub fn unlock_byte(file: &File, offset: u64) -> io::Result<()> {
    set_lock(file, offset, SET_LOCK, UNLOCK)
}

fn set_lock(file: &File, offset: u64, command: i32, kind: libc::c_short) -> io::Result<()> {
    // SAFETY: `flock` is plain data; zero is valid for each of its fields, and l_pid must be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = offset as _;
    lock.l_len = 1;
    // SAFETY: `lock` outlives the call (fcntl(2)).
    check(unsafe { libc::fcntl(file.as_raw_fd(), command, &lock) }).map(drop)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::signals;
    use super::*;

    const OFFSET: u64 = 1 << 41;

    /// A client may block any signal in the programs that it starts.
    #[test]
    fn a_wait_ends_although_every_signal_is_blocked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(try_lock_byte(file.as_file(), OFFSET).unwrap());
        let before = signals::block();
        let locked = lock_byte_within(&file.reopen().unwrap(), OFFSET, Duration::from_millis(1));
        let after = signals::block();
        signals::restore(&before);
        assert!(!locked.unwrap());
        // SAFETY: `after` is a set that sigprocmask(2) filled.
        assert!(unsafe { libc::sigismember(&after, libc::SIGURG) } == 1, "the mask is restored");
    }
}
