//! The cached entry that explains a miss best.

use crate::cache::entry::Entry;
use crate::commands::contents::Contents;
use crate::commands::parts::{self, Difference};
use crate::commands::redactor::Redactor;

/// Returns the entry of the same command that differs in the fewest parts, and how it differs. Of two
/// such entries, the one of the same client explains more.
pub fn entry<'c>(contents: &'c Contents, key_parts: &'c [u8]) -> Option<(&'c Entry, Vec<Difference<'c>>)> {
    let mut nearest = None;
    let mut fewest_differences = (usize::MAX, 0);
    for (_, entry) in &contents.entries {
        if parts::is_same_command(entry.parts(), key_parts) {
            let differences = parts::differences(entry.parts(), key_parts);
            let from_client = differences.iter().filter(|difference| difference.is_from_client()).count();
            let count = (differences.len(), from_client);
            if count < fewest_differences {
                fewest_differences = count;
                nearest = Some((entry, differences));
            }
        }
    }
    nearest
}

/// Returns how `entry_parts` differs from the key among `keys` that it differs least from.
pub fn differences<'k>(entry_parts: &'k [u8], keys: impl Iterator<Item = &'k [u8]>) -> Vec<Difference<'k>> {
    let mut nearest: Option<Vec<Difference<'k>>> = None;
    for key_parts in keys {
        let differences = parts::differences(entry_parts, key_parts);
        if nearest.as_ref().is_none_or(|nearest| differences.len() < nearest.len()) {
            nearest = Some(differences);
        }
    }
    nearest.unwrap_or_default()
}

pub fn texts(differences: &[Difference<'_>], redactor: &Redactor) -> Vec<String> {
    differences.iter().map(|difference| difference.text(redactor)).collect()
}
