//! The folder of a cache file, as a writer has it open: checked, with the lock file.
//!
//! A call that misses opens it once. All its locks are on this one open file, so it must not be used by two that
//! are to exclude each other.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::rc::Rc;

use super::lock_file;
use crate::sys::Directory;

pub struct Folder {
    pub(super) directory: Directory,
    lock_name: OsString,
    lock_file: Rc<File>,
}

impl Folder {
    /// Opens the lock file `lock_name`, and creates it if it is missing. Fails with `InvalidData` if it is another
    /// program's file.
    pub(super) fn open(directory: Directory, lock_name: OsString) -> io::Result<Folder> {
        let lock_file = Rc::new(lock_file::open(&directory, &lock_name)?);
        Ok(Folder { directory, lock_name, lock_file })
    }

    /// Whether `path` still leads to this directory, and no other user can change its files.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.directory.is_at(path)
    }

    pub(super) fn lock_file(&self) -> Rc<File> {
        Rc::clone(&self.lock_file)
    }

    /// Opens the lock file that is there now.
    pub(super) fn reopen_lock_file(&self) -> io::Result<Rc<File>> {
        lock_file::open(&self.directory, &self.lock_name).map(Rc::new)
    }

    /// Whether the lock file is still the one that is open as `file`.
    pub(super) fn has_lock_file(&self, file: &File) -> io::Result<bool> {
        self.directory.still_names(&self.lock_name, file)
    }
}
