//! The key file, `key` in the state directory: a line that identifies the format, then the key as the
//! platform protects it (Unix: 32 plain bytes in a 0600 file; Windows: encrypted by DPAPI).
//!
//! A key file is written under another name, flushed, and renamed, so no process reads a part of it, and
//! none overwrites it. A file that other users could have read or written is rejected with the reason,
//! not repaired, because its key may be known. `key.lock` beside it is locked while the first key is
//! created, in the keyring too, and is never removed.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{disk, fill_random};
use crate::error::{Error, Kind, Result, reason, shown};
use crate::secret::{SecretBytes, SecretKey};
use crate::sys::{self, Directory};

/// The number is the version of the format.
const FIRST_LINE: &[u8] = b"k8s-token-cache key 1\n";

/// More than DPAPI makes of 32 bytes, which is about 200 bytes.
const LARGEST_FILE_BYTES: usize = 4096;

/// Another process holds the lock for a few system calls. If it was stopped, or the file system hangs,
/// we go on without the lock: the worst case is that two processes create different keys once.
const LOCK_ATTEMPTS: u32 = 400;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

const NAME: &str = "key";

/// The hint of every error of a key file that exists and is not used.
pub const MOVE_AWAY: &str = "move it away, and a new key is created";

pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// Reads the key. `None` if there is no key file. Fails if it must not or cannot be used.
pub fn read(state_dir: &Path) -> Result<Option<SecretKey>> {
    let path = path(state_dir);
    let Some(file) = open(&path)? else { return Ok(None) };

    let mut content = SecretBytes::from(vec![0; LARGEST_FILE_BYTES]);
    let length = sys::read_at(&file, content.expose_mut(), 0)
        .map_err(|error| Error::io(Kind::Cache, "read", &path, &error))?;
    content.expose_mut().truncate(length);
    let Some(protected) = content.expose().strip_prefix(FIRST_LINE) else {
        return Err(refused(&path, "it is not a key file that this version knows"));
    };
    let bytes = disk::unprotect(protected)
        .map_err(|error| refused(&path, &format!("it cannot be decrypted: {}", reason(&error))))?;
    match SecretKey::from_slice(bytes.expose()) {
        Some(key) => Ok(Some(key)),
        None => Err(refused(&path, "it has the wrong length")),
    }
}

/// `None` if there is no such file. Fails if other users could have read or written it.
fn open(path: &Path) -> Result<Option<File>> {
    match sys::open_private(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        // The system's errors have a number; those without are our own reasons.
        Err(error) if error.raw_os_error().is_none() => Err(refused(path, &reason(&error))),
        Err(error) => Err(Error::io(Kind::Cache, "read", path, &error)),
    }
}

/// Writes the key file, and creates the directory. `locked` says whether the caller holds the lock.
pub fn write(state_dir: &Path, key: &SecretKey, locked: bool) -> Result<()> {
    let path = path(state_dir);
    let cannot_write = |error: io::Error| Error::io(Kind::Cache, "write", &path, &error);

    let directory =
        Directory::make(state_dir).map_err(|error| Error::io(Kind::Cache, "use", state_dir, &error))?;
    let temporary = temporary_name(&directory, locked).map_err(cannot_write)?;
    let file = directory.create_new(&temporary).map_err(cannot_write)?;
    let renamed = fill(file, key).and_then(|()| directory.replace(&temporary, OsStr::new(NAME)));
    if renamed.is_err() {
        let _ = directory.remove(&temporary);
    }
    renamed.map_err(cannot_write)
}

/// Takes the lock, which is released when the file is dropped. `None` if that fails: no usable
/// directory, a file system without locks, or another process that keeps the lock.
pub fn lock(state_dir: &Path) -> Option<File> {
    let file = Directory::make(state_dir).ok()?.open_or_create(OsStr::new("key.lock")).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// The error of a key file that exists and is not used.
pub(super) fn refused(path: &Path, why: &str) -> Error {
    Error::new(Kind::Cache, format!("cannot use '{}': {why}", shown(path))).with_hint(MOVE_AWAY)
}

/// With the lock, removes what a killed process left, and uses its name again. Without the lock the name
/// is random. A process id is not enough, because two containers that share a home may both be process 1.
fn temporary_name(directory: &Directory, locked: bool) -> io::Result<OsString> {
    if locked {
        let name = OsString::from("key.new");
        match directory.open_own(&name) {
            Ok(file) if is_left_over(&file) => directory.remove(&name)?,
            // If the file exists and is not ours, creating it fails.
            _ => {}
        }
        return Ok(name);
    }
    let mut random = [0; 8];
    fill_random(&mut random)?;
    Ok(format!("key.{:016x}", u64::from_ne_bytes(random)).into())
}

/// Whether the file is a key file, or what a crash leaves of one.
fn is_left_over(file: &File) -> bool {
    let mut content = SecretBytes::from(vec![0; LARGEST_FILE_BYTES + 1]);
    let length = sys::read_at(file, content.expose_mut(), 0).unwrap_or(usize::MAX);
    let Some(content) = content.expose().get(..length) else { return false };
    let begins_as_ours = content.starts_with(FIRST_LINE) || FIRST_LINE.starts_with(content);
    length <= LARGEST_FILE_BYTES && (begins_as_ours || content.iter().all(|byte| *byte == 0))
}

/// Flushes the file, before it is renamed: after a power failure an empty key file would be rejected
/// for ever.
fn fill(mut file: File, key: &SecretKey) -> io::Result<()> {
    let protected = disk::protect(key)?;
    file.write_all(FIRST_LINE)?;
    file.write_all(protected.expose())?;
    file.sync_all()
}
