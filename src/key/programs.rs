//! The programs of a known plugin: what its path or PATH leads to.
//!
//! PATH itself is no part of the key: another terminal may have another one, and the plugin is the same. An entry
//! records beside the key which program was found, its stamp, and a hash of PATH. A hit with the same PATH looks at
//! the recorded program alone; with another PATH the program is looked up. If that is another program, the call has
//! a second key, of which the program is a part. A program that is gone changes nothing: no other would answer.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::lookups::find_program;
use super::stamps;
use crate::format::fnv::fnv1a_64;

/// Begins each record. No part of a key has this kind.
const RECORD: u8 = b'o';

/// Whether the recorded programs are those that would run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedPrograms {
    Same,
    /// The file was replaced or edited.
    Changed,
    /// PATH leads to another file.
    Another,
}

/// The names or paths of the programs of a call, and its PATH.
pub(super) struct Programs {
    pub names: Vec<OsString>,
    pub search_path: OsString,
}

impl Programs {
    /// What an entry records.
    pub fn record(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for found in self.find() {
            bytes.push(RECORD);
            bytes.extend_from_slice(&((HASH_BYTES + found.len()) as u32).to_le_bytes());
            bytes.extend_from_slice(&self.path_hash().to_le_bytes());
            bytes.extend_from_slice(&found);
        }
        bytes
    }

    /// The path and the stamp of each program, with a zero byte between them. Empty if it was not found.
    pub fn find(&self) -> Vec<Vec<u8>> {
        let encode =
            |(path, stamp): (PathBuf, Vec<u8>)| [path.as_os_str().as_encoded_bytes(), &[0], &stamp].concat();
        let found = self.names.iter().map(|name| find_program(name, &self.search_path));
        found.map(|found| found.map(encode).unwrap_or_default()).collect()
    }

    /// One system call for each program if PATH is as it was.
    pub fn compare(&self, record: &[u8]) -> RecordedPrograms {
        let mut records = records(record);
        for name in &self.names {
            let Some(recorded) = records.next() else { return RecordedPrograms::Changed };
            if recorded.path_hash == self.path_hash() && recorded.is_unchanged() {
                continue;
            }
            // If there is none, no other program would answer.
            let Some((path, stamp)) = find_program(name, &self.search_path) else { continue };
            if stamp == recorded.stamp {
                continue;
            }
            return match path.as_os_str().as_encoded_bytes() == recorded.path {
                true => RecordedPrograms::Changed,
                false => RecordedPrograms::Another,
            };
        }
        RecordedPrograms::Same
    }

    fn path_hash(&self) -> u64 {
        fnv1a_64(self.search_path.as_encoded_bytes())
    }
}

const HASH_BYTES: usize = 8;

struct Record<'r> {
    path_hash: u64,
    path: &'r [u8],
    stamp: &'r [u8],
}

impl Record<'_> {
    fn is_unchanged(&self) -> bool {
        let path = std::str::from_utf8(self.path);
        path.is_ok_and(|path| stamps::of(Path::new(path), true) == self.stamp) && !self.stamp.is_empty()
    }
}

fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_first()?;
        let (length, after) = after.split_first_chunk()?;
        let (content, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        let (path_hash, found) = content.split_first_chunk()?;
        let end = found.iter().position(|byte| *byte == 0).unwrap_or(found.len());
        Some(Record {
            path_hash: u64::from_le_bytes(*path_hash),
            path: &found[..end],
            stamp: found.get(end + 1..).unwrap_or_default(),
        })
    })
}

/// Splits what an entry stores into the parts of its key and the record of its programs.
pub fn split_record(stored: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = stored;
    while let Some((kind, after)) = rest.split_first()
        && *kind != RECORD
        && let Some((length, after)) = after.split_first_chunk()
        && let Some(after) = after.get(u32::from_le_bytes(*length) as usize..)
    {
        rest = after;
    }
    match rest.first() {
        Some(&RECORD) => stored.split_at(stored.len() - rest.len()),
        _ => (stored, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_stores_is_split_before_the_record() {
        let part = [b'a', 1, 0, 0, 0, RECORD];
        let record = [RECORD, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let stored = [&part[..], &record].concat();
        assert_eq!(split_record(&stored), (&part[..], &record[..]));
        assert_eq!(split_record(&part), (&part[..], &[][..]));
        assert_eq!(split_record(&[]), (&[][..], &[][..]));
        for length in 0..stored.len() {
            let (parts, record) = split_record(&stored[..length]);
            assert_eq!(parts.len() + record.len(), length);
        }
    }
}
