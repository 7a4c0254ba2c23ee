//! Who calls: the client behind this call, and what the table of callers remembers of it.

use std::time::Duration;

use super::call::Call;
use super::callers::{Callers, Recalled, Subject};
use crate::cache::{Cache, Found, Reason};
use crate::config;
use crate::key::EXEC_INFO;
use crate::sys;

/// The calling process, as far as the table of callers knows it.
pub struct Client {
    /// `None` if the platform does not tell the parent process.
    pub subject: Option<Subject>,
    history: Option<(Callers, Recalled)>,
}

impl Client {
    /// Only Kubernetes clients have a history: a loop in a shell keeps hitting.
    pub fn of(call: &Call<'_>, cache: &Cache, now: Duration) -> Client {
        let subject = sys::parent_process().map(|process| Subject::caller(&cache.name, process));
        let history = config::value(call.environment, EXEC_INFO)
            .and(subject)
            .and_then(|subject| Some((Callers::open(cache.store.path())?, subject)))
            .map(|(callers, subject)| {
                let recalled = callers.recall(subject, now);
                (callers, recalled)
            });
        Client { subject, history }
    }

    /// Why this client must not get the entry that was found, if anything.
    pub fn objection(&self, found: &Found, now: Duration) -> Option<Reason> {
        let (_, recalled) = self.history.as_ref()?;
        let age = found.entry.age(now)?;
        recalled.row.rejects(found.fingerprint, age).then_some(Reason::Rejected)
    }

    /// Remembers which credential the client got.
    pub fn remember_served(&mut self, fingerprint: u64, now: Duration) {
        if let Some((callers, recalled)) = &mut self.history
            && recalled.row.served != fingerprint
        {
            recalled.row.served = fingerprint;
            callers.remember(recalled, now);
        }
    }
}
