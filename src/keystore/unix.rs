//! The directory of the key file, and the file's protection, which is its mode (Linux, macOS).
//!
//! A directory is created with mode 0700. An existing one is not changed.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Kind, Result, shown};
use crate::secret::{SecretBytes, SecretKey};
use crate::sys;

/// Creates `dir` and its missing parents. Fails if the first existing one belongs to another user: root
/// with another user's HOME would leave files there that the user cannot use.
pub fn make_dir(dir: &Path) -> Result<()> {
    if let Some(metadata) = dir.ancestors().find_map(|ancestor| fs::metadata(ancestor).ok())
        && !sys::is_trusted_owner(&metadata)
    {
        let text = format!("cannot use '{}': it belongs to another user", shown(dir));
        return Err(Error::new(Kind::Cache, text));
    }
    sys::make_directories(dir).map_err(|error| Error::io(Kind::Cache, "create", dir, &error))
}

/// Returns the plain bytes.
pub fn protect(key: &SecretKey) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(key.expose().to_vec()))
}

/// The inverse of [`protect`].
pub fn unprotect(protected: &[u8]) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(protected.to_vec()))
}
