//! The protection of the key file, which is its mode (Linux, macOS).

use std::io;

use crate::secret::{SecretBytes, SecretKey};

/// Returns the plain bytes.
pub fn protect(key: &SecretKey) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(key.expose().to_vec()))
}

/// The inverse of [`protect`].
pub fn unprotect(protected: &[u8]) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(protected.to_vec()))
}
