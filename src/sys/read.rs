//! Reading a file of unknown size.

use std::fs::File;
use std::io::{self, Read};

/// Appends the content of `file` from its position on to `bytes`, but at most `limit` bytes.
pub fn read_to_end(file: &File, limit: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    file.take(limit as u64).read_to_end(bytes).map(drop)
}
