//! Words of command lines that are pasted into a POSIX shell.

/// Returns `word` quoted, if that is necessary.
pub fn quote(word: &str) -> String {
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '@' | '%' | '+' | '=' | ':' | ',' | '.' | '/' | '_' | '-')
    };
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
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
            assert_eq!(quote(given), expected);
        }
    }
}
