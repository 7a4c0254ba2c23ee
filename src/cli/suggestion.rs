//! "Did you mean": the known word that is nearest to a mistyped one.

/// Longer words are not compared.
const LONGEST_WORD: usize = 64;

/// Returns the word of `known` with the smallest edit distance from `word`; `None` if that is more than a
/// third of its letters. Case, leading dashes and the difference between `_` and `-` do not count. Long
/// dashes are dashes too, because word processors and web pages replace two dashes by one long one.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = letters(word);
    if word.is_empty() || word.len() > LONGEST_WORD {
        return None;
    }
    let mut nearest = None;
    let mut fewest_edits = usize::MAX;
    for candidate in known {
        let letters = letters(candidate);
        let edits = edits(&word, &letters);
        if edits < fewest_edits && edits <= letters.len() / 3 {
            fewest_edits = edits;
            nearest = Some(*candidate);
        }
    }
    nearest
}

fn letters(word: &str) -> Vec<u8> {
    word.trim_start_matches(['-', '\u{2013}', '\u{2014}']).to_ascii_lowercase().replace('_', "-").into_bytes()
}

/// Counts insertions, removals, replacements and swaps of neighbors (optimal string alignment).
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *other {
                least = least.min(before_last[column - 1] + 1);
            }
            current.push(least);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["--inject", "--list", "--key-env", "--restore"];

    #[test]
    fn typos_find_the_word_that_was_meant() {
        for (typo, meant) in [
            ("--inejct", "--inject"),
            ("inject", "--inject"),
            ("--injet", "--inject"),
            ("-list", "--list"),
            ("--List", "--list"),
            ("--lsit", "--list"),
            ("\u{2014}list", "--list"),
            ("\u{2013}inejct", "--inject"),
            ("\u{2013}-restore", "--restore"),
            ("--key_env", "--key-env"),
            ("--restroe", "--restore"),
        ] {
            assert_eq!(nearest(typo, &KNOWN), Some(meant), "{typo}");
        }
    }

    #[test]
    fn other_words_find_nothing() {
        let long = "x".repeat(100_000);
        for word in ["", "-", "--", "\u{2014}", "aws", "-l", "--output", "kubelogin", "ä", &long] {
            assert_eq!(nearest(word, &KNOWN), None, "{word:.20}");
        }
    }

    #[test]
    fn edits_are_counted() {
        for (from, to, expected) in
            [("", "abc", 3), ("abc", "abc", 0), ("acb", "abc", 1), ("ab", "abc", 1), ("xbc", "abc", 1)]
        {
            assert_eq!(edits(from.as_bytes(), to.as_bytes()), expected, "{from} {to}");
        }
    }
}
