//! Starts the detached process that renews a credential and keeps it warm.
//!
//! The call prints its credential first. The process runs in another session, with the null device as its
//! standard streams, so that no client waits for it.

use std::time::Duration;

use super::call::Call;
use super::callers::{Callers, Subject};
use super::client::Client;
use super::failure::unix_ms;
use super::policy::PolicySource;
use super::{keep_warm, refresh};
use crate::cache::{Cache, Found};
use crate::cli;
use crate::identity::Interaction;
use crate::sys;

/// A second refresh may start after this time: longer than a refresh can take.
const REFRESH_LIMIT: Duration = Duration::from_secs(75);

/// Starts the refresh of `found`, unless one is running or has failed recently, or the plugin may prompt.
///
/// If the process of the last refresh is a zombie, the first process of this container does not reap orphans,
/// and another refresh would leave another zombie.
pub fn refresh(call: &Call<'_>, cache: &Cache, client: &Client, found: &Found, now: Duration) {
    let known = client.history.as_ref().map(|history| &history.callers);
    let opened = if known.is_none() { Callers::open(&cache.store) } else { None };
    let Some(callers) = known.or(opened.as_ref()) else { return };
    let mut recalled = callers.recall(Subject::key(&cache.name), now);
    if unix_ms(now) < recalled.row.refresh_paused_until_unix_ms {
        return;
    }
    if call.config.refresh_ahead.is_none() && call.identity.interaction_now() != Interaction::Silent {
        return;
    }
    if sys::is_zombie(recalled.row.refreshed_by) {
        return call.log.write("refresh", &"not started: process 1 does not reap orphans", now);
    }
    recalled.row.refresh_paused_until_unix_ms = unix_ms(now + REFRESH_LIMIT);
    callers.remember(&recalled, now);
    let policy = PolicySource::of(call, client.process);
    detach(call, &policy, &mut || renew_and_stay(call, cache, found.fingerprint, &policy));
}

/// Starts a process that keeps the new credential warm, if that is wanted. `policy` allowed the plugin's run.
///
/// In a container whose first process does not reap orphans, the process would end as a zombie, so none is
/// started.
pub fn keep_warm(call: &Call<'_>, cache: &Cache, callers: Option<&Callers>, policy: &PolicySource) {
    if keep_warm::window(call).is_none() {
        return;
    }
    let last = callers.map(|callers| callers.recall(Subject::keeper(&cache.name), sys::now()).row.process.id);
    if sys::collects_orphans() && !last.is_some_and(sys::is_zombie) {
        detach(call, policy, &mut || keep_warm::stay(call, cache, policy));
    }
}

fn detach(call: &Call<'_>, policy: &PolicySource, work: &mut dyn FnMut()) {
    if let Err(denied) = policy.require_allowed(call) {
        return call.log.write("refresh", &denied, sys::now());
    }
    if let Err(error) = sys::run_detached(cli::REFRESH_IN_BACKGROUND, work) {
        call.log.write("refresh", &error, sys::now());
    }
}

fn renew_and_stay(call: &Call<'_>, cache: &Cache, fingerprint: u64, policy: &PolicySource) {
    if refresh::renew(call, cache, Some(fingerprint)).is_ok() {
        keep_warm::stay(call, cache, policy);
    }
}

/// The detached process on platforms that cannot fork: looks the entry up again, renews it if that is
/// due, and stays.
#[cfg(windows)]
pub fn run(call: &Call<'_>) -> crate::error::Result<u8> {
    use crate::cache::Lookup;

    let now = sys::now();
    let cache = Cache::open(&call.config, call.cache_key()?)?;
    if let Lookup::Fresh(found) | Lookup::Stale(found) = cache.look_up(now)?.lookup {
        match refresh::is_due(call, &found.entry, now) {
            true => renew_and_stay(call, &cache, found.fingerprint, &PolicySource::of(call, None)),
            false => keep_warm::stay(call, &cache, &PolicySource::of(call, None)),
        }
    }
    Ok(0)
}
