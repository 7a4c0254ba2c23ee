//! The lock file beside the cache file: one byte-range lock per cache key, and one for the store.
//!
//! The locked bytes are far beyond the file's content, because Windows' locks prevent other processes
//! from reading and writing the locked range. This program never deletes the file. If another program
//! replaced it after we opened it, our lock is on the wrong inode, so we retry. A file system without
//! locks is not an error: the caller goes on without one (cargo's `util/flock.rs` does the same).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::folder::Folder;
use crate::sys;

const STORE_OFFSET: u64 = 1 << 40;
const KEEPERS_OFFSET: u64 = STORE_OFFSET + 1;
const KEYS_OFFSET: u64 = 1 << 41;
const KEEP_WARM_OFFSET: u64 = 1 << 61;
const TAKE_OVER_OFFSET: u64 = 1 << 62;
/// Offsets are signed 64-bit numbers; each area of keys has 2^60 bytes.
const KEY_BITS: u32 = 60;

/// A waiter looks around after each 1/8 of the time waited so far, within these limits: the store lock is
/// free in a moment, a plugin runs for a second or more. On Linux, the lock wakes a waiter when it is free, and
/// looking around is expensive: the waiters form a queue, and when one leaves it, all behind it queue again.
const PAUSE_FRACTION: u32 = 8;
const SHORTEST_PAUSE: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 100 } else { 1 });
const LONGEST_PAUSE: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 250 } else { 20 });

/// The byte that is locked.
#[derive(Clone, Copy)]
pub enum Range {
    /// The right to replace the cache file.
    Store,
    /// The right to run the plugin for the entry of this name.
    Key([u8; 16]),
    /// The right to decide which waiter runs the plugin beside one that hangs.
    TakeOver([u8; 16]),
    /// The right to keep the entry of this name warm.
    KeepWarm([u8; 16]),
    /// The right to be the keeper with this number.
    Keeper(u64),
}

impl Range {
    fn offset(self) -> u64 {
        match self {
            Range::Store => STORE_OFFSET,
            Range::Key(name) => KEYS_OFFSET + key_number(&name),
            Range::TakeOver(name) => TAKE_OVER_OFFSET + key_number(&name),
            Range::KeepWarm(name) => KEEP_WARM_OFFSET + key_number(&name),
            Range::Keeper(number) => KEEPERS_OFFSET + number,
        }
    }
}

fn key_number(name: &[u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *name;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> (64 - KEY_BITS)
}

pub enum Attempt {
    Held(Guard),
    Busy,
    /// This file system has no locks.
    Unavailable,
}

/// A held lock. Dropping it, or the end of the process, releases it.
pub struct Guard {
    file: Rc<File>,
    offset: u64,
}

impl Guard {
    /// Takes another lock on the same open file. It is released when the file is closed, which is
    /// after the guard's own lock.
    pub fn takes_too(&self, range: Range) -> bool {
        sys::try_lock_byte(&self.file, range.offset()).unwrap_or_default()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // If this fails, closing the file releases the lock.
        let _ = sys::unlock_byte(&self.file, self.offset);
    }
}

/// The name of the lock file for a cache file.
pub fn file_name(cache_file_name: &OsStr) -> OsString {
    let mut name = cache_file_name.to_owned();
    name.push(".lock");
    name
}

/// Takes the lock if it is free.
pub fn attempt(folder: &Folder, range: Range) -> io::Result<Attempt> {
    attempt_by(folder, range, &sys::try_lock_byte)
}

fn attempt_by(folder: &Folder, range: Range, take: Take<'_>) -> io::Result<Attempt> {
    let mut file = folder.lock_file();
    loop {
        if let Some(outcome) = attempt_on(file, folder, range.offset(), take)? {
            return Ok(outcome);
        }
        file = folder.reopen_lock_file()?;
    }
}

/// Takes the lock on a byte of the file; false if another process has it.
type Take<'a> = &'a dyn Fn(&File, u64) -> io::Result<bool>;

/// `None` if the file was replaced after it was opened: other processes do not see a lock on it.
fn attempt_on(file: Rc<File>, folder: &Folder, offset: u64, take: Take<'_>) -> io::Result<Option<Attempt>> {
    match take(&file, offset) {
        Ok(false) => Ok(Some(Attempt::Busy)),
        Ok(true) => {
            let guard = Guard { file, offset };
            Ok(folder.has_lock_file(&guard.file)?.then_some(Attempt::Held(guard)))
        }
        Err(_) => Ok(Some(Attempt::Unavailable)),
    }
}

/// Attempts to take the lock until `limit` has passed, and returns the outcome of the last attempt.
pub fn wait(folder: &Folder, range: Range, limit: Duration) -> io::Result<Attempt> {
    let mut wait = LockWait::start(folder, range);
    loop {
        match wait.attempt()? {
            Attempt::Busy if wait.waited() < limit => {}
            outcome => return Ok(outcome),
        }
    }
}

/// A wait for a lock, interrupted at growing intervals.
pub struct LockWait<'a> {
    folder: &'a Folder,
    range: Range,
    started: Duration,
    has_tried: bool,
}

