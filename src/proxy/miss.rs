//! A call that the cache cannot answer: runs the plugin, or waits for another call that does.

use std::fmt::Display;
use std::time::Duration;

use super::background;
use super::call::Call;
use super::callers::{CallerRow, Callers, KeyRow, Subject};
use super::client::Client;
use super::failure::{Failure, unix_ms};
use super::flight::{Flight, Turn};
use super::plugin::{self, Output, Run};
use super::policy::PolicySource;
use crate::cache::folder::Folder;
use crate::cache::{Cache, Found, Reason, Ticket};
use crate::credential::Verdict;
use crate::error::{Error, Kind, Result, printable};
use crate::format::time::Human;
use crate::identity::Interaction;
use crate::log::{self, write_stdout};
use crate::sys::{self, Stream};

/// How long to wait for another call that runs a silent plugin.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for a plugin that may prompt. kubelogin gives a login in the browser three minutes,
/// and every waiter that gives up opens another window.
const PROMPT_WAIT_LIMIT: Duration = Duration::from_secs(5 * 60);

pub struct Miss<'a> {
    call: &'a Call<'a>,
    cache: &'a Cache,
    client: Client,
    reason: Reason,
    /// The credential that the look-up found and the client must not get now.
    found: Option<Found>,
    /// `None` if the folder of the cache file cannot be used.
    folder: Option<Folder>,
    callers: Option<Callers>,
    policy: PolicySource,
}

impl<'a> Miss<'a> {
    pub fn new(
        call: &'a Call<'a>,
        cache: &'a Cache,
        mut client: Client,
        reason: Reason,
        found: Option<Found>,
        now: Duration,
    ) -> Self {
        let folder = cache.store.open_folder();
        if let Err(error) = &folder {
            call.log.warn(error, now);
        }
        let folder = folder.ok();
        let callers = client
            .history
            .take()
            .map(|history| history.callers)
            .or_else(|| folder.as_ref().and_then(|_| Callers::open(&cache.store)));
        let policy = PolicySource::of(call, client.process);
        Miss { call, cache, client, reason, found, folder, callers, policy }
    }

