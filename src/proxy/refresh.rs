//! Renewing a credential in the background: when it is due, and how.
//!
//! A refresh takes the key's lock only if it is free, runs the plugin without a terminal, and replaces
//! only the entry that it set out to renew. If the plugin fails, the old credential stays, and the next
//! refresh waits for a growing pause. [`super::background`] starts the process that does it.

use std::time::Duration;

use super::call::Call;
use super::callers::{Callers, KeyRow, Subject};
use super::failure::unix_ms;
use super::plugin;
use crate::cache::entry::Entry;
use crate::cache::folder::Folder;
use crate::cache::lock::{self, Attempt, Range};
use crate::cache::{Cache, LookedUp, Lookup, Reason};
use crate::config::Config;
use crate::credential::Verdict;
use crate::identity::Interaction;
use crate::sys;

const DEFAULT_AHEAD: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Whether the credential has so little life left that it is renewed while it is served.
pub fn is_due(call: &Call<'_>, entry: &Entry, now: Duration) -> bool {
    ahead(&call.config, call.identity.interaction, entry).is_some_and(|ahead| entry.time_left(now) < ahead)
}

/// The remaining life below which `entry` is renewed in the background; `None` if it never is.
///
/// By default, only plugins that are known to be silent are refreshed: a plugin that prompts could open
/// a hundred browser tabs overnight.
pub fn ahead(config: &Config, interaction: Interaction, entry: &Entry) -> Option<Duration> {
    match config.refresh_ahead {
        Some(ahead) => Some(ahead).filter(|ahead| !ahead.is_zero()),
        None => (interaction == Interaction::Silent).then(|| default_ahead(entry)),
    }
}

/// Five minutes, but at most a third of the entry's life.
pub fn default_ahead(entry: &Entry) -> Duration {
    DEFAULT_AHEAD.min(entry.life() / 3)
}

/// Runs the plugin and replaces the entry, unless another process is doing so. With a fingerprint, only
/// that entry is replaced. Fails if the plugin failed or its output cannot be stored.
pub fn renew(call: &Call<'_>, cache: &Cache, fingerprint: Option<u64>) -> Result<(), &'static str> {
    let Some((callers, folder, _guard)) = take_turn(cache) else { return Ok(()) };
    let renewed = run_and_store(call, cache, &folder, fingerprint);
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
    renewed
}

fn take_turn(cache: &Cache) -> Option<(Callers, Folder, lock::Guard)> {
    let folder = cache.store.open_folder().ok()?;
    let Ok(Attempt::Held(guard)) = lock::attempt(&folder, Range::Key(cache.name)) else { return None };
    Some((Callers::open(&cache.store)?, folder, guard))
}

fn run_and_store(
    call: &Call<'_>,
    cache: &Cache,
    folder: &Folder,
    fingerprint: Option<u64>,
) -> Result<(), &'static str> {
    let LookedUp { lookup, ticket } = cache.look_up(sys::now()).map_err(|_| "the cache cannot be read")?;
    let ticket = match (lookup, fingerprint) {
        (Lookup::Fresh(found) | Lookup::Stale(found), Some(expected)) if found.fingerprint != expected => {
            return Ok(()); // Another process was faster.
        }
        (Lookup::Fresh(_) | Lookup::Stale(_), _) => ticket.renewing(),
        (Lookup::Miss(Reason::Expired), None) => ticket,
        (Lookup::Miss(_), _) => return Ok(()), // Removed, or expired before the refresh began.
    };
    let output = plugin::run_in_background(&call.command).ok_or("the plugin failed")?;
    let now = sys::now();
    let expires_unix_s = match call.judge(output.expose(), cache.key.api_version(), now) {
        Verdict::Cacheable { expires_unix_s } => expires_unix_s,
        Verdict::Uncacheable(why) | Verdict::Invalid(why) => return Err(why),
    };
    match cache.insert(folder, &call.key_inputs(), output.expose(), expires_unix_s, ticket, now) {
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
