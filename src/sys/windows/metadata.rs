//! What the system knows about a file beside its content: stamp, number of names.
//!
//! Access control lists are left alone. A file that is made inherits those of its directory.
#![allow(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO, FILE_FLAG_BACKUP_SEMANTICS, FILE_ID_INFO,
    FILE_INFO_BY_HANDLE_CLASS, FILE_READ_ATTRIBUTES, FileBasicInfo, FileIdInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx,
};

use super::last_error::check;
use crate::sys::stamp::{FileKind, FileStamp};

/// The stamp of the file that `path` leads to.
pub fn file_stamp(path: &Path) -> io::Result<FileStamp> {
    open_file_stamp(&open_for_attributes(path)?)
}

/// The stamp and the kind of the file that `path` leads to.
pub fn inspect(path: &Path) -> io::Result<(FileStamp, FileKind)> {
    let kind = match path.metadata()?.is_file() {
        true if super::may_execute(path) => FileKind::Program,
        true => FileKind::File,
        false => FileKind::Other,
    };
    file_stamp(path).map(|stamp| (stamp, kind))
}

/// The stamp of an open file.
pub fn open_file_stamp(file: &File) -> io::Result<FileStamp> {
    let size = file.metadata()?.file_size();
    let (device, inode) = identity(file)?;
    let mut times = FILE_BASIC_INFO::default();
    query(file, FileBasicInfo, &mut times)?;
    let [modified_ns, changed_ns] = [times.LastWriteTime, times.ChangeTime].map(unix_ns);
    Ok(FileStamp { device, inode, size, modified_ns, changed_ns })
}

/// A directory has to be opened with backup semantics.
fn open_for_attributes(path: &Path) -> io::Result<File> {
    File::options().access_mode(FILE_READ_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}

/// Converts ticks of 100 ns since 1601, the unit of `FILETIME`.
pub fn unix_ns(ticks: i64) -> i128 {
    const TICKS_FROM_1601_TO_1970: i128 = 11_644_473_600 * 10_000_000;
    (i128::from(ticks) - TICKS_FROM_1601_TO_1970) * 100
}

/// Volume and identifier, which no two files share while they are open. File systems without 128-bit
/// identifiers (FAT, some network drives) have one of 64 bits.
pub fn identity(file: &File) -> io::Result<(u64, u128)> {
    let mut id = FILE_ID_INFO::default();
    if query(file, FileIdInfo, &mut id).is_ok() {
        return Ok((id.VolumeSerialNumber, u128::from_le_bytes(id.FileId.Identifier)));
    }
    let information = information(file)?;
    let index = u64::from(information.nFileIndexHigh) << 32 | u64::from(information.nFileIndexLow);
    Ok((u64::from(information.dwVolumeSerialNumber), u128::from(index)))
}

/// Fills `answer`, whose type must be the one that `class` names.
fn query<T>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, answer: &mut T) -> io::Result<()> {
    let (handle, size) = (file.as_raw_handle(), size_of::<T>() as u32);
    // SAFETY: the handle is open, and `answer` is writable for `size` bytes.
    check(unsafe { GetFileInformationByHandleEx(handle, class, (&raw mut *answer).cast(), size) })
}

fn information(file: &File) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut information = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and `information` is writable.
    check(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut information) })?;
    Ok(information)
}

/// Whether the file has other names too (hard links).
pub fn has_several_links(file: &File) -> io::Result<bool> {
    Ok(information(file)?.nNumberOfLinks > 1)
}

/// Always false. A lock would keep other programs from reading the file, so nothing is locked, and no
/// file is taken for one that a killed process left.
pub fn claim(_file: &File) -> bool {
    false
}

/// Does nothing: `to` has inherited the access control list of its directory.
pub fn copy_attributes(_from: &File, _to: &File) -> io::Result<()> {
    Ok(())
}

/// Does nothing: `file` has inherited the access control list of its directory.
pub fn copy_owner_and_mode(_from: &Metadata, _file: &File) -> io::Result<()> {
    Ok(())
}

/// Whether `path` exists. Access control lists, and not owners, say who may use it.
pub fn belongs_to_user(path: &Path) -> bool {
    path.exists()
}

/// Whether this is a file. Windows has no execute bit.
pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file()
}

/// Whether both paths lead to one file. False if either leads nowhere.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    let identity = |path| open_for_attributes(path).and_then(|file| identity(&file));
    matches!((identity(a), identity(b)), (Ok(a), Ok(b)) if a == b)
}
