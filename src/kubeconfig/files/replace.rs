//! Gives a kubeconfig a new content, if it is still the one that was read.
//!
//! The new file is written beside the old one and renamed over it, so that a crash leaves one of the
//! two. It is written in place if the old one has several hard links, if nothing can be created beside
//! it, or if its owner or extended attributes cannot be copied.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::encoding;
use super::lock::{self, Locking, is_read_only};
use super::outcome::{EditError, OnBusy};
use super::snapshot::{self, KubeconfigFile, MAX_BYTES};
use super::temporary::Temporary;
use super::writable::check_writable;
use crate::error::{Error, Kind};
use crate::sys::{self, FileStamp};

pub enum Replacement {
    /// The stamp of the path after it, and whether it is the same file as before.
    Done { ours: FileStamp, in_place: bool },
    /// The file is no longer the one that was read.
    Changed,
    /// Another program holds the lock; see [`OnBusy::GiveUp`].
    Locked,
}

pub fn replace(
    path: &Path,
    snapshot: &KubeconfigFile,
    text: &str,
    on_busy: OnBusy,
) -> Result<Replacement, EditError> {
    let failed = |error| Error::io(Kind::Failure, "write", path, &error);
    check_writable(path)?;
    let target = sys::follow_links(path).map_err(failed)?;
    let bytes = encoding::encode(text, snapshot.encoding);
    // The lock of a killed run is recognized by its temporary file, so remove the lock first.
    lock::remove_dead_lock(path);
    let mut prepared = match sys::has_several_links(&snapshot.file).map_err(failed)? {
        true => None,
        false => prepare(&target, snapshot, &bytes).map_err(failed)?,
    };
    let lock = match lock::lock(path, prepared.as_ref(), on_busy)? {
        Locking::Held(lock) => Some(lock),
        Locking::Impossible => None,
        Locking::Busy => return Ok(Replacement::Locked),
    };
    if !snapshot.is_current(path) {
        return Ok(Replacement::Changed);
    }
    let renamed = prepared.as_mut().map(|temporary| temporary.rename_to(&target));
    let in_place = match renamed {
        Some(Ok(())) => false,
        Some(Err(error)) if !is_read_only(&error) => return Err(failed(error).into()),
        _ => true,
    };
    if in_place {
        write_in_place(&target, &bytes).map_err(failed)?;
    }
    let ours = snapshot::stamp(path);
    // `prepared` keeps its claim for longer than the lock exists.
    lock.map_or(Ok(()), |lock| lock.release())?;
    Ok(ours.map_or(Replacement::Changed, |ours| Replacement::Done { ours, in_place }))
}

/// A file beside the target that is complete except for its name; `None` if that is not possible.
fn prepare(target: &Path, like: &KubeconfigFile, bytes: &[u8]) -> io::Result<Option<Temporary>> {
    let mut temporary = match Temporary::beside(target) {
        Err(error) if is_read_only(&error) => return Ok(None),
        created => created?,
    };
    if !copy_access(like, &temporary)? {
        return Ok(None);
    }
    temporary.file.write_all(bytes)?;
    temporary.file.sync_all()?;
    Ok(Some(temporary))
}

/// Gives the temporary file the extended attributes, owner and mode of the old file. Returns false if that is
/// not possible. The attributes come first: with the mode, an access control list that the file inherited
/// from its directory would become effective.
fn copy_access(like: &KubeconfigFile, temporary: &Temporary) -> io::Result<bool> {
    if sys::copy_attributes(&like.file, &temporary.file).is_err() {
        return Ok(false);
    }
    match sys::copy_owner_and_mode(&like.metadata, &temporary.file) {
        Err(error) if is_read_only(&error) => Ok(false),
        copied => copied.map(|()| true),
    }
}

/// The bytes that both contents begin with are not written again, so that a crash can spoil only the
/// rest.
fn write_in_place(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = sys::open_for_update(target)?;
    let mut old = Vec::new();
    sys::read_to_end(&file, MAX_BYTES as usize, &mut old)?;
    let same = old.iter().zip(bytes).take_while(|(old, new)| old == new).count();
    file.seek(SeekFrom::Start(same as u64))?;
    file.write_all(&bytes[same..])?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}
