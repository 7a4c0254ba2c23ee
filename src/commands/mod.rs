//! What people and programs ask about the cache and what is around it: `--list`, `--explain`,
//! `--doctor`; and what they ask of it: `--clear`, `--warm`.
//!
//! Here stands what the reports share: where text goes, what is in the cache, where the key lives.
//! Nothing here prints a credential or a secret. Nothing here makes a key, a directory or a file,
//! but for `--clear`, and the plugins that `--warm` runs. All of it is reached by its own option
//! alone; a hit never comes here.

mod clear;
mod client;
mod doctor;
mod explain;
mod inject;
mod list;
mod page;
mod parts;
mod warm;

pub use clear::{clear, clear_all};
pub use doctor::doctor;
pub use explain::explain;
pub use inject::inject;
pub use list::list;
pub use warm::warm;

use std::ffi::OsString;

use crate::cache::entry::Entry;
use crate::cache::store::Name;
use crate::cache::{self, vault};
use crate::config::{Config, Encryption};
use crate::error::Result;
use crate::error::shown;
use crate::keystore::{self, KeyOrigin};
use crate::log;

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<u8> {
    log::write_stdout(text.as_bytes()).map(|()| 0)
}

/// All that the cache file holds, as far as it can be opened.
struct Contents {
    key: KeyPlace,
    entries: Vec<(Name, Entry)>,
    /// Entries that were sealed with another key, or are damaged.
    unreadable: usize,
}

impl Contents {
    fn read(config: &Config) -> Result<Contents> {
        let stored = cache::open_store(config)?.contents()?;
        let key = KeyPlace::find(config)?;
        let mut contents = Contents { key, entries: Vec::new(), unreadable: 0 };
        let vault = vault::existing(config)?;
        for (name, object) in stored.entries() {
            match vault.as_ref().and_then(|vault| vault.decode(&name, &object)) {
                Some(entry) => contents.entries.push((name, entry)),
                None => contents.unreadable += 1,
            }
        }
        Ok(contents)
    }
}

/// Where the encryption key lives.
enum KeyPlace {
    /// Nothing is encrypted.
    Off,
    NotMade,
    In(KeyOrigin),
}

impl KeyPlace {
    fn find(config: &Config) -> Result<KeyPlace> {
        let Encryption::Stored(mode) = &config.encryption else {
            let is_off = matches!(config.encryption, Encryption::Off);
            return Ok(if is_off { KeyPlace::Off } else { KeyPlace::In(KeyOrigin::Environment) });
        };
        let found = keystore::find(*mode, config.state_directory.as_deref())?;
        Ok(found.map_or(KeyPlace::NotMade, |(_, source)| KeyPlace::In(source)))
    }

    /// For programs: one word, which never changes.
    fn word(&self) -> &'static str {
        match self {
            KeyPlace::Off => "off",
            KeyPlace::NotMade => "none",
            KeyPlace::In(KeyOrigin::Environment) => "environment",
            KeyPlace::In(KeyOrigin::Keyring) => "keyring",
            KeyPlace::In(KeyOrigin::File) => "file",
        }
    }

    fn describe(&self, config: &Config) -> String {
        match (self, &config.state_directory) {
            (KeyPlace::Off, _) => "not encrypted".to_owned(),
            (KeyPlace::NotMade, _) => "no encryption key has been made yet".to_owned(),
            (KeyPlace::In(KeyOrigin::File), Some(directory)) => {
                format!("encrypted; the key is in '{}'", shown(&keystore::key_file(directory)))
            }
            (KeyPlace::In(source), _) => format!("encrypted; the key is in {}", source.describe()),
        }
    }
}

/// The command line as people may see it.
fn command_line(command: &[OsString]) -> String {
    crate::identity::mask_arguments(command).join(" ")
}

fn plural(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
