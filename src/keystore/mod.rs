//! The encryption key: where it is kept, how it is found, and how it is created once.
//!
//! [`find`] creates and locks nothing. It takes two system calls if the kernel's user keyring has the
//! key. [`find_or_create`] creates a missing key under a lock and returns what it reads back, so that
//! two processes that are first at the same time use one key.
//!
//! With [`Mode::Auto`] the keyring comes first and the key file second; plaintext is never used:
//! - `find` takes the keyring's key, else the file's.
//! - `find_or_create` prefers the keyring even if there is a key file. The file is less safe, and may have
//!   been created in a container without keyring, or while the quota was full. It is read or created only
//!   if the keyring fails.
//!
//! So entries are decrypted with the key of `find` and encrypted with that of `find_or_create`. After a
//! reboot, which empties the keyring, entries that the file's key encrypted can still be read. The next
//! store creates a new key in the keyring, and from then on every process uses that one.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(all(unix, not(target_os = "linux")))]
mod macos;
#[cfg(all(unix, not(target_os = "linux")))]
use macos as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as disk;
#[cfg(windows)]
use windows as disk;

#[cfg(not(target_os = "linux"))]
mod no_keyring;

mod file;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::Path;

use crate::error::{Error, Kind, Result, reason};
use crate::format::base64;
use crate::secret::{SecretBytes, SecretKey};

pub use file::{MOVE_AWAY, path as key_file};
use system::Keyring;
pub use system::fill_random;

/// The environment variable that holds the encryption key itself. Plugins do not inherit it.
pub const ENCRYPTION_KEY_VARIABLE: &str = "K8S_TOKEN_CACHE_ENCRYPTION_KEY";

/// What `K8S_TOKEN_CACHE_ENCRYPTION` asks for, `off` aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Auto,
    Keyring,
    File,
}

/// Where a key came from. Envelopes contain the numbers, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    Environment = 1,
    Keyring = 2,
    File = 3,
}

impl KeyOrigin {
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Completes "the key is in ...".
    pub fn describe(self) -> &'static str {
        match self {
            KeyOrigin::Environment => ENCRYPTION_KEY_VARIABLE,
            KeyOrigin::Keyring => "the kernel's user keyring",
            KeyOrigin::File => "the key file",
        }
    }
}

/// The existing key. `None` if there is none. Creates nothing.
pub fn find(mode: Mode, state_dir: Option<&Path>) -> Result<Option<(SecretKey, KeyOrigin)>> {
    Places { keyring: Keyring::OURS, state_dir }.find(mode)
}

/// The key to encrypt with, which is created if there is none. Without a usable `state_dir` the keyring
/// still works, but without the lock: of two keys that are created at the same time the later one stays.
pub fn find_or_create(mode: Mode, state_dir: Option<&Path>) -> Result<(SecretKey, KeyOrigin)> {
    Places { keyring: Keyring::OURS, state_dir }.find_or_create(mode)
}

/// Whether [`find_or_create`] returns the key that [`find`] found in `origin`, so that it need not be called.
pub fn is_preferred(mode: Mode, origin: KeyOrigin) -> bool {
    mode != Mode::Auto || origin != KeyOrigin::File
}

/// The key in `value`, which is that of `K8S_TOKEN_CACHE_ENCRYPTION_KEY`: 32 bytes in standard base64, with or
/// without padding. White space around it, as a shell or a CI system may leave there, is ignored.
/// The error never shows the value.
pub fn from_environment(value: &OsStr) -> Result<SecretKey> {
    key_from_base64(value.as_encoded_bytes().trim_ascii()).ok_or_else(|| {
        Error::usage([ENCRYPTION_KEY_VARIABLE, ": invalid value: expected 32 bytes in base64"].concat())
            .with_hint("'openssl rand -base64 32' makes a key")
    })
}

fn key_from_base64(text: &[u8]) -> Option<SecretKey> {
    const PADDED_CHARACTERS: usize = SecretKey::BYTES.div_ceil(3) * 4;
    if text.len() > PADDED_CHARACTERS {
        return None;
    }
    let mut padded = SecretBytes::with_capacity(PADDED_CHARACTERS);
    padded.expose_mut().extend_from_slice(text);
    if text.len() == PADDED_CHARACTERS - 1 {
        padded.expose_mut().push(b'=');
    }
    let bytes = SecretBytes::from(base64::decode(padded.expose())?);
    SecretKey::from_slice(bytes.expose())
}

