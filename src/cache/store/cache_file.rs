//! An open cache file, as a writer or a report goes through it.
//!
//! Only the index is kept in memory. The lines are read piece by piece when they are needed, and checked then, so
//! that a file of any size needs little memory.

use std::fs::File;
use std::io::{self, Write};

use super::layout::{
    HEADER_LENGTH, Header, INDEX_END, IndexRow, LARGEST_FILE, LARGEST_LINE, LINE_SEPARATOR, Name,
    PREFIX_LENGTH, ROW_LENGTH, VERSION, is_removal, line_prefix,
};
use super::pieces::Pieces;
use super::window::Window;
use crate::error::io_error;

const FILE_END: &[u8] = b"}}\n";

#[derive(Default)]
pub struct CacheFile {
    is_newer: bool,
    pub(super) generation: u64,
    /// Sorted by name.
    pub(super) lines: Vec<StoredLine>,
    source: Option<Source>,
}

struct Source {
    file: File,
    size: u64,
}

pub(super) struct StoredLine {
    pub(super) name: Name,
    pub(super) expires_unix_s: u64,
    content: LineText,
}

enum LineText {
    /// The place of the line in the file. It may be damaged.
    Old { offset: u64, length: usize },
    /// The object of a line to write.
    New(String),
}

impl CacheFile {
    /// Reads header and index. Lines that overlap others or are out of order are left out, so that memory is linear
    /// in the file's size. Fails with `InvalidData` if the file is too large to be ours.
    pub(super) fn read(file: File) -> io::Result<CacheFile> {
        let size = file.metadata()?.len();
        if size > LARGEST_FILE {
            return Err(io_error(io::ErrorKind::InvalidData, "it is too large for a cache file"));
        }
        let mut window = Window::new(&file, size);
        let Some(header) = Header::parse(window.piece(0, HEADER_LENGTH)?) else {
            return Ok(CacheFile::default());
        };
        let most_rows = header.row_count().unwrap_or_default().min(size / ROW_LENGTH as u64);
        let mut lines = IndexedLines {
            found: Vec::with_capacity(most_rows as usize),
            entries_at: header.entries_at,
            window: Window::new(&file, 0),
        };
        for number in 0..most_rows {
            let offset = HEADER_LENGTH as u64 + number * ROW_LENGTH as u64;
            let Some(row) = IndexRow::parse(window.piece(offset, ROW_LENGTH)?) else { continue };
            if row.offset.saturating_add(row.length as u64) <= size {
                lines.add(&row)?;
            }
        }
        let lines = lines.found;
        let source = Some(Source { file, size });
        Ok(CacheFile { is_newer: false, generation: header.generation, lines, source })
    }

    /// The file of a newer version, which this version does not read.
    pub(super) fn newer() -> CacheFile {
        CacheFile { is_newer: true, ..CacheFile::default() }
    }

    /// Whether a newer version of this program wrote the file; this version does not replace it.
    pub fn is_newer(&self) -> bool {
        self.is_newer
    }

    /// Calls `visit` with name and object of each line that is not damaged, in the order of the names, also of
    /// removals.
    fn visit_lines(&self, visit: &mut dyn FnMut(&Name, &[u8])) -> io::Result<()> {
        let mut window = self.window();
        for line in &self.lines {
            if let Some(object) = line.object(window.as_mut())? {
                visit(&line.name, object);
            }
        }
        Ok(())
    }

    /// Calls `visit` with name and object of every entry, in the order of the names. Damaged lines are left out.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(&Name, &[u8])) -> io::Result<()> {
        self.visit_lines(&mut |name, object| {
            if !is_removal(object) {
                visit(name, object);
            }
        })
    }

    /// The object of the line with this name, unless it is damaged.
    pub(super) fn object(&self, name: &Name) -> io::Result<Option<Vec<u8>>> {
        let Ok(at) = self.position(name) else { return Ok(None) };
        let line = &self.lines[at];
        // Not more than the line is read.
        let mut window = self.source.as_ref().map(|source| Window::new(&source.file, 0));
        Ok(line.object(window.as_mut())?.map(<[u8]>::to_vec))
    }

    pub(super) fn put(&mut self, name: Name, object: String, expires_unix_s: u64) {
        let line = StoredLine { name, expires_unix_s, content: LineText::New(object) };
        match self.position(&name) {
            Ok(at) => self.lines[at] = line,
            Err(at) => self.lines.insert(at, line),
        }
    }

    fn position(&self, name: &Name) -> Result<usize, usize> {
        self.lines.binary_search_by(|line| line.name.cmp(name))
    }

    /// Writes the whole file. Returns false if a line is damaged, so that it must not be copied: then what was
    /// written is useless.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<bool> {
        let mut out = Pieces::new(out, self.written_length());
        self.write_head(&mut out)?;
        let mut window = self.window();
        for (number, line) in self.lines.iter().enumerate() {
            match (&line.content, line.old_text(window.as_mut())?) {
                (LineText::New(object), _) => {
                    out.push(&line_prefix(&line.name))?;
                    out.push(object.as_bytes())?;
                }
                (LineText::Old { .. }, Some(text)) => out.push(text)?,
                (LineText::Old { .. }, None) => return Ok(false),
            }
            out.push(if number + 1 == self.lines.len() { b"\n" } else { LINE_SEPARATOR })?;
        }
        out.push(FILE_END)?;
        out.end()?;
        Ok(true)
    }

    /// Forgets the damaged lines.
    pub(super) fn drop_damaged(&mut self) -> io::Result<()> {
        let mut whole = Vec::new();
        self.visit_lines(&mut |name, _| whole.push(*name))?;
        self.lines.retain(|line| whole.binary_search(&line.name).is_ok());
        Ok(())
    }

    /// Header and index.
    fn write_head(&self, out: &mut Pieces<'_>) -> io::Result<()> {
        let entries_at = self.entries_at();
        let header = format!(
            "{{\"version\":{VERSION},\"generation\":{:>10},\"entries_at\":{entries_at:>12},\"index\":[\n",
            self.generation
        );
        out.push(header.as_bytes())?;
        let mut offset = entries_at;
        for (number, line) in self.lines.iter().enumerate() {
            let length = line.length();
            let row = IndexRow { name: line.name, offset, length, expires_unix_s: line.expires_unix_s };
            out.push(&row.text(number + 1 == self.lines.len()))?;
            offset += (length + LINE_SEPARATOR.len()) as u64;
        }
        out.push(INDEX_END)
    }

    fn entries_at(&self) -> u64 {
        (HEADER_LENGTH + self.lines.len() * ROW_LENGTH + INDEX_END.len()) as u64
    }

    fn written_length(&self) -> u64 {
        let lines = self.lines.iter().map(|line| (line.length() + LINE_SEPARATOR.len()) as u64);
        self.entries_at() + lines.sum::<u64>() + FILE_END.len() as u64
    }

    fn window(&self) -> Option<Window<'_>> {
        self.source.as_ref().map(|source| Window::new(&source.file, source.size))
    }
}

