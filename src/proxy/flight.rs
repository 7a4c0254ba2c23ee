//! Single flight: of many calls that miss at once, one runs the plugin and the others wait for it.
//!
//! Whose turn it is follows from the key's lock and from what the one before left behind: an entry
//! answers everybody; a failure is everybody's failure; output that cannot be cached sends everybody
//! off on their own, so that such calls do not queue; nothing at all means that the holder died, and
//! the next one takes over. The wait has an end, since a holder may be stopped or hang.

use std::ffi::OsStr;
use std::time::Duration;

use crate::cache::lock::{self, Attempt, Guard, Range, Wait};
use crate::cache::{Cache, Found, Lookup, Reason};
use crate::proxy::callers::{Callers, Ending, Failure, Subject};
use crate::sys::{self, Directory};

/// When somebody who watches is told what this waits for.
const TELL_AFTER: Duration = Duration::from_secs(5);

pub enum Turn {
    /// Run the plugin; others wait for it as long as the guard is held, if there is one.
    Run(Option<Guard>, u64),
    /// Another call has just stored what this one needs.
    Answered(Found),
    /// Another call has just seen the plugin fail.
    Failed(Failure),
}

/// A call that wants to run the plugin.
pub struct Flight<'a> {
    pub cache: &'a Cache,
    pub directory: &'a Directory,
    pub lock_name: &'a OsStr,
    pub callers: Option<&'a Callers>,
    /// Fingerprint of an entry that is fresh and not wanted all the same.
    pub rejected: Option<u64>,
    /// The longest wait.
    pub limit: Duration,
    /// The generation at the look-up before.
    pub generation: u64,
    /// Tells somebody who watches that this waits.
    pub tell: &'a dyn Fn(),
}

impl Flight<'_> {
    pub fn turn(&self) -> Turn {
        let started = sys::now();
        let (mut waited, mut told) = (false, false);
        let (mut settled, mut seen) = (None, None);
        let mut generation = self.generation;
        let mut between = |so_far: Duration| {
            waited = true;
            if so_far >= TELL_AFTER && !told {
                told = true;
                (self.tell)();
            }
            // No lock is needed to look. If all who wait took it first, each would hold up the others.
            // It can go on for minutes: what has not changed is not read again.
            let stamp = Some(sys::file_stamp(self.cache.store.path()).ok());
            if stamp == seen {
                settled = self.ending(started, generation);
            } else {
                (settled, generation) = self.look(started, waited);
                seen = stamp;
            }
            if settled.is_none() && so_far < self.limit { Wait::GoOn } else { Wait::GiveUp }
        };
        let attempt = lock::wait(self.directory, self.lock_name, Range::Key(self.cache.name), &mut between);
        match attempt {
            Ok(Attempt::Held(guard)) => {
                let (settled, generation) = self.look(started, waited);
                settled.unwrap_or(Turn::Run(Some(guard), generation))
            }
            Ok(Attempt::Busy | Attempt::Unavailable) | Err(_) => {
                settled.unwrap_or(Turn::Run(None, self.generation))
            }
        }
    }

    /// What the one before left behind, if anything, and the generation.
    fn look(&self, started: Duration, waited: bool) -> (Option<Turn>, u64) {
        let now = sys::now();
        // What cannot be read is a miss here: the plugin is to be run in any case.
        let (lookup, generation) =
            self.cache.lookup(now).unwrap_or((Lookup::Miss(Reason::NotCached), self.generation));
        if let Lookup::Fresh(found) = lookup
            && self.rejected != Some(found.fingerprint)
        {
            return (Some(Turn::Answered(found)), generation);
        }
        let ending = if waited { self.ending(started, generation) } else { None };
        (ending, generation)
    }

    /// How the run of the one before ended, if it left no entry behind.
    fn ending(&self, started: Duration, generation: u64) -> Option<Turn> {
        let subject = Subject::key(&self.cache.name);
        match self.callers?.recall(subject, sys::now()).row.ending_since(started) {
            Ending::Failed(failure) => Some(Turn::Failed(failure)),
            Ending::NotStored => Some(Turn::Run(None, generation)),
            Ending::None => None,
        }
    }
}

/// Somebody else has the lock all the time, be it to look, or because it is stopped.
#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::config::{Config, Encryption};
    use crate::key::tests::Caller;
    use crate::proxy::callers::CallerRow;

    /// A generation that no file has: whoever has looked knows another one.
    const GIVEN_UP: u64 = 7;

    struct Crowd {
        directory: TempDir,
        caller: Caller,
        cache: Cache,
        _holder: Guard,
    }

    impl Crowd {
        fn new() -> Crowd {
            let directory = tempfile::tempdir().unwrap();
            let mut config = Config::read(&|_| None).unwrap();
            config.cache_file = Some(directory.path().join("token.json"));
            config.encryption = Encryption::Off;
            let caller = Caller::of(&["plugin"]);
            let cache = Cache::open(&config, caller.key()).unwrap();
            let opened = cache.store.make_directory().unwrap();
            let attempt = lock::attempt(&opened, &cache.store.lock_name(), Range::Key(cache.name));
            let Ok(Attempt::Held(holder)) = attempt else { panic!("the lock is free") };
            Crowd { directory, caller, cache, _holder: holder }
        }

        fn store(&self) -> u64 {
            let now = sys::now();
            let insert = self
                .caller
                .call(|source| self.cache.insert(source, b"{}", now.as_secs() + 3600, 0, None, now));
            insert.unwrap().unwrap()
        }

        /// Leaves a row behind that says so of a run that ends a minute from now.
        fn ends(&self, change: impl FnOnce(&mut CallerRow, Duration)) {
            let (callers, now) = (self.callers(), sys::now());
            callers.update(Subject::key(&self.cache.name), now, |row| {
                change(row, now + Duration::from_secs(60));
            });
        }

        fn callers(&self) -> Callers {
            Callers::open(self.cache.store.path()).unwrap()
        }

        /// The turn of one that would not wait.
        fn turn(&self, rejected: Option<u64>) -> Turn {
            Flight {
                cache: &self.cache,
                directory: &Directory::open(self.directory.path()).unwrap(),
                lock_name: &self.cache.store.lock_name(),
                callers: Some(&self.callers()),
                rejected,
                limit: Duration::ZERO,
                generation: GIVEN_UP,
                tell: &|| panic!("there is nothing to tell yet"),
            }
            .turn()
        }
    }

    #[test]
    fn what_was_stored_is_seen_without_the_lock() {
        let crowd = Crowd::new();
        assert!(matches!(crowd.turn(None), Turn::Run(None, GIVEN_UP)));
        let fingerprint = crowd.store();
        assert!(matches!(crowd.turn(None), Turn::Answered(found) if found.fingerprint == fingerprint));
        assert!(matches!(crowd.turn(Some(fingerprint)), Turn::Run(None, GIVEN_UP)));
    }

    #[test]
    fn how_a_run_ended_is_seen_without_the_lock() {
        let crowd = Crowd::new();
        crowd.ends(|row, now| row.fail(Failure::new(3, now)));
        assert!(matches!(crowd.turn(None), Turn::Failed(Failure { status: 3, .. })));
        crowd.ends(CallerRow::end_without_entry);
        assert!(matches!(crowd.turn(None), Turn::Run(None, 0)));
    }
}
