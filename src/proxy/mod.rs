//! What a call does: hit, miss, stale (design, section 4).
//!
//!     key -> look up -> fresh?  write it; refresh in the background if it is getting old
//!                    -> else    lock the key -> look again -> run the plugin -> check -> write -> store
//!
//! The credential comes first: whatever the cache cannot do, the plugin's answer is printed and its
//! status handed back. What is printed are the plugin's bytes.

pub mod call;
pub mod callers;
mod flight;
pub mod plugin;
pub mod refresh;

use std::time::Duration;

pub use call::Call;

use crate::cache::{Cache, Found, Lookup, Reason};
use crate::config::{self};
use crate::credential::{self, Verdict};
use crate::error::{Error, Kind, Result, printable, reason};
use crate::format::time::Human;
use crate::identity::Interaction;
use crate::key::{CacheKey, EXEC_INFO};
use crate::log::{self};
use crate::proxy::callers::{CallerRow, Callers, Failure, Recalled, Subject};
use crate::proxy::flight::{Flight, Turn};
use crate::proxy::plugin::{Output, Run};
use crate::sys::{self, Directory, Stream};

const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// A login in a browser takes its time; kubelogin gives it three minutes. It holds for every plugin that
/// is not known to be silent: nobody wants another window for each call that waits.
const PROMPT_WAIT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Prints the credential of the wrapped command; the exit status.
pub fn run(call: &Call<'_>) -> Result<u8> {
    let now = sys::now();
    if call.config.disabled {
        call.log.write("disabled", &"K8S_TOKEN_CACHE_DISABLE is set", now);
        return plugin::run_uncached(&call.command);
    }
    let opened = CacheKey::new(&call.key_inputs()).and_then(|key| Cache::open(&call.config, key));
    let looked_up = opened.and_then(|cache| cache.lookup(now).map(|found| (cache, found)));
    match looked_up {
        Ok((cache, (lookup, generation))) => answer(call, cache, lookup, generation, now),
        Err(error) => without_cache(call, error, now),
    }
}

fn answer(call: &Call<'_>, cache: Cache, lookup: Lookup, generation: u64, now: Duration) -> Result<u8> {
    let (reason, cached) = match lookup {
        Lookup::Fresh(found) => match Client::of(call, &cache, now) {
            Some(client) if client.rejects(&found, now) => (Reason::Rejected, Some(found)),
            client => return hit(call, &cache, &found, client, now),
        },
        Lookup::Stale(found) => (Reason::InsideMargin, Some(found)),
        Lookup::Miss(reason) => (reason, None),
    };
    match cache.into_storing(&call.config) {
        Ok(cache) => Miss::new(call, &cache, reason, cached, now).answer(generation),
        Err(error) => without_cache(call, error, now),
    }
}

/// The cache cannot be used: the client gets what it would get without.
fn without_cache(call: &Call<'_>, error: Error, now: Duration) -> Result<u8> {
    if error.kind() != Kind::Cache {
        return Err(error);
    }
    call.log.warn(&error, now);
    plugin::run_uncached(&call.command)
}

/// No lock, no directory made, no process started; one write.
fn hit(call: &Call<'_>, cache: &Cache, found: &Found, client: Option<Client>, now: Duration) -> Result<u8> {
    write_stdout(found.entry.credential())?;
    if let Some(mut client) = client {
        client.was_given(found.fingerprint, now);
    }
    call.log.write("hit", &format_args!("{} left", Human(found.entry.time_left(now))), now);
    if refresh::is_due(call, &found.entry, now) {
        refresh::start(call, cache, found, now);
    }
    Ok(0)
}

/// The process that called, as far as the lock file's table knows it.
struct Client {
    callers: Callers,
    memory: Recalled,
}

