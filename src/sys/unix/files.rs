//! Private files, and standard output.
//!
//! Files are opened by openat(2): std goes through musl's open(3), which adds an fcntl(2) for
//! O_CLOEXEC to each.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::errno::check;
use super::signals;
use super::terminal::descriptor;
use super::trust::{
    MOST_LINKS, effective_user, is_trusted_owner, require_trusted_links, require_trusted_place,
};
use crate::error::io_error;
use crate::sys::SEVERAL_NAMES;
use crate::sys::process::Stream;

const OWNER_ONLY: u32 = 0o600;
const OTHERS_MAY_ANYTHING: u32 = 0o077;
/// Flags for a path that is not trusted: no links, no waiting, no controlling terminal.
pub(super) const UNTRUSTED: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
pub(super) const NEW: i32 = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;

/// Opens `path` for reading. Follows symbolic links, and opens anything.
pub fn open(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY)
}

/// Opens `path` for reading. Fails if it is not a regular file, or if it does not belong to this user
/// alone. Follows no symbolic link and waits for no FIFO.
pub fn open_private(path: &Path) -> io::Result<File> {
    require_private(open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY | UNTRUSTED)?)
}

/// Opens this user's regular file `path` for reading, without regard to its mode. Fails with `InvalidData` if
/// the file has several names.
pub fn open_own(path: &Path) -> io::Result<File> {
    require_own(open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDONLY | UNTRUSTED)?)
}

/// Opens the existing file `path` for reading and writing. Fails if it is a symbolic link.
pub fn open_for_update(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), libc::O_RDWR | UNTRUSTED)
}

/// Creates the file `path` for this user alone. Fails if it exists.
pub fn create_private(path: &Path) -> io::Result<File> {
    open_at(libc::AT_FDCWD, path.as_os_str(), NEW)
}

/// Opens `path` for appending and reading. Creates a missing file for this user alone. Waits for no FIFO.
/// Fails with `PermissionDenied` if another user chose what `path` leads to: the file, or a link on the way;
/// with `InvalidData` if the file has several names.
pub fn open_log(path: &Path) -> io::Result<File> {
    require_trusted_links(path)?;
    let open = |access: i32| {
        let flags = libc::O_APPEND | libc::O_NONBLOCK | libc::O_NOCTTY;
        open_at(libc::AT_FDCWD, path.as_os_str(), access | flags)
    };
    let opened = open(libc::O_RDWR).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            require_trusted_place(path)?;
            open(libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW)
        }
        // A stream that can only be written, such as /dev/stderr.
        io::ErrorKind::PermissionDenied => open(libc::O_WRONLY),
        _ => Err(error),
    });
    let file = opened?;
    let metadata = file.metadata()?;
    if !metadata.file_type().is_char_device() && !is_trusted_owner(&metadata) {
        return Err(belongs_to_another());
    }
    require_one_name(&metadata)?;
    Ok(file)
}

/// Opens the null device for reading and writing.
pub fn open_null_device() -> io::Result<File> {
    open_at(libc::AT_FDCWD, OsStr::new("/dev/null"), libc::O_RDWR)
}

/// Opens `name`; a relative one starts at `directory`. A created file is for this user alone.
pub(super) fn open_at(directory: RawFd, name: &OsStr, flags: i32) -> io::Result<File> {
    let name = c_string(name)?;
    if flags & (libc::O_WRONLY | libc::O_RDWR) != 0 {
        signals::ignore_file_size_limit();
    }
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: `name` is a C string (openat(2)).
    let opened = check(unsafe { libc::openat(directory, name.as_ptr(), flags, OWNER_ONLY) });
    let descriptor = opened.map_err(not_a_regular_file)?;
    // SAFETY: openat(2) has just returned this descriptor, and nothing else owns it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// Replaces the errors of open(2) for a symbolic link that is not followed, and for a socket.
fn not_a_regular_file(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => io_error(io::ErrorKind::InvalidData, "it is a symbolic link"),
        Some(libc::ENXIO) => io_error(io::ErrorKind::InvalidData, "it is not a regular file"),
        _ => error,
    }
}