/// The two places that may contain the key.
struct Places<'a> {
    keyring: Keyring,
    state_dir: Option<&'a Path>,
}

impl Places<'_> {
    fn find(&self, mode: Mode) -> Result<Option<(SecretKey, KeyOrigin)>> {
        match mode {
            Mode::Keyring => {
                error_of_setting("keyring", self.keyring.read()).map(with_origin(KeyOrigin::Keyring))
            }
            Mode::File => error_of_setting("file", self.read_file()).map(with_origin(KeyOrigin::File)),
            Mode::Auto => match self.keyring.read() {
                Ok(Some(key)) => Ok(Some((key, KeyOrigin::Keyring))),
                // An unusable key file is ignored here: the next store creates a key in the keyring.
                Ok(None) => Ok(self.read_file().unwrap_or(None).map(|key| (key, KeyOrigin::File))),
                Err(_) => self.read_file().map(with_origin(KeyOrigin::File)),
            },
        }
    }

    fn find_or_create(&self, mode: Mode) -> Result<(SecretKey, KeyOrigin)> {
        match mode {
            Mode::Keyring => Ok((error_of_setting("keyring", self.keyring_key())?, KeyOrigin::Keyring)),
            Mode::File => Ok((error_of_setting("file", self.file_key())?, KeyOrigin::File)),
            Mode::Auto => match self.keyring_key() {
                Ok(key) => Ok((key, KeyOrigin::Keyring)),
                Err(_) => Ok((self.file_key()?, KeyOrigin::File)),
            },
        }
    }

    fn keyring_key(&self) -> Result<SecretKey> {
        if let Some(key) = self.keyring.read()? {
            return Ok(key);
        }
        // A key that this session could only search may become readable.
        self.keyring.link_to_session();
        self.create_once(&|| self.keyring.read(), &|key, _| self.keyring.put(key))
    }

    fn file_key(&self) -> Result<SecretKey> {
        let state_dir = self.state_dir.ok_or_else(|| {
            Error::new(Kind::Cache, "the directory for the key file is not known: no home directory is set")
        })?;
        if let Some(key) = file::read(state_dir)? {
            return Ok(key);
        }
        self.create_once(&|| file::read(state_dir), &|key, locked| file::write(state_dir, key, locked))
    }

    fn read_file(&self) -> Result<Option<SecretKey>> {
        self.state_dir.map_or(Ok(None), file::read)
    }

    /// Creates the key under the lock, unless another process has done so. Returns what `read` finds in
    /// the end: without a lock (see [`file::lock`]) another process may have replaced the key.
    fn create_once(
        &self,
        read: &dyn Fn() -> Result<Option<SecretKey>>,
        put: &dyn Fn(&SecretKey, bool) -> Result<()>,
    ) -> Result<SecretKey> {
        let lock = self.state_dir.and_then(file::lock);
        if let Some(key) = read()? {
            return Ok(key);
        }
        put(&random_key()?, lock.is_some())?;
        read()?.ok_or_else(|| {
            Error::new(Kind::Cache, "the encryption key disappeared right after it was created")
        })
    }
}

/// Adds to a key where it came from.
fn with_origin(origin: KeyOrigin) -> impl Fn(Option<SecretKey>) -> Option<(SecretKey, KeyOrigin)> {
    move |key| key.map(|key| (key, origin))
}

fn random_key() -> Result<SecretKey> {
    let mut key = SecretKey::zeroed();
    fill_random(key.expose_mut()).map_err(|error| {
        Error::new(Kind::Cache, format!("cannot create an encryption key: {}", reason(&error)))
    })?;
    Ok(key)
}

/// Names the setting in the error of a mode that the user has chosen. `auto` has no such errors.
fn error_of_setting<T>(mode: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| error.of_setting("K8S_TOKEN_CACHE_ENCRYPTION", mode))
}