/// Whether `rest` is what follows a line.
fn is_line_end(rest: &[u8]) -> bool {
    matches!(rest, [b'\n', ..] | [b',', b'\n'])
}

/// The lines of an index. Those that do not follow each other are read: one of two rows is damaged then, and the
/// other must not be lost.
struct IndexedLines<'f> {
    found: Vec<StoredLine>,
    /// The offset of the first line.
    entries_at: u64,
    window: Window<'f>,
}

impl IndexedLines<'_> {
    fn add(&mut self, row: &IndexRow) -> io::Result<()> {
        let line = StoredLine::at(row);
        if self.gap_before(row) != Some(0) {
            if let Some(last) = self.found.pop()
                && last.may_be_whole(&mut self.window)?
            {
                self.found.push(last);
            }
            if self.gap_before(row).is_none() || !line.may_be_whole(&mut self.window)? {
                return Ok(());
            }
        }
        self.found.push(line);
        Ok(())
    }

    /// How many bytes are between the last line and that of `row`. `None` if they overlap or are out of order, or if
    /// no line has this length.
    fn gap_before(&self, row: &IndexRow) -> Option<u64> {
        let (is_later, end) = match self.found.last() {
            Some(last) => (last.name < row.name, last.end() + LINE_SEPARATOR.len() as u64),
            None => (true, self.entries_at),
        };
        let is_line = is_later && (PREFIX_LENGTH..=LARGEST_LINE).contains(&row.length);
        row.offset.checked_sub(end).filter(|_| is_line)
    }
}

impl StoredLine {
    fn at(row: &IndexRow) -> StoredLine {
        let content = LineText::Old { offset: row.offset, length: row.length };
        StoredLine { name: row.name, expires_unix_s: row.expires_unix_s, content }
    }

    /// The offset of the end of the line in the file; zero for a new line.
    fn end(&self) -> u64 {
        match &self.content {
            LineText::Old { offset, length } => offset + *length as u64,
            LineText::New(_) => 0,
        }
    }

    /// The length of the line.
    fn length(&self) -> usize {
        match &self.content {
            LineText::Old { length, .. } => *length,
            LineText::New(object) => PREFIX_LENGTH + object.len(),
        }
    }

    /// The object in the line; `None` if the line is damaged.
    fn object<'a>(&'a self, window: Option<&'a mut Window<'_>>) -> io::Result<Option<&'a [u8]>> {
        match &self.content {
            LineText::New(object) => Ok(Some(object.as_bytes())),
            LineText::Old { .. } => Ok(self.old_text(window)?.map(|text| &text[PREFIX_LENGTH..])),
        }
    }

    /// Whether a line of this name begins and ends at its place in the file. Reads no more than that, because the
    /// lines of damaged rows may overlap and be longer than the file together.
    fn may_be_whole(&self, window: &mut Window<'_>) -> io::Result<bool> {
        let LineText::Old { offset, .. } = self.content else { return Ok(true) };
        let begins = window.piece(offset, PREFIX_LENGTH)? == line_prefix(&self.name);
        Ok(begins && is_line_end(window.piece(self.end(), LINE_SEPARATOR.len())?))
    }

    /// The line in the file. `None` unless there is exactly one line at its place: a copy of anything else would
    /// make the JSON invalid.
    fn old_text<'w>(&self, window: Option<&'w mut Window<'_>>) -> io::Result<Option<&'w [u8]>> {
        let (LineText::Old { offset, length }, Some(window)) = (&self.content, window) else {
            return Ok(None);
        };
        let text = window.piece(*offset, length + LINE_SEPARATOR.len())?;
        let Some((line, rest)) = text.split_at_checked(*length) else { return Ok(None) };
        let fills_line = !line.contains(&b'\n') && is_line_end(rest);
        Ok(Some(line).filter(|line| fills_line && line.starts_with(&line_prefix(&self.name))))
    }
}
