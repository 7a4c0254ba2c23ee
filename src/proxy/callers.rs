//! The table of callers and keys, at the beginning of the lock file.
//!
//! It remembers which caller got which credential, so that a rejected credential is replaced, and which
//! plugin failed when, so that a failing plugin is not run over and over. The table only holds hints:
//! rows are read and written whole and without a lock, a newer row may evict an older one, and a row
//! that is torn, foreign or from the future counts as missing. Callers and keys have separate areas, so
//! that many callers do not evict what is known about the keys.
//!
//! A row is 64 bytes, little-endian. The rows of a block of the lock file form a set, and a subject may be
//! in any row of one set:
//!
//! ```text
//!  0  checksum    u64  FNV-1a of the entry's name and the bytes that follow
//!  8  key         u64  the first half of the entry's name
//! 16  caller      u64  FNV-1a of process id and start time; 0 in the row of a key
//! 24  written     u64  Unix milliseconds
//! 32  content     32 bytes, see `rows`
//! ```

mod rows;

use std::fs::File;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::time::Duration;

use super::failure::unix_ms;
use crate::cache::lock_file::{self, ROW_BYTES, TABLE_BYTES};
use crate::cache::store::{Name, Store};
use crate::format::fnv::fnv1a_64;
use crate::sys::{self, Process};
use rows::{Area, CONTENT_OFFSET, Content, Row, SET_BYTES, u64_at};
pub use rows::{CallerRow, Ending, KeeperRow, KeyRow};

/// What a row is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject<R> {
    of: RowKey,
    row: PhantomData<R>,
}

/// Identifies a row among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RowKey {
    name: Name,
    /// Zero for the key itself.
    caller: u64,
}

impl<R> Clone for Subject<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Subject<R> {}

impl Subject<KeyRow> {
    pub fn key(name: &Name) -> Subject<KeyRow> {
        Subject { of: RowKey { name: *name, caller: 0 }, row: PhantomData }
    }
}

impl Subject<CallerRow> {
    pub fn caller(name: &Name, process: Process) -> Subject<CallerRow> {
        let mut identity = [0; 12];
        identity[..4].copy_from_slice(&process.id.to_le_bytes());
        identity[4..].copy_from_slice(&process.started.to_le_bytes());
        Subject { of: RowKey { name: *name, caller: fnv1a_64(&identity).max(1) }, row: PhantomData }
    }
}

impl Subject<KeeperRow> {
    pub fn keeper(name: &Name) -> Subject<KeeperRow> {
        Subject { of: RowKey { name: *name, caller: 0 }, row: PhantomData }
    }
}

impl<R: Row> Subject<R> {
    /// Offset of the set that the subject's row is in.
    fn offset(&self) -> u64 {
        let hash = (key_half(&self.of.name) ^ self.of.caller) >> 32;
        R::AREA.offset + hash % R::AREA.sets * SET_BYTES as u64
    }
}

impl RowKey {
    fn is_of(&self, row: &[u8], now: Duration) -> bool {
        u64_at(row, 16) == self.caller && is_of_key(row, &self.name, now)
    }

