//! The lock file beside the cache file: one byte-range lock per key, and one for the store.
//!
//! The locked bytes lie far beyond the content, since Windows' locks forbid others to read and
//! write what they cover. The file is never deleted by us; where somebody else replaced it, the
//! lock that was got on the old one is worth nothing and is got again. A file system without locks
//! is no error: the caller goes on without (see cargo's `util/flock.rs` for the same choice).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::time::Duration;

use crate::sys::{self, Directory};

const STORE_OFFSET: u64 = 1 << 40;
const KEYS_OFFSET: u64 = 1 << 41;
/// Offsets are signed 64-bit numbers; this leaves 2^61 bytes for the keys.
const KEY_BITS: u32 = 61;

/// A pause is that part of the wait so far: the lock of the store is free in a moment, and a plugin
/// takes its time.
const PART: u32 = 8;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// Of 64 processes that wait, the last is to go on within 100 ms of the first; until then they leave
/// the processors to whoever they wait for.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

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
    loop {
        let file = directory.open_or_create(name)?;
        if let Some(outcome) = attempt_on(file, directory, name, range.offset())? {
            return Ok(outcome);
        }
    }
}

/// `None` where the file was replaced since it was opened: a lock on it says nothing to anybody.
fn attempt_on(file: File, directory: &Directory, name: &OsStr, offset: u64) -> io::Result<Option<Attempt>> {
    Ok(match sys::try_lock_byte(&file, offset) {
        Ok(false) => Some(Attempt::Busy),
        Ok(true) => directory.still_names(name, &file)?.then_some(Attempt::Held(Guard { file, offset })),
        Err(_) => Some(Attempt::Unavailable),
    })
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
    let started = sys::steady_clock();
    loop {
        match attempt(directory, name, range)? {
            Attempt::Busy => {}
            other => return Ok(other),
        }
        let waited = sys::steady_clock().saturating_sub(started);
        if let Wait::GiveUp = between(waited) {
            return Ok(Attempt::Busy);
        }
        std::thread::sleep((waited / PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const ONE: Range = Range::Key(*b"one entry's name");
    const OTHER: Range = Range::Key(*b"another's name..");

    struct Scratch(TempDir, Directory);

    impl Scratch {
        fn new() -> Scratch {
            let directory = tempfile::tempdir().unwrap();
            let opened = Directory::make(directory.path()).unwrap();
            Scratch(directory, opened)
        }

        fn try_lock(&self, range: Range) -> Option<Guard> {
            match attempt(&self.1, &file_name("token.json".as_ref()), range).unwrap() {
                Attempt::Held(guard) => Some(guard),
                Attempt::Busy => None,
                Attempt::Unavailable => panic!("no locks here"),
            }
        }

        fn lock_file(&self) -> std::path::PathBuf {
            self.0.path().join("token.json.lock")
        }

        /// As removing would, after which Wine keeps the name for as long as the file is open.
        fn take_name_away(&self) {
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

    /// A classic lock would be lost as soon as any descriptor of the file is closed.
    #[test]
    fn a_lock_outlives_every_other_use_of_its_file() {
        let scratch = Scratch::new();
        let held = scratch.try_lock(ONE);
        drop(scratch.try_lock(OTHER));
        fs::read(scratch.lock_file()).unwrap();
        assert!(scratch.try_lock(ONE).is_none());
        drop(held);
    }

    #[test]
    fn a_lock_on_a_file_that_was_replaced_is_worth_nothing() {
        let scratch = Scratch::new();
        let old = scratch.try_lock(ONE);
        scratch.take_name_away();
        let new = scratch.try_lock(ONE);
        assert!(old.is_some() && new.is_some());
        assert!(scratch.try_lock(ONE).is_none());
        drop(old);
        assert!(scratch.try_lock(ONE).is_none());
    }

    #[test]
    fn a_file_that_was_replaced_between_opening_and_locking_is_opened_again() {
        let scratch = Scratch::new();
        let name = file_name("token.json".as_ref());
        let outcome = |replace: &dyn Fn()| {
            let file = scratch.1.open_or_create(&name).unwrap();
            replace();
            attempt_on(file, &scratch.1, &name, ONE.offset()).unwrap()
        };
        assert!(matches!(outcome(&|| ()), Some(Attempt::Held(_))));
        assert!(outcome(&|| scratch.take_name_away()).is_none());
        let replace = || {
            scratch.take_name_away();
            drop(scratch.1.create_new(&name).unwrap());
        };
        assert!(outcome(&replace).is_none());
        assert!(scratch.try_lock(ONE).is_some());
    }

    #[test]
    fn the_locked_bytes_lie_beyond_any_content_and_within_what_a_system_can_lock() {
        let content_end = 1 << 20;
        for range in [Range::Store, Range::Key([0; 16]), Range::Key([0xff; 16]), ONE] {
            assert!((content_end..i64::MAX as u64).contains(&range.offset()));
        }
        assert!(Range::Key([0; 16]).offset() > STORE_OFFSET);
        assert!(ONE.offset() != OTHER.offset());
    }

    #[test]
    fn whoever_waits_gets_the_lock_once_it_is_free() {
        let scratch = Scratch::new();
        let mut held = scratch.try_lock(ONE);
        let mut polls = 0;
        let mut between = |_| {
            polls += 1;
            if polls == 3 {
                held = None;
            }
            Wait::GoOn
        };
        let got = wait(&scratch.1, "token.json.lock".as_ref(), ONE, &mut between).unwrap();
        assert!(matches!(got, Attempt::Held(_)));
        assert_eq!(polls, 3);
    }

    #[test]
    fn whoever_gives_up_goes_without() {
        let scratch = Scratch::new();
        let held = scratch.try_lock(ONE);
        let mut waits = Vec::new();
        let mut between = |waited| {
            waits.push(waited);
            if waits.len() < 3 { Wait::GoOn } else { Wait::GiveUp }
        };
        let got = wait(&scratch.1, "token.json.lock".as_ref(), ONE, &mut between).unwrap();
        assert!(matches!(got, Attempt::Busy));
        assert!(waits.is_sorted() && waits.len() == 3);
        drop(held);
    }

    #[test]
    fn a_free_lock_needs_no_wait() {
        let scratch = Scratch::new();
        let mut between = |_| panic!("there is nothing to wait for");
        assert!(matches!(wait(&scratch.1, "lock".as_ref(), ONE, &mut between), Ok(Attempt::Held(_))));
    }

    #[test]
    fn a_directory_in_the_place_of_the_file_is_an_error() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.lock_file()).unwrap();
        assert!(attempt(&scratch.1, "token.json.lock".as_ref(), ONE).is_err());
    }
}
