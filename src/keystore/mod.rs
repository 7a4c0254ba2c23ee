//! Where the encryption key lives, how it is found, and how it is made once.
//!
//! [`find`] only looks: two system calls where the kernel's user keyring has the key, and nothing
//! is created or locked. [`find_or_create`] makes a missing key under a lock and hands out what it
//! reads back, so that two processes that come first agree on one key.
//!
//! With [`Mode::Auto`] the keyring comes first, the key file second, and plaintext never:
//! - `find` takes the keyring's key, else the file's.
//! - `find_or_create` prefers the keyring even where there is a key file, because the file is the
//!   weaker place, and may date from a container without keyring or from a day with a full quota.
//!   Only where the keyring refuses is the file read or made.
//!
//! So a caller opens entries with the key of `find` and seals them with that of `find_or_create`.
//! After a reboot, which empties the keyring, what the file's key sealed still opens; the first
//! store makes a new key in the keyring, and from then on every process finds that one.

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

pub use file::path as key_file;
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

/// Where a key came from. The numbers stand in envelopes: they never change.
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

    /// To be read after "the key is in".
    pub fn describe(self) -> &'static str {
        match self {
            KeyOrigin::Environment => ENCRYPTION_KEY_VARIABLE,
            KeyOrigin::Keyring => "the kernel's user keyring",
            KeyOrigin::File => "the key file",
        }
    }
}

/// The key that there is, if any. Makes nothing.
pub fn find(mode: Mode, state_dir: Option<&Path>) -> Result<Option<(SecretKey, KeyOrigin)>> {
    Places { keyring: Keyring::OURS, state_dir }.find(mode)
}

/// The key to seal with, made if there is none. Without a usable `state_dir` the keyring still
/// serves; only the lock is missing then, and of two first keys the later one stays.
pub fn find_or_create(mode: Mode, state_dir: Option<&Path>) -> Result<(SecretKey, KeyOrigin)> {
    Places { keyring: Keyring::OURS, state_dir }.find_or_create(mode)
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

/// The two places that a key can live in.
struct Places<'a> {
    keyring: Keyring,
    state_dir: Option<&'a Path>,
}

impl Places<'_> {
    fn find(&self, mode: Mode) -> Result<Option<(SecretKey, KeyOrigin)>> {
        match mode {
            Mode::Keyring => asked_by_name("keyring", self.keyring.read()).map(from(KeyOrigin::Keyring)),
            Mode::File => asked_by_name("file", self.read_file()).map(from(KeyOrigin::File)),
            Mode::Auto => match self.keyring.read() {
                Ok(Some(key)) => Ok(Some((key, KeyOrigin::Keyring))),
                // A bad key file is no obstacle here: the next store makes a key in the keyring.
                Ok(None) => Ok(self.read_file().unwrap_or(None).map(|key| (key, KeyOrigin::File))),
                Err(_) => self.read_file().map(from(KeyOrigin::File)),
            },
        }
    }

    fn find_or_create(&self, mode: Mode) -> Result<(SecretKey, KeyOrigin)> {
        match mode {
            Mode::Keyring => Ok((asked_by_name("keyring", self.keyring_key())?, KeyOrigin::Keyring)),
            Mode::File => Ok((asked_by_name("file", self.file_key())?, KeyOrigin::File)),
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
        // What this session could only search, it may be able to read from now on.
        self.keyring.link_to_session();
        self.make_once(&|| self.keyring.read(), &|key, _| self.keyring.put(key))
    }

    fn file_key(&self) -> Result<SecretKey> {
        let state_dir = self.state_dir.ok_or_else(|| {
            Error::new(Kind::Cache, "the directory for the key file is not known: no home directory is set")
        })?;
        if let Some(key) = file::read(state_dir)? {
            return Ok(key);
        }
        self.make_once(&|| file::read(state_dir), &|key, locked| file::write(state_dir, key, locked))
    }

    fn read_file(&self) -> Result<Option<SecretKey>> {
        self.state_dir.map_or(Ok(None), file::read)
    }

    /// Whoever comes second finds the first one's key after the lock. What counts is what `read`
    /// finds in the end: without a lock (see [`file::lock`]) somebody else's key may have won.
    fn make_once(
        &self,
        read: &dyn Fn() -> Result<Option<SecretKey>>,
        put: &dyn Fn(&SecretKey, bool) -> Result<()>,
    ) -> Result<SecretKey> {
        let lock = self.state_dir.and_then(file::lock);
        if let Some(key) = read()? {
            return Ok(key);
        }
        put(&random_key()?, lock.is_some())?;
        read()?.ok_or_else(|| Error::new(Kind::Cache, "the encryption key was gone as soon as it was made"))
    }
}

fn from(source: KeyOrigin) -> impl Fn(Option<SecretKey>) -> Option<(SecretKey, KeyOrigin)> {
    move |key| key.map(|key| (key, source))
}

fn random_key() -> Result<SecretKey> {
    let mut key = SecretKey::zeroed();
    fill_random(key.expose_mut()).map_err(|error| {
        Error::new(Kind::Cache, format!("cannot make an encryption key: {}", reason(&error)))
    })?;
    Ok(key)
}

/// A mode that was named is a setting, and one that cannot be had is an error; `auto` goes on without.
fn asked_by_name<T>(mode: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| error.of_setting("K8S_TOKEN_CACHE_ENCRYPTION", mode))
}
