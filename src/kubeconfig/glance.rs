//! Whether `--inject` has nothing to do, told without parsing: for `--quiet`, which may run at
//! every prompt.
//!
//! Of a kubeconfig of 200 users, walking over its words takes a quarter of the time of reading it as
//! YAML. Yes is said only where every word `command` is a key with this program as its value
//! and every `env` is a key with nothing in it. Any other use of these words, in a comment too,
//! gives no, and then the text is parsed. What only a parser can see (a key with escapes in it, a
//! broken file) is left to a call without `--quiet`. Pure.

use crate::text::{BLANKS, trim_start};

pub fn has_nothing_to_inject(text: &str, is_own: &dyn Fn(&str) -> bool) -> bool {
    let mut rest = text;
    loop {
        let begin = rest.bytes().position(is_part).unwrap_or(rest.len());
        let word_on = &rest[begin..];
        let end = word_on.bytes().position(|byte| !is_part(byte)).unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(end);
        let is_done = match word {
            "" => return true,
            "command" => value(after).is_some_and(is_own),
            "env" => matches!(value(after), Some("null" | "[]" | "~")),
            _ => true,
        };
        if !is_done {
            return false;
        }
        rest = after;
    }
}

/// What makes one word with the letters beside it.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')
}

/// The first word of the value of a key; none if it is no key.
fn value(after_key: &str) -> Option<&str> {
    let colon = trim_start(trim_start(after_key, b"\"'"), BLANKS);
    let value = trim_start(colon.strip_prefix(':')?, BLANKS);
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
        _ => value.split([' ', '\t', '\r', '\n', ',', '}']).next(),
    }
}
