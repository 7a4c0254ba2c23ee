//! The cache as one call sees it: its key, the vault, the file; and what a look-up means.
//!
//! Whether an entry is served is decided here alone, from its stamps and the refresh margin. What
//! follows from that (run the plugin, refresh in the background) is `proxy`'s.

pub mod entry;
pub mod lock;
pub mod seal;
pub mod store;

use std::time::Duration;

use crate::cache::entry::{Entry, Vault};
use crate::cache::seal::Sealer;
use crate::cache::store::{Condition, Name, NewLine, Store, Stored};
use crate::config::{Config, Encryption};
use crate::error::{Error, Kind, Result};
use crate::format::fnv::fnv1a_64;
use crate::key::{CacheKey, KeyInputs};
use crate::keystore;

/// Why there is nothing to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NotCached,
    /// Sealed with another key, damaged, or another call's with the same hash.
    Unreadable,
    Expired,
    /// Made before the clock went back.
    FromTheFuture,
    /// Less life left than the refresh margin.
    InsideMargin,
    /// The caller asked again for what it was given.
    Rejected,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Reason::NotCached => "not cached",
            Reason::Unreadable => "the entry cannot be opened",
            Reason::Expired => "expired",
            Reason::FromTheFuture => "made in the future",
            Reason::InsideMargin => "inside the refresh margin",
            Reason::Rejected => "the caller asked again for what it was given",
        }
    }
}

pub enum Lookup {
    /// To be served.
    Fresh(Found),
    /// Not expired, but with less life left than the margin.
    Stale(Found),
    Miss(Reason),
}

/// An entry, and what tells it from any other that was or will be in its place.
pub struct Found {
    pub entry: Entry,
    pub fingerprint: u64,
    object: Vec<u8>,
}

/// The cache of one key.
pub struct Cache {
    pub key: CacheKey,
    pub name: Name,
    pub store: Store,
    vault: Vault,
    refresh_margin: Duration,
}

impl Cache {
    /// Opens the cache for `key`. Every error means that this call has to do without.
    pub fn open(config: &Config, key: CacheKey) -> Result<Cache> {
        let vault = match existing_vault(config)? {
            Some(vault) => vault,
            None => storing_vault(config)?,
        };
        Cache::with(config, key, vault)
    }

    /// The same for a report: `None` where no key has been made yet. Makes nothing.
    pub fn existing(config: &Config, key: CacheKey) -> Result<Option<Cache>> {
        existing_vault(config)?.map(|vault| Cache::with(config, key, vault)).transpose()
    }

    /// The same with the vault that is stored in, which may be another than the one to look in.
    pub fn into_storing(self, config: &Config) -> Result<Cache> {
        Cache::with(config, self.key, storing_vault(config)?)
    }

    fn with(config: &Config, key: CacheKey, vault: Vault) -> Result<Cache> {
        if !vault.may_hold(&key) {
            let text = "a secret tells this credential apart, which is cached only with encryption";
            return Err(Error::new(Kind::Cache, text));
        }
        Ok(Cache {
            name: vault.name(&key),
            key,
            store: open_store(config)?,
            vault,
            refresh_margin: config.refresh_margin,
        })
    }

    /// What the file holds for this key, and its generation.
    pub fn lookup(&self, now: Duration) -> Result<(Lookup, u64)> {
        let snapshot = self.store.lookup(&self.name)?;
        let lookup = snapshot.line.map_or(Lookup::Miss(Reason::NotCached), |object| self.judge(object, now));
        Ok((lookup, snapshot.generation))
    }

    fn judge(&self, object: Vec<u8>, now: Duration) -> Lookup {
        let entry = self.vault.decode(&self.name, &object);
        let Some(entry) = entry.filter(|entry| entry.is_for(&self.key)) else {
            return Lookup::Miss(Reason::Unreadable);
        };
        let state = state(&entry, self.refresh_margin, now);
        let found = Found { entry, fingerprint: fingerprint(&object), object };
        match state {
            Freshness::Fresh => Lookup::Fresh(found),
            Freshness::Stale => Lookup::Stale(found),
            Freshness::Over(reason) => Lookup::Miss(reason),
        }
    }

    /// Stores a credential; over `renewed` alone where that is given. Its fingerprint, or `None`
    /// where meanwhile the cache was cleared, the entry replaced, or another identity chosen.
    pub fn insert(
        &self,
        source: &KeyInputs<'_>,
        credential: &[u8],
        expires_unix_s: u64,
        generation: u64,
        renewed: Option<&Found>,
        now: Duration,
    ) -> Result<Option<u64>> {
        if CacheKey::new(source)?.parts() != self.key.parts() {
            return Ok(None);
        }
        let entry = Entry::new(&self.key, credential, now.as_secs(), expires_unix_s);
        let object = self.vault.encode(&self.name, &entry)?;
        let line = NewLine { name: self.name, object: &object, expires_unix_s };
        let expected = Condition { generation, replaces: renewed.map(|found| found.object.as_slice()) };
        let stored = self.store.insert(&line, &expected, now)?;
        Ok((stored == Stored::Done).then(|| fingerprint(object.as_bytes())))
    }
}

pub fn open_store(config: &Config) -> Result<Store> {
    match &config.cache_file {
        Some(path) => Store::at(path),
        None => Err(Error::new(Kind::Cache, "cannot tell where the cache file goes: HOME is not set")),
    }
}

/// The vault that there is; `None` where its key has not been made yet. Makes nothing.
pub fn existing_vault(config: &Config) -> Result<Option<Vault>> {
    match &config.encryption {
        Encryption::Stored(mode) => {
            let found = keystore::find(*mode, config.state_directory.as_deref())?;
            Ok(found.map(|(key, source)| Vault::Sealed(Sealer::new(key, source))))
        }
        Encryption::Given(key) => {
            Ok(Some(Vault::Sealed(Sealer::new(key.clone(), keystore::KeyOrigin::Environment))))
        }
        Encryption::Off => Ok(Some(Vault::Plain)),
    }
}

/// The vault to store in, whose key is made if there is none.
fn storing_vault(config: &Config) -> Result<Vault> {
    if let Encryption::Stored(mode) = config.encryption {
        let (key, source) = keystore::find_or_create(mode, config.state_directory.as_deref())?;
        return Ok(Vault::Sealed(Sealer::new(key, source)));
    }
    Ok(existing_vault(config)?.unwrap_or(Vault::Plain))
}

/// Whether an entry may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Fresh,
    Stale,
    Over(Reason),
}

/// The life that `entry` has left at least when it is served. A life shorter than twice the margin
/// would hardly ever be served, so half of it is the margin.
pub fn margin(entry: &Entry, refresh_margin: Duration) -> Duration {
    refresh_margin.min(entry.life() / 2)
}

pub fn state(entry: &Entry, refresh_margin: Duration, now: Duration) -> Freshness {
    let left = entry.time_left(now);
    let margin = margin(entry, refresh_margin);
    match entry.age(now) {
        None => Freshness::Over(Reason::FromTheFuture),
        Some(_) if left.is_zero() => Freshness::Over(Reason::Expired),
        Some(_) if left < margin => Freshness::Stale,
        Some(_) => Freshness::Fresh,
    }
}

/// The stamps stand at the beginning of an object, and its tag at the end.
fn fingerprint(object: &[u8]) -> u64 {
    const ENDS: usize = 64;
    let head = &object[..object.len().min(ENDS)];
    let tail = &object[object.len().saturating_sub(ENDS)..];
    fnv1a_64(head) ^ fnv1a_64(tail).rotate_left(1)
}

#[cfg(test)]
mod tests;
