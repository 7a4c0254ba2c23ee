//! Timestamps are read as jiff reads them, durations as Go's grammar defines them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use k8s_token_cache::format::time::{self, Human};
use program::fuzz_target;

const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];
const MOST_S: f64 = i64::MAX as f64 / 1e9;

fuzz_target!(|text: &str| {
    if let Some(unix_s) = time::parse_rfc3339(text) {
        // jiff's range ends one day before the year 10000.
        if let Ok(stamp) = with_nine_digits(text).parse::<jiff::Timestamp>() {
            assert_eq!(unix_s, stamp.as_nanosecond().div_euclid(1_000_000_000) as i64);
        } else {
            assert!(text.starts_with("9999-12-3") || text.starts_with("0000"), "{text}");
        }
        if let Ok(unix_s) = u64::try_from(unix_s) {
            let written = time::format_rfc3339(unix_s);
            assert_eq!(time::parse_rfc3339(&written), Some((unix_s as i64).min(time::LAST_STAMP_UNIX_S)));
        }
    }
    let expected = go_duration(text);
    match (time::parse_duration(text), expected) {
        (Some(ours), Some(theirs)) => {
            let difference = (ours.as_secs_f64() - theirs).abs();
            assert!(difference <= 1e-8 + theirs * 1e-9, "{text}: {ours:?} {theirs}");
            let _ = Human(ours).to_string();
        }
        (None, None) => {}
        // A float is not exact close to the limit.
        (ours, Some(theirs)) => assert!(theirs > MOST_S * 0.999_999, "{text}: {ours:?} {theirs}"),
        (Some(ours), None) => panic!("{text}: {ours:?}"),
    }
});

/// The timestamp with at most nine fractional digits, which is jiff's limit; RFC 3339 has none.
fn with_nine_digits(stamp: &str) -> String {
    let Some((whole, rest)) = stamp.split_once('.') else { return stamp.to_owned() };
    let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    [whole, ".", &rest[..digits.min(9)], &rest[digits..]].concat()
}

/// The duration in seconds; `None` if Go rejects the text.
fn go_duration(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0.0);
    }
    let mut total = 0.0;
    while !rest.is_empty() || total == 0.0 && !text.contains(|character: char| character.is_ascii_digit()) {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, after) = rest.split_at(number);
        if number.matches('.').count() > 1 || !number.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let unit = after.len() - after.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.').len();
        let (unit, after) = after.split_at(unit);
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        // "1." and ".5" are numbers to Go.
        let number = if number.contains('.') { format!("0{number}0") } else { number.to_owned() };
        total += number.parse::<f64>().ok()?.min(1e300) * seconds;
        rest = after;
    }
    Some(total)
}
