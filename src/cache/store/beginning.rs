//! The beginning of a file at the path of the cache file: whose the file is.

use std::fs::File;
use std::io;

use super::layout::{BEGINNING, LARGEST_FILE, VERSION, begins_header, number_after};
use super::lookup::FIRST_READ;
use crate::sys;

pub(super) struct Beginning(Vec<u8>);

impl Beginning {
    /// Reads as much as tells whose the file is: the whole file only if it begins with zeros.
    pub(super) fn read(file: &File) -> io::Result<Beginning> {
        let mut bytes = vec![0; FIRST_READ];
        let length = sys::read_at(file, &mut bytes, 0)?;
        bytes.truncate(length);
        if bytes.starts_with(&[0]) {
            bytes.clear();
            sys::read_to_end(file, LARGEST_FILE as usize, &mut bytes)?;
        }
        Ok(Beginning(bytes))
    }

    /// Whether the file may be replaced, because this program wrote it: it begins like a cache file of this
    /// or a newer version, or it is what a crash leaves of one (an empty file, zeros, or a part of the
    /// beginning).
    pub(super) fn is_ours(&self) -> bool {
        const NEXT: &[u8] = b",\"generation\":";
        let mut rest = &*self.0;
        let version = number_after(&mut rest, BEGINNING);
        let is_newer = version.is_some_and(|version| version > VERSION)
            && (rest.starts_with(NEXT) || NEXT.starts_with(rest));
        is_newer || begins_header(&self.0) || self.0.iter().all(|byte| *byte == 0)
    }

    /// Whether a newer version of this program wrote the file.
    pub(super) fn is_newer(&self) -> bool {
        number_after(&mut &*self.0, BEGINNING).is_some_and(|version| version > VERSION)
    }
}
