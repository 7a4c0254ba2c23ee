//! The cache file: finds, inserts and removes lines by name.
//!
//! The file is JSON. A header and a sorted index of fixed width come first, then one entry a line:
//!
//! ```text
//! {"version":1,"generation":         7,"entries_at":         150,"index":[
//! ["<32 hex>",         150,    2391,  1700000840]
//! ],"entries":{
//! "<32 hex>":{...}
//! }}
//! ```
//!
//! A reader takes no lock and needs two `pread`s: index and line. A writer holds the store lock, reads
//! the file again, applies one change, drops expired lines, and renames a new file over the old one.
//! Damaged parts are misses to a reader, and the next write drops them. [`super::entry`] defines what a
//! line contains. A writer replaces nothing that is not ours: see [`FileContents::is_ours`].
//!
//! A removal must also reach stores that are under way. Clearing everything raises the generation, which
//! every store compares. Removing one entry leaves a line that says when (`{"removed":<ns>}`) for an
//! hour, so that only stores of that entry that began earlier are refused.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock::{self, Attempt};
use super::lock_file;
use crate::error::{Error, Kind, Result, shown};
use crate::format::{hex, time};
use crate::sys::{self, Directory};

/// The name of an entry: 16 bytes, written as 32 hexadecimal digits.
pub type Name = [u8; 16];

const VERSION: u64 = 1;
const NAME_DIGITS: usize = 32;
const HEADER_LENGTH: usize =
    "{\"version\":1,\"generation\":         7,\"entries_at\":         150,\"index\":[\n".len();
const ROW_LENGTH: usize = "[\"\",         150,    2391,  1700000840],\n".len() + NAME_DIGITS;
/// What a cache file of any version begins with.
const BEGINNING: &[u8] = b"{\"version\":";
const INDEX_END: &str = "],\"entries\":{\n";
const LINE_SEPARATOR: &[u8] = b",\n";
const FILE_END: &[u8] = b"}}\n";

/// One read of this size covers the index of a dozen entries. A larger buffer touches another page.
const FIRST_READ: usize = 1024;
/// Larger files are not ours.
const LARGEST_FILE: u64 = 256 << 20;
const LARGEST_LINE: usize = 8 << 20;
/// How long a writer waits for another one before it gives up storing.
const STORE_LOCK_LIMIT: Duration = Duration::from_secs(5);
/// How long a removal refuses stores that began before it: longer than a login takes.
const REMOVAL_MEMORY: Duration = Duration::from_secs(60 * 60);
const REMOVED: &[u8] = b"{\"removed\":";

/// The state of a name at one moment, which a later store of it must still find.
#[derive(Debug, Default)]
pub struct LineSnapshot {
    /// The entry's object, `{...}`.
    pub object: Option<Vec<u8>>,
    /// Raised whenever the cache is cleared.
    generation: u64,
    /// The file that was read. A hit leaves it open, which saves a system call.
    file: Option<File>,
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

#[derive(Debug, PartialEq, Eq)]
pub enum Stored {
    Done,
    /// The entry was removed, or replaced by another process, in the meantime.
    TooLate,
}

/// A line to store.
pub struct NewLine<'a> {
    pub name: Name,
    /// A JSON object without line breaks.
    pub object: &'a str,
    pub expires_unix_s: u64,
}

/// One cache file.
pub struct Store {
    path: PathBuf,
    file_name: OsString,
}

