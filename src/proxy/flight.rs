//! Single flight: of many calls that miss at once, one runs the plugin and the others wait for it.
//!
//! What a waiter does follows from the key's lock and from what the call before left behind. An entry
//! answers every waiter. If the plugin fails, every waiter gets that failure. After output that cannot be
//! cached, each waiter runs the plugin without the lock, so that such calls do not queue. If the holder left
//! nothing, it died, and the next waiter runs the plugin. If it hangs, one waiter takes over.

use std::time::Duration;

use super::callers::{Callers, Ending, KeyRow, Subject};
use super::failure::{Failure, unix_ms};
use crate::cache::folder::Folder;
use crate::cache::lock::{self, Attempt, Guard, LockWait, Range};
use crate::cache::{self, Cache, Found, Lookup, Ticket};
use crate::sys::{self, FileStamp};

/// After this wait, a person at a terminal is told what the call waits for.
const NOTIFY_AFTER: Duration = Duration::from_secs(5);

/// What a call does after the wait.
pub enum Turn {
    /// Run the plugin. Other calls wait for as long as the guard is held, if there is one.
    Run { guard: Option<Guard>, ticket: Ticket },
    /// Another call has just stored what this one needs.
    Answered(Found),
    /// Another call has just seen the plugin fail.
    Failed(Failure),
}

/// A call that wants to run the plugin.
pub struct Flight<'a> {
    pub cache: &'a Cache,
    pub folder: &'a Folder,
    pub callers: Option<&'a Callers>,
    /// Fingerprint of a fresh entry that does not answer this call.
    pub rejected: Option<u64>,
    /// The minimum remaining life of an entry that answers this call.
    pub minimum_life: Duration,
    /// How long to wait for a plugin that hangs. Only called if there is a wait, because it may read files.
    pub limit: &'a dyn Fn() -> Duration,
}

impl Flight<'_> {
    /// Waits for this call's turn. Calls `notify` once if the wait is long.
    pub fn turn(&self, ticket: Ticket, notify: &dyn Fn()) -> Turn {
        let mut wait = Wait::new(self, ticket);
        let mut lock = LockWait::start(self.folder, Range::Key(self.cache.name));
        let mut has_waited = false;
        let mut is_notified = false;
        loop {
            match lock.attempt() {
                Ok(Attempt::Held(guard)) => return wait.with_lock(guard, has_waited),
                Ok(Attempt::Busy) => {}
                Ok(Attempt::Unavailable) | Err(_) => return wait.run_without_lock(),
            }
            if !std::mem::replace(&mut has_waited, true) {
                wait.set_limit((self.limit)());
            }
            if let Some(turn) = wait.settled() {
                return turn;
            }
            if lock.waited() >= wait.give_up_after && wait.takes_over(lock.waited()) {
                return wait.run_without_lock();
            }
            if lock.waited() >= NOTIFY_AFTER && !is_notified {
                is_notified = true;
                notify();
            }
        }
    }

    fn accepts(&self, found: &Found) -> bool {
        let left = found.entry.time_left(sys::now());
        self.rejected != Some(found.fingerprint) && left >= cache::margin(&found.entry, self.minimum_life)
    }
}

struct Wait<'a> {
    flight: &'a Flight<'a>,
    started: Duration,
    /// How long to wait for a plugin that hangs.
    limit: Duration,
    /// The wait so far after which this call tries to take over.
    give_up_after: Duration,
    /// That of the latest look-up.
    ticket: Ticket,
    /// The stamp of the cache file at the latest look-up, if it was there.
    seen: Option<Option<FileStamp>>,
}

