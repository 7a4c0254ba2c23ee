//! How a reader finds one line: two reads, however large the file is.

use std::fs::File;

use super::layout::{
    HEADER_LENGTH, Header, IndexRow, LARGEST_LINE, Name, ROW_LENGTH, is_removal, line_prefix,
};
use crate::sys;

/// One read of this size covers the index of a dozen entries. A larger buffer touches another page.
pub(super) const FIRST_READ: usize = 1024;

/// The state of a name at one moment, which a later store of it must still find.
#[derive(Debug, Default)]
pub struct LineSnapshot {
    /// The entry's object, `{...}`.
    pub object: Option<Vec<u8>>,
    /// Raised whenever the cache is cleared.
    pub(super) generation: u64,
    /// The file that was read. A hit leaves it open, which saves a system call.
    pub(super) file: Option<File>,
}

/// `None` if the file is not ours or is damaged at its beginning.
pub(super) fn lookup_in(file: &File, name: &Name) -> Option<LineSnapshot> {
    let mut start = [0; FIRST_READ];
    let length = sys::read_at(file, &mut start, 0).ok()?;
    let header = Header::parse(&start[..length])?;
    let index = Index { file, rows: header.row_count()?, start: &start[..length] };
    let object = index.find(name).and_then(|row| read_object(file, &row));
    let object = object.filter(|object| !is_removal(object));
    Some(LineSnapshot { generation: header.generation, object, file: None })
}

/// The object in the line that `row` points to, if the line begins with the row's name.
fn read_object(file: &File, row: &IndexRow) -> Option<Vec<u8>> {
    if row.length > LARGEST_LINE {
        return None;
    }
    let mut line = vec![0; row.length];
    if sys::read_at(file, &mut line, row.offset).ok()? != row.length {
        return None;
    }
    let prefix = line_prefix(&row.name);
    if !line.starts_with(&prefix) {
        return None;
    }
    line.drain(..prefix.len());
    Some(line)
}

/// The sorted rows. A row that is not in the first read is read from the file.
struct Index<'a> {
    file: &'a File,
    rows: u64,
    start: &'a [u8],
}

impl Index<'_> {
    /// Finds the row of `name` by halving.
    fn find(&self, name: &Name) -> Option<IndexRow> {
        let mut rows = 0..self.rows;
        while !rows.is_empty() {
            let middle = rows.start + (rows.end - rows.start) / 2;
            let row = self.row(middle)?;
            match row.name.cmp(name) {
                std::cmp::Ordering::Equal => return Some(row),
                std::cmp::Ordering::Less => rows.start = middle + 1,
                std::cmp::Ordering::Greater => rows.end = middle,
            }
        }
        None
    }

    fn row(&self, number: u64) -> Option<IndexRow> {
        let offset = HEADER_LENGTH as u64 + number * ROW_LENGTH as u64;
        let inside = usize::try_from(offset).ok().and_then(|at| self.start.get(at..at + ROW_LENGTH));
        if let Some(text) = inside {
            return IndexRow::parse(text);
        }
        let mut text = [0; ROW_LENGTH];
        let length = sys::read_at(self.file, &mut text, offset).ok()?;
        IndexRow::parse(&text[..length])
    }
}
