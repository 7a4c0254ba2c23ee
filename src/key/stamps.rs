//! The stamp of a file as a part of the key.

use std::path::Path;

use crate::sys::{self, FileStamp};

/// The stamp of the file at `path` as bytes; empty if there is no such file.
pub fn of(path: &Path, counts_change_time: bool) -> Vec<u8> {
    let stamp = sys::file_stamp(path).map(|stamp| counted(stamp, counts_change_time));
    stamp.map(|stamp| encode(&stamp)).unwrap_or_default()
}

/// What counts of `stamp`: zero for a change time that does not.
pub fn counted(mut stamp: FileStamp, counts_change_time: bool) -> FileStamp {
    if !counts_change_time {
        stamp.changed_ns = 0;
    }
    stamp
}

/// Whether the file at `path` has another stamp now than the one in `bytes`.
pub fn differs(path: &Path, bytes: &[u8]) -> bool {
    let counts_change_time = decode(bytes).is_none_or(|stamp| stamp.changed_ns != 0);
    of(path, counts_change_time) != bytes
}

pub fn encode(stamp: &FileStamp) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&stamp.device.to_le_bytes());
    bytes.extend_from_slice(&stamp.inode.to_le_bytes());
    bytes.extend_from_slice(&stamp.size.to_le_bytes());
    bytes.extend_from_slice(&stamp.modified_ns.to_le_bytes());
    bytes.extend_from_slice(&stamp.changed_ns.to_le_bytes());
    bytes
}

/// The stamp that [`encode`] wrote; `None` if there was no file.
pub fn decode(bytes: &[u8]) -> Option<FileStamp> {
    let (device, rest) = bytes.split_first_chunk()?;
    let (inode, rest) = rest.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (modified_ns, rest) = rest.split_first_chunk()?;
    Some(FileStamp {
        device: u64::from_le_bytes(*device),
        inode: u128::from_le_bytes(*inode),
        size: u64::from_le_bytes(*size),
        modified_ns: i128::from_le_bytes(*modified_ns),
        changed_ns: i128::from_le_bytes(*rest.first_chunk()?),
    })
}
