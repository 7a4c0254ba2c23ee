//! Lists as one string: the words of the tables.
//!
//! A static array of strings is three times as large, and a position-independent executable relocates every
//! pointer in it at start-up. The pieces are found byte by byte: most have less than twenty bytes, for which
//! the search of `str::split` takes longer to prepare.

/// The words of `list`, separated by spaces.
pub(super) fn words(list: &str) -> impl Iterator<Item = &str> {
    pieces(list, b' ')
}

/// What is between the bytes `separator` in `text`, which are ASCII. Empty pieces are left out.
pub(super) fn pieces(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (piece, after) = split_at_byte(rest, separator);
            rest = after;
            if !piece.is_empty() {
                return Some(piece);
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

/// The lines of a long list as one list: each may have a comment.
macro_rules! list {
    ($($line:literal),* $(,)?) => { concat!($($line, " "),*) };
}
pub(super) use list;
