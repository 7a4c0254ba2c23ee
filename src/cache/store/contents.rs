//! A whole cache file, as a writer or a report reads it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::time::Duration;

use super::layout::{
    BEGINNING, HEADER_LENGTH, Header, INDEX_END, IndexRow, LARGEST_FILE, NAME_DIGITS, Name, REMOVED,
    ROW_LENGTH, VERSION, begins_header, is_removal, line_prefix, number_after,
};
use super::lookup::{FIRST_READ, LineSnapshot};
use crate::error::io_error;
use crate::sys;

const LINE_SEPARATOR: &[u8] = b",\n";
const FILE_END: &[u8] = b"}}\n";

/// The bytes of a whole cache file, for a writer or a report.
#[derive(Default)]
pub struct FileContents(Vec<u8>);

impl FileContents {
    /// Fails with `InvalidData` if the file is too large to be ours.
    pub(super) fn read(file: &File) -> io::Result<FileContents> {
        let size = file.metadata()?.len().min(LARGEST_FILE) as usize;
        let mut bytes = Vec::with_capacity(size + 1);
        sys::read_to_end(file, LARGEST_FILE as usize + 1, &mut bytes)?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(io_error(io::ErrorKind::InvalidData, "it is too large for a cache file"));
        }
        Ok(FileContents(bytes))
    }

    /// Reads as much as tells whose the file is: the whole file only if it begins with zeros.
    pub(super) fn read_start(file: &File) -> io::Result<FileContents> {
        let mut bytes = vec![0; FIRST_READ];
        let length = sys::read_at(file, &mut bytes, 0)?;
        bytes.truncate(length);
        if bytes.starts_with(&[0]) { FileContents::read(file) } else { Ok(FileContents(bytes)) }
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

    pub(super) fn parse(&self) -> CacheFile<'_> {
        CacheFile::parse(&self.0)
    }

    /// Name and object of every entry, in the order of the names. Damaged lines are left out.
    pub fn entries(&self) -> impl Iterator<Item = (Name, Cow<'_, [u8]>)> {
        let lines = self.parse().lines.into_iter();
        lines.filter(|line| !is_removal(&line.object)).map(|line| (line.name, line.object))
    }

    /// Whether a newer version of this program wrote the file; this version does not replace it.
    pub fn is_newer(&self) -> bool {
        number_after(&mut &*self.0, BEGINNING).is_some_and(|version| version > VERSION)
    }
}

/// The condition for storing a line.
pub struct Condition<'a> {
    /// The snapshot from before the plugin ran, and when it was taken.
    pub snapshot: &'a LineSnapshot,
    pub taken: Duration,
    /// Store only if the name still has the object of the snapshot: a refresh must not replace an
    /// entry that another process has stored meanwhile.
    pub renews: bool,
}

/// A whole cache file, parsed. Objects are borrowed, so that a write costs no copy of them.
#[derive(Default)]
pub(super) struct CacheFile<'a> {
    pub(super) generation: u64,
    /// Sorted by name.
    pub(super) lines: Vec<StoredLine<'a>>,
    pub(super) bytes: &'a [u8],
}

pub(super) struct StoredLine<'a> {
    pub(super) name: Name,
    pub(super) expires_unix_s: u64,
    pub(super) object: Cow<'a, [u8]>,
    /// The range of the whole line in `CacheFile::bytes`; `None` for a new line.
    pub(super) place: Option<Range<usize>>,
}

impl<'a> CacheFile<'a> {
    /// Keeps the lines that are whole. Lines that overlap or are out of order are dropped, so that
    /// memory is linear in the file's size.
    pub(super) fn parse(bytes: &'a [u8]) -> CacheFile<'a> {
        let Some(header) = Header::parse(bytes) else { return CacheFile::default() };
        let rows = bytes[HEADER_LENGTH..].chunks_exact(ROW_LENGTH).map_while(IndexRow::parse);
        let row_count = usize::try_from(header.row_count().unwrap_or_default()).unwrap_or_default();
        let mut lines: Vec<StoredLine<'a>> = Vec::new();
        let mut end = usize::try_from(header.entries_at).unwrap_or(usize::MAX);
        for line in rows.take(row_count).filter_map(|row| StoredLine::read(bytes, &row)) {
            let Some(place) = &line.place else { continue };
            if place.start >= end && lines.last().is_none_or(|last| last.name < line.name) {
                end = place.end;
                lines.push(line);
            }
        }
        CacheFile { generation: header.generation, lines, bytes }
    }

    /// Name and object of every entry, in the order of the names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Name, &[u8])> {
        let entries = self.lines.iter().filter(|line| !is_removal(&line.object));
        entries.map(|line| (line.name, &*line.object))
    }