impl<'a> Wait<'a> {
    /// A wait that has not begun, and so has no limit.
    fn new(flight: &'a Flight<'a>, ticket: Ticket) -> Wait<'a> {
        let (started, forever) = (sys::now(), Duration::MAX);
        Wait { flight, started, limit: forever, give_up_after: forever, ticket, seen: None }
    }

    fn set_limit(&mut self, limit: Duration) {
        (self.limit, self.give_up_after) = (limit, limit);
    }

    /// The lock is ours: run the plugin, unless another call has just answered the question.
    fn with_lock(mut self, guard: Guard, has_waited: bool) -> Turn {
        if let Some(found) = self.look_up() {
            return Turn::Answered(found);
        }
        let turn = if has_waited { self.after_latest_run() } else { None };
        turn.unwrap_or_else(|| Turn::Run { guard: Some(guard), ticket: self.take_ticket() })
    }

    /// Looks without the lock: if every waiter took it first, each would delay the others. A file that
    /// has not changed is not read again, since a wait can take minutes.
    fn settled(&mut self) -> Option<Turn> {
        let stamp = sys::file_stamp(self.flight.cache.store.path()).ok();
        if self.seen != Some(stamp) {
            self.seen = Some(stamp);
            if let Some(found) = self.look_up() {
                return Some(Turn::Answered(found));
            }
        }
        self.after_latest_run()
    }

    /// The entry that answers this call, if there is one. A file that cannot be read is a miss: the
    /// plugin has to run in any case.
    fn look_up(&mut self) -> Option<Found> {
        match self.flight.cache.look_up_again(&mut self.ticket, sys::now()).ok()? {
            Lookup::Fresh(found) if self.flight.accepts(&found) => Some(found),
            _ => None,
        }
    }

    /// What follows from the latest run, if it ended during this wait and stored nothing.
    fn after_latest_run(&mut self) -> Option<Turn> {
        let row = self.flight.callers?.recall(self.key(), sys::now()).row;
        match row.ending_since(self.started) {
            Ending::None => None,
            Ending::NotStored => Some(Turn::Run { guard: None, ticket: self.take_ticket() }),
            Ending::Failed { status } => Some(Turn::Failed(Failure { status, unix_ms: row.ended_unix_ms })),
        }
    }

    /// Whether this call runs the plugin beside one that hangs. Of all waiters one takes over, and the
    /// others wait for that one: a plugin that hangs for ever runs once per limit.
    fn takes_over(&mut self, waited: Duration) -> bool {
        let Flight { folder, callers, cache, .. } = self.flight;
        let Some(callers) = callers else { return true };
        let _turn = match lock::attempt(folder, Range::TakeOver(cache.name)) {
            Ok(Attempt::Held(guard)) => guard,
            Ok(Attempt::Busy) => return false, // Another waiter is deciding right now.
            Ok(Attempt::Unavailable) | Err(_) => return true,
        };
        let now = sys::now();
        let mut key = callers.recall(self.key(), now);
        let since = now.saturating_sub(Duration::from_millis(key.row.taken_over_unix_ms));
        if since < self.limit {
            self.give_up_after = waited + (self.limit - since);
            return false;
        }
        key.row.taken_over_unix_ms = unix_ms(now);
        callers.remember(&key, now);
        true
    }

    fn key(&self) -> Subject<KeyRow> {
        Subject::key(&self.flight.cache.name)
    }

    fn run_without_lock(mut self) -> Turn {
        Turn::Run { guard: None, ticket: self.take_ticket() }
    }

    /// After a wait, the plugin may be another program than before.
    fn take_ticket(&mut self) -> Ticket {
        if self.limit < Duration::MAX {
            self.ticket.note_programs(&self.flight.cache.key);
        }
        std::mem::replace(&mut self.ticket, Ticket::blank(self.started))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::config::{Config, Encryption};
    use crate::key::KeyInputs;
    use crate::key::tests::Caller;

    struct Crowd {
        _directory: TempDir,
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
            let attempt = lock::attempt(&cache.store.open_folder().unwrap(), Range::Key(cache.name));
            let Ok(Attempt::Held(holder)) = attempt else { panic!("the lock is free") };
            Crowd { _directory: directory, caller, cache, _holder: holder }
        }

        fn store(&self) -> u64 {
            let now = sys::now();
            let ticket = Ticket::blank(now);
            let folder = self.cache.store.open_folder().unwrap();
            let expires_unix_s = now.as_secs() + 3600;
            let insert = |inputs: &KeyInputs<'_>| {
                self.cache.insert(&folder, inputs, b"{}", expires_unix_s, ticket, now)
            };
            self.caller.call(insert).unwrap().unwrap()
        }

        /// Records a run that ends a minute from now.
        fn ends(&self, change: impl FnOnce(&mut KeyRow, Duration)) {
            let (callers, now) = (self.callers(), sys::now());
            callers.update(Subject::key(&self.cache.name), now, |row| {
                change(row, now + Duration::from_secs(60));
            });
        }

        fn callers(&self) -> Callers {
            Callers::open(&self.cache.store).unwrap()
        }

        /// The turn of a call whose wait ends at once.
        fn turn(&self, rejected: Option<u64>) -> Turn {
            let flight = Flight {
                cache: &self.cache,
                folder: &self.cache.store.open_folder().unwrap(),
                callers: Some(&self.callers()),
                rejected,
                minimum_life: Duration::ZERO,
                limit: &|| Duration::ZERO,
            };
            flight.turn(Ticket::blank(sys::now()), &|| panic!("notified too early"))
        }
    }

    #[test]
    fn a_waiter_sees_a_stored_entry_without_the_lock() {
        let crowd = Crowd::new();
        assert!(matches!(crowd.turn(None), Turn::Run { guard: None, .. }));
        let fingerprint = crowd.store();
        assert!(matches!(crowd.turn(None), Turn::Answered(found) if found.fingerprint == fingerprint));
        assert!(matches!(crowd.turn(Some(fingerprint)), Turn::Run { guard: None, .. }));
    }

    #[test]
    fn a_waiter_sees_how_a_run_ended_without_the_lock() {
        let crowd = Crowd::new();
        crowd.ends(|row, now| row.fail(Failure::new(3, now)));
        assert!(matches!(crowd.turn(None), Turn::Failed(Failure { status: 3, .. })));
        crowd.ends(KeyRow::end_without_entry);
        assert!(matches!(crowd.turn(None), Turn::Run { guard: None, .. }));
    }

    #[test]
    fn of_many_waiters_one_takes_over_per_limit() {
        const LIMIT: Duration = Duration::from_secs(60);
        let crowd = Crowd::new();
        let callers = crowd.callers();
        let folder = crowd.cache.store.open_folder().unwrap();
        let flight = Flight {
            cache: &crowd.cache,
            folder: &folder,
            callers: Some(&callers),
            rejected: None,
            minimum_life: Duration::ZERO,
            limit: &|| LIMIT,
        };
        let wait = || {
            let mut wait = Wait::new(&flight, Ticket::blank(sys::now()));
            wait.set_limit(LIMIT);
            wait
        };
        let (mut first, mut second) = (wait(), wait());
        assert!(first.takes_over(LIMIT));
        assert!(!second.takes_over(LIMIT));
        assert!(second.give_up_after > LIMIT + Duration::from_secs(50));
        let long_ago = unix_ms(sys::now() - LIMIT);
        callers.update(second.key(), sys::now(), |row| row.taken_over_unix_ms = long_ago);
        assert!(second.takes_over(LIMIT * 2));
    }
}
