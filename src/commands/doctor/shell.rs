//! Words of commands that are pasted into a shell.

use std::ffi::OsStr;

use crate::error::shown;

/// Returns `word` quoted for a POSIX shell, if that is necessary.
pub fn word(word: &(impl AsRef<OsStr> + ?Sized)) -> String {
    let text = shown(word).to_string();
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '@' | '%' | '+' | '=' | ':' | ',' | '.' | '/' | '_' | '-')
    };
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_if_necessary() {
        for (given, expected) in [
            ("arn:aws:eks:eu-west-1:1:cluster/a", "arn:aws:eks:eu-west-1:1:cluster/a"),
            ("it's mine", r"'it'\''s mine'"),
            ("~/a", "'~/a'"),
            ("", "''"),
        ] {
            assert_eq!(word(given), expected);
        }
    }
}
