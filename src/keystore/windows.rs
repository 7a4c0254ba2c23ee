//! Windows: the key file wrapped by DPAPI, which binds it to the user's logon, and the system's
//! random bytes.
//!
//! Access control lists are left alone: the state directory lies in the user's profile, and a key
//! file that somebody else put there, or copied away, does not unwrap. DPAPI must never show a
//! dialogue (`UI_FORBIDDEN`): kubectl may run without a desktop.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::ptr;

pub use super::no_keyring::Keyring;
use crate::error::{Error, Kind, Result};
use crate::secret::{SecretBytes, SecretKey};
use crate::sys;

const CRYPTPROTECT_UI_FORBIDDEN: u32 = 1;
const BCRYPT_USE_SYSTEM_PREFERRED_RNG: u32 = 2;

/// `DATA_BLOB` of `dpapi.h`.
#[repr(C)]
struct Blob {
    length: u32,
    bytes: *mut u8,
}

#[link(name = "crypt32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/dpapi/nf-dpapi-cryptprotectdata>
    fn CryptProtectData(
        input: *const Blob,
        description: *const u16,
        entropy: *const Blob,
        reserved: *mut c_void,
        prompt: *const c_void,
        flags: u32,
        output: *mut Blob,
    ) -> i32;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/dpapi/nf-dpapi-cryptunprotectdata>
    fn CryptUnprotectData(
        input: *const Blob,
        description: *mut *mut u16,
        entropy: *const Blob,
        reserved: *mut c_void,
        prompt: *const c_void,
        flags: u32,
        output: *mut Blob,
    ) -> i32;
}

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-localfree>
    fn LocalFree(memory: *mut c_void) -> *mut c_void;
}

#[link(name = "bcrypt")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/bcrypt/nf-bcrypt-bcryptgenrandom>
    fn BCryptGenRandom(algorithm: *mut c_void, buffer: *mut u8, length: u32, flags: u32) -> i32;
}

pub fn make_dir(dir: &Path) -> Result<()> {
    sys::make_directories(dir).map_err(|error| Error::io(Kind::Cache, "create", dir, &error))
}

pub fn protect(key: &SecretKey) -> io::Result<SecretBytes> {
    let input = Blob::borrowing(key.expose())?;
    let mut output = Blob::empty();
    // SAFETY: `input` is readable for its length (DPAPI does not write to it), `output` is writable,
    // and every other pointer may be null.
    let done = unsafe {
        CryptProtectData(
            &input,
            ptr::null(),
            ptr::null(),
            ptr::null_mut(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &mut output,
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(output.into_secret()) }
}

pub fn unprotect(protected: &[u8]) -> io::Result<SecretBytes> {
    let input = Blob::borrowing(protected)?;
    let mut output = Blob::empty();
    // SAFETY: as in `protect`.
    let done = unsafe {
        CryptUnprotectData(
            &input,
            ptr::null_mut(),
            ptr::null(),
            ptr::null_mut(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &mut output,
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(output.into_secret()) }
}

impl Blob {
    fn empty() -> Blob {
        Blob { length: 0, bytes: ptr::null_mut() }
    }

    /// For reading only, as long as `bytes` live.
    fn borrowing(bytes: &[u8]) -> io::Result<Blob> {
        let length = u32::try_from(bytes.len()).map_err(|_| ErrorKind::InvalidInput)?;
        Ok(Blob { length, bytes: bytes.as_ptr().cast_mut() })
    }

    /// Takes over what DPAPI allocated and leaves nothing of it behind.
    fn into_secret(self) -> SecretBytes {
        let length = self.length as usize;
        // SAFETY: DPAPI succeeded, so `bytes` is its allocation of `length` bytes; nobody else has it.
        let allocated = unsafe { std::slice::from_raw_parts_mut(self.bytes, length) };
        let secret = SecretBytes::from(allocated.to_vec());
        zeroize::Zeroize::zeroize(allocated);
        // SAFETY: allocated by LocalAlloc, as both functions document, and not used any more.
        unsafe { LocalFree(self.bytes.cast()) };
        secret
    }
}

pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| ErrorKind::InvalidInput)?;
    // SAFETY: the buffer is writable for the length that is given; the flag allows a null algorithm.
    let status = unsafe {
        BCryptGenRandom(ptr::null_mut(), bytes.as_mut_ptr(), length, BCRYPT_USE_SYSTEM_PREFERRED_RNG)
    };
    if status < 0 { Err(io::Error::other("the system gives no random bytes")) } else { Ok(()) }
}
