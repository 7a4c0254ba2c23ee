//! macOS: the kernel's random bytes. The key lives in the key file: the Keychain would ask the user
//! again after every upgrade of a program without a Developer ID, and fails over SSH.

#![allow(unsafe_code)]

use std::io;

pub use super::no_keyring::Keyring;

/// The most that one call of `getentropy` returns.
const LARGEST_REQUEST_BYTES: usize = 256;

/// Fills `bytes` from the kernel's generator.
pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    for chunk in bytes.chunks_mut(LARGEST_REQUEST_BYTES) {
        // SAFETY: the buffer is writable for the length that is given
        // (https://keith.github.io/xcode-man-pages/getentropy.2.html).
        if unsafe { libc::getentropy(chunk.as_mut_ptr().cast(), chunk.len()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