/// Fails with `PermissionDenied` if the file belongs to another user, and with `InvalidData` if it is not
/// a regular file or if other users have access to it.
pub(super) fn require_private(file: File) -> io::Result<File> {
    match metadata_of_own(&file)?.mode() & OTHERS_MAY_ANYTHING {
        0 => Ok(file),
        _ => Err(io_error(io::ErrorKind::InvalidData, "other users have access to it")),
    }
}

/// Fails with `PermissionDenied` if the file belongs to another user, and with `InvalidData` if it is not
/// a regular file or has several names.
pub(super) fn require_own(file: File) -> io::Result<File> {
    require_one_name(&metadata_of_own(&file)?)?;
    Ok(file)
}

/// Fails with `InvalidData` if a regular file has other names too: a write would change a file that the user
/// knows by another name.
fn require_one_name(metadata: &Metadata) -> io::Result<()> {
    match metadata.is_file() && metadata.nlink() > 1 {
        true => Err(io_error(io::ErrorKind::InvalidData, SEVERAL_NAMES)),
        false => Ok(()),
    }
}

fn metadata_of_own(file: &File) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    if metadata.uid() != effective_user() {
        return Err(belongs_to_another());
    }
    if !metadata.is_file() {
        return Err(io_error(io::ErrorKind::InvalidData, "it is not a regular file"));
    }
    Ok(metadata)
}

fn belongs_to_another() -> io::Error {
    io_error(io::ErrorKind::PermissionDenied, "it belongs to another user")
}

/// Whether other users have no access to the file. Fails if the system does not say.
pub fn is_private(file: &File) -> io::Result<bool> {
    Ok(metadata_of_own(file)?.mode() & OTHERS_MAY_ANYTHING == 0)
}

/// Takes the access of other users away.
pub fn make_private(file: &File) -> io::Result<()> {
    match is_private(file) {
        Ok(true) => Ok(()),
        _ => file.set_permissions(Permissions::from_mode(OWNER_ONLY)),
    }
}

/// Copies `name` and adds the NUL at the end of a C string. Fails with `InvalidInput` if `name`
/// contains a NUL.
pub fn c_string(name: &OsStr) -> io::Result<CString> {
    Ok(CString::new(name.as_bytes())?)
}

/// Reads from `offset` on into `buffer`. Returns the number of bytes, which for a regular file is less
/// than the buffer's length only at the end of the file.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Writes all of `bytes` at `offset`.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Writes all of `bytes` to a standard stream, without std's buffer and lock. Waits if the stream does
/// not block and is full.
pub fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    let descriptor = descriptor(stream);
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: `rest` can be read for its length (write(2)).
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
    // SAFETY: one `pollfd`, which outlives the call (poll(2)).
    match check(unsafe { libc::poll(&mut poll, 1, -1) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// The file at the end of the symbolic links that begin at `path`. Fails if there is none.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    path.metadata()?;
    end_of_links(path.to_owned())
}

/// The links may have changed since: they may form a circle.
fn end_of_links(mut path: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..MOST_LINKS {
        let Ok(target) = path.read_link() else { return Ok(path) };
        path.pop();
        path.push(target);
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// `path` from the root on, without any `.`. Resolves no symbolic link.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// The working directory. Fails if it was removed, or cannot be reached from the root.
pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// Whether this user may write to what is at `path`. Opens and changes nothing.
pub fn may_write(path: &Path) -> bool {
    has_access(path, libc::W_OK)
}

/// Whether this user may do what `mode` says to the file at `path`.
pub fn has_access(path: &Path, mode: i32) -> bool {
    let Ok(path) = c_string(path.as_os_str()) else { return false };
    // SAFETY: `path` is a C string that outlives the call (access(2)). It asks for the real user, who
    // is the effective one, since this program is not installed set-user-id.
    unsafe { libc::access(path.as_ptr(), mode) == 0 }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn symbolic_links_are_followed_to_their_end_but_not_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("b", path("a")).unwrap();
        symlink(path("c"), path("b")).unwrap();
        assert_eq!(end_of_links(path("a")).unwrap(), path("c"));
        symlink("a", path("c")).unwrap();
        assert!(end_of_links(path("a")).is_err());
    }
}
