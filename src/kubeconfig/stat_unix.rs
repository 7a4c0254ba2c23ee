//! What tells one state of a file from another, and what a rewritten file must keep: Unix.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

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

/// A file that did not exist before and that nobody else can read yet.
pub fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether nobody who is alive has claimed the file. The claim holds until the file is closed.
pub fn claim(file: &File) -> bool {
    file.try_lock().is_ok()
}

/// Owner first: a change of owner clears bits of the mode.
pub fn copy_owner_and_mode(from: &Metadata, file: &File) -> io::Result<()> {
    let own = file.metadata()?;
    let uid = (own.uid() != from.uid()).then_some(from.uid());
    let gid = (own.gid() != from.gid()).then_some(from.gid());
    if uid.is_some() || gid.is_some() {
        fchown(file, uid, gid)?;
    }
    file.set_permissions(from.permissions())
}

pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}

pub fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}
