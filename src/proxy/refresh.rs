//! The background refresh: when a credential that is getting old is renewed, and how.
//!
//! The call that notices answers first and starts a detached process. That one takes the key's lock
//! only if it is free, runs the plugin where nobody sees it, and stores the result over the entry
//! that it set out to renew and no other. When the plugin fails, the old credential stays, and the
//! plugin is left alone for a growing while.

use std::time::Duration;

use crate::cache::entry::Entry;
use crate::cache::lock::{self, Attempt, Range};
use crate::cache::{Cache, Found, Lookup};
use crate::cli;
use crate::config::Config;
use crate::credential::{self, Verdict};
use crate::identity::Interaction;
use crate::proxy::Call;
use crate::proxy::callers::{CallerRow, Callers, Subject, unix_ms};
use crate::proxy::plugin;
use crate::sys;

const DEFAULT_AHEAD: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Longer than a refresh can take: meanwhile no second one is started.
const RUNNING: Duration = Duration::from_secs(75);

/// Whether so little life is left that the credential is renewed while it is served.
pub fn is_due(call: &Call<'_>, entry: &Entry, now: Duration) -> bool {
    ahead(&call.config, call.identity.interaction, entry).is_some_and(|ahead| entry.time_left(now) < ahead)
}

/// The life left below which `entry` is renewed in the background; `None` where it never is.
///
/// Unasked only for plugins that are known to be silent: nobody wants a hundred browser tabs.
pub fn ahead(config: &Config, interaction: Interaction, entry: &Entry) -> Option<Duration> {
    let silent = interaction == Interaction::Silent;
    let ahead = config.refresh_ahead.or(silent.then_some(DEFAULT_AHEAD))?;
    Some(ahead.min(entry.life() / 3)).filter(|ahead| !ahead.is_zero())
}

/// Starts the refresh of `found`, unless one runs already or has failed a short while ago.
///
/// The process that did the last one has long been somebody else's child. Where it is still there as a
/// zombie, as in a container whose first process collects no orphans, a second one would stay too.
pub fn start(call: &Call<'_>, cache: &Cache, found: &Found, now: Duration) {
    let Some(callers) = Callers::open(cache.store.path()) else { return };
    let mut memory = callers.recall(Subject::key(&cache.name), now);
    if unix_ms(now) < memory.row.paused_until_unix_ms {
        return;
    }
    if sys::is_zombie(memory.row.refreshed_by) {
        return call.log.write("refresh", &"not started: the first process here collects no orphans", now);
    }
    memory.row.paused_until_unix_ms = unix_ms(now + RUNNING);
    callers.remember(&memory, now);
    if let Err(error) = sys::run_detached(cli::REFRESH_IN_BACKGROUND, &mut || renew(call, cache, found)) {
        call.log.write("refresh", &error, now);
    }
}

/// What the detached process does where it had to be started anew: looks the entry up again, and
/// renews it if that is still due.
#[cfg(windows)]
pub fn run(call: &Call<'_>) -> crate::error::Result<u8> {
    use crate::key::CacheKey;

    let now = sys::now();
    let cache = Cache::open(&call.config, CacheKey::new(&call.key_inputs())?)?;
    if let (Lookup::Fresh(found) | Lookup::Stale(found), _) = cache.lookup(now)?
        && is_due(call, &found.entry, now)
    {
        renew(call, &cache, &found);
    }
    Ok(0)
}

/// Renews `found` now, unless somebody else is at it.
fn renew(call: &Call<'_>, cache: &Cache, found: &Found) {
    let Some((callers, _guard)) = take_turn(cache) else { return };
    let renewed = run_and_store(call, cache, found);
    let now = sys::now();
    callers.update(Subject::key(&cache.name), now, |row| {
        row.refreshed_by = std::process::id();
        match renewed {
            Ok(()) => {
                row.refresh_failures = 0;
                row.paused_until_unix_ms = 0;
            }
            Err(_) => pause(row, now),
        }
    });
    let outcome = renewed.err().unwrap_or("done");
    call.log.write("refresh", &outcome, now);
}

fn take_turn(cache: &Cache) -> Option<(Callers, lock::Guard)> {
    let directory = cache.store.make_directory().ok()?;
    let name = cache.store.lock_name();
    let Ok(Attempt::Held(guard)) = lock::attempt(&directory, &name, Range::Key(cache.name)) else {
        return None;
    };
    Some((Callers::open(cache.store.path())?, guard))
}

fn run_and_store(call: &Call<'_>, cache: &Cache, found: &Found) -> Result<(), &'static str> {
    let (lookup, generation) = cache.lookup(sys::now()).map_err(|_| "the cache cannot be read")?;
    match lookup {
        Lookup::Fresh(current) | Lookup::Stale(current) if current.fingerprint == found.fingerprint => {}
        _ => return Ok(()), // Another process was faster.
    }
    let output = plugin::run_in_background(&call.command).ok_or("the plugin failed")?;
    let now = sys::now();
    let expires_unix_s = match credential::judge(output.expose(), cache.key.api_version(), now) {
        Verdict::Cacheable { expires_unix_s } => expires_unix_s,
        Verdict::Uncacheable(why) | Verdict::Invalid(why) => return Err(why),
    };
    match cache.insert(&call.key_inputs(), output.expose(), expires_unix_s, generation, Some(found), now) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("the entry was replaced or removed meanwhile"),
        Err(_) => Err("the cache cannot be written"),
    }
}

/// 30 s, 1 min, 2 min, ... 10 min.
fn pause(row: &mut CallerRow, now: Duration) {
    let pause = FIRST_PAUSE.saturating_mul(1 << row.refresh_failures.min(8)).min(LONGEST_PAUSE);
    row.refresh_failures = row.refresh_failures.saturating_add(1);
    row.paused_until_unix_ms = unix_ms(now + pause);
}
