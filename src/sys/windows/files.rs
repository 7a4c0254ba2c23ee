//! Files, the directory that holds them, byte-range locks, standard output.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::{Path, PathBuf};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use super::{check, ffi};
use crate::sys::{FileStamp, Stream, refused};

/// How long a reader and a writer wait for others to let go of a file: a virus scanner, an indexer,
/// a reader in the middle of a replacement.
const READER_PATIENCE: Duration = Duration::from_millis(100);
const WRITER_PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Opens `path` for reading if it is a regular file. Follows no symbolic link.
pub fn open_private(path: &Path) -> io::Result<File> {
    retry(READER_PATIENCE, &mut || open_regular(path, File::options().read(true)))
}

/// Opens `path`, which has to exist and to be no symbolic link, for reading and writing.
pub fn open_for_update(path: &Path) -> io::Result<File> {
    open_regular(path, File::options().read(true).write(true))
}

/// Opens `path` for reading.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Makes the file `path`, which must not exist; it inherits its directory's access list.
pub fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

/// Opens `path`, made where it is missing, to lock it.
pub fn open_lock(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(path)
}

/// Makes `path` and what is missing above it.
pub fn make_directories(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Opens `path` for appending; makes it where it is missing.
pub fn open_log(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Opens a directory too, to tell it from a file that may not be read. What is no file is to be
/// replaced and not to be trusted: `InvalidData`.
fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = ffi::FILE_FLAG_OPEN_REPARSE_POINT | ffi::FILE_FLAG_BACKUP_SEMANTICS;
    let file = options.custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(refused(io::ErrorKind::InvalidData, "it is not a regular file")),
    }
}

/// Repeats `act` as long as another process is in the way, up to `patience`.
///
/// Windows refuses to open or replace a file that somebody else has open without sharing it, or
/// that is about to vanish; "access denied" may mean either, or that it never will be allowed.
fn retry<T>(patience: Duration, act: &mut dyn FnMut() -> io::Result<T>) -> io::Result<T> {
    let started = Instant::now();
    loop {
        match act() {
            Err(error) if is_in_use(&error) && started.elapsed() < patience => thread::sleep(PAUSE),
            other => return other,
        }
    }
}

fn is_in_use(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ffi::ERROR_ACCESS_DENIED | ffi::ERROR_SHARING_VIOLATION))
}

/// A directory; its path, since Windows opens no file from a directory's handle on.
pub struct Directory(PathBuf);

impl Directory {
    /// Opens `path`; makes it first, with its parents, where it is missing.
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