    fn position(&self, name: &Name) -> Result<usize, usize> {
        self.lines.binary_search_by(|line| line.name.cmp(name))
    }

    pub(super) fn find(&self, name: &Name) -> Option<&StoredLine<'a>> {
        self.position(name).ok().map(|at| &self.lines[at])
    }

    pub(super) fn allows(&self, name: &Name, condition: &Condition<'_>) -> bool {
        let object = self.find(name).map(|line| &*line.object);
        let removed_ns = object.and_then(|mut object| number_after(&mut object, REMOVED));
        let is_removed = removed_ns.is_some_and(|ns| u128::from(ns) >= condition.taken.as_nanos());
        let is_unchanged = object == condition.snapshot.object.as_deref();
        self.generation == condition.snapshot.generation && !is_removed && (is_unchanged || !condition.renews)
    }

    pub(super) fn put(&mut self, name: Name, object: &str, expires_unix_s: u64) {
        let object = Cow::Owned(object.as_bytes().to_vec());
        let line = StoredLine { name, expires_unix_s, object, place: None };
        match self.position(&name) {
            Ok(at) => self.lines[at] = line,
            Err(at) => self.lines.insert(at, line),
        }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.head().as_bytes())?;
        let mut rest = &self.lines[..];
        while let Some(first) = rest.first() {
            let run = self.run_length(rest);
            match (&first.place, &rest[run - 1].place) {
                (Some(first), Some(last)) => out.write_all(&self.bytes[first.start..last.end])?,
                _ => {
                    out.write_all(line_prefix(&first.name).as_bytes())?;
                    out.write_all(&first.object)?;
                }
            }
            rest = &rest[run..];
            out.write_all(if rest.is_empty() { b"\n" } else { LINE_SEPARATOR })?;
        }
        out.write_all(FILE_END)
    }

    /// How many of `lines` follow each other in the old file too, and so can be written at once.
    fn run_length(&self, lines: &[StoredLine<'_>]) -> usize {
        let follows = |pair: &[StoredLine<'_>]| match (&pair[0].place, &pair[1].place) {
            (Some(line), Some(next)) => self.bytes[line.end..next.start] == *LINE_SEPARATOR,
            _ => false,
        };
        1 + lines.windows(2).take_while(|pair| follows(pair)).count()
    }

    /// Header and index.
    fn head(&self) -> String {
        let entries_at = HEADER_LENGTH + self.lines.len() * ROW_LENGTH + INDEX_END.len();
        let mut head = String::with_capacity(entries_at);
        head.push_str(&format!(
            "{{\"version\":{VERSION},\"generation\":{:>10},\"entries_at\":{entries_at:>12},\"index\":[\n",
            self.generation
        ));
        let mut offset = entries_at;
        for (number, line) in self.lines.iter().enumerate() {
            let length = NAME_DIGITS + 3 + line.object.len();
            let row = IndexRow {
                name: line.name,
                offset: offset as u64,
                length,
                expires_unix_s: line.expires_unix_s,
            };
            row.push(&mut head, number + 1 == self.lines.len());
            offset += length + LINE_SEPARATOR.len();
        }
        head.push_str(INDEX_END);
        head
    }
}

impl<'a> StoredLine<'a> {
    /// `None` unless the row describes exactly one line: a copy of anything else would make the JSON invalid.
    fn read(bytes: &'a [u8], row: &IndexRow) -> Option<StoredLine<'a>> {
        let start = usize::try_from(row.offset).ok()?;
        let (line, rest) = bytes.get(start..)?.split_at_checked(row.length)?;
        let fills_line = !line.contains(&b'\n') && matches!(rest, [b'\n', ..] | [b',', b'\n', ..]);
        let object = line.strip_prefix(line_prefix(&row.name).as_bytes())?;
        let place = Some(start..start + row.length);
        fills_line.then_some(StoredLine {
            name: row.name,
            expires_unix_s: row.expires_unix_s,
            object: Cow::Borrowed(object),
            place,
        })
    }
}
