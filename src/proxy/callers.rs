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
//! 32  content     32 bytes, see CallerRow and KeyRow
//! ```

use std::fs::File;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::time::Duration;

use super::failure::{Failure, pause_after, unix_ms};
use crate::cache::lock_file::{self, ROW_BYTES, TABLE_BYTES};
use crate::cache::store::{Name, Store};
use crate::format::fnv::fnv1a_64;
use crate::sys::{self, Directory, Process};

const CONTENT_OFFSET: usize = 32;
/// A set of rows is a block of the lock file.
const SET_BYTES: usize = lock_file::BLOCK_BYTES;

/// The content of a row.
pub type Content = [u8; ROW_BYTES - CONTENT_OFFSET];

/// A part of the table that holds rows of one kind.
pub struct Area {
    offset: u64,
    sets: u64,
}

impl Area {
    const CALLERS: Area = Area { offset: 0, sets: 16 };
    const KEYS: Area = Area { offset: Area::CALLERS.end(), sets: 8 };
    const KEEPERS: Area = Area { offset: Area::KEYS.end(), sets: 1 };

    const fn end(&self) -> u64 {
        self.offset + self.sets * SET_BYTES as u64
    }
}

const _: () = assert!(Area::KEEPERS.end() == TABLE_BYTES as u64);

/// A kind of row.
pub trait Row: Copy + Default {
    const AREA: Area;
    fn encode(&self) -> Content;
    fn decode(content: &Content) -> Self;
}

/// What is known of one caller and one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerRow {
    /// Fingerprint of the credential that the caller got; zero if it got none.
    pub served: u64,
    pub served_unix_ms: u64,
    /// How often this caller had its credential replaced.
    pub heals: u8,
    /// The latest failure that the caller saw.
    pub failure: Option<Failure>,
}

impl Row for CallerRow {
    const AREA: Area = Area::CALLERS;

    fn encode(&self) -> Content {
        let (failed_unix_ms, status) =
            self.failure.map_or((0, 0), |failure| (failure.unix_ms, failure.status));
        let mut content = Content::default();
        content[..8].copy_from_slice(&self.served.to_le_bytes());
        content[8..16].copy_from_slice(&self.served_unix_ms.to_le_bytes());
        content[16..24].copy_from_slice(&failed_unix_ms.to_le_bytes());
        content[24..27].copy_from_slice(&[self.heals, u8::from(self.failure.is_some()), status]);
        content
    }

    fn decode(content: &Content) -> Self {
        let failure = Failure { status: content[26], unix_ms: u64_at(content, 16) };
        CallerRow {
            served: u64_at(content, 0),
            served_unix_ms: u64_at(content, 8),
            heals: content[24],
            failure: (content[25] != 0).then_some(failure),
        }
    }
}

/// How a run of the plugin ended that stored nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    None,
    /// The plugin's output was printed but could not be cached.
    NotStored,
    Failed {
        status: u8,
    },
}

/// What is known of one key, for all its callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRow {
    pub ending: Ending,
    /// When the run of `ending` ended.
    pub ended_unix_ms: u64,
    /// Failures since the last success.
    pub failures: u8,
    /// No refresh starts before this time.
    pub refresh_paused_until_unix_ms: u64,
    /// Failed refreshes since the last success.
    pub refresh_failures: u8,
    /// Id of the process that refreshed last.
    pub refreshed_by: u32,
    /// When a waiter last took over from a plugin that hangs.
    pub taken_over_unix_ms: u64,
}

impl Row for KeyRow {
    const AREA: Area = Area::KEYS;

    fn encode(&self) -> Content {
        let (ending, status) = match self.ending {
            Ending::None => (0, 0),
            Ending::NotStored => (1, 0),
            Ending::Failed { status } => (2, status),
        };
        let mut content = Content::default();
        content[..8].copy_from_slice(&self.ended_unix_ms.to_le_bytes());
        content[8..16].copy_from_slice(&self.refresh_paused_until_unix_ms.to_le_bytes());
        content[16..24].copy_from_slice(&self.taken_over_unix_ms.to_le_bytes());
        content[24..28].copy_from_slice(&[ending, status, self.failures, self.refresh_failures]);
        content[28..].copy_from_slice(&self.refreshed_by.to_le_bytes());
        content
    }

    fn decode(content: &Content) -> Self {
        KeyRow {
            ending: match content[24] {
                1 => Ending::NotStored,
                2 => Ending::Failed { status: content[25] },
                _ => Ending::None,
            },
            ended_unix_ms: u64_at(content, 0),
            failures: content[26],
            refresh_paused_until_unix_ms: u64_at(content, 8),
            refresh_failures: content[27],
            refreshed_by: (u64_at(content, 24) >> 32) as u32,
            taken_over_unix_ms: u64_at(content, 16),
        }
    }
}

impl KeyRow {
    /// How the latest run ended, if it ended after `start` without storing anything.
    pub fn ending_since(&self, start: Duration) -> Ending {
        if self.ended_unix_ms >= unix_ms(start) { self.ending } else { Ending::None }
    }

    /// The failure that answers every call without a terminal, and for how long it still does.
    pub fn failure(&self, now: Duration) -> Option<(Failure, Duration)> {
        let Ending::Failed { status } = self.ending else { return None };
        let failure = Failure { status, unix_ms: self.ended_unix_ms };
        failure.remaining(pause_after(self.failures), now).map(|left| (failure, left))
    }

    pub fn fail(&mut self, failure: Failure) {
        self.ending = Ending::Failed { status: failure.status };
        self.ended_unix_ms = failure.unix_ms;
        self.failures = self.failures.saturating_add(1);
    }

    /// Records a success: the next failure starts a short pause.
    pub fn succeed(&mut self) {
        self.ending = Ending::None;
        self.failures = 0;
    }

    /// Records a run that succeeded but stored nothing.
    pub fn end_without_entry(&mut self, now: Duration) {
        self.ending = Ending::NotStored;
        self.ended_unix_ms = unix_ms(now);
        self.failures = 0;
    }
}

/// A process that keeps a credential warm; see [`super::keep_warm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeeperRow {
    pub process: Process,
    /// How long after the last use of the credential the process goes on.
    pub window: Duration,
}

impl Default for KeeperRow {
    fn default() -> Self {
        KeeperRow { process: Process { id: 0, started: 0 }, window: Duration::ZERO }
    }
}

impl Row for KeeperRow {
    const AREA: Area = Area::KEEPERS;

    fn encode(&self) -> Content {
        let mut content = Content::default();
        content[..8].copy_from_slice(&self.process.started.to_le_bytes());
        content[8..16].copy_from_slice(&self.window.as_secs().to_le_bytes());
        content[16..20].copy_from_slice(&self.process.id.to_le_bytes());
        content
    }

    fn decode(content: &Content) -> Self {
        KeeperRow {
            process: Process { id: u64_at(content, 16) as u32, started: u64_at(content, 0) },
            window: Duration::from_secs(u64_at(content, 8)),
        }
    }
}

/// What a row is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject<R> {
    of: RowKey,
    row: PhantomData<R>,
}

/// What tells the rows of one kind apart.
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
    pub fn open_or_create(store: &Store, directory: &Directory) -> Option<Callers> {
        lock_file::open(directory, &store.lock_name()).ok().map(Callers::new)
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

    /// The offset of the row that is in the set at `offset`, and if it is known, its content and when it was
    /// written.
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

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests;
