//! The beginning of a file at the path of the cache file: whose the file is.

use std::fs::File;
use std::io;

use super::layout::{BEGINNING, LARGEST_FILE, VERSION, begins_header, number_after};
use super::lookup::FIRST_READ;
use crate::sys;

const PIECE: usize = 64 << 10;

pub(super) struct Beginning {
    bytes: Vec<u8>,
    /// Whether the whole file is zeros, or empty.
    is_blank: bool,
}

impl Beginning {
    /// Reads as much as tells whose the file is: the whole file only if it begins with zeros.
    pub(super) fn read(file: &File) -> io::Result<Beginning> {
        let mut bytes = vec![0; FIRST_READ];
        let length = sys::read_at(file, &mut bytes, 0)?;
        bytes.truncate(length);
        let is_blank = is_zeros(&bytes) && is_blank(file)?;
        Ok(Beginning { bytes, is_blank })
    }

    /// Whether the file may be replaced, because this program wrote it: it begins like a cache file of this
    /// or a newer version, or it is what a crash leaves of one (an empty file, zeros, or a part of the
    /// beginning).
    pub(super) fn is_ours(&self) -> bool {
        const NEXT: &[u8] = b",\"generation\":";
        let mut rest = &*self.bytes;
        let version = number_after(&mut rest, BEGINNING);
        let is_newer = version.is_some_and(|version| version > VERSION)
            && (rest.starts_with(NEXT) || NEXT.starts_with(rest));
        is_newer || begins_header(&self.bytes) || self.is_blank
    }

    /// Whether a newer version of this program wrote the file.
    pub(super) fn is_newer(&self) -> bool {
        number_after(&mut &*self.bytes, BEGINNING).is_some_and(|version| version > VERSION)
    }
}

/// Whether the file has only zeros. Looks at no more than the size of a cache file.
fn is_blank(file: &File) -> io::Result<bool> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at <= LARGEST_FILE {
        let length = sys::read_at(file, &mut piece, at)?;
        if !is_zeros(&piece[..length]) {
            return Ok(false);
        }
        if length < PIECE {
            return Ok(true);
        }
        at += length as u64;
    }
    Ok(true)
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
