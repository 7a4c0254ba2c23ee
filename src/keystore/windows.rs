//! Windows: the key file protected by DPAPI, which binds it to the user's logon, and the system's random
//! bytes.
//!
//! Access control lists are left alone: the state directory is in the user's profile, and a key file
//! that another user put there, or copied away, cannot be decrypted. DPAPI must never show a dialog
//! (`CRYPTPROTECT_UI_FORBIDDEN`): kubectl may run without a desktop.

#![allow(unsafe_code)]

use std::io::{self, ErrorKind};
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Cryptography::{
    BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom, CRYPT_INTEGER_BLOB, CRYPTPROTECT_UI_FORBIDDEN,
    CryptProtectData, CryptUnprotectData,
};
use zeroize::Zeroize;

pub use super::no_keyring::Keyring;
use crate::secret::{SecretBytes, SecretKey};

/// Encrypts the key for this user.
pub fn protect(key: &SecretKey) -> io::Result<SecretBytes> {
    let input = borrowed(key.expose())?;
    let mut output = CRYPT_INTEGER_BLOB::default();
    // SAFETY: `input` can be read for its length (DPAPI does not write to it), `output` is writable, and
    // every other pointer may be null.
    let done = unsafe {
        CryptProtectData(
            &input,
            ptr::null(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &mut output,
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(take(output)) }
}

/// The inverse of [`protect`]. Fails if another user protected the bytes, or if they were changed.
pub fn unprotect(protected: &[u8]) -> io::Result<SecretBytes> {
    let input = borrowed(protected)?;
    let mut output = CRYPT_INTEGER_BLOB::default();
    // SAFETY: as in `protect`.
    let done = unsafe {
        CryptUnprotectData(
            &input,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &mut output,
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(take(output)) }
}

/// Points to `bytes`, for reading only, and only as long as `bytes` live.
fn borrowed(bytes: &[u8]) -> io::Result<CRYPT_INTEGER_BLOB> {
    let length = u32::try_from(bytes.len()).map_err(|_| ErrorKind::InvalidInput)?;
    Ok(CRYPT_INTEGER_BLOB { cbData: length, pbData: bytes.as_ptr().cast_mut() })
}

/// Moves the bytes out of what DPAPI allocated, which is wiped and freed.
fn take(output: CRYPT_INTEGER_BLOB) -> SecretBytes {
    // SAFETY: DPAPI succeeded, so `pbData` is its allocation of `cbData` bytes, and only we have it.
    let allocated = unsafe { std::slice::from_raw_parts_mut(output.pbData, output.cbData as usize) };
    let secret = SecretBytes::from(allocated.to_vec());
    allocated.zeroize();
    // SAFETY: both functions document that LocalFree frees the output. It is not used any more.
    unsafe { LocalFree(output.pbData.cast()) };
    secret
}

/// Fills `bytes` from the system's generator.
pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| ErrorKind::InvalidInput)?;
    // SAFETY: the buffer is writable for the given length; the flag allows a null algorithm.
    let status = unsafe {
        BCryptGenRandom(ptr::null_mut(), bytes.as_mut_ptr(), length, BCRYPT_USE_SYSTEM_PREFERRED_RNG)
    };
    if status < 0 { Err(io::Error::other("the system has no random bytes")) } else { Ok(()) }
}
