//! Writes a file in few pieces of equal length.

use std::io::{self, Write};

/// A power of two, so that each piece begins at a page. For a large file on ext4, std's `BufWriter`, whose pieces
/// begin anywhere, takes a fifth longer, and pieces of 64 KB take a third longer.
const PIECE: usize = 256 << 10;

pub(super) struct Pieces<'o> {
    out: &'o mut dyn Write,
    bytes: Vec<u8>,
    piece: usize,
}

impl<'o> Pieces<'o> {
    /// For `length` bytes in all.
    pub(super) fn new(out: &'o mut dyn Write, length: u64) -> Pieces<'o> {
        let piece = length.min(PIECE as u64) as usize;
        Pieces { out, bytes: Vec::with_capacity(piece), piece }
    }

    pub(super) fn push(&mut self, mut text: &[u8]) -> io::Result<()> {
        while text.len() > self.piece - self.bytes.len() {
            let (now, later) = text.split_at(self.piece - self.bytes.len());
            self.bytes.extend_from_slice(now);
            self.end()?;
            text = later;
        }
        self.bytes.extend_from_slice(text);
        Ok(())
    }

    /// Writes the rest.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