impl<'a> LockWait<'a> {
    pub fn start(folder: &'a Folder, range: Range) -> LockWait<'a> {
        LockWait { folder, range, started: sys::steady_clock(), has_tried: false }
    }

    pub fn waited(&self) -> Duration {
        sys::steady_clock().saturating_sub(self.started)
    }

    /// Takes the lock if it is free. From the second attempt on, waits for it, but not for long.
    pub fn attempt(&mut self) -> io::Result<Attempt> {
        if !std::mem::replace(&mut self.has_tried, true) {
            return attempt(self.folder, self.range);
        }
        let pause = (self.waited() / PAUSE_FRACTION).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let take = |file: &File, offset: u64| sys::lock_byte_within(file, offset, pause);
        attempt_by(self.folder, self.range, &take)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::sys::Directory;

    const ONE: Range = Range::Key(*b"one entry's name");
    const OTHER: Range = Range::Key(*b"another's name..");

    struct Scratch(TempDir);

    impl Scratch {
        fn new() -> Scratch {
            Scratch(tempfile::tempdir().unwrap())
        }

        /// As another process opens it.
        fn folder(&self) -> Folder {
            let directory = Directory::make(self.0.path()).unwrap();
            Folder::open(directory, file_name("token.json".as_ref())).unwrap()
        }

        fn try_lock(&self, range: Range) -> Option<Guard> {
            match attempt(&self.folder(), range).unwrap() {
                Attempt::Held(guard) => Some(guard),
                Attempt::Busy => None,
                Attempt::Unavailable => panic!("no locks here"),
            }
        }

        fn lock_file(&self) -> std::path::PathBuf {
            self.0.path().join("token.json.lock")
        }

        /// Moves the file away. Wine keeps a removed name for as long as the file is open.
        fn move_away(&self) {
            let elsewhere = tempfile::tempdir_in(self.0.path()).unwrap().keep();
            fs::rename(self.lock_file(), elsewhere.join("lock")).unwrap();
        }
    }

    #[test]
    fn two_open_files_exclude_each_other() {
        let scratch = Scratch::new();
        for range in [ONE, Range::Store] {
            let held = scratch.try_lock(range);
            assert!(held.is_some());
            assert!(scratch.try_lock(range).is_none());
            drop(held);
            assert!(scratch.try_lock(range).is_some());
        }
    }

    #[test]
    fn keys_and_the_store_do_not_wait_for_each_other() {
        let scratch = Scratch::new();
        let held = [ONE, OTHER, Range::Store].map(|range| scratch.try_lock(range));
        assert!(held.iter().all(Option::is_some));
    }

    #[test]
    fn locks_of_one_folder_are_released_one_by_one() {
        let scratch = Scratch::new();
        let folder = scratch.folder();
        let [one, store] = [ONE, Range::Store].map(|range| attempt(&folder, range).unwrap());
        drop(store);
        assert!(scratch.try_lock(ONE).is_none() && scratch.try_lock(Range::Store).is_some());
        drop(one);
        assert!(scratch.try_lock(ONE).is_some());
    }

    /// A classic POSIX lock is released when any descriptor of the file is closed.
    #[test]
    fn a_lock_survives_every_other_use_of_its_file() {
        let scratch = Scratch::new();
        let held = scratch.try_lock(ONE);
        drop(scratch.try_lock(OTHER));
        fs::read(scratch.lock_file()).unwrap();
        assert!(scratch.try_lock(ONE).is_none());
        drop(held);
    }

    #[test]
    fn a_lock_on_a_replaced_file_does_not_count() {
        let scratch = Scratch::new();
        let old = scratch.try_lock(ONE);
        scratch.move_away();
        let new = scratch.try_lock(ONE);
        assert!(old.is_some() && new.is_some());
        assert!(scratch.try_lock(ONE).is_none());
        drop(old);
        assert!(scratch.try_lock(ONE).is_none());
    }

    #[test]
    fn a_file_replaced_between_open_and_lock_is_opened_again() {
        let scratch = Scratch::new();
        let outcome = |replace: &dyn Fn()| {
            let folder = scratch.folder();
            replace();
            attempt_on(folder.lock_file(), &folder, ONE.offset(), &sys::try_lock_byte).unwrap()
        };
        assert!(matches!(outcome(&|| ()), Some(Attempt::Held(_))));
        assert!(outcome(&|| scratch.move_away()).is_none());
        let replace = || {
            scratch.move_away();
            fs::write(scratch.lock_file(), "").unwrap();
        };
        assert!(outcome(&replace).is_none());
        assert!(scratch.try_lock(ONE).is_some());
    }

    #[test]
    fn locked_bytes_are_beyond_any_content_and_within_signed_offsets() {
        let content_end = 1 << 20;
        for range in [Range::Store, Range::Key([0; 16]), Range::Key([0xff; 16]), ONE] {
            assert!((content_end..i64::MAX as u64).contains(&range.offset()));
        }
        assert!(Range::Key([0; 16]).offset() > STORE_OFFSET);
        assert!(ONE.offset() != OTHER.offset());
    }

    #[test]
    fn a_waiter_gets_the_lock_once_it_is_free() {
        let scratch = Scratch::new();
        let held = scratch.try_lock(ONE);
        std::thread::scope(|scope| {
            let scratch = &scratch;
            let is_held = |attempt| matches!(attempt, Ok(Attempt::Held(_)));
            let waiter = scope.spawn(move || is_held(wait(&scratch.folder(), ONE, Duration::MAX)));
            drop(held);
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn a_wait_ends_at_its_limit_without_the_lock() {
        let scratch = Scratch::new();
        let held = scratch.try_lock(ONE);
        let limit = Duration::from_millis(5);
        let outcome = wait(&scratch.folder(), ONE, limit);
        assert!(matches!(outcome, Ok(Attempt::Busy)));
        drop(held);
    }

    #[test]
    fn a_lock_file_that_is_a_directory_is_an_error() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.lock_file()).unwrap();
        let directory = Directory::make(scratch.0.path()).unwrap();
        assert!(Folder::open(directory, file_name("token.json".as_ref())).is_err());
    }
}
