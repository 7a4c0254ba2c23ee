//! Files that nobody but their owner can read or place, by owner and mode (Linux, macOS).
//!
//! Checks are made on the open file, never on its path. A directory is created 0700; one that is
//! already there stays as it is. The key is protected by the file's mode alone.

#![allow(unsafe_code)]

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::file::refused;
use crate::error::{Error, Kind, Result};
use crate::secret::{Key, SecretBytes};

const ROOT: libc::uid_t = 0;
/// For a name under which anything may lie: a FIFO would wait for somebody at its other end.
const UNTRUSTED: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// `None` if there is no such file; an error if others could have read or placed it.
pub fn open_private(path: &Path) -> Result<Option<File>> {
    let file = match OpenOptions::new().read(true).custom_flags(UNTRUSTED).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(refused(path, "it is a symbolic link"));
        }
        Err(error) => return Err(Error::io(Kind::Cache, "read", path, &error)),
    };
    let metadata = file.metadata().map_err(|error| Error::io(Kind::Cache, "read", path, &error))?;
    match objection(&metadata) {
        None => Ok(Some(file)),
        Some(why) => Err(refused(path, why)),
    }
}

pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(UNTRUSTED).open(path)
}

/// Creates what is missing. Refuses a place that belongs to another user: root, with somebody
/// else's HOME, would leave files there that their owner cannot use.
pub fn make_dir(dir: &Path) -> Result<()> {
    if let Some(metadata) = dir.ancestors().find_map(|ancestor| fs::metadata(ancestor).ok())
        && ![effective_user(), ROOT].contains(&metadata.uid())
    {
        let text = format!("cannot use '{}': it belongs to another user", dir.display());
        return Err(Error::new(Kind::Cache, text));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::io(Kind::Cache, "create", dir, &error))
}

pub fn protect(key: &Key) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(key.expose().to_vec()))
}

pub fn unprotect(protected: &[u8]) -> io::Result<SecretBytes> {
    Ok(SecretBytes::from(protected.to_vec()))
}

fn objection(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        Some("it is not a regular file")
    } else if metadata.uid() != effective_user() {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o077 != 0 {
        Some("its mode lets other users in")
    } else {
        None
    }
}

fn effective_user() -> libc::uid_t {
    // SAFETY: takes nothing and cannot fail (https://man7.org/linux/man-pages/man2/geteuid.2.html).
    unsafe { libc::geteuid() }
}