impl Client {
    /// Only where a Kubernetes client calls: a loop in a shell keeps hitting.
    fn of(call: &Call<'_>, cache: &Cache, now: Duration) -> Option<Client> {
        config::set(call.environment, EXEC_INFO)?;
        let process = sys::parent_process()?;
        let callers = Callers::open(cache.store.path())?;
        let memory = callers.recall(Subject::caller(&cache.name, process), now);
        Some(Client { callers, memory })
    }

    fn rejects(&self, found: &Found, now: Duration) -> bool {
        found.entry.age(now).is_some_and(|age| self.memory.row.rejects(found.fingerprint, age))
    }

    fn was_given(&mut self, fingerprint: u64, now: Duration) {
        if self.memory.row.given != fingerprint {
            self.memory.row.given = fingerprint;
            self.callers.remember(&self.memory, now);
        }
    }
}

/// A call that the cache cannot answer.
struct Miss<'a> {
    call: &'a Call<'a>,
    cache: &'a Cache,
    reason: Reason,
    /// Has not expired, and is better than nothing.
    cached: Option<Found>,
    /// `None` where the cache directory cannot be used.
    directory: Option<Directory>,
    callers: Option<Callers>,
    caller: Option<Subject>,
}

impl<'a> Miss<'a> {
    fn new(
        call: &'a Call<'a>,
        cache: &'a Cache,
        reason: Reason,
        cached: Option<Found>,
        now: Duration,
    ) -> Self {
        let directory = cache.store.make_directory();
        if let Err(error) = &directory {
            call.log.warn(error, now);
        }
        let directory = directory.ok();
        let lock_file =
            directory.as_ref().and_then(|directory| directory.open_or_create(&cache.store.lock_name()).ok());
        let process = sys::parent_process();
        Miss {
            call,
            cache,
            reason,
            cached,
            directory,
            callers: lock_file.map(Callers::new),
            caller: process.map(|process| Subject::caller(&cache.name, process)),
        }
    }

    fn answer(&self, generation: u64) -> Result<u8> {
        if let Some(failure) = self.recent_failure() {
            return self.failed_before(failure);
        }
        match self.turn(generation) {
            Turn::Run(_guard, generation) => self.run(generation),
            Turn::Failed(failure) => {
                self.update(self.caller, |row| row.fail(failure));
                self.failed_before(failure)
            }
            Turn::Answered(found) => {
                write_stdout(found.entry.credential())?;
                self.was_given(found.fingerprint);
                self.log("hit", &"another call has just stored it");
                Ok(0)
            }
        }
    }

    fn turn(&self, generation: u64) -> Turn {
        let Some(directory) = &self.directory else { return Turn::Run(None, generation) };
        let program = self.program();
        let is_silent = self.call.identity.interaction == Interaction::Silent;
        Flight {
            cache: self.cache,
            directory,
            lock_name: &self.cache.store.lock_name(),
            callers: self.callers.as_ref(),
            rejected: self
                .cached
                .as_ref()
                .filter(|_| self.reason == Reason::Rejected)
                .map(|found| found.fingerprint),
            limit: if is_silent { WAIT_LIMIT } else { PROMPT_WAIT_LIMIT },
            generation,
            tell: &|| {
                let text = format!("waiting for another call that runs '{program}'");
                self.call.log.warn(&text, sys::now());
            },
        }
        .turn()
    }

    fn run(&self, generation: u64) -> Result<u8> {
        let run = match plugin::run(&self.call.command, &mut write_stdout) {
            Ok(run) => run,
            Err(error) => return self.not_started(error),
        };
        let output = match &run.output {
            Output::Collected(bytes) => bytes.expose(),
            Output::HandedOn => {
                self.end_without_entry();
                self.log("miss", &"the output was handed on as it came");
                return Ok(run.status);
            }
        };
        if run.status != 0 {
            return self.failed(&run, output);
        }
        match credential::judge(output, self.cache.key.api_version(), sys::now()) {
            Verdict::Cacheable { expires_unix_s } => {
                let written = write_stdout(output);
                // Also for a client that is gone: its next try is to find it.
                self.store(output, expires_unix_s, generation);
                written?;
            }
            Verdict::Uncacheable(why) => {
                write_stdout(output)?;
                self.not_stored(why);
            }
            Verdict::Invalid(why) => {
                if let Some(found) = self.usable() {
                    self.end_without_entry();
                    return self
                        .serve_cached(found, &format!("'{}' gave no credential: {why}", self.program()));
                }
                write_stdout(output)?;
                self.not_stored(why);
            }
        }
        Ok(0)
    }

