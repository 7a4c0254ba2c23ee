//! The cache of one call: its cache key, its vault and its file, and what a look-up means.
//!
//! This module alone decides whether an entry may be served, from its time stamps and the refresh
//! margin. [`crate::proxy`] decides what follows: run the plugin, or refresh in the background.

pub mod entry;
pub mod folder;
pub mod lock;
pub mod lock_file;
pub mod seal;
pub mod store;
pub mod vault;

use std::time::Duration;

use crate::cache::entry::Entry;
use crate::cache::folder::Folder;
use crate::cache::store::{Condition, LineSnapshot, Name, NewLine, Store, Stored};
use crate::cache::vault::Vault;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::format::fnv::fnv1a_64;
use crate::key::{self, CacheKey, KeyInputs, RecordedPrograms};
use crate::secret::SecretBytes;

/// Why there is nothing to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NotCached,
    /// Sealed with another encryption key, damaged, or of another cache key with the same hash.
    Unreadable,
    Expired,
    /// Created before the clock went back.
    FromTheFuture,
    /// Less life left than the client needs: the refresh margin, or the client's own minimum.
    InsideMargin,
    /// The program was replaced or edited since the entry was stored.
    ProgramChanged,
    /// PATH leads to another program than the one whose credential it is.
    AnotherProgram,
    /// The caller asked again for the credential that it has, so the server presumably rejected it.
    Rejected,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Reason::NotCached => "not cached",
            Reason::Unreadable => "the entry cannot be opened",
            Reason::Expired => "expired",
            Reason::FromTheFuture => "created in the future",
            Reason::InsideMargin => "inside the refresh margin",
            Reason::ProgramChanged => "its program has changed",
            Reason::AnotherProgram => "PATH leads to another program",
            Reason::Rejected => "the client asked again for the same credential",
        }
    }
}

/// What the cache holds for a cache key.
pub enum Lookup {
    /// May be served.
    Fresh(Found),
    /// Not expired, but inside the refresh margin.
    Stale(Found),
    Miss(Reason),
}

/// An entry, and a number that identifies it.
pub struct Found {
    pub entry: Entry,
    pub fingerprint: u64,
}

/// A look-up's result, and the permission to store that follows from it.
pub struct LookedUp {
    pub lookup: Lookup,
    pub ticket: Ticket,
}

/// The state of the cache when a call began. Storing consumes it, and fails if the entry was removed
/// since then.
pub struct Ticket {
    snapshot: LineSnapshot,
    taken: Duration,
    renews: bool,
    /// The programs before the plugin ran, as an entry records them. `None` if they were not looked up.
    programs: Option<Vec<u8>>,
}

impl Ticket {
    /// A ticket of a cache that could not be read; storing with it succeeds only in an empty cache.
    pub fn blank(now: Duration) -> Ticket {
        Ticket { snapshot: LineSnapshot::default(), taken: now, renews: false, programs: None }
    }

    /// Notes the programs that would run now, for a call that has waited.
    pub fn note_programs(&mut self, key: &CacheKey) {
        self.programs = Some(key.program_record());
    }

    /// Restricts the store to replacing the very entry that was found.
    pub fn renewing(self) -> Ticket {
        Ticket { renews: true, ..self }
    }
}

/// The cache of one cache key.
pub struct Cache {
    pub key: CacheKey,
    pub name: Name,
    pub store: Store,
    vault: Vault,
    refresh_margin: Duration,
}

impl Cache {
    /// Opens the cache for `key`. On an error, the call goes on without the cache.
    pub fn open(config: &Config, key: CacheKey) -> Result<Cache> {
        let vault = match vault::existing(config)? {
            Some(vault) => vault,
            None => vault::for_storing(config)?,
        };
        Cache::with(config, key, vault)
    }

    /// Opens the cache for a report, which creates nothing. Fails if there is no encryption key yet.
    pub fn open_existing(config: &Config, key: CacheKey) -> Result<Cache> {
        let missing = || Error::new(Kind::Cache, "no encryption key has been created yet");
        Cache::existing(config, key)?.ok_or_else(missing)
    }

    /// Opens the cache for a report, which creates nothing. `None` if there is no encryption key yet.
    pub fn existing(config: &Config, key: CacheKey) -> Result<Option<Cache>> {
        vault::existing(config)?.map(|vault| Cache::with(config, key, vault)).transpose()
    }

    /// Switches to the vault that new entries are stored in. With `auto` that may be another vault than
    /// the one to look in, and the entry then has another name.
    pub fn for_storing(self, config: &Config) -> Result<Cache> {
        match self.vault.is_for_storing(config) {
            true => Ok(self),
            false => Cache::with(config, self.key, vault::for_storing(config)?),
        }
    }

