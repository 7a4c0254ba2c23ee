//! An entry: a credential, the parts of its cache key, when it was created and when it expires.
//!
//! How an entry becomes a line of the cache file is defined in [`super::vault`].

use std::time::Duration;

use crate::format::time;
use crate::key::{self, CacheKey};
use crate::secret::SecretBytes;

/// An entry that was created further in the future than this dates from before the clock went back.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

pub struct Entry {
    pub created_unix_s: u64,
    pub expires_unix_s: u64,
    plaintext: Plaintext,
    /// How many bytes of what is stored are the parts of the cache key.
    parts_length: usize,
}

/// Makes an entry from plaintext that was read from the file.
pub(super) fn from_plaintext(plaintext: Plaintext, created_unix_s: u64, expires_unix_s: u64) -> Entry {
    let parts_length = key::split_record(plaintext.split().0).0.len();
    Entry { created_unix_s, expires_unix_s, plaintext, parts_length }
}

impl Entry {
    /// Looks up the programs of `key`, which the entry records.
    pub fn new(key: &CacheKey, credential: &[u8], created_unix_s: u64, expires_unix_s: u64) -> Entry {
        let plaintext = Plaintext::join(&[key.parts(), &key.program_record()], credential);
        from_plaintext(plaintext, created_unix_s, expires_unix_s)
    }

    /// The plugin's bytes, unchanged.
    pub fn credential(&self) -> &[u8] {
        self.plaintext.split().1
    }

    /// The parts of the cache key.
    pub fn parts(&self) -> &[u8] {
        &self.stored_parts()[..self.parts_length]
    }

    /// The record of the programs that PATH led to.
    pub fn program_record(&self) -> &[u8] {
        &self.stored_parts()[self.parts_length..]
    }

    /// The parts of the cache key, and the record.
    pub(super) fn stored_parts(&self) -> &[u8] {
        self.plaintext.split().0
    }

    pub fn is_for(&self, key: &CacheKey) -> bool {
        self.parts() == key.parts()
    }

    /// The remaining life; zero once it has expired.
    pub fn time_left(&self, now: Duration) -> Duration {
        time::time_left(self.expires_unix_s, now)
    }

    /// How long ago the entry was created. `None` if that is in the future by more than
    /// [`CLOCK_TOLERANCE`].
    pub fn age(&self, now: Duration) -> Option<Duration> {
        let created = Duration::from_secs(self.created_unix_s);
        (created <= now + CLOCK_TOLERANCE).then(|| now.saturating_sub(created))
    }

    /// From creation to expiry.
    pub fn life(&self) -> Duration {
        Duration::from_secs(self.expires_unix_s.saturating_sub(self.created_unix_s))
    }

    pub(super) fn plaintext(&self) -> &[u8] {
        self.plaintext.0.expose()
    }
}

/// What is sealed: the length of the parts and the record (4 bytes, little-endian), both, the credential.
pub(super) struct Plaintext(SecretBytes);

impl Plaintext {
    pub fn join(parts: &[&[u8]], credential: &[u8]) -> Plaintext {
        let length: usize = parts.iter().map(|parts| parts.len()).sum();
        let mut plaintext = SecretBytes::with_capacity(4 + length + credential.len());
        let bytes = plaintext.expose_mut();
        bytes.extend_from_slice(&(length as u32).to_le_bytes());
        parts.iter().for_each(|parts| bytes.extend_from_slice(parts));
        bytes.extend_from_slice(credential);
        Plaintext(plaintext)
    }

    /// `None` if the bytes are shorter than the length of the parts says.
    pub fn parse(bytes: SecretBytes) -> Option<Plaintext> {
        let fits = split(bytes.expose()).is_some();
        fits.then_some(Plaintext(bytes))
    }

    pub fn into_bytes(self) -> SecretBytes {
        self.0
    }

    /// The parts and the credential.
    pub fn split(&self) -> (&[u8], &[u8]) {
        split(self.0.expose()).unwrap_or_default()
    }
}

/// The parts and the credential in a plaintext. `None` if it is shorter than the length of the parts says.
pub(super) fn split(plaintext: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = plaintext.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}
