//! The keyring of systems whose kernel has none: every function fails, so that `auto` uses the key file,
//! and `keyring` is an error.

use crate::error::{Error, Kind, Result};
use crate::secret::SecretKey;

#[derive(Clone, Copy)]
pub struct Keyring;

impl Keyring {
    pub const OURS: Keyring = Keyring;

    pub fn read(&self) -> Result<Option<SecretKey>> {
        Err(refused())
    }

    pub fn put(&self, _key: &SecretKey) -> Result<()> {
        Err(refused())
    }

    pub fn link_to_session(&self) {}
}

fn refused() -> Error {
    Error::new(Kind::Cache, "only Linux has the kernel's user keyring")
}
