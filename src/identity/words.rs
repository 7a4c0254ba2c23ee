//! Lists as one string: the words of the tables.
//!
//! A static array of strings is three times as large, and a position-independent executable relocates every
//! pointer in it at start-up. The pieces are found byte by byte: most have less than twenty bytes, for which
//! the search of `str::split` takes longer to prepare.

/// The words of `list`, separated by spaces.
pub(super) fn words(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (word, after) = split_at_byte(rest, b' ');
            rest = after;
            if !word.is_empty() {
                return Some(word);
            }
        }
        None
    })
}

/// What is before and after the first byte `separator`, which is ASCII. Nothing is after it if there is none.
pub(super) fn split_at_byte(text: &str, separator: u8) -> (&str, &str) {
    match text.bytes().position(|byte| byte == separator) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, ""),
    }
}
