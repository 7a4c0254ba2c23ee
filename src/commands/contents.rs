//! What the cache file holds, and where its encryption key is.

use std::path::Path;

use crate::cache;
use crate::cache::entry::Entry;
use crate::cache::store::Name;
use crate::cache::vault::{self, Vault};
use crate::config::{Config, Encryption};
use crate::error::{Result, shown};
use crate::key::CacheKey;
use crate::keystore::{self, KeyOrigin};
use crate::secret::SecretBytes;

/// The entries of the cache file that can be decrypted, without their credentials.
pub struct Contents {
    pub key: KeyLocation,
    pub entries: Vec<(Name, Entry)>,
    /// How many entries were encrypted with another key, or are damaged.
    pub unreadable: usize,
    /// Whether a newer version of this program wrote the file.
    pub is_newer: bool,
    /// `None` if there is no encryption key yet.
    vault: Option<Vault>,
}

impl Contents {
    pub fn read(config: &Config) -> Result<Contents> {
        let store = cache::open_store(config)?;
        let stored = store.contents()?;
        let key = KeyLocation::find(config)?;
        let vault = vault::existing(config)?;
        let (mut entries, mut unreadable) = (Vec::new(), 0);
        let mut buffer = SecretBytes::default();
        store.visit(&stored, &mut |name, object| {
            let vault = vault.as_ref();
            match vault.and_then(|vault| vault.decode_without_credential(name, object, &mut buffer)) {
                Some(entry) => entries.push((*name, entry)),
                None => unreadable += 1,
            }
        })?;
        Ok(Contents { key, entries, unreadable, is_newer: stored.is_newer(), vault })
    }

    /// Returns the name that the entry of `key` has, or would have.
    pub fn name_of(&self, key: &CacheKey) -> Option<Name> {
        self.vault.as_ref().map(|vault| vault.name(key))
    }
}

/// Returns the path of the cache file as it may be shown.
pub fn file_name(config: &Config) -> String {
    shown(config.cache_file.as_deref().unwrap_or(Path::new(""))).to_string()
}

/// Where the encryption key is.
pub enum KeyLocation {
    /// Nothing is encrypted.
    Off,
    /// No key has been created yet.
    Nowhere,
    In(KeyOrigin),
}

impl KeyLocation {
    pub fn find(config: &Config) -> Result<KeyLocation> {
        let Encryption::Stored(mode) = &config.encryption else {
            let is_off = matches!(config.encryption, Encryption::Off);
            return Ok(if is_off { KeyLocation::Off } else { KeyLocation::In(KeyOrigin::Environment) });
        };
        let found = keystore::find(*mode, config.state_directory.as_deref())?;
        Ok(found.map_or(KeyLocation::Nowhere, |(_, origin)| KeyLocation::In(origin)))
    }

    /// Returns one word for programs. The words never change.
    pub fn word(&self) -> &'static str {
        match self {
            KeyLocation::Off => "off",
            KeyLocation::Nowhere => "none",
            KeyLocation::In(KeyOrigin::Environment) => "environment",
            KeyLocation::In(KeyOrigin::Keyring) => "keyring",
            KeyLocation::In(KeyOrigin::File) => "file",
        }
    }

    pub fn describe(&self, config: &Config) -> String {
        match (self, &config.state_directory) {
            (KeyLocation::Off, _) => "not encrypted".to_owned(),
            (KeyLocation::Nowhere, _) => "no encryption key has been created yet".to_owned(),
            (KeyLocation::In(KeyOrigin::File), Some(directory)) => {
                format!("encrypted; the key is in '{}'", shown(&keystore::key_file(directory)))
            }
            (KeyLocation::In(origin), _) => format!("encrypted; the key is in {}", origin.describe()),
        }
    }
}
