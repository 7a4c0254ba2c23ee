//! Directories that contain private files, and the way to them.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
#[cfg(target_os = "linux")]
use std::os::fd::FromRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::errno::check;
use super::files::{NEW, UNTRUSTED, c_string, open_at, require_own, require_private};
use super::trust::{is_trusted_owner, refused, require_trusted_links, require_trusted_place};

const OWNER_ONLY: u32 = 0o700;
const OTHERS_MAY_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// A directory in which no other user can replace our files. Everything goes through its descriptor, so
/// that the directory that was checked is the one that is used.
pub struct Directory(File);

impl Directory {
    /// Opens `path`. A missing directory is created first, with its parents, for this user alone. Fails
    /// with `PermissionDenied` if another user chose or can change what `path` leads to.
    pub fn make(path: &Path) -> io::Result<Directory> {
        let path = or_here(path);
        if let Some(directory) = open_without_links(path) {
            return Directory::trusted(directory);
        }
        require_trusted_links(path)?;
        match Directory::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directories(path)?;
                Directory::open(path)
            }
            opened => opened,
        }
    }

    /// Opens `path`. Fails with `PermissionDenied` if another user owns it or can write to it.
    pub fn open(path: &Path) -> io::Result<Directory> {
        Directory::trusted(open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY | libc::O_DIRECTORY)?)
    }

    fn trusted(directory: File) -> io::Result<Directory> {
        require_trusted(&directory.metadata()?)?;
        Ok(Directory(directory))
    }

    /// Whether `path` leads to this directory, and [`Directory::open`] would still open it.
    pub fn is_at(&self, path: &Path) -> bool {
        let (Ok(there), Ok(own)) = (or_here(path).metadata(), self.0.metadata()) else { return false };
        (there.dev(), there.ino()) == (own.dev(), own.ino()) && require_trusted(&own).is_ok()
    }

    /// Opens this user's regular file `name` for reading and writing. Creates a missing file for this user
    /// alone, and changes nothing on an existing one. Fails with `InvalidData` if the file has several names.
    pub fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        require_own(open_at(self.0.as_raw_fd(), name, libc::O_RDWR | libc::O_CREAT | UNTRUSTED)?)
    }

    /// Opens this user's regular file `name` for reading, without regard to its mode. Fails with
    /// `InvalidData` if the file has several names.
    pub fn open_own(&self, name: &OsStr) -> io::Result<File> {
        require_own(open_at(self.0.as_raw_fd(), name, libc::O_RDONLY | UNTRUSTED)?)
    }

    /// Opens the private file `name` for reading.
    pub fn open_private(&self, name: &OsStr) -> io::Result<File> {
        require_private(open_at(self.0.as_raw_fd(), name, libc::O_RDONLY | UNTRUSTED)?)
    }

    /// Creates the private file `name`. Fails if it exists.
    pub fn create_new(&self, name: &OsStr) -> io::Result<File> {
        open_at(self.0.as_raw_fd(), name, NEW)
    }

    /// Renames the file `from` to `to`, which it replaces.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (from, to) = (c_string(from)?, c_string(to)?);
        let directory = self.0.as_raw_fd();
        // SAFETY: both names are C strings (renameat(2)).
        check(unsafe { libc::renameat(directory, from.as_ptr(), directory, to.as_ptr()) }).map(drop)
    }

    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        let name = c_string(name)?;
        // SAFETY: `name` is a C string (unlinkat(2)).
        check(unsafe { libc::unlinkat(self.0.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
    }

    /// Whether `name` still is the name of `file`.
    pub fn still_names(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let (name, opened) = (c_string(name)?, file.metadata()?);
        // SAFETY: `libc::stat` is plain data, for which zero is valid.
        let mut current: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: `name` is a C string, and both outlive the call (fstatat(2)).
        let found = check(unsafe {
            libc::fstatat(self.0.as_raw_fd(), name.as_ptr(), &mut current, libc::AT_SYMLINK_NOFOLLOW)
        });
        match found {
            // The types differ between systems.
            Ok(_) => Ok((current.st_dev as u64, current.st_ino as u64) == (opened.dev(), opened.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Opens the directory `path` if no symbolic link is on the way to it, which one system call tells (openat2(2),
/// Linux 5.6 and later). `None` if there may be one.
#[cfg(target_os = "linux")]
fn open_without_links(path: &Path) -> Option<File> {
    let path = c_string(path.as_os_str()).ok()?;
    // SAFETY: `open_how` is plain data, for which zero is valid.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_NO_SYMLINKS;
    // SAFETY: a C string, and a structure of the size that is passed; both outlive the call.
    let opened = check(unsafe {
        libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, path.as_ptr(), &how, size_of_val(&how)) as i32
    });
    // SAFETY: openat2(2) has just returned this descriptor, and nothing else owns it.
    opened.ok().map(|descriptor| unsafe { File::from_raw_fd(descriptor) })
}

/// Always `None`.
#[cfg(not(target_os = "linux"))]
fn open_without_links(_path: &Path) -> Option<File> {
    None
}

/// The working directory for the empty path.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Fails with `PermissionDenied` if another user owns the directory or can write to it.
fn require_trusted(directory: &Metadata) -> io::Result<()> {
    if !is_trusted_owner(directory) {
        return refused("its directory belongs to another user");
    }
    if directory.mode() & OTHERS_MAY_WRITE != 0 && directory.mode() & STICKY == 0 {
        return refused("other users can write to its directory");
    }
    Ok(())
}

/// Creates `path` and its missing parents, for this user alone. Succeeds if it exists.
fn make_directories(path: &Path) -> io::Result<()> {
    require_trusted_place(path)?;
    DirBuilder::new().recursive(true).mode(OWNER_ONLY).create(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_directory_behind_a_link_is_opened_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(real.join("a/b")).unwrap();
        symlink("a", real.join("link")).unwrap();
        symlink("b", real.join("a/end")).unwrap();
        for (path, opens) in
            [("a/b", true), ("a/../a", true), ("link/b", false), ("a/end", false), ("c", false)]
        {
            assert_eq!(open_without_links(&real.join(path)).is_some(), opens, "{path}");
        }
    }
}