    /// Prints a credential and returns the exit status. `ticket` is that of the look-up that missed.
    pub fn answer(&self, ticket: Ticket) -> Result<u8> {
        self.policy.require_allowed(self.call)?;
        if let Some(callers) = self.callers.as_ref().filter(|_| is_on_terminal()) {
            callers.end_pause(&self.cache.name, sys::now());
        }
        if let Some((failure, left)) = self.recent_failure() {
            return self.repeat_failure(failure, left);
        }
        match self.turn(ticket) {
            Turn::Run { guard: _guard, ticket } => self.run(self.after_rejection(ticket)),
            Turn::Failed(failure) => {
                self.update_caller(|row| row.failure = Some(failure));
                self.repeat_failure(failure, failure.remaining_for_caller(sys::now()).unwrap_or_default())
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
        let Some(folder) = &self.folder else { return Turn::Run { guard: None, ticket } };
        let flight = Flight {
            cache: self.cache,
            folder,
            callers: self.callers.as_ref(),
            rejected: self.rejected(),
            minimum_life: self.client.kind.minimum_life(self.call.config.refresh_margin),
            limit: &|| self.wait_limit(),
        };
        flight.turn(ticket, &|| {
            let text = format!("waiting for another call that runs '{}'", self.program());
            self.call.log.warn(&text, sys::now());
        })
    }

    fn wait_limit(&self) -> Duration {
        match self.call.identity.interaction_now() {
            Interaction::Silent => WAIT_LIMIT,
            _ => PROMPT_WAIT_LIMIT,
        }
    }

    /// The fingerprint of the credential that the client rejected.
    fn rejected(&self) -> Option<u64> {
        let found = self.found.as_ref().filter(|_| self.reason == Reason::Rejected)?;
        Some(found.fingerprint)
    }

    /// Drops every entry of the command if the server rejected this one: other clients have entries of
    /// the same dead session. Returns the ticket with which the new credential can be stored.
    fn after_rejection(&self, ticket: Ticket) -> Ticket {
        if self.reason != Reason::Rejected || self.cache.forget_command(sys::now()).is_err() {
            return ticket;
        }
        self.cache.look_up(sys::now()).map_or(ticket, |looked_up| looked_up.ticket)
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
        match self.call.judge(output, self.cache.key.api_version(), sys::now()) {
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
        let Some(folder) = &self.folder else { return }; // A warning has said so.
        let now = sys::now();
        match self.cache.insert(folder, &self.call.key_inputs(), output, expires_unix_s, ticket, now) {
            Ok(Some(fingerprint)) => {
                self.remember_served(fingerprint);
                self.update_key(KeyRow::succeed);
                self.log("miss", &self.reason.text());
                background::keep_warm(self.call, self.cache, self.callers.as_ref(), &self.policy);
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
        match error.kind() {
            Kind::PluginNotFound | Kind::PluginNotRunnable => self.remember_failure(error.exit_status()),
            // Not the plugin has failed, but a call of the system: the next attempt may succeed.
            _ => self.end_without_entry(),
        }
        match self.usable() {
            Some(found) => self.serve_stale(found, &error),
            None => {
                self.log("miss", &error);
                Err(error)
            }
        }
    }

    /// Answers with a failure that is too recent to try again.
    fn repeat_failure(&self, failure: Failure, left: Duration) -> Result<u8> {
        let mut text = format!(
            "'{}' failed with status {}; next attempt in {} s",
            self.program(),
            failure.status,
            left.as_secs() + 1
        );
        // A program that was not found has no message.
        if failure.status != Kind::PluginNotFound.exit_status() {
            // Not the command: in a shell it may lack the variables of the kubeconfig that select the identity.
            text.push_str("; to see its message, set K8S_TOKEN_CACHE_DISABLE=1 for a call");
        }
        match self.usable() {
            Some(found) => self.serve_stale(found, &text),
            None => {
                log::write_message(&text);
                self.log("failed", &text);
                Ok(failure.status)
            }
        }
    }

    /// The credential that was found, if it is better than none: it was not rejected and has not expired.
    fn usable(&self) -> Option<&Found> {
        let is_usable = |found: &&Found| !found.entry.time_left(sys::now()).is_zero();
        self.found.as_ref().filter(is_usable).filter(|_| self.reason != Reason::Rejected)
    }

    fn serve_stale(&self, found: &Found, why: &dyn Display) -> Result<u8> {
        write_stdout(found.entry.credential())?;
        self.remember_served(found.fingerprint);
        let now = sys::now();
        let left = Human(found.entry.time_left(now));
        self.call.log.warn(&format!("{why}; serving the cached credential, which expires in {left}"), now);
        Ok(0)
    }

    /// A failure that answers this call too, and how long it still does: one that this caller has just
    /// seen, or the latest of the key.
    fn recent_failure(&self) -> Option<(Failure, Duration)> {
        let (callers, now) = (self.callers.as_ref()?, sys::now());
        let of_caller = self.client.subject.and_then(|subject| callers.recall(subject, now).row.failure);
        of_caller
            .and_then(|failure| Some((failure, failure.remaining_for_caller(now)?)))
            .or_else(|| callers.recall(Subject::key(&self.cache.name), now).row.failure(now))
    }

    fn remember_served(&self, fingerprint: u64) {
        let was_rejected = self.reason == Reason::Rejected;
        self.update_caller(|row| {
            row.served = fingerprint;
            row.served_unix_ms = unix_ms(sys::now());
            row.replacements = row.replacements.saturating_add(u8::from(was_rejected));
            row.failure = None;
        });
    }

    /// Tells the calls that wait for this one, and the calls to come.
    fn remember_failure(&self, status: u8) {
        let failure = Failure::new(status, sys::now());
        self.update_key(|row| row.fail(failure));
        self.update_caller(|row| row.failure = Some(failure));
    }

    /// Tells the calls that wait for this one that there is no entry for them.
    fn end_without_entry(&self) {
        self.update_key(|row| row.end_without_entry(sys::now()));
    }

    fn update_key(&self, change: impl FnOnce(&mut KeyRow)) {
        if let Some(callers) = &self.callers {
            callers.update(Subject::key(&self.cache.name), sys::now(), change);
        }
    }

    fn update_caller(&self, change: impl FnOnce(&mut CallerRow)) {
        if let (Some(callers), Some(subject)) = (&self.callers, self.client.subject) {
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

/// Whether a person may be there.
pub fn is_on_terminal() -> bool {
    sys::is_terminal(Stream::Input) || sys::is_terminal(Stream::Error)
}