    fn encode(&self, content: &Content, now: Duration) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[8..16].copy_from_slice(&key_half(&self.name).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.caller.to_le_bytes());
        bytes[24..32].copy_from_slice(&unix_ms(now).to_le_bytes());
        bytes[CONTENT_OFFSET..].copy_from_slice(content);
        let checksum = checksum(&self.name, &bytes);
        bytes[..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// The open table. It is not closed, which saves a hit a system call.
pub struct Callers(ManuallyDrop<File>);

/// What the table knows of a subject, and where. Change the row and pass it to [`Callers::remember`].
pub struct Recalled<R> {
    pub row: R,
    /// When the row was written; zero if the table did not know the subject.
    pub written_unix_ms: u64,
    subject: Subject<R>,
    /// `None` if the lock file is another program's.
    offset: Option<u64>,
}

impl Callers {
    /// Opens the table beside the cache file. `None` if there is no lock file. The owner of the file is
    /// not checked: a row counts only if its checksum covers the entry's name.
    pub fn open(store: &Store) -> Option<Callers> {
        let path = store.path().with_file_name(store.lock_name());
        sys::open_for_update(&path).ok().map(Callers::new)
    }

    /// Opens the table, and creates the lock file if it is missing.
    pub fn open_or_create(store: &Store) -> Option<Callers> {
        store.open_folder().ok().and_then(|_| Callers::open(store))
    }

    pub fn new(lock_file: File) -> Callers {
        Callers(ManuallyDrop::new(lock_file))
    }

    /// What is known of `subject`; a default row if that is nothing.
    pub fn recall<R: Row>(&self, subject: Subject<R>, now: Duration) -> Recalled<R> {
        let (offset, known) = self.find(&subject.of, subject.offset(), now);
        let (row, written_unix_ms) = match known {
            Some((content, written_unix_ms)) => (R::decode(&content), written_unix_ms),
            None => (R::default(), 0),
        };
        Recalled { row, written_unix_ms, offset, subject }
    }

    /// Finds the row `of` in the set at `offset`: the offset of the row; if the table has the row, its
    /// content and when it was written.
    fn find(&self, of: &RowKey, offset: u64, now: Duration) -> (Option<u64>, Option<(Content, u64)>) {
        let mut set = [0; SET_BYTES];
        let length = sys::read_at(&self.0, &mut set, offset).unwrap_or_default();
        if length != SET_BYTES || !lock_file::is_ours(&set) {
            return (None, None);
        }
        let known = row_offsets().find(|at| of.is_of(row_at(&set, *at), now));
        let at = known.unwrap_or_else(|| oldest(&set, now));
        let row = row_at(&set, at);
        let known = known.map(|_| (content_of(row), written(row, now)));
        (Some(offset + at as u64), known)
    }

    /// Writes the row over its old version, else over the oldest row of its set. Write errors are
    /// ignored: the table only holds hints.
    pub fn remember<R: Row>(&self, recalled: &Recalled<R>, now: Duration) {
        if let Some(offset) = recalled.offset {
            let bytes = recalled.subject.of.encode(&recalled.row.encode(), now);
            let _ = sys::write_all_at(&self.0, &bytes, offset);
        }
    }

    /// Recalls a row, changes it and writes it.
    pub fn update<R: Row>(&self, subject: Subject<R>, now: Duration, change: impl FnOnce(&mut R)) {
        let mut recalled = self.recall(subject, now);
        change(&mut recalled.row);
        self.remember(&recalled, now);
    }

    /// Ends the pause after failures of a key, because a person is there who can log in.
    pub fn end_pause(&self, name: &Name, now: Duration) {
        let mut key = self.recall(Subject::key(name), now);
        if key.row.failure(now).is_some() {
            key.row.succeed();
            self.remember(&key, now);
        }
    }

    /// Forgets everything: the next failure counts as the first.
    pub fn forget_all(&self) {
        let mut start = [0; ROW_BYTES];
        if sys::read_at(&self.0, &mut start, 0).is_ok() && lock_file::is_ours(&start) {
            let _ = sys::write_all_at(&self.0, &lock_file::empty_table(), 0);
        }
    }

    /// All processes that keep a credential warm.
    pub fn keepers(&self) -> Vec<KeeperRow> {
        let mut set = [0; SET_BYTES];
        let _ = sys::read_at(&self.0, &mut set, Area::KEEPERS.offset);
        let offsets = row_offsets().filter(|_| lock_file::is_ours(&set));
        let rows = offsets.map(|at| KeeperRow::decode(&content_of(row_at(&set, at))));
        rows.filter(|row| row.process.id != 0).collect()
    }

    /// Forgets everything about the keys of `names` and their callers.
    pub fn forget(&self, names: &[Name], now: Duration) {
        let mut table = [0; TABLE_BYTES];
        let length = sys::read_at(&self.0, &mut table, 0).unwrap_or_default();
        for at in (0..length / ROW_BYTES).map(|number| number * ROW_BYTES) {
            let row = &table[at..at + ROW_BYTES];
            if names.iter().any(|name| is_of_key(row, name, now)) {
                let _ = sys::write_all_at(&self.0, &[0; ROW_BYTES], at as u64);
            }
        }
    }

    /// When any caller last got the credential of this name, in Unix milliseconds; zero if the table
    /// knows of none.
    pub fn last_use_unix_ms(&self, name: &Name, now: Duration) -> u64 {
        let mut last = 0;
        for number in 0..Area::CALLERS.sets {
            let mut set = [0; SET_BYTES];
            let offset = Area::CALLERS.offset + number * SET_BYTES as u64;
            if sys::read_at(&self.0, &mut set, offset).is_err() {
                break;
            }
            let of_key = row_offsets().map(|at| row_at(&set, at)).filter(|row| is_of_key(row, name, now));
            last = of_key.map(|row| written(row, now)).max().unwrap_or_default().max(last);
        }
        last
    }
}

fn row_offsets() -> impl Iterator<Item = usize> {
    (ROW_BYTES..SET_BYTES).step_by(ROW_BYTES)
}

fn row_at(set: &[u8; SET_BYTES], at: usize) -> &[u8] {
    &set[at..at + ROW_BYTES]
}

fn oldest(set: &[u8; SET_BYTES], now: Duration) -> usize {
    row_offsets().min_by_key(|at| written(row_at(set, *at), now)).unwrap_or_default()
}

/// When the row was written, in Unix milliseconds; zero for a time in the future.
fn written(row: &[u8], now: Duration) -> u64 {
    Some(u64_at(row, 24)).filter(|stamp| *stamp <= unix_ms(now)).unwrap_or_default()
}

fn is_of_key(row: &[u8], name: &Name, now: Duration) -> bool {
    u64_at(row, 8) == key_half(name) && written(row, now) > 0 && u64_at(row, 0) == checksum(name, row)
}

/// Covers the whole name, which with encryption is secret, so that other users cannot forge a row.
fn checksum(name: &Name, row: &[u8]) -> u64 {
    let mut bytes = [0; 16 + ROW_BYTES - 8];
    bytes[..16].copy_from_slice(name);
    bytes[16..].copy_from_slice(&row[8..ROW_BYTES]);
    fnv1a_64(&bytes)
}

fn key_half(name: &Name) -> u64 {
    u64_at(name, 0)
}

fn content_of(row: &[u8]) -> Content {
    let mut content = Content::default();
    content.copy_from_slice(&row[CONTENT_OFFSET..]);
    content
}

#[cfg(test)]
mod tests;