    pub fn open(path: &Path) -> io::Result<Directory> {
        match path.metadata()?.is_dir() {
            true => Ok(Directory(path.to_owned())),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens the file `name` for reading and writing; makes it where it is missing.
    pub fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        open_regular(&self.0.join(name), File::options().read(true).write(true).create(true))
    }

    /// Opens the file `name` for reading.
    pub fn open_private(&self, name: &OsStr) -> io::Result<File> {
        open_private(&self.0.join(name))
    }

    /// Makes the file `name`, which must not exist.
    pub fn create_new(&self, name: &OsStr) -> io::Result<File> {
        create_private(&self.0.join(name))
    }

    /// Puts the file `from` in the place of `to`.
    ///
    /// Where a reader has `to` open, std renames with POSIX semantics, which NTFS knows since
    /// Windows 10; other file systems refuse as long as it is open.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        retry(WRITER_PATIENCE, &mut || fs::rename(self.0.join(from), self.0.join(to)))
    }

    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// Whether `name` is still the name of `file`.
    pub fn still_names(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let opened = information(file)?;
        match self.open_private(name).and_then(|current| information(&current)) {
            Ok(current) => Ok(identity(&current) == identity(&opened)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn information(file: &File) -> io::Result<ffi::FileInformation> {
    let mut information = ffi::FileInformation::default();
    // SAFETY: the handle is open, and `information` writable and as long as the function expects.
    check(unsafe { ffi::GetFileInformationByHandle(file.as_raw_handle(), &mut information) })?;
    Ok(information)
}

/// Volume and file index tell two open files apart.
fn identity(information: &ffi::FileInformation) -> (u32, u64) {
    (information.volume, file_index(information))
}

fn file_index(information: &ffi::FileInformation) -> u64 {
    ffi::join(information.index_high, information.index_low)
}

/// Reads into `buffer` from `offset` on; how much was there. A regular file gives less than was
/// asked for only at its end. Moves the file's position.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Moves the file's position.
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

/// The stamp of the file that `path` leads to.
pub fn file_stamp(path: &Path) -> io::Result<FileStamp> {
    const TICKS_FROM_1601_TO_1970: i128 = 11_644_473_600 * 10_000_000;
    let file = File::options()
        .access_mode(ffi::FILE_READ_ATTRIBUTES)
        .custom_flags(ffi::FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)?;
    let information = information(&file)?;
    Ok(FileStamp {
        inode: file_index(&information),
        size: ffi::join(information.size_high, information.size_low),
        modified_ns: (i128::from(information.written.ticks()) - TICKS_FROM_1601_TO_1970) * 100,
    })
}

/// Locks one byte of `file` against every other open file; false if somebody else has it. Others
/// can neither read nor write what is locked, so it must lie where nobody does.
pub fn try_lock_byte(file: &File, offset: u64) -> io::Result<bool> {
    let flags = ffi::LOCKFILE_EXCLUSIVE_LOCK | ffi::LOCKFILE_FAIL_IMMEDIATELY;
    let mut place = place(offset);
    // SAFETY: the handle is open and `place` outlives the call, which does not go on in the
    // background, because std opens files for synchronous use.
    match check(unsafe { ffi::LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &mut place) }) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(ffi::ERROR_LOCK_VIOLATION) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn unlock_byte(file: &File, offset: u64) -> io::Result<()> {
    let mut place = place(offset);
    // SAFETY: as in `try_lock_byte`.
    check(unsafe { ffi::UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &mut place) })
}

fn place(offset: u64) -> ffi::Overlapped {
    ffi::Overlapped {
        internal: [0; 2],
        offset_low: offset as u32,
        offset_high: (offset >> 32) as u32,
        event: ptr::null_mut(),
    }
}

/// Writes all of `bytes`; to standard output past std's buffer, and as they are: std would turn them
/// into UTF-16 for a console, as is right for messages, and refuse what is not UTF-8.
pub fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    if stream == Stream::Error {
        return io::stderr().write_all(bytes);
    }
    // SAFETY: any number is accepted.
    let handle = unsafe { ffi::GetStdHandle(ffi::STD_OUTPUT_HANDLE) };
    if handle.is_null() || handle.addr() == usize::MAX {
        return Err(io::Error::from_raw_os_error(ffi::ERROR_INVALID_HANDLE));
    }
    // SAFETY: standard output stays open for the program's whole life; ManuallyDrop leaves it open.
    let mut stdout = ManuallyDrop::new(unsafe { File::from_raw_handle(handle) });
    stdout.write_all(bytes)
}

/// The file at the end of the symbolic links that `path` leads to.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// `path` with everything that it is relative to.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32, code: i32) -> (io::Result<u32>, u32) {
        let mut calls = 0;
        let result = retry(Duration::from_secs(30), &mut || {
            calls += 1;
            if calls <= times { Err(io::Error::from_raw_os_error(code)) } else { Ok(calls) }
        });
        (result, calls)
    }

    #[test]
    fn what_is_in_use_is_tried_again_and_nothing_else() {
        assert_eq!(failing(3, ffi::ERROR_ACCESS_DENIED).0.unwrap(), 4);
        assert_eq!(failing(3, ffi::ERROR_SHARING_VIOLATION).0.unwrap(), 4);
        let (result, calls) = failing(3, ffi::ERROR_INVALID_HANDLE);
        assert_eq!((result.is_err(), calls), (true, 1));
    }

    #[test]
    fn patience_has_an_end() {
        let denied = || io::Error::from_raw_os_error(ffi::ERROR_ACCESS_DENIED);
        assert!(retry::<()>(Duration::ZERO, &mut || Err(denied())).is_err());
    }
}
