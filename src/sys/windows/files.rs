//! Files, the directory that contains them, standard output.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::FromRawHandle;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_WRITE_DATA,
};
use windows_sys::Win32::System::Console::{GetStdHandle, STD_OUTPUT_HANDLE};

use super::metadata::{has_several_links, identity};
use crate::error::io_error;
use crate::sys::SEVERAL_NAMES;
use crate::sys::process::Stream;

/// How long to wait for another process that has a file open: a virus scanner, an indexer, a reader
/// during a replacement.
const READER_LIMIT: Duration = Duration::from_millis(100);
const WRITER_LIMIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Opens `path` for reading. Fails if it is not a regular file. Follows no symbolic link.
pub fn open_private(path: &Path) -> io::Result<File> {
    retry(READER_LIMIT, &mut || open_regular(path, File::options().read(true)))
}

/// Opens `path` for reading. Fails if it is not a regular file, or has several names. Follows no symbolic
/// link.
pub fn open_own(path: &Path) -> io::Result<File> {
    open_private(path).and_then(require_one_name)
}

/// Always true: access control lists are not checked.
pub fn is_private(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// Does nothing: access control lists are left alone.
pub fn make_private(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Opens the existing file `path` for reading and writing. Fails if it is a symbolic link.
pub fn open_for_update(path: &Path) -> io::Result<File> {
    open_regular(path, File::options().read(true).write(true))
}

/// Opens `path` for reading.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates the file `path`, with the access control list of its directory. Fails if it exists.
pub fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

/// Creates `path` and its missing parents. Succeeds if it exists.
fn make_directories(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Opens `path` for appending and reading. Creates a missing file. Fails with `InvalidData` if the file has
/// several names.
pub fn open_log(path: &Path) -> io::Result<File> {
    File::options().read(true).append(true).create(true).open(path).and_then(require_one_name)
}

/// Fails with `InvalidData` if a regular file has other names too: a write would change a file that the user
/// knows by another name.
fn require_one_name(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() && has_several_links(&file)? {
        true => Err(io_error(io::ErrorKind::InvalidData, SEVERAL_NAMES)),
        false => Ok(file),
    }
}

/// Fails with `InvalidData` if `path` is not a regular file.
/// Backup semantics open a directory too, which would be "access denied" without them.
fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    let file = options.custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io_error(io::ErrorKind::InvalidData, "it is not a regular file")),
    }
}

/// Repeats `act` while another process has the file open, for at most `limit`.
///
/// Windows refuses to open or replace a file that another process has open without sharing it, or that
/// is being removed. "Access denied" may mean either, or that access will never be allowed.
fn retry<T>(limit: Duration, act: &mut dyn FnMut() -> io::Result<T>) -> io::Result<T> {
    let started = Instant::now();
    loop {
        match act() {
            Err(error) if is_in_use(&error) && started.elapsed() < limit => thread::sleep(PAUSE),
            other => return other,
        }
    }
}

fn is_in_use(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(|code| code as u32);
    matches!(code, Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION))
}

/// A directory, by its path: Windows cannot open a file relative to the handle of a directory.
pub struct Directory(PathBuf);

impl Directory {
    /// Opens `path`. A missing directory is created first, with its parents.
    pub fn make(path: &Path) -> io::Result<Directory> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match Directory::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directories(path)?;
                Directory::open(path)
            }
            other => other,
        }
    }

    /// Fails if `path` is not a directory.
    pub fn open(path: &Path) -> io::Result<Directory> {
        match path.metadata()?.is_dir() {
            true => Ok(Directory(path.to_owned())),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Whether `path` leads to this directory.
    pub fn is_at(&self, path: &Path) -> bool {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path == self.0 && path.is_dir()
    }

    /// Opens the file `name` for reading and writing. Creates a missing file. Fails with `InvalidData` if the
    /// file has several names.
    pub fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        let file = open_regular(&self.0.join(name), File::options().read(true).write(true).create(true))?;
        require_one_name(file)
    }

    /// Opens the regular file `name` for reading. Fails with `InvalidData` if it has several names.
    pub fn open_own(&self, name: &OsStr) -> io::Result<File> {
        open_own(&self.0.join(name))
    }

    /// Opens the regular file `name` for reading.
    pub fn open_private(&self, name: &OsStr) -> io::Result<File> {
        open_private(&self.0.join(name))
    }

    /// Creates the file `name`. Fails if it exists.
    pub fn create_new(&self, name: &OsStr) -> io::Result<File> {
        create_private(&self.0.join(name))
    }

    /// Renames the file `from` to `to`, which it replaces.
    ///
    /// If a reader has `to` open, std renames with POSIX semantics, which NTFS has since Windows 10.
    /// Other file systems refuse until it is closed.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        retry(WRITER_LIMIT, &mut || fs::rename(self.0.join(from), self.0.join(to)))
    }

    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// Whether `name` still is the name of `file`.
    pub fn still_names(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let opened = identity(file)?;
        match self.open_private(name).and_then(|current| identity(&current)) {
            Ok(current) => Ok(current == opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Reads from `offset` on into `buffer`. Returns the number of bytes, which for a regular file is less
/// than the buffer's length only at the end of the file. Moves the file's position.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Writes all of `bytes` at `offset`. Moves the file's position.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match file.seek_write(&bytes[written..], offset + written as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => written += count,
        }
    }
    Ok(())
}

/// Writes all of `bytes` to a standard stream. They go to standard output unchanged and without std's
/// buffer: for a console, std would convert them to UTF-16, and refuse what is not UTF-8.
pub fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    if stream == Stream::Error {
        return io::stderr().write_all(bytes);
    }
    // SAFETY: any number is accepted.
    let handle = unsafe { GetStdHandle(STD_OUTPUT_HANDLE) };
    if handle.is_null() || handle.addr() == usize::MAX {
        return Err(io::Error::from_raw_os_error(ERROR_INVALID_HANDLE as i32));
    }
    // SAFETY: standard output stays open until the program ends; ManuallyDrop does not close it.
    let mut stdout = ManuallyDrop::new(unsafe { File::from_raw_handle(handle) });
    stdout.write_all(bytes)
}

/// The file at the end of the symbolic links that begin at `path`. Fails if there is none.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// `path` with the drive and the directory that it is relative to. Resolves no symbolic link.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// The working directory.
pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// Whether this user may write to what is at `path`. Changes nothing: only opening a file tells what
/// its access control list allows.
pub fn may_write(path: &Path) -> bool {
    File::options().access_mode(FILE_WRITE_DATA).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32, code: u32) -> (io::Result<u32>, u32) {
        let mut calls = 0;
        let result = retry(Duration::from_secs(30), &mut || {
            calls += 1;
            if calls <= times { Err(io::Error::from_raw_os_error(code as i32)) } else { Ok(calls) }
        });
        (result, calls)
    }

    #[test]
    fn an_action_is_retried_only_while_the_file_is_in_use() {
        assert_eq!(failing(3, ERROR_ACCESS_DENIED).0.unwrap(), 4);
        assert_eq!(failing(3, ERROR_SHARING_VIOLATION).0.unwrap(), 4);
        let (result, calls) = failing(3, ERROR_INVALID_HANDLE);
        assert_eq!((result.is_err(), calls), (true, 1));
    }

    #[test]
    fn retries_end_at_the_limit() {
        let denied = || io::Error::from_raw_os_error(ERROR_ACCESS_DENIED as i32);
        assert!(retry::<()>(Duration::ZERO, &mut || Err(denied())).is_err());
    }
}
