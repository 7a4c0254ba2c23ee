//! The kinds of rows: what the table remembers of a caller, of a key and of a keeper, and the bytes of each.

use std::time::Duration;

use crate::cache::lock_file::{self, ROW_BYTES, TABLE_BYTES};
use crate::proxy::failure::{Failure, pause_after, unix_ms};
use crate::sys::Process;

pub const CONTENT_OFFSET: usize = 32;
/// A set of rows is a block of the lock file.
pub const SET_BYTES: usize = lock_file::BLOCK_BYTES;

/// The content of a row.
pub type Content = [u8; ROW_BYTES - CONTENT_OFFSET];

/// A part of the table that holds rows of one kind.
pub struct Area {
    pub offset: u64,
    pub sets: u64,
}

impl Area {
    pub const CALLERS: Area = Area { offset: 0, sets: 16 };
    const KEYS: Area = Area { offset: Area::CALLERS.end(), sets: 8 };
    pub const KEEPERS: Area = Area { offset: Area::KEYS.end(), sets: 1 };

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
    pub replacements: u8,
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
        content[24..27].copy_from_slice(&[self.replacements, u8::from(self.failure.is_some()), status]);
        content
    }

    fn decode(content: &Content) -> Self {
        let failure = Failure { status: content[26], unix_ms: u64_at(content, 16) };
        CallerRow {
            served: u64_at(content, 0),
            served_unix_ms: u64_at(content, 8),
            replacements: content[24],
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

/// A process that keeps a credential warm; see [`crate::proxy::keep_warm`].
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

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
