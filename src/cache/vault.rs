//! How entries are kept in the cache file: sealed, or in plain text if encryption is off.
//!
//! A [`Vault`] makes the names of entries and converts an [`Entry`] to the JSON object of its line and
//! back. An object of the other kind, or one that does not open, is not an entry. Without encryption, a
//! cache key that contains a secret must not be stored, not even as a hash.

use super::entry::{self, Entry, Plaintext};
use super::seal::{SealContext, Sealer};
use super::store::{Name, number_after};
use crate::config::{Config, Encryption};
use crate::error::Result;
use crate::format::base64;
use crate::format::json::{self, Value};
use crate::key::{self, CacheKey};
use crate::keystore::{self, KeyOrigin};
use crate::secret::SecretBytes;

pub enum Vault {
    Sealed(Sealer),
    Plain,
}

/// The vault to look in. `None` if its encryption key does not exist yet. Creates nothing.
pub fn existing(config: &Config) -> Result<Option<Vault>> {
    match &config.encryption {
        Encryption::Stored(mode) => {
            let found = keystore::find(*mode, config.state_directory.as_deref())?;
            Ok(found.map(|(key, origin)| Vault::Sealed(Sealer::new(key, origin))))
        }
        Encryption::Given(key) => Ok(Some(given(key))),
        Encryption::Off => Ok(Some(Vault::Plain)),
    }
}

/// The vault to store in. Creates its encryption key if there is none.
pub fn for_storing(config: &Config) -> Result<Vault> {
    match &config.encryption {
        Encryption::Stored(mode) => {
            let (key, origin) = keystore::find_or_create(*mode, config.state_directory.as_deref())?;
            Ok(Vault::Sealed(Sealer::new(key, origin)))
        }
        Encryption::Given(key) => Ok(given(key)),
        Encryption::Off => Ok(Vault::Plain),
    }
}

fn given(key: &crate::secret::SecretKey) -> Vault {
    Vault::Sealed(Sealer::new(key.clone(), KeyOrigin::Environment))
}

impl Vault {
    /// Whether [`for_storing`] returns this vault, which [`existing`] returned.
    pub fn is_for_storing(&self, config: &Config) -> bool {
        match (self, &config.encryption) {
            (Vault::Sealed(sealer), Encryption::Stored(mode)) => {
                keystore::is_preferred(*mode, sealer.origin())
            }
            _ => true,
        }
    }

    /// The name of the entry of `key`.
    pub fn name(&self, key: &CacheKey) -> Name {
        match self {
            Vault::Sealed(sealer) => sealer.entry_name(key.hash()),
            Vault::Plain => key.hash().to_be_bytes(),
        }
    }

    /// What keeps the credential of `key` out of this vault: names of secrets.
    pub fn obstacles(&self, key: &CacheKey) -> Vec<String> {
        match self {
            Vault::Sealed(_) => Vec::new(),
            Vault::Plain => key.secrets(),
        }
    }

    /// Writes the object of `entry`: `{"created":1,"expires":2,"sealed":"<base64>"}`, or with
    /// `"parts":"<base64>","credential":"<text>"` instead of `sealed`. Fails if the system has no
    /// random bytes.
    pub fn encode(&self, name: &Name, entry: &Entry) -> Result<String> {
        let mut object =
            format!("{{\"created\":{},\"expires\":{},", entry.created_unix_s, entry.expires_unix_s);
        match self {
            Vault::Sealed(sealer) => {
                let envelope = sealer.seal(&context(name, entry), entry.plaintext())?;
                push_base64(&mut object, "\"sealed\":\"", &envelope);
            }
            Vault::Plain => {
                push_base64(&mut object, "\"parts\":\"", entry.stored_parts());
                object.push_str(",\"credential\":");
                json::push_string(&mut object, &String::from_utf8_lossy(entry.credential()));
            }
        }
        object.push('}');
        Ok(object)
    }

    /// Reads the entry in `object`. `None` if it does not open under `name`.
    pub fn decode(&self, name: &Name, object: &[u8]) -> Option<Entry> {
        let object = Object::parse(object)?;
        let plaintext = match self {
            Vault::Sealed(sealer) => {
                let mut plaintext = SecretBytes::default();
                object.open(sealer, name, &mut plaintext)?;
                plaintext
            }
            Vault::Plain => object.plaintext()?,
        };
        Some(entry::from_plaintext(
            Plaintext::parse(plaintext)?,
            object.created_unix_s,
            object.expires_unix_s,
        ))
    }

