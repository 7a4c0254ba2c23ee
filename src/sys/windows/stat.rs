//! What tells one state of a file from another, and what a rewritten file must keep: Windows.
//!
//! A file's number and its count of links cannot be had from stable std; size and times stand in
//! for the first, and a file with several links is replaced like any other.

use std::fs::{File, Metadata};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Changes whenever a file is replaced, or written by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    created: u64,
    modified: u64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Stamp {
            size: metadata.file_size(),
            created: metadata.creation_time(),
            modified: metadata.last_write_time(),
        }
    }
}

pub fn has_several_links(_: &Metadata) -> bool {
    false
}

/// Since the Unix epoch; none before it.
pub fn modified(metadata: &Metadata) -> Option<Duration> {
    metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()
}

/// A lock would forbid others to read the file: nothing is claimed, nothing taken for a dead one's.
pub fn claim(_: &File) -> bool {
    false
}

pub fn copy_owner_and_mode(_: &Metadata, _: &File) -> io::Result<()> {
    Ok(())
}

pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file()
}

pub fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
