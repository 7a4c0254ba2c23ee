//! Locks of single bytes of a file.
//!
//! They are mandatory: other programs can neither read nor write a locked byte. So it must be one that
//! holds no data, beyond the end of the file.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::time::Duration;

use windows_sys::Win32::Foundation::ERROR_LOCK_VIOLATION;
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};

use super::last_error::check;

/// Locks the byte at `offset`, which may lie beyond the end of the file. Returns false if the byte is
/// locked through another open file.
pub fn try_lock_byte(file: &File, offset: u64) -> io::Result<bool> {
    let flags = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
    let mut position = overlapped(offset);
    // SAFETY: the handle is open and `position` outlives the call, which does not go on in the
    // background, because std opens files for synchronous use.
    match check(unsafe { LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &mut position) }) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(ERROR_LOCK_VIOLATION as i32) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Locks the byte at `offset`, and waits `limit` until it is free. Returns false if it is still locked then.
pub fn lock_byte_within(file: &File, offset: u64, limit: Duration) -> io::Result<bool> {
    std::thread::sleep(limit);
    try_lock_byte(file, offset)
}

/// Unlocks the byte at `offset`.
pub fn unlock_byte(file: &File, offset: u64) -> io::Result<()> {
    let mut position = overlapped(offset);
    // SAFETY: as in `try_lock_byte`.
    check(unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &mut position) })
}

/// The structure in which both functions expect an offset.
fn overlapped(offset: u64) -> OVERLAPPED {
    let halves = OVERLAPPED_0_0 { Offset: offset as u32, OffsetHigh: (offset >> 32) as u32 };
    OVERLAPPED { Anonymous: OVERLAPPED_0 { Anonymous: halves }, ..OVERLAPPED::default() }
}
