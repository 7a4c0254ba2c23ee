//! What tells one state of a file from another, and what a rewritten file must keep: Unix.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::sys;

/// Changes whenever a file is replaced, or written by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        }
    }
}

pub fn has_several_links(metadata: &Metadata) -> bool {
    metadata.nlink() > 1
}

/// Since the Unix epoch; none before it.
pub fn modified(metadata: &Metadata) -> Option<Duration> {
    let seconds = u64::try_from(metadata.mtime()).ok()?;
    Some(Duration::new(seconds, metadata.mtime_nsec() as u32))
}

/// Whether nobody who is alive has claimed the file. The claim holds until the file is closed.
pub fn claim(file: &File) -> bool {
    file.try_lock().is_ok()
}

/// Owner first: a change of owner clears bits of the mode.
pub fn copy_owner_and_mode(from: &Metadata, file: &File) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (from.uid(), from.gid()) {
        sys::set_owner(file, from.uid(), from.gid())?;
    }
    sys::set_mode(file, from.mode() & 0o7777)
}

pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o111 != 0
}

pub fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}
