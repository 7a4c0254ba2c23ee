//! What distinguishes the entries of one command from each other.
//!
//! A part distinguishes an entry if not all entries of its command have it. Hashes of all parts are
//! sorted and counted, so that the entries need not be compared with each other.

use crate::cache::entry::Entry;
use crate::cache::store::Name;
use crate::commands::parts;
use crate::commands::redactor::Redactor;

/// The sorted hashes of all commands and of all their parts, each as often as it occurs.
pub struct Distinctions {
    commands: Vec<u128>,
    parts: Vec<u128>,
}

impl Distinctions {
    pub fn of(entries: &[(Name, Entry)]) -> Distinctions {
        let (mut commands, mut all_parts) = (Vec::new(), Vec::new());
        for (_, entry) in entries {
            let command = parts::command_hash(entry.parts());
            commands.push(command);
            all_parts.extend(parts::items(entry.parts()).iter().map(|item| item.hash(command)));
        }
        commands.sort_unstable();
        all_parts.sort_unstable();
        Distinctions { commands, parts: all_parts }
    }

    /// Returns the parts that not all entries of the same command have. Files are left out: their
    /// stamps say little.
    pub fn describe(&self, entry: &Entry, redactor: &Redactor) -> Vec<String> {
        let command = parts::command_hash(entry.parts());
        let entries = occurrences(&self.commands, command);
        let mut described = Vec::new();
        for item in parts::items(entry.parts()) {
            if !item.is_file() && occurrences(&self.parts, item.hash(command)) < entries {
                described.push(item.describe(redactor));
            }
        }
        described
    }
}

/// Counts `hash` in sorted `hashes`.
fn occurrences(hashes: &[u128], hash: u128) -> usize {
    hashes.partition_point(|other| *other <= hash) - hashes.partition_point(|other| *other < hash)
}
