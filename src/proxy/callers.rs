//! The table of recent callers, which lives at the beginning of the lock file.
//!
//! It remembers which caller was given which credential and what failed when, so that a rejected
//! credential heals and a failing plugin is not run over and over (design: "No floods"). It is a
//! cache of hints: rows are read and written whole and without lock, a newer row may push an older
//! one out, and a row that is torn, foreign or from the future is no row.
//!
//! A row is 64 bytes, little-endian; the table is 16 sets of 8 rows, and a key and caller may
//! stand in any row of one set:
//!
//! ```text
//!  0  checksum          u64   FNV-1a of the entry's name and the bytes that follow
//!  8  key               u64   the first half of the entry's name
//! 16  caller            u64   FNV-1a of process id and start time; 0: the row of the key itself
//! 24  written           u64   Unix milliseconds
//! 32  given             u64   fingerprint of the credential that the caller was given
//! 40  ended             u64   Unix milliseconds of the last run that stored nothing
//! 48  paused_until      u64   Unix milliseconds before which nothing is refreshed
//! 56  heals             u8    how often this caller had its credential replaced
//! 57  ending            u8    what became of that run
//! 58  status            u8    its exit status
//! 59  refresh_failures  u8    in a row
//! 60  refreshed_by      u32   id of the process that refreshed last
//! ```

use std::fs::File;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::Duration;

use crate::cache::lock;
use crate::cache::store::Name;
use crate::format::fnv::fnv1a_64;
use crate::sys::{self, Process};

const ROW: usize = 64;
const ROWS_PER_SET: usize = 8;
const SET: usize = ROW * ROWS_PER_SET;
const SETS: u64 = 16;

/// What became of a run that stored nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    None,
    /// The plugin's output was printed and could not be cached.
    NotStored,
    Failed(Failure),
}

/// How and when the plugin failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: u8,
    pub unix_ms: u64,
}

impl Failure {
    pub fn new(status: u8, now: Duration) -> Failure {
        Failure { status, unix_ms: unix_ms(now) }
    }

    /// For how long it is still remembered. A failure in the future counts as none.
    pub fn remembered_for(&self, now: Duration) -> Option<Duration> {
        let since = now.checked_sub(Duration::from_millis(self.unix_ms))?;
        FAILURE_MEMORY.checked_sub(since)
    }
}

/// What is remembered of one caller and key, or of a key alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerRow {
    /// Fingerprint of the credential that the caller was given; zero for none.
    pub served: u64,
    pub heals: u8,
    pub ending: Ending,
    pub ended_unix_ms: u64,
    pub refresh_failures: u8,
    pub paused_until_unix_ms: u64,
    pub refreshed_by: u32,
}

/// Whom a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    name: Name,
    /// Zero: the key itself, whoever calls.
    caller: u64,
}

impl Subject {
    pub fn key(name: &Name) -> Subject {
        Subject { name: *name, caller: 0 }
    }

    pub fn caller(name: &Name, caller: Process) -> Subject {
        let mut identity = [0; 12];
        identity[..4].copy_from_slice(&caller.id.to_le_bytes());
        identity[4..].copy_from_slice(&caller.started.to_le_bytes());
        Subject { name: *name, caller: fnv1a_64(&identity).max(1) }
    }

    fn key_half(&self) -> u64 {
        u64_at(&self.name, 0)
    }

    /// The set that the subject's row stands in.
    fn offset(&self) -> u64 {
        ((self.key_half() ^ self.caller) >> 32) % SETS * SET as u64
    }

    /// Covers the whole name, which with encryption nobody else knows: a row that somebody else
    /// put there does not count.
    fn checksum(&self, row: &[u8]) -> u64 {
        let mut bytes = [0; 16 + ROW - 8];
        bytes[..16].copy_from_slice(&self.name);
        bytes[16..].copy_from_slice(&row[8..ROW]);
        fnv1a_64(&bytes)
    }
}

/// How long a failure is remembered for the same caller.
const FAILURE_MEMORY: Duration = Duration::from_secs(10);
/// A credential this old that the same caller asks for again was rejected; doubled by every time.
const FIRST_PATIENCE: Duration = Duration::from_secs(60);
const LONGEST_PATIENCE: Duration = Duration::from_secs(10 * 60);

impl CallerRow {
    /// Whether the caller, who asks for a credential of this `age`, was given it before and so
    /// does not like it. A client that asks for every request anew must not pay each time.
    pub fn rejects(&self, fingerprint: u64, age: Duration) -> bool {
        let patience = FIRST_PATIENCE.saturating_mul(1 << self.heals.min(8)).min(LONGEST_PATIENCE);
        self.served == fingerprint && age > patience
    }

    /// A failure that is not yet forgotten.
    pub fn recent_failure(&self, now: Duration) -> Option<Failure> {
        let Ending::Failed(failure) = self.ending else { return None };
        failure.remembered_for(now).map(|_| failure)
    }

