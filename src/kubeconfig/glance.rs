//! Whether `--inject` has nothing to do, told without parsing: for `--quiet`, which may run at
//! every prompt.
//!
//! A kubeconfig of 200 users has 10,000 YAML events; finding one word in it takes a hundredth of
//! their time. Yes is said only where every word `command` is a key with this program as its value
//! and every `env` is a key with nothing in it. Any other use of these words, in a comment too,
//! gives no, and then the text is parsed. What only a parser can see (a key with escapes in it, a
//! broken file) is left to a call without `--quiet`. Pure.

use std::iter;

use crate::text::find;

pub fn has_nothing_to_inject(text: &str, is_own: &dyn Fn(&str) -> bool) -> bool {
    values_of(text, "command").all(|value| value.is_some_and(is_own))
        && values_of(text, "env").all(|value| matches!(value, Some("null" | "[]" | "~")))
}

/// For each place where the word stands: the first word of its value, or none if it is no key.
fn values_of<'t>(text: &'t str, word: &'static str) -> impl Iterator<Item = Option<&'t str>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let mut seen = 0;
    iter::from_fn(move || {
        loop {
            let place = seen + find(&text[seen..], word)?;
            seen = place + word.len();
            let (before, after) = (&text[..place], &text[seen..]);
            if !before.ends_with(is_part) && !after.starts_with(is_part) {
                return Some(value(after));
            }
        }
    })
}

fn value(after_key: &str) -> Option<&str> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let colon = after_key.trim_start_matches(['"', '\'']).trim_start_matches(BLANKS);
    let value = colon.strip_prefix(':')?.trim_start_matches(BLANKS);
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
        _ => value.split([' ', '\t', '\r', '\n', ',', '}']).next(),
    }
}
