//! What distinguishes the entries of one command from each other.
//!
//! A part distinguishes an entry if not all entries of its command have it. So each entry is compared with what all of
//! them have, not with every other entry.

use crate::cache::entry::Entry;
use crate::cache::store::Name;
use crate::commands::parts::{self, KeyPart};
use crate::commands::redactor::Redactor;

pub struct Distinctions<'e> {
    /// The hash of each command, sorted.
    commands: Vec<u128>,
    /// What all entries of each command have, sorted; `None` before the first entry.
    shared: Vec<Option<Vec<KeyPart<'e>>>>,
}

impl<'e> Distinctions<'e> {
    pub fn of(entries: &'e [(Name, Entry)]) -> Distinctions<'e> {
        let mut commands = Vec::new();
        for (_, entry) in entries {
            commands.push(parts::command_hash(entry.parts()));
        }
        commands.sort_unstable();
        commands.dedup();
        let mut distinctions = Distinctions { commands, shared: Vec::new() };
        distinctions.shared.resize_with(distinctions.commands.len(), || None);
        // One list for all entries, because memory is never given back.
        let mut items = Vec::new();
        for (_, entry) in entries {
            distinctions.add(entry, &mut items);
        }
        distinctions
    }

    fn add(&mut self, entry: &'e Entry, items: &mut Vec<KeyPart<'e>>) {
        items.clear();
        items.extend(parts::items(entry.parts()));
        items.sort_unstable();
        let place = self.place(entry);
        match &mut self.shared[place] {
            Some(shared) => shared.retain(|item| items.binary_search(item).is_ok()),
            first => *first = Some(items.clone()),
        }
    }

    /// The index of the command of `entry`.
    fn place(&self, entry: &Entry) -> usize {
        let command = parts::command_hash(entry.parts());
        self.commands.partition_point(|other| *other < command)
    }

    /// Returns the parts that not all entries of the same command have. Files are left out: their
    /// stamps say little.
    pub fn describe(&self, entry: &Entry, redactor: &Redactor) -> Vec<String> {
        let shared = self.shared[self.place(entry)].as_deref().unwrap_or_default();
        let mut described = Vec::new();
        for item in parts::items(entry.parts()) {
            if !item.is_file() && shared.binary_search(&item).is_err() {
                described.push(item.describe(redactor));
            }
        }
        described
    }
}
