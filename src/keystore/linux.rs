//! Linux: the kernel's user keyring `@u`, which is in memory, belongs to the user id and is emptied by a
//! reboot, and the kernel's random bytes.
//!
//! libc has no functions for add_key(2) and keyctl(2), so they are called by number. There are two kinds
//! of errors. If there is no key, or none that can be used (expired, revoked, not readable from this
//! session, of another length), `read` returns `None` and `put` replaces it. Every other error means that
//! this process has no keyring: forbidden by a container's seccomp filter (EPERM), not built into the
//! kernel (ENOSYS), full (EDQUOT).

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io::{self, ErrorKind};

use libc::c_long;

use crate::error::{Error, Kind, Result, reason};
use crate::secret::SecretKey;

// include/uapi/linux/keyctl.h
const THREAD_KEYRING: Serial = -1;
const SESSION_KEYRING: Serial = -3;
const USER_KEYRING: Serial = -4;
const KEYCTL_SEARCH: c_long = 10;
const KEYCTL_READ: c_long = 11;

/// The operations of `keyctl` that take two numbers and no address.
#[derive(Clone, Copy)]
enum Operation {
    SetPermissions = 5,
    Link = 8,
    Unlink = 9,
}

/// A process that possesses the key may do anything; another one of the same user may view, read and
/// search. Without the latter, a new anonymous session (`KeyringMode=private` of systemd, `pam_keyinit
/// force`) would find the key but get EACCES.
const PERMISSIONS: c_long = 0x3f0b_0000;

const KEY_TYPE: &CStr = c"user";

type Serial = c_long;

/// The key with this description in the user's keyring.
#[derive(Clone, Copy)]
pub struct Keyring {
    pub(super) description: &'static CStr,
}

impl Keyring {
    pub const OURS: Keyring = Keyring { description: c"k8s-token-cache" };

    /// Reads the key, in two system calls. `None` if there is no usable key. Fails if there is no usable
    /// keyring.
    pub fn read(&self) -> Result<Option<SecretKey>> {
        match self.search().and_then(payload) {
            Ok(key) => Ok(key),
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOKEY | libc::EKEYEXPIRED | libc::EKEYREVOKED | libc::EKEYREJECTED) => Ok(None),
                _ => Err(refused(&error)),
            },
        }
    }

    /// Stores the key. It replaces a key with the same description.
    ///
    /// The key is created in the thread's keyring, gets its permissions there and is then linked, so no
    /// process finds it without them. A link also replaces an old key. `add_key` into `@u` would update
    /// the old key, which only a process that possesses it may do.
    pub fn put(&self, key: &SecretKey) -> Result<()> {
        self.put_by_link(key).map_err(|error| refused(&error))
    }

    /// Makes this session possess all keys of its user, including those of other programs. Most sessions
    /// have this link from the start. In the others it helps but is not needed, so errors are ignored.
    pub fn link_to_session(&self) {
        let _ = keyctl(Operation::Link, USER_KEYRING, SESSION_KEYRING);
    }

    fn put_by_link(&self, key: &SecretKey) -> io::Result<()> {
        let serial = self.add_to_thread(key)?;
        let linked = keyctl(Operation::SetPermissions, serial, PERMISSIONS)
            .and_then(|()| keyctl(Operation::Link, serial, USER_KEYRING));
        let _ = keyctl(Operation::Unlink, serial, THREAD_KEYRING);
        linked
    }

    pub(super) fn search(&self) -> io::Result<Serial> {
        // SAFETY: both strings end in NUL and outlive the call, which only reads them; the last
        // argument asks for no link (https://man7.org/linux/man-pages/man2/keyctl.2.html).
        checked(unsafe {
            libc::syscall(
                libc::SYS_keyctl,
                KEYCTL_SEARCH,
                USER_KEYRING,
                KEY_TYPE.as_ptr(),
                self.description.as_ptr(),
                0 as Serial,
            )
        })
    }

    fn add_to_thread(&self, key: &SecretKey) -> io::Result<Serial> {
        let payload = key.expose();
        // SAFETY: both strings end in NUL; the payload is readable for the length that is given;
        // all outlive the call (https://man7.org/linux/man-pages/man2/add_key.2.html).
        checked(unsafe {
            libc::syscall(
                libc::SYS_add_key,
                KEY_TYPE.as_ptr(),
                self.description.as_ptr(),
                payload.as_ptr(),
                payload.len(),
                THREAD_KEYRING,
            )
        })
    }
}

/// The key's content. `None` if it may not be read from this session, or is not 32 bytes long.
fn payload(serial: Serial) -> io::Result<Option<SecretKey>> {
    let mut key = SecretKey::zeroed();
    let buffer = key.expose_mut();
    // SAFETY: the buffer is writable for the length that is given, and nothing else refers to it
    // (https://man7.org/linux/man-pages/man2/keyctl.2.html).
    let read = checked(unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_READ, serial, buffer.as_mut_ptr(), buffer.len())
    });
    match read {
        // The length of the whole payload, even if the buffer is too short for it.
        Ok(length) => Ok((length == SecretKey::BYTES as c_long).then_some(key)),
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(None),
        Err(error) => Err(error),
    }
}

fn keyctl(operation: Operation, first: c_long, second: c_long) -> io::Result<()> {
    // SAFETY: no argument is an address (https://man7.org/linux/man-pages/man2/keyctl.2.html).
    checked(unsafe { libc::syscall(libc::SYS_keyctl, operation as c_long, first, second) }).map(drop)
}

fn checked(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn refused(error: &io::Error) -> Error {
    let why = match error.raw_os_error() {
        // The system's message is about disks.
        Some(libc::EDQUOT) => "the user's quota of keys is full".to_owned(),
        _ => reason(error),
    };
    Error::new(Kind::Cache, format!("cannot use the kernel's user keyring: {why}"))
        .with_hint("'auto' keeps the key in a file if there is no keyring")
}

/// Fills `bytes` from the kernel's generator. Waits until it is seeded.
pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: the buffer is writable for the length that is given
        // (https://man7.org/linux/man-pages/man2/getrandom.2.html).
        let filled = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(filled) {
            Ok(filled) => rest = rest.get_mut(filled..).unwrap_or_default(),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
    Ok(())
}
