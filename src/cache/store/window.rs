//! Reads pieces of a file in their order, many with one system call.

use std::fs::File;
use std::io;

use crate::sys;

/// Larger windows need more memory and are not faster: this one fits into the processor's cache.
const WINDOW: u64 = 64 << 10;

pub(super) struct Window<'f> {
    file: &'f File,
    bytes: Vec<u8>,
    /// How many of `bytes` are the file's, and the offset of the first.
    filled: usize,
    start: u64,
}

impl<'f> Window<'f> {
    /// `size` is the file's.
    pub(super) fn new(file: &'f File, size: u64) -> Window<'f> {
        Window { file, bytes: vec![0; size.min(WINDOW) as usize], filled: 0, start: 0 }
    }

    /// The `length` bytes at `offset`; less only at the end of the file.
    pub(super) fn piece(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = offset + length as u64;
        if offset < self.start || end > self.start + self.filled as u64 {
            if self.bytes.len() < length {
                self.bytes = vec![0; length];
            }
            self.filled = sys::read_at(self.file, &mut self.bytes, offset)?;
            self.start = offset;
        }
        let at = (offset - self.start) as usize;
        Ok(&self.bytes[at..(at + length).min(self.filled)])
    }
}
