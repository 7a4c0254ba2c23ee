//! Private files, the directory that holds them, byte-range locks, standard output.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::ffi::OsString;
use std::ffi::{CString, OsStr};
use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::check;
use crate::sys::{FileStamp, refused};

const OWNER_ONLY: u32 = 0o600;
const OTHERS_MAY_WRITE: u32 = 0o022;
const OTHERS_MAY_ANYTHING: u32 = 0o077;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;
/// So many does Linux follow.
const MOST_LINKS: u32 = 40;

/// Opens `path` for reading if it is a regular file that belongs to this user alone. Follows no
/// symbolic link and waits for no FIFO.
pub fn open_private(path: &Path) -> io::Result<File> {
    let file = open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY | UNTRUSTED)?;
    require_private(&file)?;
    Ok(file)
}

/// Opens `path`, which has to exist and to be no symbolic link, for reading and writing.
pub fn open_for_update(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDWR | UNTRUSTED)
}

/// Opens `path` for appending, made for this user alone where it is missing; waits for no FIFO.
pub fn open_log(path: &Path) -> io::Result<File> {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_NONBLOCK;
    open_at(libc::AT_FDCWD, path.as_os_str(), flags)
}

/// Opens what the system itself keeps at `path` for reading.
#[cfg(target_os = "linux")]
pub fn open_system_file(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY)
}

/// For a name under which anything may lie.
const UNTRUSTED: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// Opens `name`, from `directory` on where it is relative; what is made is for this user alone.
fn open_at(directory: RawFd, name: &OsStr, flags: i32) -> io::Result<File> {
    let name = c_string(name)?;
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: `name` is a C string; the descriptor is checked before it is owned.
    let descriptor = check(unsafe { openat(directory, &name, flags) }).map_err(no_regular_file)?;
    // SAFETY: openat(2) has just returned this descriptor; nobody else owns it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// The system call itself: musl's function makes a second one, for kernels that do not know
/// `O_CLOEXEC`.
#[cfg(target_os = "linux")]
unsafe fn openat(directory: RawFd, name: &CString, flags: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { libc::syscall(libc::SYS_openat, directory, name.as_ptr(), flags, OWNER_ONLY) as i32 }
}

#[cfg(not(target_os = "linux"))]
unsafe fn openat(directory: RawFd, name: &CString, flags: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { libc::openat(directory, name.as_ptr(), flags, OWNER_ONLY) }
}

/// Another user's file must not be touched, which is `PermissionDenied`. One of this user's that is
/// not private, or no file at all, is to be replaced and not to be trusted: `InvalidData`. Every
/// other error leaves open what is there.
fn require_private(file: &File) -> io::Result<()> {
    let metadata = require_ours(file)?;
    if metadata.mode() & OTHERS_MAY_ANYTHING != 0 {
        return Err(refused(io::ErrorKind::InvalidData, "other users have access to it"));
    }
    Ok(())
}

/// open(2) for a symbolic link that is not followed, and for a socket.
fn no_regular_file(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP | libc::ENXIO) => io::ErrorKind::InvalidData.into(),
        _ => error,
    }
}

