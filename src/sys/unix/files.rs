//! Private files, the directory that holds them, byte-range locks, standard output.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{calls, check};
use crate::sys::{FileStamp, Stream, refused};

const OWNER_ONLY: u32 = 0o600;
const OTHERS_MAY_WRITE: u32 = 0o022;
const OTHERS_MAY_ANYTHING: u32 = 0o077;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;
/// So many does Linux follow.
const MOST_LINKS: u32 = 40;

/// Opens `path` for reading, whatever it is and leads to.
pub fn open(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY)
}

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

/// Makes the file `path`, which must not exist, for this user alone.
pub fn create_private(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), NEW)
}

/// Opens `path`, made for this user alone where it is missing, to lock it.
pub fn open_lock(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_WRONLY | libc::O_CREAT | UNTRUSTED)
}

/// Opens `path` for appending, made for this user alone where it is missing; waits for no FIFO.
pub fn open_log(path: &Path) -> io::Result<File> {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_NONBLOCK;
    open_at(libc::AT_FDCWD, path.as_os_str(), flags)
}

pub(super) fn open_null_device() -> io::Result<File> {
    open_at(libc::AT_FDCWD, OsStr::new("/dev/null"), libc::O_RDWR)
}

/// For a name under which anything may lie.
const UNTRUSTED: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;
const NEW: i32 = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;

/// Opens `name`, from `directory` on where it is relative; what is made is for this user alone.
fn open_at(directory: RawFd, name: &OsStr, flags: i32) -> io::Result<File> {
    let flags = flags | libc::O_CLOEXEC;
    let descriptor =
        calls::openat(directory, &c_string(name)?, flags, OWNER_ONLY).map_err(no_regular_file)?;
    // SAFETY: openat(2) has just returned this descriptor; nobody else owns it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// open(2) for a symbolic link that is not followed, and for a socket.
fn no_regular_file(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => refused(io::ErrorKind::InvalidData, "it is a symbolic link"),
        Some(libc::ENXIO) => refused(io::ErrorKind::InvalidData, "it is not a regular file"),
        _ => error,
    }
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

/// The kernel hands the number over when the program starts, which saves the system call. Tests have
/// threads of several users.
#[cfg(all(target_os = "linux", not(test)))]
fn effective_user() -> u32 {
    // SAFETY: getauxval(3) has no preconditions; every Linux kernel gives AT_EUID.
    unsafe { libc::getauxval(libc::AT_EUID) as u32 }
}

#[cfg(any(not(target_os = "linux"), test))]
fn effective_user() -> u32 {
    // SAFETY: geteuid(2) has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// This user, or one who can do everything in any case.
pub fn is_trusted_owner(metadata: &Metadata) -> bool {
    [effective_user(), ROOT].contains(&metadata.uid())
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
                make_directories(path)?;
                Directory::open(path)
            }
            other => other,
        }
    }

    pub fn open(path: &Path) -> io::Result<Directory> {
        let directory = open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY | libc::O_DIRECTORY)?;
        let metadata = directory.metadata()?;
        if !is_trusted_owner(&metadata) {
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
            calls::set_mode(&file, OWNER_ONLY)?;
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
        open_at(self.0.as_raw_fd(), name, NEW)
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

/// Makes `path` and what is missing above it, for this user alone.
pub fn make_directories(path: &Path) -> io::Result<()> {
    let made = match make_directory(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                make_directories(parent)?;
                make_directory(path)
            }
            _ => Err(error),
        },
        other => other,
    };
    // Somebody else may have made it meanwhile, and "exists" is not the only name for that.
    made.or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })
}

fn make_directory(path: &Path) -> io::Result<()> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: `path` is a C string that outlives the call (mkdir(2)).
    check(unsafe { libc::mkdir(path.as_ptr(), 0o700) }).map(drop)
}

pub(super) fn c_string(name: &OsStr) -> io::Result<CString> {
    // `?` alone would bring along how std quotes texts for programmers.
    CString::new(name.as_bytes()).map_err(|_| refused(io::ErrorKind::InvalidInput, "it contains a NUL"))
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

/// Classic POSIX locks vanish when any descriptor of the file is closed; these belong to the open
/// file description (fcntl(2), "Open file description locks").
fn set_lock(file: &File, offset: u64, kind: libc::c_short) -> io::Result<()> {
    // SAFETY: `flock` is plain data; zero is valid for each of its fields, and l_pid must be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = offset as _;
    lock.l_len = 1;
    calls::set_lock(file, &lock)
}

/// Writes all of `bytes` to standard output or standard error, past std's buffer and lock.
pub fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    let descriptor = stream.descriptor();
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: `rest` is valid for reads of its length.
        let written = unsafe { libc::write(descriptor, rest.as_ptr().cast(), rest.len()) };
        match written {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count if count > 0 => rest = &rest[count as usize..],
            _ => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => wait_writable(descriptor)?,
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
    let base = if path.is_absolute() { PathBuf::new() } else { calls::working_directory()? };
    let whole = base.join(path);
    let mut absolute = Vec::new();
    for part in whole.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        if !matches!(part, b"" | b".") {
            absolute.push(b'/');
            absolute.extend_from_slice(part);
        }
    }
    if absolute.is_empty() {
        absolute.push(b'/');
    }
    Ok(PathBuf::from(OsString::from_vec(absolute)))
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
