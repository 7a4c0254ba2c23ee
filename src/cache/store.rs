//! The cache file: looking up, inserting and removing lines by name.
//!
//! One JSON file. A header and a sorted index of fixed width come first, then one entry a line:
//!
//! ```text
//! {"version":1,"generation":         7,"entries_at":         150,"index":[
//! ["<32 hex>",         150,    2391,  1700000840]
//! ],"entries":{
//! "<32 hex>":{...}
//! }}
//! ```
//!
//! A reader takes no lock and needs two `pread`s: index and line. A writer holds the store lock,
//! reads again, applies its one change, drops what has expired, and renames a new file over the
//! old one. Whatever a reader finds that does not fit together is a miss, and the next write mends
//! it. What a line holds is `entry`'s affair.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::lock::{self, Attempt, Wait};
use crate::error::{Error, Kind, Result, shown};
use crate::format::time;
use crate::sys::{self, Directory};

/// The name of an entry: 16 bytes, written as 32 hexadecimal digits.
pub type Name = [u8; 16];

const VERSION: u64 = 1;
const NAME_DIGITS: usize = 32;
const HEADER_LENGTH: usize =
    "{\"version\":1,\"generation\":         7,\"entries_at\":         150,\"index\":[\n".len();
const ROW_LENGTH: usize = "[\"\",         150,    2391,  1700000840],\n".len() + NAME_DIGITS;
const INDEX_END: &str = "],\"entries\":{\n";
const FILE_END: &str = "}}\n";

/// One read of this size holds the index of a dozen entries. More would cost each hit another page.
const FIRST_READ: usize = 1024;
/// A larger file is none of ours.
const LARGEST_FILE: u64 = 256 << 20;
const LARGEST_LINE: usize = 8 << 20;
/// How long a writer waits for another one before it goes without storing.
const STORE_LOCK_LIMIT: Duration = Duration::from_secs(5);

/// What a look-up found.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// Raised by every removal; a store that began before one must not undo it.
    pub generation: u64,
    /// The entry's object, `{...}`.
    pub line: Option<Vec<u8>>,
}