    fn with(config: &Config, key: CacheKey, vault: Vault) -> Result<Cache> {
        let secrets = vault.obstacles(&key);
        if !secrets.is_empty() {
            let names = secrets.join(", ");
            let text = format!(
                "a secret tells this credential from others, so caching it needs encryption: {names}"
            );
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

    /// Looks the cache key up in the file. Fails if the file must not be used.
    pub fn look_up(&self, now: Duration) -> Result<LookedUp> {
        let mut ticket = Ticket::blank(now);
        let lookup = self.look_up_again(&mut ticket, now)?;
        Ok(LookedUp { lookup, ticket })
    }

    /// Looks the cache key up for a call that has done so before, and updates its ticket. The programs are not
    /// looked up again.
    pub fn look_up_again(&self, ticket: &mut Ticket, now: Duration) -> Result<Lookup> {
        ticket.snapshot = self.store.lookup(&self.name)?;
        ticket.taken = now;
        let lookup = match &ticket.snapshot.object {
            Some(object) => self.judge(object, now),
            None => Lookup::Miss(Reason::NotCached),
        };
        if !matches!(lookup, Lookup::Fresh(_)) {
            ticket.programs.get_or_insert_with(|| self.key.program_record());
        }
        Ok(lookup)
    }

    fn judge(&self, object: &[u8], now: Duration) -> Lookup {
        let entry = self.vault.decode(&self.name, object);
        let Some(entry) = entry.filter(|entry| entry.is_for(&self.key)) else {
            return Lookup::Miss(Reason::Unreadable);
        };
        match self.key.compare_programs(entry.program_record()) {
            RecordedPrograms::Same => {}
            RecordedPrograms::Changed => return Lookup::Miss(Reason::ProgramChanged),
            RecordedPrograms::Another => return Lookup::Miss(Reason::AnotherProgram),
        }
        let state = freshness(&entry, self.refresh_margin, now);
        let found = Found { entry, fingerprint: fingerprint(object) };
        match state {
            Freshness::Fresh => Lookup::Fresh(found),
            Freshness::Stale => Lookup::Stale(found),
            Freshness::Over(reason) => Lookup::Miss(reason),
        }
    }

    /// Stores a credential and returns its fingerprint. `None` if the ticket does not allow it, or if
    /// the inputs of the cache key or its program changed while the plugin ran.
    pub fn insert(
        &self,
        folder: &Folder,
        inputs: &KeyInputs<'_>,
        credential: &[u8],
        expires_unix_s: u64,
        ticket: Ticket,
        now: Duration,
    ) -> Result<Option<u64>> {
        if CacheKey::new(inputs)?.parts() != self.key.parts() {
            return Ok(None);
        }
        let entry = Entry::new(&self.key, credential, now.as_secs(), expires_unix_s);
        if ticket.programs.is_some_and(|before| before != entry.program_record()) {
            return Ok(None);
        }
        let object = self.vault.encode(&self.name, &entry)?;
        let fingerprint = fingerprint(object.as_bytes());
        let line = NewLine { name: self.name, object, expires_unix_s };
        let condition = Condition { snapshot: &ticket.snapshot, taken: ticket.taken, renews: ticket.renews };
        let stored = self.store.insert(folder, line, &condition, now)?;
        Ok((stored == Stored::Done).then_some(fingerprint))
    }

    /// Removes every entry of this command and identity, whichever client it was fetched for. Stores of these
    /// entries that are under way are refused.
    pub fn forget_command(&self, now: Duration) -> Result<Removed> {
        self.remove(now, &mut |parts| key::is_same_identity(parts, self.key.parts()))
    }

    /// Removes this entry, and those of whose key parts `is_wanted` returns true. Stores of these entries that are
    /// under way are refused.
    pub fn remove(&self, now: Duration, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> Result<Removed> {
        let mut buffer = SecretBytes::default();
        let mut names = vec![self.name];
        let count = self.store.remove(now, &mut names, &mut |name, object| {
            self.vault.parts(name, object, &mut buffer).is_some_and(&mut *is_wanted)
        })?;
        Ok(Removed { names, count })
    }
}

/// What a removal has removed.
#[derive(Default)]
pub struct Removed {
    /// Also of entries that were not there: a store that is under way is refused.
    pub names: Vec<Name>,
    /// How many entries there were.
    pub count: usize,
}

/// The cache file that `config` names. Touches nothing.
pub fn open_store(config: &Config) -> Result<Store> {
    match &config.cache_file {
        Some(path) => Store::at(path),
        None => Err(Error::new(Kind::Cache, "the cache file has no place: HOME is not set")),
    }
}

/// Whether an entry may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Fresh,
    Stale,
    Over(Reason),
}

/// The minimum remaining life of `entry` when it is served. An entry whose whole life is shorter than
/// twice `minimum` could hardly ever be served, so half of its life is used instead.
pub fn margin(entry: &Entry, minimum: Duration) -> Duration {
    minimum.min(entry.life() / 2)
}

pub fn freshness(entry: &Entry, refresh_margin: Duration, now: Duration) -> Freshness {
    let left = entry.time_left(now);
    match entry.age(now) {
        None => Freshness::Over(Reason::FromTheFuture),
        Some(_) if left.is_zero() => Freshness::Over(Reason::Expired),
        Some(_) if left < margin(entry, refresh_margin) => Freshness::Stale,
        Some(_) => Freshness::Fresh,
    }
}

/// Hashes both ends of an object: the time stamps are at its beginning, the tag at its end.
fn fingerprint(object: &[u8]) -> u64 {
    const END_BYTES: usize = 64;
    let head = &object[..object.len().min(END_BYTES)];
    let tail = &object[object.len().saturating_sub(END_BYTES)..];
    fnv1a_64(head) ^ fnv1a_64(tail).rotate_left(1)
}

#[cfg(test)]
mod tests;
