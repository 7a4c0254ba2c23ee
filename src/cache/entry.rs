//! An entry of the cache: a credential, the parts of its key, when it was made and when it ends;
//! and the object that stands for it in the cache file.
//!
//! A [`Vault`] decides how an object shows its content: sealed, or plain where encryption is off.
//! An object of the other kind, or one that does not open or fit, is no entry.

use std::time::Duration;

use crate::cache::seal::{SealContext, Sealer};
use crate::cache::store::{Name, number_after};
use crate::error::Result;
use crate::format::base64;
use crate::format::json::{self, Value};
use crate::format::time;
use crate::key::CacheKey;
use crate::secret::SecretBytes;

/// An entry from further in the future than this was made before the clock went back.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// How the content of entries is kept, and their names made.
pub enum Vault {
    Sealed(Sealer),
    Plain,
}

pub struct Entry {
    pub created_unix_s: u64,
    pub expires_unix_s: u64,
    content: Plaintext,
}

/// The length of the parts (4 bytes, little-endian), the parts, the credential.
struct Plaintext(SecretBytes);

impl Vault {
    /// The name of the entry of `key`.
    pub fn name(&self, key: &CacheKey) -> Name {
        match self {
            Vault::Sealed(sealer) => sealer.entry_name(key.hash()),
            Vault::Plain => key.hash().to_be_bytes(),
        }
    }

    /// Without encryption a secret must not enter the file, not even as a part of a hash.
    pub fn may_hold(&self, key: &CacheKey) -> bool {
        matches!(self, Vault::Sealed(_)) || !key.has_secret()
    }

    /// The object for `entry` under `name`: `{"created":1,"expires":2,"sealed":"<base64>"}`, or
    /// with `"parts":"<base64>","credential":"<text>"` in the place of `sealed`.
    pub fn encode(&self, name: &Name, entry: &Entry) -> Result<String> {
        let mut object =
            format!("{{\"created\":{},\"expires\":{},", entry.created_unix_s, entry.expires_unix_s);
        match self {
            Vault::Sealed(sealer) => {
                let envelope = sealer.seal(&entry.context(name), entry.content.0.expose())?;
                push_base64(&mut object, "\"sealed\":\"", &envelope);
            }
            Vault::Plain => {
                push_base64(&mut object, "\"parts\":\"", entry.parts());
                object.push_str(",\"credential\":");
                json::push_string(&mut object, &String::from_utf8_lossy(entry.credential()));
            }
        }
        object.push('}');
        Ok(object)
    }

    /// The entry that `object` stands for under `name`.
    pub fn decode(&self, name: &Name, object: &[u8]) -> Option<Entry> {
        let mut rest = object;
        let created_unix_s = number_after(&mut rest, b"{\"created\":")?;
        let expires_unix_s = number_after(&mut rest, b",\"expires\":")?;
        let context = SealContext { name: *name, created_unix_s, expires_unix_s };
        let content = match self {
            Vault::Sealed(sealer) => {
                let text = rest.strip_prefix(b",\"sealed\":\"")?.strip_suffix(b"\"}")?;
                sealer.open(&context, &base64::decode(text)?)?
            }
            Vault::Plain => plain_content(rest)?,
        };
        Plaintext::checked(content).map(|content| Entry { created_unix_s, expires_unix_s, content })
    }
}

/// Reads `,"parts":"<base64>","credential":"<text>"}`.
fn plain_content(rest: &[u8]) -> Option<SecretBytes> {
    let rest = rest.strip_prefix(b",\"parts\":\"")?;
    let parts_end = rest.iter().position(|byte| *byte == b'"')?;
    let parts = base64::decode(&rest[..parts_end])?;
    let credential = rest[parts_end..].strip_prefix(b"\",\"credential\":")?.strip_suffix(b"}")?;
    let credential = json::parse(credential).ok().and_then(Value::as_str)?;
    Some(Plaintext::join(&parts, credential.as_bytes()).0)
}

fn push_base64(object: &mut String, label: &str, bytes: &[u8]) {
    object.push_str(label);
    let mut text = Vec::new();
    base64::encode(bytes, &mut text);
    object.push_str(&String::from_utf8_lossy(&text));
    object.push('"');
}

impl Entry {
    pub fn new(key: &CacheKey, credential: &[u8], created_unix_s: u64, expires_unix_s: u64) -> Entry {
        Entry { created_unix_s, expires_unix_s, content: Plaintext::join(key.parts(), credential) }
    }

    /// The plugin's bytes, unchanged.
    pub fn credential(&self) -> &[u8] {
        self.content.split().1
    }

    pub fn parts(&self) -> &[u8] {
        self.content.split().0
    }

    pub fn is_for(&self, key: &CacheKey) -> bool {
        self.parts() == key.parts()
    }

    /// Zero once it has expired.
    pub fn time_left(&self, now: Duration) -> Duration {
        time::time_left(self.expires_unix_s, now)
    }

    /// How long ago it was made. An entry from the future is `None`.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        let created = Duration::from_secs(self.created_unix_s);
        (created <= now + CLOCK_TOLERANCE).then(|| now.saturating_sub(created))
    }

    /// From when it was made until it expires.
    pub fn life(&self) -> Duration {
        Duration::from_secs(self.expires_unix_s.saturating_sub(self.created_unix_s))
    }

    fn context(&self, name: &Name) -> SealContext {
        SealContext { name: *name, created_unix_s: self.created_unix_s, expires_unix_s: self.expires_unix_s }
    }
}

impl Plaintext {
    fn join(parts: &[u8], credential: &[u8]) -> Plaintext {
        let mut content = SecretBytes::with_capacity(4 + parts.len() + credential.len());
        let bytes = content.expose_mut();
        bytes.extend_from_slice(&(parts.len() as u32).to_le_bytes());
        bytes.extend_from_slice(parts);
        bytes.extend_from_slice(credential);
        Plaintext(content)
    }

    /// Only where the length of the parts fits.
    fn checked(bytes: SecretBytes) -> Option<Plaintext> {
        let (length, rest) = bytes.expose().split_first_chunk()?;
        let fits = rest.len() >= u32::from_le_bytes(*length) as usize;
        fits.then_some(Plaintext(bytes))
    }

    fn split(&self) -> (&[u8], &[u8]) {
        let Some((length, rest)) = self.0.expose().split_first_chunk() else { return (&[], &[]) };
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or((rest, &[]))
    }
}

#[cfg(test)]
pub mod tests;