/// Under which condition a line may be stored.
pub struct Condition<'a> {
    /// That of the look-up before.
    pub generation: u64,
    /// The line that is renewed, if only that one may be replaced.
    pub replaces: Option<&'a [u8]>,
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

    /// The directory of the file, made where it is missing.
    pub fn make_directory(&self) -> Result<Directory> {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        Directory::make(directory).map_err(|error| self.error("use", &error))
    }

    pub fn lock_name(&self) -> OsString {
        lock::file_name(&self.file_name)
    }

    /// Finds the line of `name`. A missing or unreadable file is an empty one; a file that must
    /// not be used (another owner, open to others) is an error.
    pub fn lookup(&self, name: &Name) -> Result<LookedUp> {
        match sys::open_private(&self.path) {
            Ok(file) => Ok(lookup_in(&file, name).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(self.error("read", &error)),
            Err(_) => Ok(LookedUp::default()),
        }
    }

    /// Every name and line, with the expiry that the index states.
    pub fn all(&self) -> Result<Vec<(Name, Vec<u8>)>> {
        match sys::open_private(&self.path) {
            Ok(file) => {
                let content = CacheFile::read(&file).map_err(|error| self.error("read", &error))?;
                Ok(content.entries.into_iter().map(|entry| (entry.name, entry.object)).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(self.error("read", &error)),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Whether a newer version of this program wrote the file, over which nothing is stored.
    pub fn is_newer(&self) -> bool {
        let content = sys::open_private(&self.path).and_then(|file| CacheFile::read(&file));
        content.is_ok_and(|content| content.version > VERSION)
    }

    /// Stores `line` if what is `expected` still holds.
    pub fn insert(&self, line: &NewLine<'_>, expected: &Condition<'_>, now: Duration) -> Result<Stored> {
        let mut stored = Stored::TooLate;
        self.update(now, &mut |content| {
            if content.generation != expected.generation
                || !content.may_replace(&line.name, expected.replaces)
            {
                return false;
            }
            content.put(line);
            stored = Stored::Done;
            true
        })?;
        Ok(stored)
    }

    /// Forgets the entry of `name`, or all; how many there were.
    pub fn remove(&self, name: Option<&Name>, now: Duration) -> Result<usize> {
        let mut removed = 0;
        self.update(now, &mut |content| {
            let before = content.entries.len();
            content.entries.retain(|entry| name.is_some_and(|name| entry.name != *name));
            removed = before - content.entries.len();
            content.generation = content.generation.wrapping_add(1);
            true
        })?;
        Ok(removed)
    }

    /// Applies `change` to the file under the store lock; writes nothing where it returns false.
    fn update(&self, now: Duration, change: &mut dyn FnMut(&mut CacheFile) -> bool) -> Result<()> {
        let directory = self.make_directory()?;
        let lock = self.lock(&directory)?;
        let mut content = self.content(&directory)?;
        content.entries.retain(|entry| !time::time_left(entry.expires_unix_s, now).is_zero());
        if !change(&mut content) {
            return Ok(());
        }
        let temporary = self.temporary_name(lock.is_some());
        self.replace(&directory, &temporary, &content.to_bytes()).map_err(|error| {
            // What stopped us from writing may stop us from cleaning up; the next writer does it.
            let _ = directory.remove(&temporary);
            self.error("write", &error)
        })
    }

    /// `None` where the file system has no locks: two writers may then lose one's entry, which is
    /// a miss later.
    fn lock(&self, directory: &Directory) -> Result<Option<lock::Guard>> {
        let mut between = |waited| if waited < STORE_LOCK_LIMIT { Wait::GoOn } else { Wait::GiveUp };
        let name = self.lock_name();
        match lock::wait(directory, &name, lock::Range::Store, &mut between) {
            Ok(Attempt::Held(guard)) => Ok(Some(guard)),
            Ok(Attempt::Unavailable) => Ok(None),
            Ok(Attempt::Busy) => Err(self.error("write", &io::ErrorKind::TimedOut.into())),
            Err(error) => Err(self.error("lock", &error)),
        }
    }

    /// What a writer starts from. A file that is there and cannot be read just now stays as it is:
    /// written again, it would lose every entry and the generation.
    fn content(&self, directory: &Directory) -> Result<CacheFile> {
        let opened = directory.open_private(&self.file_name);
        let content = match opened.and_then(|file| CacheFile::read(&file)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                CacheFile::default()
            }
            read => read.map_err(|error| self.error("read", &error))?,
        };
        if content.version > VERSION {
            let text = format!(
                "'{}' was written by a newer version of this program; nothing is stored",
                shown(&self.path)
            );
            return Err(Error::new(Kind::Cache, text));
        }
        Ok(content)
    }

    /// The lock holder's temporary file has one name, so that the next writer removes what a
    /// killed one left; without lock each writer needs its own.
    fn temporary_name(&self, locked: bool) -> OsString {
        let mut name = self.file_name.clone();
        name.push(".new");
        if !locked {
            name.push(std::process::id().to_string());
        }
        name
    }

    fn replace(&self, directory: &Directory, temporary: &OsStr, bytes: &[u8]) -> io::Result<()> {
        let mut file = match directory.create_new(temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                directory.remove(temporary)?;
                directory.create_new(temporary)?
            }
            other => other?,
        };
        file.write_all(bytes)?;
        drop(file);
        directory.replace(temporary, &self.file_name)
    }

    fn error(&self, verb: &str, error: &io::Error) -> Error {
        Error::io(Kind::Cache, verb, &self.path, error)
    }
}

/// `None` where the file is not one of ours or does not fit together.
fn lookup_in(file: &File, name: &Name) -> Option<LookedUp> {
    let mut start = [0; FIRST_READ];
    let length = sys::read_at(file, &mut start, 0).ok()?;
    let header = Header::parse(&start[..length])?;
    let index = Index { file, header: &header, start: &start[..length] };
    let line = index.find(name).and_then(|row| read_object(file, &row));
    Some(LookedUp { generation: header.generation, line })
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
    object_of(&mut line, &row.name)?;
    Some(line)
}

/// Cuts `line` down to the object behind its name.
fn object_of(line: &mut Vec<u8>, name: &Name) -> Option<()> {
    let prefix = line_prefix(name);
    if !line.starts_with(prefix.as_bytes()) {
        return None;
    }
    line.drain(..prefix.len());
    Some(())
}

fn line_prefix(name: &Name) -> String {
    let mut prefix = String::with_capacity(NAME_DIGITS + 3);
    prefix.push('"');
    push_hex(&mut prefix, name);
    prefix.push_str("\":");
    prefix
}

/// The version that a file states; zero where it states none.
fn version_of(mut start: &[u8]) -> u64 {
    number_after(&mut start, b"{\"version\":").unwrap_or_default()
}

struct Header {
    generation: u64,
    /// Where the entries begin, which says how many rows the index has.
    entries_at: u64,
}

impl Header {
    fn parse(start: &[u8]) -> Option<Header> {
        let mut rest = start.get(..HEADER_LENGTH)?;
        let version = number_after(&mut rest, b"{\"version\":")?;
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

/// One row of the index: where the line of an entry stands.
#[derive(Clone, Copy, PartialEq, Eq)]
struct IndexRow {
    name: Name,
    offset: u64,
    length: usize,
    expires_unix_s: u64,
}

impl IndexRow {
    fn parse(text: &[u8]) -> Option<IndexRow> {
        let name = parse_hex(text.strip_prefix(b"[\"")?.get(..NAME_DIGITS)?)?;
        let mut rest = &text[2 + NAME_DIGITS..];
        let offset = number_after(&mut rest, b"\",")?;
        let length = number_after(&mut rest, b",")?;
        let expires_unix_s = number_after(&mut rest, b",")?;
        let ends = matches!(rest, b"],\n" | b"] \n");
        ends.then_some(IndexRow { name, offset, length: usize::try_from(length).ok()?, expires_unix_s })
    }

    fn push(&self, out: &mut String, is_last: bool) {
        out.push_str("[\"");
        push_hex(out, &self.name);
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

/// The sorted rows, read from the file as far as they are not in the first read.
struct Index<'a> {
    file: &'a File,
    header: &'a Header,
    start: &'a [u8],
}

impl Index<'_> {
    fn find(&self, name: &Name) -> Option<IndexRow> {
        search(self.header.row_count()?, name, &|number| self.row(number))
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

/// The row of `name` among so many sorted ones.
///
/// Names are hashes and so spread evenly: guessing the place finds a row among thousands in about
/// three probes. Should they not be even, halving takes over.
fn search(rows: u64, name: &Name, row: &dyn Fn(u64) -> Option<IndexRow>) -> Option<IndexRow> {
    const GUESSES: usize = 8;
    let wanted = spread(name);
    let (mut low, mut high) = ((0, 0), (rows, u64::from(u32::MAX)));
    for probe in 0.. {
        let rows = high.0 - low.0;
        if rows == 0 {
            return None;
        }
        let ahead = if probe < GUESSES { (wanted - low.1) * rows / (high.1 - low.1 + 1) } else { rows / 2 };
        let at = low.0 + ahead;
        let row = row(at)?;
        match row.name.cmp(name) {
            std::cmp::Ordering::Equal => return Some(row),
            std::cmp::Ordering::Less => low = (at + 1, spread(&row.name)),
            std::cmp::Ordering::Greater => high = (at, spread(&row.name)),
        }
    }
    None
}

/// The first 32 bits of a name, as a number to compute places with.
fn spread(name: &Name) -> u64 {
    let [a, b, c, d, ..] = *name;
    u64::from(u32::from_be_bytes([a, b, c, d]))
}

/// A whole cache file, for a writer or a report.
#[derive(Default)]
struct CacheFile {
    version: u64,
    generation: u64,
    /// Sorted by name.
    entries: Vec<StoredLine>,
}

struct StoredLine {
    name: Name,
    object: Vec<u8>,
    expires_unix_s: u64,
}

impl CacheFile {
    /// Keeps what fits together; a file that is none of ours is empty.
    fn read(file: &File) -> io::Result<CacheFile> {
        let mut bytes = Vec::new();
        sys::read_to_end(file, LARGEST_FILE as usize + 1, &mut bytes)?;
        Ok(if bytes.len() as u64 <= LARGEST_FILE { CacheFile::parse(&bytes) } else { CacheFile::default() })
    }

    fn parse(bytes: &[u8]) -> CacheFile {
        let version = version_of(bytes);
        let Some(header) = Header::parse(bytes) else { return CacheFile { version, ..CacheFile::default() } };
        let rows = bytes[HEADER_LENGTH..].chunks_exact(ROW_LENGTH).map_while(IndexRow::parse);
        let rows = rows.take(usize::try_from(header.row_count().unwrap_or_default()).unwrap_or_default());
        let mut entries: Vec<StoredLine> = Vec::new();
        for entry in rows.filter_map(|row| StoredLine::read(bytes, &row)) {
            // No search finds what is out of order.
            if entries.last().is_none_or(|last| last.name < entry.name) {
                entries.push(entry);
            }
        }
        CacheFile { version, generation: header.generation, entries }
    }

    fn place(&self, name: &Name) -> std::result::Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.name.cmp(name))
    }

    fn may_replace(&self, name: &Name, expected: Option<&[u8]>) -> bool {
        let Some(expected) = expected else { return true };
        self.place(name).is_ok_and(|at| self.entries[at].object == expected)
    }

    fn put(&mut self, line: &NewLine<'_>) {
        let entry = StoredLine {
            name: line.name,
            object: line.object.as_bytes().to_vec(),
            expires_unix_s: line.expires_unix_s,
        };
        match self.place(&line.name) {
            Ok(at) => self.entries[at] = entry,
            Err(at) => self.entries.insert(at, entry),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let entries_at = HEADER_LENGTH + self.entries.len() * ROW_LENGTH + INDEX_END.len();
        let mut head = format!(
            "{{\"version\":{VERSION},\"generation\":{:>10},\"entries_at\":{entries_at:>12},\"index\":[\n",
            self.generation
        );
        let mut lines = Vec::new();
        let last = self.entries.len().wrapping_sub(1);
        for (number, entry) in self.entries.iter().enumerate() {
            let offset = (entries_at + lines.len()) as u64;
            let prefix = line_prefix(&entry.name);
            let length = prefix.len() + entry.object.len();
            let row = IndexRow { name: entry.name, offset, length, expires_unix_s: entry.expires_unix_s };
            row.push(&mut head, number == last);
            lines.extend_from_slice(prefix.as_bytes());
            lines.extend_from_slice(&entry.object);
            lines.extend_from_slice(if number == last { b"\n" } else { b",\n" });
        }
        head.push_str(INDEX_END);
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&lines);
        bytes.extend_from_slice(FILE_END.as_bytes());
        bytes
    }
}

impl StoredLine {
    /// Only what fills its line: more or less of it, written again, would leave no JSON.
    fn read(bytes: &[u8], row: &IndexRow) -> Option<StoredLine> {
        let offset = usize::try_from(row.offset).ok()?;
        let (line, rest) = bytes.get(offset..)?.split_at_checked(row.length)?;
        let fills_line = !line.contains(&b'\n') && matches!(rest, [b'\n', ..] | [b',', b'\n', ..]);
        let mut object = line.to_vec();
        object_of(&mut object, &row.name)?;
        fills_line.then_some(StoredLine { name: row.name, object, expires_unix_s: row.expires_unix_s })
    }
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Exactly the lower-case digits that [`push_hex`] writes.
fn parse_hex(digits: &[u8]) -> Option<Name> {
    let mut name = Name::default();
    for (byte, pair) in name.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(name)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
