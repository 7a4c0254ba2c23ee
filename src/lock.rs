//! The lock file beside the cache file: one byte-range lock per key, and one for the store.
//!
//! The locked bytes lie far beyond the content, since Windows' locks forbid others to read and
//! write what they cover. The file is never deleted by us; where somebody else replaced it, the
//! lock that was got on the old one is worth nothing and is got again. A file system without locks
//! is no error: the caller goes on without (see cargo's `util/flock.rs` for the same choice).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use crate::sys::{self, Directory};

const STORE_OFFSET: u64 = 1 << 40;
const KEYS_OFFSET: u64 = 1 << 41;
/// Offsets are signed 64-bit numbers; this leaves 2^61 bytes for the keys.
const KEY_BITS: u32 = 61;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// What is locked.
#[derive(Clone, Copy)]
pub enum Range {
    /// The right to replace the cache file.
    Store,
    /// The right to run the plugin for the entry of this name.
    Key([u8; 16]),
}

impl Range {
    fn offset(self) -> u64 {
        match self {
            Range::Store => STORE_OFFSET,
            Range::Key(name) => {
                let [a, b, c, d, e, f, g, h, ..] = name;
                KEYS_OFFSET + (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> (64 - KEY_BITS))
            }
        }
    }
}

pub enum Attempt {
    Held(Guard),
    Busy,
    /// This file system has no locks.
    Unavailable,
}

/// A lock that is held until this is dropped, or the process ends.
pub struct Guard {
    file: File,
    offset: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the file, which follows, releases the lock where this fails.
        let _ = sys::unlock_byte(&self.file, self.offset);
    }
}

/// The lock file's name for a cache file of this name.
pub fn file_name(cache_file_name: &OsStr) -> OsString {
    let mut name = cache_file_name.to_owned();
    name.push(".lock");
    name
}

/// Gets the lock if nobody has it.
pub fn attempt(directory: &Directory, name: &OsStr, range: Range) -> io::Result<Attempt> {
    let offset = range.offset();
    loop {
        let file = directory.open_or_create(name)?;
        match sys::try_lock_byte(&file, offset) {
            Ok(false) => return Ok(Attempt::Busy),
            Ok(true) if directory.still_names(name, &file)? => {
                return Ok(Attempt::Held(Guard { file, offset }));
            }
            Ok(true) => {} // Replaced between open and lock: what we hold, nobody looks at.
            Err(_) => return Ok(Attempt::Unavailable),
        }
    }
}

/// What a wait calls for between two attempts.
pub enum Wait {
    GoOn,
    GiveUp,
}

/// Attempts until the lock is there or `between`, which learns how long the wait has been, gives
/// up: the last attempt's outcome. Polls, because no lock call has both a time limit and an owner
/// that is an open file.
pub fn wait(
    directory: &Directory,
    name: &OsStr,
    range: Range,
    between: &mut dyn FnMut(Duration) -> Wait,
) -> io::Result<Attempt> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt(directory, name, range)? {
            Attempt::Busy => {}
            other => return Ok(other),
        }
        if let Wait::GiveUp = between(started.elapsed()) {
            return Ok(Attempt::Busy);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