fn require_ours(file: &File) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    if metadata.uid() != effective_user() {
        return Err(refused(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if !metadata.is_file() {
        return Err(refused(io::ErrorKind::InvalidData, "it is not a regular file"));
    }
    Ok(metadata)
}

/// The kernel hands the number over when the program starts, which saves the system call.
#[cfg(target_os = "linux")]
fn effective_user() -> u32 {
    // SAFETY: getauxval(3) has no preconditions; every Linux kernel gives AT_EUID.
    unsafe { libc::getauxval(libc::AT_EUID) as u32 }
}

#[cfg(not(target_os = "linux"))]
fn effective_user() -> u32 {
    // SAFETY: geteuid(2) has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// A directory in which no other user can replace our files. Everything goes through its
/// descriptor, so that the directory that was checked is the one that is used.
pub struct Directory(File);

impl Directory {
    /// Opens `path`; makes it first, with its parents, for this user alone, where it is missing.
    pub fn make(path: &Path) -> io::Result<Directory> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let opened = Directory::open(path);
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                Directory::open(path)
            }
            other => other,
        }
    }

    pub fn open(path: &Path) -> io::Result<Directory> {
        let directory = open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY | libc::O_DIRECTORY)?;
        let metadata = directory.metadata()?;
        if ![effective_user(), ROOT].contains(&metadata.uid()) {
            return Err(refused(io::ErrorKind::PermissionDenied, "its directory belongs to another user"));
        }
        if metadata.mode() & OTHERS_MAY_WRITE != 0 && metadata.mode() & STICKY == 0 {
            return Err(refused(io::ErrorKind::PermissionDenied, "other users can write to its directory"));
        }
        Ok(Directory(directory))
    }

    /// Opens this user's file `name` for reading and writing; makes it where it is missing, and
    /// private where it is not.
    pub fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        let file = open_at(self.0.as_raw_fd(), name, libc::O_RDWR | libc::O_CREAT | UNTRUSTED)?;
        if require_ours(&file)?.mode() & OTHERS_MAY_ANYTHING != 0 {
            file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        }
        Ok(file)
    }

    /// Opens the private file `name` for reading.
    pub fn open_private(&self, name: &OsStr) -> io::Result<File> {
        let file = open_at(self.0.as_raw_fd(), name, libc::O_RDONLY | UNTRUSTED)?;
        require_private(&file)?;
        Ok(file)
    }

    /// Makes the private file `name`, which must not exist.
    pub fn create_new(&self, name: &OsStr) -> io::Result<File> {
        open_at(self.0.as_raw_fd(), name, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    /// Puts the file `from` in the place of `to`.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (from, to) = (c_string(from)?, c_string(to)?);
        let directory = self.0.as_raw_fd();
        // SAFETY: both names are C strings.
        check(unsafe { libc::renameat(directory, from.as_ptr(), directory, to.as_ptr()) }).map(drop)
    }

    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        let name = c_string(name)?;
        // SAFETY: `name` is a C string.
        check(unsafe { libc::unlinkat(self.0.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
    }

    /// Whether `name` is still the name of `file`.
    pub fn still_names(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let opened = file.metadata()?;
        match self.open_private(name).and_then(|current| current.metadata()) {
            Ok(current) => Ok((current.dev(), current.ino()) == (opened.dev(), opened.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn c_string(name: &OsStr) -> io::Result<CString> {
    Ok(CString::new(name.as_bytes())?)
}

/// Reads into `buffer` from `offset` on; how much was there. A regular file gives less than was
/// asked for only at its end.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// The stamp of the file that `path` leads to.
pub fn file_stamp(path: &Path) -> io::Result<FileStamp> {
    let metadata = path.metadata()?;
    Ok(FileStamp {
        inode: metadata.ino(),
        size: metadata.size(),
        modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
    })
}

// Classic POSIX locks vanish when any descriptor of the file is closed; these belong to the open
// file description (fcntl(2), "Open file description locks").
#[cfg(any(target_os = "linux", target_os = "macos"))]
const SET_LOCK: i32 = libc::F_OFD_SETLK;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const SET_LOCK: i32 = libc::F_SETLK;

// Integers of another width on Linux than on macOS.
#[allow(clippy::unnecessary_cast)]
const WRITE_LOCK: libc::c_short = libc::F_WRLCK as libc::c_short;
#[allow(clippy::unnecessary_cast)]
const UNLOCK: libc::c_short = libc::F_UNLCK as libc::c_short;

/// Locks one byte of `file` against every other open file; false if somebody else has it.
pub fn try_lock_byte(file: &File, offset: u64) -> io::Result<bool> {
    match set_lock(file, offset, WRITE_LOCK) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn unlock_byte(file: &File, offset: u64) -> io::Result<()> {
    set_lock(file, offset, UNLOCK)
}

fn set_lock(file: &File, offset: u64, kind: libc::c_short) -> io::Result<()> {
    // SAFETY: `flock` is plain data; zero is valid for each of its fields, and l_pid must be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = offset as _;
    lock.l_len = 1;
    // SAFETY: the descriptor is open and `lock` outlives the call.
    check(unsafe { libc::fcntl(file.as_raw_fd(), SET_LOCK, &lock) }).map(drop)
}

const STDOUT: RawFd = 1;

/// Writes all of `bytes` to standard output, past std's buffer.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: `rest` is valid for reads of its length.
        let written = unsafe { libc::write(STDOUT, rest.as_ptr().cast(), rest.len()) };
        match written {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count if count > 0 => rest = &rest[count as usize..],
            _ => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => wait_writable(STDOUT)?,
                    _ => return Err(error),
                }
            }
        }
    }
    Ok(())
}

fn wait_writable(descriptor: RawFd) -> io::Result<()> {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one `pollfd`, which outlives the call.
    match check(unsafe { libc::poll(&mut poll, 1, -1) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// The file at the end of the symbolic links that `path` leads to.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    path.metadata()?; // Ends well only where the links do.
    end_of_links(path.to_owned())
}

/// Meanwhile somebody may have made a circle of them.
fn end_of_links(mut path: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..MOST_LINKS {
        let Ok(target) = path.read_link() else { return Ok(path) };
        path.pop();
        path.push(target);
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// `path` from the root on, without any `.`, as [`std::path::absolute`] gives it.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let base = if path.is_absolute() { PathBuf::new() } else { working_directory()? };
    Ok(base.join(path).components().collect())
}

/// The system call itself: musl's function brings its heap along.
#[cfg(target_os = "linux")]
pub fn working_directory() -> io::Result<PathBuf> {
    let mut path = vec![0; libc::PATH_MAX as usize];
    // SAFETY: the kernel writes no more than the buffer's length, and returns how much (getcwd(2)).
    let length = check(unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) as i32 })?;
    path.truncate((length as usize).saturating_sub(1));
    // One that cannot be reached from the root has a text in front.
    if path.first() != Some(&b'/') {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(PathBuf::from(OsString::from_vec(path)))
}

#[cfg(not(target_os = "linux"))]
pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_their_end_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("b", path("a")).unwrap();
        symlink(path("c"), path("b")).unwrap();
        assert_eq!(end_of_links(path("a")).unwrap(), path("c"));
        symlink("a", path("c")).unwrap();
        assert!(end_of_links(path("a")).is_err());
    }
}
