//! The background refresh: when a credential that is getting old is renewed, and how.
//!
//! The call that notices it answers first and then starts a detached process. That process takes the
//! key's lock only if it is free, runs the plugin where it cannot prompt, and stores the result only over
//! the entry that it set out to renew. If the plugin fails, the old credential stays, and the next
//! refresh waits for a growing pause.

use std::time::Duration;

use super::call::Call;
use super::callers::{Callers, KeyRow, Subject};
use super::failure::unix_ms;
use super::plugin;
use crate::cache::entry::Entry;
use crate::cache::lock::{self, Attempt, Range};
use crate::cache::{Cache, Found, LookedUp, Lookup};
use crate::cli;
use crate::config::Config;
use crate::credential::{self, Verdict};
use crate::identity::Interaction;
use crate::sys;

const DEFAULT_AHEAD: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// A second refresh may start after this time: longer than a refresh can take.
const REFRESH_LIMIT: Duration = Duration::from_secs(75);

/// Whether the credential has so little life left that it is renewed while it is served.
pub fn is_due(call: &Call<'_>, entry: &Entry, now: Duration) -> bool {
    ahead(&call.config, call.identity.interaction, entry).is_some_and(|ahead| entry.time_left(now) < ahead)
}

/// The remaining life below which `entry` is renewed in the background; `None` if it never is.
///
/// By default, only plugins that are known to be silent are refreshed: a plugin that prompts could open
/// a hundred browser tabs overnight.
pub fn ahead(config: &Config, interaction: Interaction, entry: &Entry) -> Option<Duration> {
    let silent = interaction == Interaction::Silent;
    let ahead = config.refresh_ahead.or(silent.then_some(DEFAULT_AHEAD))?;
    Some(ahead.min(entry.life() / 3)).filter(|ahead| !ahead.is_zero())
}

/// Starts the refresh of `found`, unless one is running or has failed recently.
///
/// If the process of the last refresh is a zombie, the first process of this container does not collect
/// orphans, and another refresh would leave another zombie.
pub fn start(call: &Call<'_>, cache: &Cache, found: &Found, callers: Option<&Callers>, now: Duration) {
    let opened = if callers.is_none() { Callers::open(&cache.store) } else { None };
    let Some(callers) = callers.or(opened.as_ref()) else { return };
    let mut recalled = callers.recall(Subject::key(&cache.name), now);
    if unix_ms(now) < recalled.row.refresh_paused_until_unix_ms {
        return;
    }
    if sys::is_zombie(recalled.row.refreshed_by) {
        return call.log.write("refresh", &"not started: the first process here collects no orphans", now);
    }
    recalled.row.refresh_paused_until_unix_ms = unix_ms(now + REFRESH_LIMIT);
    callers.remember(&recalled, now);
    if let Err(error) = sys::run_detached(cli::REFRESH_IN_BACKGROUND, &mut || renew(call, cache, found)) {
        call.log.write("refresh", &error, now);
    }
}

/// The refresh as a process of its own, on platforms that cannot fork: looks the entry up again and
/// renews it if that is still due.
#[cfg(windows)]
pub fn run(call: &Call<'_>) -> crate::error::Result<u8> {
    let now = sys::now();
    let cache = Cache::open(&call.config, crate::key::CacheKey::new(&call.key_inputs())?)?;
    if let Lookup::Fresh(found) | Lookup::Stale(found) = cache.look_up(now)?.lookup
        && is_due(call, &found.entry, now)
    {
        renew(call, &cache, &found);
    }
    Ok(0)
}

/// Renews `found` now, unless another process is doing so.
fn renew(call: &Call<'_>, cache: &Cache, found: &Found) {
    let Some((callers, _guard)) = take_turn(cache) else { return };
    let renewed = run_and_store(call, cache, found);
    let now = sys::now();
    callers.update(Subject::key(&cache.name), now, |row| {
        row.refreshed_by = std::process::id();
        match renewed {
            Ok(()) => {
                row.refresh_failures = 0;
                row.refresh_paused_until_unix_ms = 0;
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
    Some((Callers::open(&cache.store)?, guard))
}

fn run_and_store(call: &Call<'_>, cache: &Cache, found: &Found) -> Result<(), &'static str> {
    let LookedUp { lookup, ticket } = cache.look_up(sys::now()).map_err(|_| "the cache cannot be read")?;
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
    match cache.insert(&call.key_inputs(), output.expose(), expires_unix_s, ticket.renewing(), now) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("the entry was replaced or removed meanwhile"),
        Err(_) => Err("the cache cannot be written"),
    }
}

/// 30 s, 1 min, 2 min, ... 10 min.
fn pause(row: &mut KeyRow, now: Duration) {
    let pause = FIRST_PAUSE.saturating_mul(1 << row.refresh_failures.min(8)).min(LONGEST_PAUSE);
    row.refresh_failures = row.refresh_failures.saturating_add(1);
    row.refresh_paused_until_unix_ms = unix_ms(now + pause);
}