    /// Reads the entry in `object` without its credential, for a report on all entries. `None` and `buffer` as in
    /// [`Vault::parts`].
    pub fn decode_without_credential(
        &self,
        name: &Name,
        object: &[u8],
        buffer: &mut SecretBytes,
    ) -> Option<Entry> {
        let Object { created_unix_s, expires_unix_s, .. } = Object::parse(object)?;
        let parts = self.parts(name, object, buffer)?;
        Some(entry::from_plaintext(Plaintext::join(&[parts], b""), created_unix_s, expires_unix_s))
    }

    /// Reads the parts of the cache key of the entry in `object` into `buffer`, and returns them. `None` if the
    /// entry does not open under `name`. A search through all entries uses one buffer, because memory is never
    /// given back.
    pub fn parts<'b>(&self, name: &Name, object: &[u8], buffer: &'b mut SecretBytes) -> Option<&'b [u8]> {
        let object = Object::parse(object)?;
        match self {
            Vault::Sealed(sealer) => {
                object.open(sealer, name, buffer)?;
                entry::split(buffer.expose()).map(|(parts, _)| key::split_record(parts).0)
            }
            Vault::Plain => {
                base64::decode_into(object.plain()?.0, buffer.expose_mut())?;
                Some(key::split_record(buffer.expose()).0)
            }
        }
    }
}

fn context(name: &Name, entry: &Entry) -> SealContext {
    SealContext { name: *name, created_unix_s: entry.created_unix_s, expires_unix_s: entry.expires_unix_s }
}

/// The object of a line, as far as both kinds share its form.
struct Object<'a> {
    created_unix_s: u64,
    expires_unix_s: u64,
    /// What follows the stamps.
    rest: &'a [u8],
}

impl<'a> Object<'a> {
    fn parse(object: &'a [u8]) -> Option<Object<'a>> {
        let mut rest = object;
        let created_unix_s = number_after(&mut rest, b"{\"created\":")?;
        let expires_unix_s = number_after(&mut rest, b",\"expires\":")?;
        Some(Object { created_unix_s, expires_unix_s, rest })
    }

    /// Reads `,"sealed":"<base64>"}`, and decrypts it into `plaintext`.
    fn open(&self, sealer: &Sealer, name: &Name, plaintext: &mut SecretBytes) -> Option<()> {
        let text = self.rest.strip_prefix(b",\"sealed\":\"")?.strip_suffix(b"\"}")?;
        let (created_unix_s, expires_unix_s) = (self.created_unix_s, self.expires_unix_s);
        let needed = base64::decoded_capacity(text);
        if plaintext.expose_mut().capacity() < needed {
            *plaintext = SecretBytes::from(vec![0; needed]);
        }
        base64::decode_into(text, plaintext.expose_mut())?;
        sealer.open(&SealContext { name: *name, created_unix_s, expires_unix_s }, plaintext)
    }

    /// Reads `,"parts":"<base64>","credential":"<text>"}`, and returns both values as they are there.
    fn plain(&self) -> Option<(&'a [u8], Value<'a>)> {
        let rest = self.rest.strip_prefix(b",\"parts\":\"")?;
        let parts_end = rest.iter().position(|byte| *byte == b'"')?;
        let credential = rest[parts_end..].strip_prefix(b"\",\"credential\":")?.strip_suffix(b"}")?;
        Some((&rest[..parts_end], json::parse(credential).ok()?))
    }

    fn plaintext(&self) -> Option<SecretBytes> {
        let (parts, credential) = self.plain()?;
        let parts = base64::decode(parts)?;
        Some(Plaintext::join(&[&parts], credential.as_str()?.as_bytes()).into_bytes())
    }
}

fn push_base64(object: &mut String, label: &str, bytes: &[u8]) {
    object.push_str(label);
    object.push_str(std::str::from_utf8(&base64::encode(bytes)).unwrap_or_default());
    object.push('"');
}

#[cfg(test)]
pub mod tests;