    fn store(&self, output: &[u8], expires_unix_s: u64, generation: u64) {
        if self.directory.is_none() {
            return; // As the warning has said.
        }
        let now = sys::now();
        match self.cache.insert(&self.call.key_inputs(), output, expires_unix_s, generation, None, now) {
            Ok(Some(fingerprint)) => {
                self.was_given(fingerprint);
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
            self.fail(run.status);
        }
        let text = format!("'{}' failed with status {}", self.program(), run.status);
        if let Some(found) = self.usable() {
            return self.serve_cached(found, &text);
        }
        write_stdout(output)?;
        self.log("miss", &text);
        Ok(run.status)
    }

    fn not_started(&self, error: Error) -> Result<u8> {
        self.fail(error.exit_status());
        match self.usable() {
            Some(found) => self.serve_cached(found, &error),
            None => {
                self.log("miss", &error);
                Err(error)
            }
        }
    }

    /// The plugin has just failed for this caller, or for the one that it waited for.
    fn failed_before(&self, failure: Failure) -> Result<u8> {
        let left = failure.remembered_for(sys::now()).unwrap_or_default();
        let text = format!(
            "'{}' failed with status {} a moment ago; it is not run again for {} s",
            self.program(),
            failure.status,
            left.as_secs() + 1
        );
        match self.usable() {
            Some(found) => self.serve_cached(found, &text),
            None => {
                log::say(&text);
                self.log("failed", &text);
                Ok(failure.status)
            }
        }
    }

    /// The cached credential, if it has not expired by now.
    fn usable(&self) -> Option<&Found> {
        self.cached.as_ref().filter(|found| !found.entry.time_left(sys::now()).is_zero())
    }

    fn serve_cached(&self, found: &Found, why: &dyn std::fmt::Display) -> Result<u8> {
        write_stdout(found.entry.credential())?;
        self.was_given(found.fingerprint);
        let now = sys::now();
        let left = Human(found.entry.time_left(now));
        self.call.log.warn(&format!("{why}; serving the cached credential, which lives for {left}"), now);
        Ok(0)
    }

    fn recent_failure(&self) -> Option<Failure> {
        let now = sys::now();
        self.callers.as_ref()?.recall(self.caller?, now).row.recent_failure(now)
    }

    /// Remembers what the caller got; once more healed if it rejected what it had.
    fn was_given(&self, fingerprint: u64) {
        let healed = self.reason == Reason::Rejected;
        self.update(self.caller, |row| {
            row.given = fingerprint;
            row.heals = row.heals.saturating_add(u8::from(healed));
        });
    }

    /// For those who wait on the lock, and for the same caller's next try.
    fn fail(&self, status: u8) {
        let failure = Failure::new(status, sys::now());
        self.update(Some(Subject::key(&self.cache.name)), |row| row.fail(failure));
        self.update(self.caller, |row| row.fail(failure));
    }

    /// For those who wait on the lock: there is nothing for them.
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

    fn log(&self, event: &str, detail: &dyn std::fmt::Display) {
        self.call.log.write(event, detail, sys::now());
    }
}

fn write_stdout(bytes: &[u8]) -> Result<()> {
    sys::write(Stream::Output, bytes)
        .map_err(|error| Error::failure(format!("cannot write to standard output: {}", reason(&error))))
}
