//! The content of the lock file: a table of fixed size, in blocks that each begin with [`MARK`].
//!
//! Rows follow the mark. So one read of a block tells whether it is ours and may be written, and nothing
//! is ever written to another program's file. [`crate::proxy`] defines the rows. A file that is empty, or
//! full of zeros after a power failure, becomes a new table.

use std::ffi::OsStr;
use std::fs::File;
use std::io;

use crate::error::io_error;
use crate::sys::{self, Directory};

/// The length of a row. The mark fills one.
pub const ROW_BYTES: usize = 64;
pub const ROWS_PER_BLOCK: usize = 8;
pub const BLOCK_BYTES: usize = ROW_BYTES * (1 + ROWS_PER_BLOCK);
pub const BLOCKS: usize = 25;
pub const TABLE_BYTES: usize = BLOCK_BYTES * BLOCKS;

const MARK: &[u8] = b"k8s-token-cache lock 1\n";

/// A table without rows.
pub fn empty_table() -> Vec<u8> {
    let mut table = vec![0; TABLE_BYTES];
    for block in table.chunks_exact_mut(BLOCK_BYTES) {
        block[..MARK.len()].copy_from_slice(MARK);
    }
    table
}

/// Whether the rows of the block may be read and written.
pub fn is_ours(block: &[u8]) -> bool {
    block.starts_with(MARK)
}

/// Opens the lock file, and creates it if it is missing. Fails with `InvalidData` if another program's
/// content is there.
pub fn open(directory: &Directory, name: &OsStr) -> io::Result<File> {
    let file = directory.open_or_create(name)?;
    prepare(&file)?;
    sys::make_private(&file)?;
    Ok(file)
}

/// Completes a table that is missing or was cut short. Write errors are ignored: the locks work without
/// the table.
pub fn prepare(file: &File) -> io::Result<()> {
    let length = table_length(file)?;
    if length < TABLE_BYTES {
        let _ = sys::write_all_at(file, &empty_table()[length..], length as u64);
    }
    Ok(())
}

/// Fails with `InvalidData` if the content is another program's.
pub fn check(file: &File) -> io::Result<()> {
    table_length(file).map(drop)
}

/// How much of the table is there.
fn table_length(file: &File) -> io::Result<usize> {
    let mut start = [0; MARK.len()];
    let length = sys::read_at(file, &mut start, 0)?;
    if is_ours(&start) {
        return Ok(TABLE_BYTES.min(file.metadata()?.len() as usize));
    }
    if length == 0 || has_only_zeros(file)? {
        return Ok(0);
    }
    Err(io_error(io::ErrorKind::InvalidData, "it is not a lock file of this program"))
}

fn has_only_zeros(file: &File) -> io::Result<bool> {
    let mut content = [0; TABLE_BYTES + 1];
    let length = sys::read_at(file, &mut content, 0)?;
    Ok(length <= TABLE_BYTES && content.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    fn prepared(content: &[u8]) -> (io::Result<()>, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let result = prepare(&file);
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        (result, bytes)
    }

    #[test]
    fn a_missing_or_torn_table_is_completed() {
        let table = empty_table();
        let zeros = vec![0; TABLE_BYTES];
        let torn = [&zeros[..1], &zeros[..100], &zeros, &table[..MARK.len()], &table[..BLOCK_BYTES], &table];
        for content in torn.into_iter().chain([&b""[..]]) {
            let (result, bytes) = prepared(content);
            assert!(result.is_ok() && bytes == table, "{} bytes", content.len());
        }
    }

    #[test]
    fn rows_of_a_table_stay() {
        let mut table = empty_table();
        table[ROW_BYTES] = 7;
        assert_eq!(prepared(&table).1, table);
    }

    #[test]
    fn what_is_not_a_table_is_an_error_and_stays() {
        let zeros = vec![0; TABLE_BYTES + 1];
        let late = [&zeros[..600], b"x"].concat();
        for content in [b"precious", b"{\"version\":1".as_slice(), b"k8s-token-cache key 1\n", &zeros, &late]
        {
            let (result, bytes) = prepared(content);
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(bytes, content);
        }
    }

    #[test]
    fn every_block_is_marked() {
        assert!(empty_table().chunks(BLOCK_BYTES).all(is_ours));
        assert!(!is_ours(b"") && !is_ours(&[0; BLOCK_BYTES]));
    }
}
