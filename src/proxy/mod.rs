//! What a call does: hit, stale or miss.
//!
//!     cache key -> look up -> fresh?  write it; refresh in the background if it expires soon
//!                          -> else    lock the key -> look again -> run the plugin -> check -> write
//!                                     -> store
//!
//! The credential comes first: if the cache fails, the plugin's output is printed and its exit status
//! returned. Output is the plugin's bytes, unchanged. The files of this folder follow the path of a call:
//! [`call`], [`client`], [`callers`] for a hit, then [`miss`], [`policy`], [`flight`], [`plugin`],
//! and [`refresh`] for what goes on in the background.

pub mod background;
pub mod call;
pub mod callers;
pub mod client;
pub mod failure;
mod flight;
pub mod keep_warm;
pub mod miss;
pub mod plugin;
mod policy;
pub mod refresh;

use std::mem::ManuallyDrop;
use std::time::Duration;

pub use call::Call;

use crate::cache::{Cache, Found, LookedUp, Lookup, Reason};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::format::time::Human;
use crate::key::CacheKey;
use crate::log::write_stdout;
use crate::sys;
use client::Client;
use miss::Miss;
use policy::PolicySource;

/// Prints the credential of the wrapped command and returns the exit status.
pub fn run(call: &mut Call<'_>) -> Result<u8> {
    let now = sys::now();
    if call.config.disabled {
        match &call.config.warning {
            Some(warning) => call.log.warn(warning, now),
            None => call.log.write("disabled", &"K8S_TOKEN_CACHE_DISABLE is set", now),
        }
        return run_uncached(call);
    }
    match look_up(call, Cache::open, now) {
        Ok((cache, looked_up)) => answer(call, cache, looked_up, now),
        Err(error) => without_cache(call, error, now),
    }
}

/// Looks the credential up in the cache that `open` returns. Looks up once more if PATH leads to another program than
/// the one whose credential is stored, and on a miss if the plugin's configuration, which is read then, changes the
/// key.
pub fn look_up(call: &mut Call<'_>, open: OpenCache, now: Duration) -> Result<(Cache, LookedUp)> {
    let (mut cache, mut looked_up) = look_up_once(call, open, now)?;
    if let Lookup::Miss(Reason::AnotherProgram) = looked_up.lookup {
        call.identity.count_programs();
        (cache, looked_up) = look_up_once(call, open, now)?;
    }
    match looked_up.lookup {
        Lookup::Miss(_) if call.extend_identity() => look_up_once(call, open, now),
        _ => Ok((cache, looked_up)),
    }
}

/// [`Cache::open`], or a function that creates nothing.
pub type OpenCache = fn(&Config, CacheKey) -> Result<Cache>;

fn look_up_once(call: &Call<'_>, open: OpenCache, now: Duration) -> Result<(Cache, LookedUp)> {
    let cache = open(&call.config, call.cache_key()?)?;
    let looked_up = cache.look_up(now)?;
    Ok((cache, looked_up))
}

fn answer(call: &Call<'_>, cache: Cache, looked_up: LookedUp, now: Duration) -> Result<u8> {
    let mut client = Client::of(call, &cache, now);
    let (reason, stale) = match looked_up.lookup {
        Lookup::Fresh(found) => match client.objection(&found, call.config.refresh_margin, now) {
            None => {
                // The program is about to end: closing the cache file would be one more system call.
                let _open = ManuallyDrop::new(looked_up.ticket);
                return hit(call, &cache, &found, &mut client, now);
            }
            Some(reason) => (reason, Some(found)),
        },
        Lookup::Stale(found) => (Reason::InsideMargin, Some(found)),
        Lookup::Miss(reason) => (reason, None),
    };
    match cache.for_storing(&call.config) {
        Ok(cache) => Miss::new(call, &cache, client, reason, stale, now).answer(looked_up.ticket),
        Err(error) => without_cache(call, error, now),
    }
}

/// Runs the plugin without the cache. Fails if the call or a setting is wrong.
fn without_cache(call: &Call<'_>, error: Error, now: Duration) -> Result<u8> {
    if error.kind() != Kind::Cache {
        return Err(error);
    }
    call.log.warn(&error, now);
    run_uncached(call)
}

fn run_uncached(call: &Call<'_>) -> Result<u8> {
    let client = client::calling_process(call);
    PolicySource::of(call, client).require_allowed(call)?;
    plugin::run_uncached(&call.command)
}

/// Takes no lock and writes once. Everything else is done after the credential was written.
fn hit(call: &Call<'_>, cache: &Cache, found: &Found, client: &mut Client, now: Duration) -> Result<u8> {
    write_stdout(found.entry.credential())?;
    client.remember_served(&cache.store, found.fingerprint, now);
    call.log.write("hit", &format_args!("{} left", Human(found.entry.time_left(now))), now);
    if refresh::is_due(call, &found.entry, now) {
        background::refresh(call, cache, client, found, now);
    }
    Ok(0)
}
