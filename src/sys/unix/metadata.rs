//! What the system knows about a file beside its content: stamp, owner, mode, number of names.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use super::trust::effective_user;
use crate::sys::stamp::{FileKind, FileStamp};

/// The stamp of the file that `path` leads to. One system call.
pub fn file_stamp(path: &Path) -> io::Result<FileStamp> {
    path.metadata().map(|metadata| stamp(&metadata))
}

/// The stamp and the kind of the file that `path` leads to. One system call.
pub fn inspect(path: &Path) -> io::Result<(FileStamp, FileKind)> {
    let metadata = path.metadata()?;
    let kind = match metadata.is_file() {
        true if is_executable(&metadata) => FileKind::Program,
        true => FileKind::File,
        false => FileKind::Other,
    };
    Ok((stamp(&metadata), kind))
}

/// The stamp of an open file.
pub fn open_file_stamp(file: &File) -> io::Result<FileStamp> {
    file.metadata().map(|metadata| stamp(&metadata))
}

fn stamp(metadata: &Metadata) -> FileStamp {
    FileStamp {
        device: metadata.dev(),
        inode: u128::from(metadata.ino()),
        size: metadata.size(),
        modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

/// Whether the file has other names too (hard links).
pub fn has_several_links(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() > 1)
}

/// Locks the whole file until it is closed. Returns false if another process holds the lock, or if
/// the file system has no locks.
pub fn claim(file: &File) -> bool {
    file.try_lock().is_ok()
}

/// Gives `file` the owner, group and mode in `from`. The owner comes first, because a change of owner
/// clears bits of the mode (chown(2)).
pub fn copy_owner_and_mode(from: &Metadata, file: &File) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (from.uid(), from.gid()) {
        fchown(file, Some(from.uid()), Some(from.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(from.mode() & 0o7777))
}

/// Whether `path` exists and this user owns it. Does not follow a symbolic link.
pub fn belongs_to_user(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.uid() == effective_user())
}

/// Whether the file has an execute bit for any user.
pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o111 != 0
}

/// Whether both paths lead to one file. False if either leads nowhere.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