    /// What became of a run that ended after `start`.
    pub fn ending_since(&self, start: Duration) -> Ending {
        if self.ended_unix_ms >= unix_ms(start) { self.ending } else { Ending::None }
    }

    pub fn fail(&mut self, failure: Failure) {
        self.ending = Ending::Failed(failure);
        self.ended_unix_ms = failure.unix_ms;
    }

    pub fn end_without_entry(&mut self, now: Duration) {
        self.ending = Ending::NotStored;
        self.ended_unix_ms = unix_ms(now);
    }
}

/// The open table. It is left to the end of the program to close it, which a hit need not wait for.
pub struct Callers(ManuallyDrop<File>);

/// What the table holds of a subject, and where; change the row and hand it to
/// [`Callers::remember`].
pub struct Recalled {
    pub row: CallerRow,
    subject: Subject,
    offset: u64,
}

impl Callers {
    /// The table beside the cache file at this path; `None` where there is no lock file. That the
    /// file is ours is not checked: a row counts only if its checksum knows the entry's name.
    pub fn open(cache_file: &Path) -> Option<Callers> {
        let path = cache_file.with_file_name(lock::file_name(cache_file.file_name()?));
        sys::open_for_update(&path).ok().map(Callers::new)
    }

    pub fn new(lock_file: File) -> Callers {
        Callers(ManuallyDrop::new(lock_file))
    }

    /// What is known of `subject`: perhaps nothing. A table that cannot be read is empty.
    pub fn recall(&self, subject: Subject, now: Duration) -> Recalled {
        let mut set = [0; SET];
        if sys::read_at(&self.0, &mut set, subject.offset()).is_err() {
            set.fill(0);
        }
        let known = position(&set, &subject, now);
        let at = known.unwrap_or_else(|| oldest(&set, now));
        let row = known.map_or(CallerRow::default(), |at| decode(&set[at..at + ROW]));
        Recalled { row, offset: subject.offset() + at as u64, subject }
    }

    /// Writes the row in the place of what was known, else of the oldest in its set. A table that
    /// cannot be written forgets, which no caller has to know.
    pub fn remember(&self, memory: &Recalled, now: Duration) {
        let _ = sys::write_all_at(&self.0, &encode(&memory.subject, &memory.row, now), memory.offset);
    }

    /// Recalls, changes and remembers.
    pub fn update(&self, subject: Subject, now: Duration, change: impl FnOnce(&mut CallerRow)) {
        let mut memory = self.recall(subject, now);
        change(&mut memory.row);
        self.remember(&memory, now);
    }
}

fn position(set: &[u8; SET], subject: &Subject, now: Duration) -> Option<usize> {
    (0..SET).step_by(ROW).find(|at| {
        let row = &set[*at..*at + ROW];
        u64_at(row, 8) == subject.key_half()
            && u64_at(row, 16) == subject.caller
            && written(row, now) > 0
            && u64_at(row, 0) == subject.checksum(row)
    })
}

fn oldest(set: &[u8; SET], now: Duration) -> usize {
    (0..SET).step_by(ROW).min_by_key(|at| written(&set[*at..*at + ROW], now)).unwrap_or_default()
}

/// When the row was written; zero for a stamp from the future.
fn written(row: &[u8], now: Duration) -> u64 {
    Some(u64_at(row, 24)).filter(|stamp| *stamp <= unix_ms(now)).unwrap_or_default()
}

fn encode(subject: &Subject, row: &CallerRow, now: Duration) -> [u8; ROW] {
    let (ending, status) = match row.ending {
        Ending::None => (0, 0),
        Ending::NotStored => (1, 0),
        Ending::Failed(failure) => (2, failure.status),
    };
    let mut bytes = [0; ROW];
    let numbers = [
        subject.key_half(),
        subject.caller,
        unix_ms(now),
        row.served,
        row.ended_unix_ms,
        row.paused_until_unix_ms,
    ];
    for (number, place) in numbers.iter().zip(bytes[8..].chunks_exact_mut(8)) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes[56..60].copy_from_slice(&[row.heals, ending, status, row.refresh_failures]);
    bytes[60..].copy_from_slice(&row.refreshed_by.to_le_bytes());
    let checksum = subject.checksum(&bytes);
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(row: &[u8]) -> CallerRow {
    let ended_unix_ms = u64_at(row, 40);
    CallerRow {
        served: u64_at(row, 32),
        ended_unix_ms,
        paused_until_unix_ms: u64_at(row, 48),
        heals: row[56],
        ending: match row[57] {
            1 => Ending::NotStored,
            2 => Ending::Failed(Failure { status: row[58], unix_ms: ended_unix_ms }),
            _ => Ending::None,
        },
        refresh_failures: row[59],
        refreshed_by: (u64_at(row, 56) >> 32) as u32,
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

pub fn unix_ms(now: Duration) -> u64 {
    now.as_secs().saturating_mul(1000).saturating_add(u64::from(now.subsec_millis()))
}

#[cfg(test)]
mod tests;
