//! The key file's directory, and its protection, which is the file's mode alone (Linux, macOS).
//!
//! A directory is created 0700; one that is already there stays as it is.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Kind, Result, shown};
use crate::secret::{SecretBytes, SecretKey};
use crate::sys;

/// Creates what is missing. Refuses a place that belongs to another user: root, with somebody
/// else's HOME, would leave files there that their owner cannot use.
pub fn make_dir(dir: &Path) -> Result<()> {
    if let Some(metadata) = dir.ancestors().find_map(|ancestor| fs::metadata(ancestor).ok())
        && !sys::is_trusted_owner(&metadata)
    {
        let text = format!("cannot use '{}': it belongs to another user", shown(dir));
        return Err(Error::new(Kind::Cache, text));
    }
    sys::make_directories(dir).map_err(|error| Error::io(Kind::Cache, "create", dir, &error))
}

pub fn protect(key: &SecretKey) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(key.expose().to_vec()))
}

pub fn unprotect(protected: &[u8]) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(protected.to_vec()))
}
