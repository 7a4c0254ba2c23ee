//! A text in another one.
//!
//! std's search is fast whatever the texts, for 2.3 KB of code, and even a single letter is searched
//! for with it (`str::contains`). What is looked for here is short, and its first letter seldom: that
//! letter is searched for, and what follows it compared.

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
}