impl Store {
    /// Touches nothing; the file need not exist.
    pub fn at(path: &Path) -> Result<Store> {
        match path.file_name() {
            Some(name) => Ok(Store { path: path.to_owned(), file_name: name.to_owned() }),
            None => Err(Error::new(Kind::Cache, format!("'{}' is not the name of a file", shown(path)))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory of the file for a writer, and creates it and the lock file if they are missing.
    /// Fails if another program's file is at the path of the cache file or of the lock file.
    pub fn make_directory(&self) -> Result<Directory> {
        let directory = self.checked_directory()?;
        match lock_file::open(&directory, &self.lock_name()) {
            Ok(_) => Ok(directory),
            Err(error) => Err(self.lock_error(&error)),
        }
    }

    /// Creates nothing beside a file that is not ours.
    fn checked_directory(&self) -> Result<Directory> {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let directory = Directory::make(directory).map_err(|error| self.error("use", &error))?;
        match directory.open_own(&self.file_name) {
            Ok(file) => {
                let start = FileContents::read_start(&file).map_err(|error| self.error("read", &error))?;
                self.require_ours(&start)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.error("use", &error)),
        }
        Ok(directory)
    }

    fn require_ours(&self, contents: &FileContents) -> Result<()> {
        if contents.is_ours() {
            return Ok(());
        }
        let error = io::Error::new(io::ErrorKind::InvalidData, "it is not a cache file of this program");
        Err(self.error("use", &error))
    }

    fn lock_error(&self, error: &io::Error) -> Error {
        Error::io(Kind::Cache, "use", &self.path.with_file_name(self.lock_name()), error)
    }

    pub fn lock_name(&self) -> OsString {
        lock::file_name(&self.file_name)
    }

    /// Finds the object of `name`. A missing or damaged file counts as empty; a file that must not be
    /// used (another owner, readable by others) is an error.
    pub fn lookup(&self, name: &Name) -> Result<LineSnapshot> {
        match sys::open_private(&self.path) {
            Ok(file) => {
                let mut snapshot = lookup_in(&file, name).unwrap_or_default();
                // On Windows, a file that is open cannot be replaced.
                snapshot.file = if cfg!(windows) { None } else { Some(file) };
                Ok(snapshot)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(self.error("read", &error)),
            Err(_) => Ok(LineSnapshot::default()),
        }
    }

    /// Reads the whole file, for [`FileContents::entries`]. Fails if it is another program's.
    pub fn contents(&self) -> Result<FileContents> {
        self.read(sys::open_own(&self.path))
    }

    /// Reads the lock file. Fails if it is another program's.
    pub fn check_lock_file(&self) -> Result<()> {
        match sys::open_own(&self.path.with_file_name(self.lock_name())) {
            Err(error) if is_missing(&error) => Ok(()),
            opened => {
                opened.and_then(|file| lock_file::check(&file)).map_err(|error| self.lock_error(&error))
            }
        }
    }

    /// A missing file counts as empty, and so does one that other users could have written.
    fn read(&self, opened: io::Result<File>) -> Result<FileContents> {
        let file = match opened {
            Err(error) if is_missing(&error) => return Ok(FileContents::default()),
            opened => opened.map_err(|error| self.error("use", &error))?,
        };
        let contents = FileContents::read(&file).map_err(|error| self.error("read", &error))?;
        self.require_ours(&contents)?;
        Ok(if sys::is_private(&file) { contents } else { FileContents::default() })
    }

    /// Stores `line` if `condition` holds.
    pub fn insert(&self, line: &NewLine<'_>, condition: &Condition<'_>, now: Duration) -> Result<Stored> {
        let mut stored = Stored::TooLate;
        self.update(now, &mut |file| {
            if file.allows(&line.name, condition) {
                file.put(line.name, line.object, line.expires_unix_s);
                stored = Stored::Done;
            }
            stored == Stored::Done
        })?;
        Ok(stored)
    }

    /// Removes the entries of `names` and returns how many there were.
    pub fn remove(&self, names: &[Name], now: Duration) -> Result<usize> {
        let removed_at = format!("{{\"removed\":{}}}", now.as_nanos() as u64);
        let mut removed = 0;
        self.update(now, &mut |file| {
            for name in names {
                removed += usize::from(file.find(name).is_some_and(|line| !is_removal(&line.object)));
                file.put(*name, &removed_at, (now + REMOVAL_MEMORY).as_secs());
            }
            !names.is_empty()
        })?;
        Ok(removed)
    }

    /// Removes every entry and returns how many there were.
    pub fn clear(&self, now: Duration) -> Result<usize> {
        let mut removed = 0;
        self.update(now, &mut |file| {
            removed = file.lines.iter().filter(|line| !is_removal(&line.object)).count();
            file.lines.clear();
            file.generation = file.generation.wrapping_add(1);
            true
        })?;
        Ok(removed)
    }

    /// Applies `change` to the file under the store lock; writes nothing if it returns false.
    fn update(&self, now: Duration, change: &mut dyn FnMut(&mut CacheFile<'_>) -> bool) -> Result<()> {
        let directory = self.checked_directory()?;
        let lock = self.lock(&directory)?;
        let contents = self.contents_in(&directory)?;
        let mut file = CacheFile::parse(&contents.0);
        file.lines.retain(|line| !time::time_left(line.expires_unix_s, now).is_zero());
        if !change(&mut file) {
            return Ok(());
        }
        let temporary = self.temporary_name(lock.is_some());
        self.replace(&directory, &temporary, &file).map_err(|error| {
            // What prevented the write may prevent this removal too; the next writer repeats it.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = directory.remove(&temporary);
            }
            self.error("write", &error)
        })
    }

    /// Takes the store lock. `None` if the file system has no locks: then one of two concurrent writers
    /// may lose its entry, which costs a miss.
    fn lock(&self, directory: &Directory) -> Result<Option<lock::Guard>> {
        match lock::wait(directory, &self.lock_name(), lock::Range::Store, STORE_LOCK_LIMIT) {
            Ok(Attempt::Held(guard)) => Ok(Some(guard)),
            Ok(Attempt::Unavailable) => Ok(None),
            Ok(Attempt::Busy) => Err(self.error("write", &io::ErrorKind::TimedOut.into())),
            Err(error) => Err(self.lock_error(&error)),
        }
    }

    /// Reads what a writer starts from. A file that exists but cannot be read now is left alone:
    /// replacing it would lose every entry and the generation.
    fn contents_in(&self, directory: &Directory) -> Result<FileContents> {
        let contents = self.read(directory.open_own(&self.file_name))?;
        if contents.is_newer() {
            let text = format!(
                "'{}' was written by a newer version of this program; nothing is stored",
                shown(&self.path)
            );
            return Err(Error::new(Kind::Cache, text));
        }
        Ok(contents)
    }

    /// The lock's holder always uses the same name, so that the next writer removes the file of a
    /// killed one. Without the lock, each writer needs a name of its own.
    fn temporary_name(&self, is_locked: bool) -> OsString {
        let mut name = self.file_name.clone();
        name.push(".new");
        if !is_locked {
            name.push(std::process::id().to_string());
        }
        name
    }

    fn replace(&self, directory: &Directory, temporary: &OsStr, content: &CacheFile<'_>) -> io::Result<()> {
        let mut file = match directory.create_new(temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_left_over(directory, temporary)?;
                directory.create_new(temporary)?
            }
            other => other?,
        };
        content.write(&mut file)?;
        drop(file);
        directory.replace(temporary, &self.file_name)
    }

    fn error(&self, verb: &str, error: &io::Error) -> Error {
        Error::io(Kind::Cache, verb, &self.path, error)
    }
}

/// Removes what a killed writer left. Fails with `AlreadyExists` if it is another program's file.
fn remove_left_over(directory: &Directory, temporary: &OsStr) -> io::Result<()> {
    let contents = directory.open_own(temporary).and_then(|file| FileContents::read(&file));
    if !contents.is_ok_and(|contents| contents.is_ours()) {
        let text = ["'", &shown(temporary).to_string(), "' beside it is not a file of this program"].concat();
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    directory.remove(temporary)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// `None` if the file is not ours or is damaged at its beginning.
fn lookup_in(file: &File, name: &Name) -> Option<LineSnapshot> {
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
    if !line.starts_with(prefix.as_bytes()) {
        return None;
    }
    line.drain(..prefix.len());
    Some(line)
}

fn line_prefix(name: &Name) -> String {
    let mut prefix = String::with_capacity(NAME_DIGITS + 3);
    prefix.push('"');
    hex::push(&mut prefix, name);
    prefix.push_str("\":");
    prefix
}

fn is_removal(object: &[u8]) -> bool {
    object.starts_with(REMOVED)
}

struct Header {
    generation: u64,
    /// Offset of the first entry, from which the number of rows follows.
    entries_at: u64,
}

impl Header {
    fn parse(start: &[u8]) -> Option<Header> {
        let mut rest = start.get(..HEADER_LENGTH)?;
        let version = number_after(&mut rest, BEGINNING)?;
        let generation = number_after(&mut rest, b",\"generation\":")?;
        let entries_at = number_after(&mut rest, b",\"entries_at\":")?;
        let header = Header { generation, entries_at };
        (rest == b",\"index\":[\n" && version == VERSION && header.row_count().is_some()).then_some(header)
    }

    fn row_count(&self) -> Option<u64> {
        let entries_at = Some(self.entries_at).filter(|at| *at <= LARGEST_FILE)?;
        let rows = entries_at.checked_sub((HEADER_LENGTH + INDEX_END.len()) as u64)?;
        (rows % ROW_LENGTH as u64 == 0).then_some(rows / ROW_LENGTH as u64)
    }
}

/// One row of the index: the place of an entry's line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct IndexRow {
    name: Name,
    offset: u64,
    length: usize,
    expires_unix_s: u64,
}

impl IndexRow {
    fn parse(text: &[u8]) -> Option<IndexRow> {
        let name = hex::parse(text.strip_prefix(b"[\"")?.get(..NAME_DIGITS)?)?;
        let mut rest = &text[2 + NAME_DIGITS..];
        let offset = number_after(&mut rest, b"\",")?;
        let length = number_after(&mut rest, b",")?;
        let expires_unix_s = number_after(&mut rest, b",")?;
        let ends = matches!(rest, b"],\n" | b"] \n");
        ends.then_some(IndexRow { name, offset, length: usize::try_from(length).ok()?, expires_unix_s })
    }

    fn push(&self, out: &mut String, is_last: bool) {
        out.push_str("[\"");
        hex::push(out, &self.name);
        let end = if is_last { ' ' } else { ',' };
        out.push_str(&format!(
            "\",{:>12},{:>8},{:>12}]{end}\n",
            self.offset, self.length, self.expires_unix_s
        ));
    }
}

/// Reads `label`, spaces and a number off the front of `rest`.
pub fn number_after(rest: &mut &[u8], label: &[u8]) -> Option<u64> {
    let after = rest.strip_prefix(label)?;
    let spaces = after.iter().take_while(|byte| **byte == b' ').count();
    let digits = after[spaces..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = after[spaces..].split_at(digits);
    *rest = after;
    std::str::from_utf8(number).ok()?.parse().ok()
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

/// The bytes of a whole cache file, for a writer or a report.
#[derive(Default)]
pub struct FileContents(Vec<u8>);

impl FileContents {
    /// Fails with `InvalidData` if the file is too large to be ours.
    fn read(file: &File) -> io::Result<FileContents> {
        let size = file.metadata()?.len().min(LARGEST_FILE) as usize;
        let mut bytes = Vec::with_capacity(size + 1);
        sys::read_to_end(file, LARGEST_FILE as usize + 1, &mut bytes)?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large for a cache file"));
        }
        Ok(FileContents(bytes))
    }

    /// Reads as much as tells whose the file is: the whole file only if it begins with zeros.
    fn read_start(file: &File) -> io::Result<FileContents> {
        let mut bytes = vec![0; FIRST_READ];
        let length = sys::read_at(file, &mut bytes, 0)?;
        bytes.truncate(length);
        if bytes.starts_with(&[0]) { FileContents::read(file) } else { Ok(FileContents(bytes)) }
    }

    /// Whether this program wrote the file, so that it may be replaced: it begins as a cache file of any
    /// version does, or it is what a crash leaves of one: nothing, zeros, or a part of the beginning.
    fn is_ours(&self) -> bool {
        const NEXT: &[u8] = b",\"generation\":";
        let mut rest = &*self.0;
        let begins_as_ours = number_after(&mut rest, BEGINNING).is_some()
            && (rest.starts_with(NEXT) || NEXT.starts_with(rest));
        begins_as_ours || BEGINNING.starts_with(&self.0) || self.0.iter().all(|byte| *byte == 0)
    }

    /// Name and object of every entry, in the order of the names. Damaged lines are left out.
    pub fn entries(&self) -> impl Iterator<Item = (Name, Cow<'_, [u8]>)> {
        let lines = CacheFile::parse(&self.0).lines.into_iter();
        lines.filter(|line| !is_removal(&line.object)).map(|line| (line.name, line.object))
    }

    /// Whether a newer version of this program wrote the file; this version does not replace it.
    pub fn is_newer(&self) -> bool {
        number_after(&mut &*self.0, BEGINNING).is_some_and(|version| version > VERSION)
    }
}

/// A whole cache file, parsed. Objects are borrowed, so that a write costs no copy of them.
#[derive(Default)]
struct CacheFile<'a> {
    generation: u64,
    /// Sorted by name.
    lines: Vec<StoredLine<'a>>,
    bytes: &'a [u8],
}

struct StoredLine<'a> {
    name: Name,
    expires_unix_s: u64,
    object: Cow<'a, [u8]>,
    /// Where the whole line is in `CacheFile::bytes`; `None` for a new line.
    place: Option<Range<usize>>,
}

impl<'a> CacheFile<'a> {
    /// Keeps the lines that are whole. Lines that overlap or are out of order are dropped, so that
    /// memory is linear in the file's size.
    fn parse(bytes: &'a [u8]) -> CacheFile<'a> {
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

    fn position(&self, name: &Name) -> std::result::Result<usize, usize> {
        self.lines.binary_search_by(|line| line.name.cmp(name))
    }

    fn find(&self, name: &Name) -> Option<&StoredLine<'a>> {
        self.position(name).ok().map(|at| &self.lines[at])
    }

    fn allows(&self, name: &Name, condition: &Condition<'_>) -> bool {
        let object = self.find(name).map(|line| &*line.object);
        let removed_ns = object.and_then(|mut object| number_after(&mut object, REMOVED));
        let is_removed = removed_ns.is_some_and(|ns| u128::from(ns) >= condition.taken.as_nanos());
        let is_unchanged = object == condition.snapshot.object.as_deref();
        self.generation == condition.snapshot.generation && !is_removed && (is_unchanged || !condition.renews)
    }

    fn put(&mut self, name: Name, object: &str, expires_unix_s: u64) {
        let object = Cow::Owned(object.as_bytes().to_vec());
        let line = StoredLine { name, expires_unix_s, object, place: None };
        match self.position(&name) {
            Ok(at) => self.lines[at] = line,
            Err(at) => self.lines.insert(at, line),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
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
    /// `None` unless the row describes exactly one line: anything else, copied, would break the JSON.
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

#[cfg(test)]
mod tests;
