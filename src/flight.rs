//! Single flight: of many calls that miss at once, one runs the plugin and the others wait for it.
//!
//! Whose turn it is follows from the key's lock and from what the one before left behind: an entry
//! answers everybody; a failure is everybody's failure; output that cannot be cached sends everybody
//! off on their own, so that such calls do not queue; nothing at all means that the holder died, and
//! the next one takes over. The wait has an end, since a holder may be stopped or hang.

use std::cell::Cell;
use std::ffi::OsStr;
use std::time::Duration;

use crate::cache::{Cache, Found, Lookup, Reason};
use crate::callers::{Callers, Ending, Failure, Row, Subject};
use crate::lock::{self, Attempt, Guard, Range, Wait};
use crate::sys::Directory;
use crate::time;

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
        let started = time::now();
        let waited = Cell::new(false);
        let told = Cell::new(false);
        let mut between = |so_far: Duration| {
            waited.set(true);
            if so_far >= TELL_AFTER && !told.replace(true) {
                (self.tell)();
            }
            if so_far < self.limit { Wait::GoOn } else { Wait::GiveUp }
        };
        let attempt = lock::wait(self.directory, self.lock_name, Range::Key(self.cache.name), &mut between);
        match attempt {
            Ok(Attempt::Held(guard)) => self.look_again(guard, started, waited.get()),
            Ok(Attempt::Busy | Attempt::Unavailable) | Err(_) => Turn::Run(None, self.generation),
        }
    }

    fn look_again(&self, guard: Guard, started: Duration, waited: bool) -> Turn {
        let now = time::now();
        // What cannot be read is a miss here: the plugin is to be run in any case.
        let (lookup, generation) =
            self.cache.lookup(now).unwrap_or((Lookup::Miss(Reason::NotCached), self.generation));
        if let Lookup::Fresh(found) = lookup
            && self.rejected != Some(found.fingerprint)
        {
            return Turn::Answered(found);
        }
        let before = match self.callers {
            Some(callers) if waited => callers.recall(Subject::key(&self.cache.name), now).row,
            _ => Row::default(),
        };
        match before.ending_since(started) {
            Ending::Failed(failure) => Turn::Failed(failure),
            Ending::NotStored => Turn::Run(None, generation),
            Ending::None => Turn::Run(Some(guard), generation),
        }
    }
}
