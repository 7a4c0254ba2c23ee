//! A kubeconfig as it was when it was read.

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::encoding::{self, TextEncoding};
use super::outcome::{EditError, OnBusy};
use crate::error::{Error, Kind, shown};
use crate::kubeconfig::yaml::Refusal;
use crate::sys::{self, FileStamp};

/// A kubeconfig of 10,000 users with the CAs of their clusters has 40 MB.
pub const MAX_BYTES: u64 = 64 << 20;
/// A file that has not changed for so long is complete: the AWS CLI writes in pieces, some
/// milliseconds apart.
const SETTLED: Duration = Duration::from_millis(300);
/// The same time if the caller gives up ([`OnBusy::GiveUp`]); the next prompt tries again.
const SETTLED_QUIET: Duration = Duration::from_secs(2);

/// The text of a file, which stays open.
pub struct KubeconfigFile {
    pub text: String,
    pub encoding: TextEncoding,
    pub file: File,
    /// Of the open file when it was read.
    pub metadata: Metadata,
    /// Of the open file when it was read.
    pub read: FileStamp,
    /// Of the file at the path, as long as the text is the newest.
    pub stamp: FileStamp,
}

impl KubeconfigFile {
    pub fn read(path: &Path) -> Result<Self, EditError> {
        let failed = |error| Error::io(Kind::Failure, "read", path, &error);
        // Opening a FIFO would wait for a writer.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            let text = format!("cannot read '{}': not a regular file", shown(path));
            return Err(Error::failure(text).into());
        }
        let file = sys::open(path).map_err(failed)?;
        KubeconfigFile::of(file, path)
    }

    /// The whole of an open file.
    pub fn of(mut file: File, path: &Path) -> Result<Self, EditError> {
        let failed = |error| Error::io(Kind::Failure, "read", path, &error);
        let metadata = file.metadata().map_err(failed)?;
        let read = sys::open_file_stamp(&file).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut bytes = Vec::with_capacity(metadata.len().min(MAX_BYTES) as usize + 1);
        sys::read_to_end(&file, MAX_BYTES as usize + 1, &mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Refusal::new(1, "the file has more than 64 MiB").into());
        }
        let (text, encoding) = encoding::decode(bytes)?;
        Ok(KubeconfigFile { text, encoding, file, metadata, read, stamp: read })
    }

    pub fn is_current(&self, path: &Path) -> bool {
        has_content(path, self.stamp)
    }

    /// Whether another program wrote to this file since it was read, even if it was replaced.
    pub fn was_written(&self) -> bool {
        sys::open_file_stamp(&self.file).map_or(true, |now| !now.has_same_content(&self.read))
    }
}

/// The content of a file that a kubeconfig or the environment names, up to the size limit; empty if it
/// is not a regular file.
pub fn read_named(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if fs::metadata(path)?.is_file() {
        sys::read_to_end(&sys::open(path)?, MAX_BYTES as usize, &mut bytes)?;
    }
    Ok(bytes)
}

/// The file once it has not changed for a while, or at `deadline`. `None` if it changed a moment ago and
/// is not to be waited for.
pub fn read_settled(
    path: &Path,
    on_busy: OnBusy,
    deadline: Duration,
) -> Result<Option<KubeconfigFile>, EditError> {
    let settled = match on_busy {
        OnBusy::Wait => SETTLED,
        OnBusy::GiveUp => SETTLED_QUIET,
    };
    loop {
        let before = stamp(path);
        let snapshot = KubeconfigFile::read(path);
        let Some(after) = stamp(path) else {
            return snapshot.map(Some);
        };
        let age = age(&after);
        let is_complete = age >= settled && before == Some(after);
        match on_busy {
            _ if is_complete => return snapshot.map(Some),
            OnBusy::GiveUp => return Ok(None),
            OnBusy::Wait if sys::steady_clock() > deadline => return snapshot.map(Some),
            OnBusy::Wait => sleep(settled.saturating_sub(age)),
        }
    }
}

/// Whether a file has not changed for a while.
pub fn is_settled(stamp: &FileStamp) -> bool {
    age(stamp) >= SETTLED
}

/// How long ago a file was written. A time in the future counts as long ago, since clocks differ.
fn age(stamp: &FileStamp) -> Duration {
    stamp.modified().and_then(|modified| sys::now().checked_sub(modified)).unwrap_or(Duration::MAX)
}

/// Whether the file at `path` still has the content of which `stamp` was taken. The change time does not
/// count: removing the lock, which may be a second name of the new file, changes it.
pub fn has_content(path: &Path, stamp: FileStamp) -> bool {
    sys::file_stamp(path).is_ok_and(|now| now.has_same_content(&stamp))
}

pub fn stamp(path: &Path) -> Option<FileStamp> {
    sys::file_stamp(path).ok()
}
