//! Letters and words in a text, for a tenth of the code that std needs.
//!
//! std's search for a text is fast whatever the texts, for 2.3 KB of code, and even a single letter
//! is searched for with it (`str::contains`). What is looked for here is short, and its first letter
//! seldom: that letter is searched for, and what follows it compared. std's search from the end knows
//! every kind of pattern, of each of which the compiler makes a copy; here it is ASCII letters alone.

use std::ffi::OsStr;
use std::fmt;

/// What separates the parts of a path.
pub const SEPARATORS: &[u8] = if cfg!(windows) { b"/\\" } else { b"/" };
pub const BLANKS: &[u8] = b" \t";

/// Where `wanted`, which is not empty, stands first.
pub fn find(text: &str, wanted: &str) -> Option<usize> {
    let (text, first) = (text.as_bytes(), *wanted.as_bytes().first()?);
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(wanted.as_bytes()) {
            return Some(at);
        }
        at += 1;
    }
}

/// What stands before the first `separator`, and behind it.
pub fn split_once<'t>(text: &'t str, separator: &str) -> Option<(&'t str, &'t str)> {
    find(text, separator).map(|at| (&text[..at], &text[at + separator.len()..]))
}

/// Where one of `letters` stands last.
pub fn last(text: &str, letters: &[u8]) -> Option<usize> {
    text.bytes().rposition(|byte| letters.contains(&byte))
}

/// What stands behind the last of `letters`; all of it where there is none.
pub fn behind_last<'t>(text: &'t str, letters: &[u8]) -> &'t str {
    &text[last(text, letters).map_or(0, |at| at + 1)..]
}

pub fn trim_start<'t>(text: &'t str, letters: &[u8]) -> &'t str {
    let start = text.bytes().position(|byte| !letters.contains(&byte));
    &text[start.unwrap_or(text.len())..]
}

pub fn trim_end<'t>(text: &'t str, letters: &[u8]) -> &'t str {
    let last = text.bytes().rposition(|byte| !letters.contains(&byte));
    &text[..last.map_or(0, |last| last + 1)]
}

pub fn joined<T: AsRef<str>>(parts: &[T], separator: &str) -> String {
    let mut text = String::new();
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            text.push_str(separator);
        }
        text.push_str(part.as_ref());
    }
    text
}

/// A path or name for people, whatever its bytes.
pub struct Shown<'a>(&'a OsStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

/// See [`Shown`].
pub fn shown<T: AsRef<OsStr> + ?Sized>(name: &T) -> Shown<'_> {
    Shown(name.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_is_found_as_std_finds_it() {
        for text in ["", "a", "ab", "aab", "abab", "xab", "aaa", "é ab", "ba"] {
            for wanted in ["a", "ab", "aab", "é", "x"] {
                assert_eq!(find(text, wanted), text.find(wanted), "{wanted} in {text}");
                assert_eq!(split_once(text, wanted), text.split_once(wanted));
            }
        }
    }

    #[test]
    fn letters_are_found_and_trimmed_as_std_does_it() {
        for text in ["", " ", "/", "a", " a/", "é/ö", "//a b//", "\t ü \t"] {
            assert_eq!(last(text, b"/ "), text.rfind(['/', ' ']), "{text:?}");
            assert_eq!(behind_last(text, b"/ "), text.rsplit(['/', ' ']).next().unwrap(), "{text:?}");
            assert_eq!(trim_start(text, b"/ "), text.trim_start_matches(['/', ' ']), "{text:?}");
            assert_eq!(trim_end(text, b"/ "), text.trim_end_matches(['/', ' ']), "{text:?}");
        }
    }

    #[test]
    fn parts_are_joined() {
        for parts in [&[][..], &["a"], &["a", "", "b"]] {
            assert_eq!(joined(parts, ", "), parts.join(", "));
        }
    }
}
