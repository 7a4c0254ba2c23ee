//! A call that the cache cannot answer: runs the plugin, or waits for another call that does.

use std::fmt::Display;
use std::time::Duration;

use super::call::Call;
use super::callers::{CallerRow, Callers, Failure, Subject};
use super::client::Client;
use super::flight::{Flight, Turn};
use super::plugin::{self, Output, Run};
use crate::cache::{Cache, Found, Reason, Ticket};
use crate::credential::{self, Verdict};
use crate::error::{Error, Result, printable};
use crate::format::time::Human;
use crate::identity::Interaction;
use crate::log;
use crate::log::write_stdout;
use crate::sys::{self, Directory};

/// How long to wait for another call that runs a silent plugin.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for a plugin that may prompt. kubelogin gives a login in the browser three minutes,
/// and every waiter that gives up opens another window.
const PROMPT_WAIT_LIMIT: Duration = Duration::from_secs(5 * 60);

pub struct Miss<'a> {
    call: &'a Call<'a>,
    cache: &'a Cache,
    caller: Option<Subject>,
    reason: Reason,
    /// A credential that has not expired, to be served if the plugin fails.
    stale: Option<Found>,
    /// `None` if the cache directory cannot be used.
    directory: Option<Directory>,
    callers: Option<Callers>,
}

impl<'a> Miss<'a> {
    pub fn new(
        call: &'a Call<'a>,
        cache: &'a Cache,
        client: Client,
        reason: Reason,
        stale: Option<Found>,
        now: Duration,
    ) -> Self {
        let directory = cache.store.make_directory();
        if let Err(error) = &directory {
            call.log.warn(error, now);
        }
        let directory = directory.ok();
        let lock_file =
            directory.as_ref().and_then(|directory| directory.open_or_create(&cache.store.lock_name()).ok());
        Miss {
            call,
            cache,
            caller: client.subject,
            reason,
            stale,
            directory,
            callers: lock_file.map(Callers::new),
        }
    }

    /// Prints a credential and returns the exit status. `ticket` is that of the look-up that missed.
    pub fn answer(&self, ticket: Ticket) -> Result<u8> {
        if let Some(failure) = self.recent_failure() {
            return self.repeat_failure(failure);
        }
        match self.turn(ticket) {
            Turn::Run { guard: _guard, ticket } => self.run(ticket),
            Turn::Failed(failure) => {
                self.update(self.caller, |row| row.fail(failure));
                self.repeat_failure(failure)
            }
            Turn::Answered(found) => {
                write_stdout(found.entry.credential())?;
                self.remember_served(found.fingerprint);
                self.log("hit", &"another call has just stored it");
                Ok(0)
            }
        }
    }

    fn turn(&self, ticket: Ticket) -> Turn {
        let Some(directory) = &self.directory else { return Turn::Run { guard: None, ticket } };
        let is_silent = self.call.identity.interaction == Interaction::Silent;
        let flight = Flight {
            cache: self.cache,
            directory,
            lock_name: &self.cache.store.lock_name(),
            callers: self.callers.as_ref(),
            rejected: self.rejected(),
            limit: if is_silent { WAIT_LIMIT } else { PROMPT_WAIT_LIMIT },
        };
        flight.turn(ticket, &|| {
            let text = format!("waiting for another call that runs '{}'", self.program());
            self.call.log.warn(&text, sys::now());
        })
    }

    /// The fingerprint of the credential that the client rejected.
    fn rejected(&self) -> Option<u64> {
        let found = self.stale.as_ref().filter(|_| self.reason == Reason::Rejected)?;
        Some(found.fingerprint)
    }

    fn run(&self, ticket: Ticket) -> Result<u8> {
        let run = match plugin::run(&self.call.command, &mut write_stdout) {
            Ok(run) => run,
            Err(error) => return self.not_started(error),
        };
        let output = match &run.output {
            Output::Collected(bytes) => bytes.expose(),
            Output::PassedThrough => {
                self.end_without_entry();
                self.log("miss", &"the output was passed through");
                return Ok(run.status);
            }
        };
        if run.status != 0 {
            return self.failed(&run, output);
        }
        match credential::judge(output, self.cache.key.api_version(), sys::now()) {
            Verdict::Cacheable { expires_unix_s } => {
                let written = write_stdout(output);
                // Store it even if the client is gone: its next attempt will find it.
                self.store(output, expires_unix_s, ticket);
                written?;
            }
            Verdict::Uncacheable(why) => {
                write_stdout(output)?;
                self.not_stored(why);
            }
            Verdict::Invalid(why) => {
                if let Some(found) = self.usable() {
                    self.end_without_entry();
                    let text = format!("'{}' printed no valid credential: {why}", self.program());
                    return self.serve_stale(found, &text);
                }
                write_stdout(output)?;
                self.not_stored(why);
            }
        }
        Ok(0)
    }

