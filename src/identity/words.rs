//! Lists as one string: the words of the tables.
//!
//! A static array of strings is three times as large, and a position-independent executable relocates every
//! pointer in it at start-up.

/// The words of `list`, separated by spaces.
pub(super) fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(' ').filter(|word| !word.is_empty())
}
