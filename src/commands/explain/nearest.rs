//! The cached entry that explains a miss best.

use crate::cache::entry::Entry;
use crate::commands::contents::Contents;
use crate::commands::parts::{self, Difference};
use crate::commands::redactor::Redactor;

/// Returns the entry of the same command that differs in the fewest parts, and how it differs. Of two
/// such entries, the one of the same client explains more.
pub fn entry<'c>(contents: &'c Contents, key_parts: &'c [u8]) -> Option<(&'c Entry, Vec<Difference<'c>>)> {
    let entries = contents.entries.iter().map(|(_, entry)| entry);
    let same_command = entries.filter(|entry| parts::is_same_command(entry.parts(), key_parts));
    let nearest = same_command.min_by_key(|entry| parts::count_differences(entry.parts(), key_parts))?;
    Some((nearest, parts::differences(nearest.parts(), key_parts)))
}

/// Returns how `entry_parts` differs from the key among `keys` that it differs least from.
pub fn differences<'k>(entry_parts: &'k [u8], keys: impl Iterator<Item = &'k [u8]>) -> Vec<Difference<'k>> {
    let nearest = keys.min_by_key(|key_parts| parts::count_differences(entry_parts, key_parts).0);
    nearest.map(|key_parts| parts::differences(entry_parts, key_parts)).unwrap_or_default()
}

pub fn texts(differences: &[Difference<'_>], redactor: &Redactor) -> Vec<String> {
    differences.iter().map(|difference| difference.text(redactor)).collect()
}