    fn store(&self, output: &[u8], expires_unix_s: u64, ticket: Ticket) {
        if self.directory.is_none() {
            return; // A warning has said so.
        }
        let now = sys::now();
        match self.cache.insert(&self.call.key_inputs(), output, expires_unix_s, ticket, now) {
            Ok(Some(fingerprint)) => {
                self.remember_served(fingerprint);
                self.log("miss", &self.reason.text());
            }
            Ok(None) => self.not_stored("the cache was cleared or the identity changed meanwhile"),
            Err(error) => {
                self.end_without_entry();
                self.call.log.warn(&error, now);
            }
        }
    }

    fn not_stored(&self, why: &str) {
        self.end_without_entry();
        self.log("miss", &format!("not stored: {why}"));
    }

    fn failed(&self, run: &Run, output: &[u8]) -> Result<u8> {
        if !run.interrupted {
            self.remember_failure(run.status);
        }
        let text = format!("'{}' failed with status {}", self.program(), run.status);
        if let Some(found) = self.usable() {
            return self.serve_stale(found, &text);
        }
        write_stdout(output)?;
        self.log("miss", &text);
        Ok(run.status)
    }

    fn not_started(&self, error: Error) -> Result<u8> {
        self.remember_failure(error.exit_status());
        match self.usable() {
            Some(found) => self.serve_stale(found, &error),
            None => {
                self.log("miss", &error);
                Err(error)
            }
        }
    }

    /// Answers with a failure that this caller, or the call that it waited for, has just seen.
    fn repeat_failure(&self, failure: Failure) -> Result<u8> {
        let left = failure.remembered_for(sys::now()).unwrap_or_default();
        let text = format!(
            "'{}' failed with status {} a moment ago; it is not run again for {} s",
            self.program(),
            failure.status,
            left.as_secs() + 1
        );
        match self.usable() {
            Some(found) => self.serve_stale(found, &text),
            None => {
                log::write_message(&text);
                self.log("failed", &text);
                Ok(failure.status)
            }
        }
    }

    /// The stale credential, if it has not expired meanwhile.
    fn usable(&self) -> Option<&Found> {
        self.stale.as_ref().filter(|found| !found.entry.time_left(sys::now()).is_zero())
    }

    fn serve_stale(&self, found: &Found, why: &dyn Display) -> Result<u8> {
        write_stdout(found.entry.credential())?;
        self.remember_served(found.fingerprint);
        let now = sys::now();
        let left = Human(found.entry.time_left(now));
        self.call.log.warn(&format!("{why}; serving the cached credential, which expires in {left}"), now);
        Ok(0)
    }

    fn recent_failure(&self) -> Option<Failure> {
        let now = sys::now();
        self.callers.as_ref()?.recall(self.caller?, now).row.recent_failure(now)
    }

    fn remember_served(&self, fingerprint: u64) {
        let was_rejected = self.reason == Reason::Rejected;
        self.update(self.caller, |row| {
            row.served = fingerprint;
            row.heals = row.heals.saturating_add(u8::from(was_rejected));
        });
    }

    /// Tells the calls that wait for this one, and the next call of the same caller.
    fn remember_failure(&self, status: u8) {
        let failure = Failure::new(status, sys::now());
        self.update(Some(Subject::key(&self.cache.name)), |row| row.fail(failure));
        self.update(self.caller, |row| row.fail(failure));
    }

    /// Tells the calls that wait for this one that there is no entry for them.
    fn end_without_entry(&self) {
        self.update(Some(Subject::key(&self.cache.name)), |row| row.end_without_entry(sys::now()));
    }

    fn update(&self, subject: Option<Subject>, change: impl FnOnce(&mut CallerRow)) {
        if let (Some(callers), Some(subject)) = (&self.callers, subject) {
            callers.update(subject, sys::now(), change);
        }
    }

    fn program(&self) -> String {
        let program = self.call.command.first();
        program.map(|program| printable(&program.to_string_lossy())).unwrap_or_default()
    }

    fn log(&self, event: &str, detail: &dyn Display) {
        self.call.log.write(event, detail, sys::now());
    }
}
