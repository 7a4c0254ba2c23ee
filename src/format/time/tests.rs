//! Oracles: jiff for stamps and for the durations that both notations write alike, and exact
//! integers for every other duration.

use proptest::prelude::*;

use super::*;

const NS_PER_S: i128 = 1_000_000_000;

/// Jiff's reading in whole seconds, cut off downwards. Its stamps end a day before year 10000.
fn jiff_unix_s(text: &str) -> Option<i64> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(stamp.as_nanosecond().div_euclid(NS_PER_S)).ok()
}

#[test]
fn every_stamp_of_rfc_3339_is_read() {
    for (text, unix_s) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-01-31T08:00:00Z", 1_769_846_400),
        ("2026-01-31T08:00:00.000000000000000000001Z", 1_769_846_400),
        ("2026-01-31T08:00:00.9Z", 1_769_846_400),
        ("2026-01-31T10:00:00+02:00", 1_769_846_400),
        ("2026-01-31T02:15:00-05:45", 1_769_846_400),
        ("2026-01-31T08:00:00-00:00", 1_769_846_400),
        ("2026-02-01T07:59:00+23:59", 1_769_846_400),
        ("2026-01-30T08:01:00-23:59", 1_769_846_400),
        ("2024-02-29T12:00:00Z", 1_709_208_000),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("0000-01-01T00:00:00Z", -62_167_219_200),
        ("0000-02-29T00:00:00+23:59", -62_162_207_940),
        ("9999-12-31T23:59:59Z", LAST_STAMP_UNIX_S),
        ("9999-12-31T23:59:59-23:59", LAST_STAMP_UNIX_S + 86_340),
        // Section 5.8 of the RFC.
        ("1985-04-12T23:20:50.52Z", 482_196_050),
        ("1996-12-19T16:39:57-08:00", 851_042_397),
        ("1937-01-01T12:00:27.87+00:20", -1_041_337_173),
    ] {
        assert_eq!(parse_rfc3339(text), Some(unix_s), "{text}");
    }
}

#[test]
fn what_rfc_3339_forbids_is_rejected() {
    for text in [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T08:00:00",
        "2026-01-31T08:00Z",
        "2026-01-31 08:00:00Z",
        // Go's time.Parse refuses these.
        "2026-01-31t08:00:00Z",
        "2026-01-31T08:00:00z",
        "1990-12-31T23:59:60Z",
        "2026-01-31T08:00:00Z ",
        " 2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00Z\0",
        "2026-01-31T08:00:00ZZ",
        "2026-01-31T08:00:00.Z",
        "2026-01-31T08:00:00,5Z",
        "2026-01-31T08:00:00.5",
        "2026-01-31T08:00:00.5.5Z",
        "2026-01-31T08:00:00+02",
        "2026-01-31T08:00:00+0200",
        "2026-01-31T08:00:00+2:00",
        "2026-01-31T08:00:00+24:00",
        "2026-01-31T08:00:00+00:60",
        "2026-01-31T08:00:00\u{2212}02:00",
        "2026-01-31T08:00:00Z[UTC]",
        "2026-01-31T24:00:00Z",
        "2026-01-31T08:60:00Z",
        "2026-01-31T08:00:61Z",
        "2026-1-31T08:00:00Z",
        "2026-00-31T08:00:00Z",
        "2026-13-31T08:00:00Z",
        "2026-01-00T08:00:00Z",
        "2026-01-32T08:00:00Z",
        "2026-04-31T08:00:00Z",
        "2026-02-29T08:00:00Z",
        "2100-02-29T08:00:00Z",
        "26-01-31T08:00:00Z",
        "12026-01-31T08:00:00Z",
        "+02026-01-31T08:00:00Z",
        "-026-01-31T08:00:00Z",
        "20260131T080000Z",
        "2026-W05-6T08:00:00Z",
        "2026-01-31T08:00:0\u{0660}Z",
        "1769846400",
        "null",
    ] {
        assert_eq!(parse_rfc3339(text), None, "{text:?}");
    }
}

/// The calendar repeats itself after 400 years, a cycle.
#[test]
fn every_day_of_seven_cycles_follows_the_one_before() {
    let mut expected = -719_528;
    for year in 0..2800 {
        for month in 1..=12 {
            for day in 1..=days_in_month(year, month) {
                assert_eq!(days_from_civil(year, month, day), expected);
                if expected >= 0 {
                    assert_eq!(civil_from_days(expected), (year, month, day));
                }
                expected += 1;
            }
        }
    }
}

#[test]
fn years_after_9999_are_written_as_the_last_second() {
    for stamp_unix_s in [LAST_STAMP_UNIX_S as u64, LAST_STAMP_UNIX_S as u64 + 1, i64::MAX as u64, u64::MAX] {
        assert_eq!(format_rfc3339(stamp_unix_s), "9999-12-31T23:59:59Z");
    }
}

/// Parts of a stamp that are mostly within their bounds.
fn nearly_a_stamp() -> impl Strategy<Value = String> {
    let date = (0..=9998i64, 0..=13i64, 0..=32i64);
    let time = (0..=24i64, 0..=60i64, prop_oneof![0..=59i64, Just(61)]);
    let fraction = prop_oneof!["", "\\.[0-9]{1,9}"];
    let offset = prop_oneof![
        Just("Z".to_owned()),
        (prop::sample::select(vec!['+', '-']), 0..=23, 0..=60)
            .prop_map(|(sign, h, m)| format!("{sign}{h:02}:{m:02}")),
    ];
    (date, time, fraction, offset).prop_map(
        |((year, month, day), (hour, minute, second), fraction, offset)| {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn stamps_agree_with_jiff(text in nearly_a_stamp()) {
        prop_assert_eq!(parse_rfc3339(&text), jiff_unix_s(&text), "{}", text);
    }

    /// Jiff reads more notations than RFC 3339 has, so only what is accepted is compared.
    #[test]
    fn a_damaged_stamp_is_never_another_stamp(
        text in nearly_a_stamp(),
        at in any::<prop::sample::Index>(),
        character in prop_oneof![prop::sample::select(b"0123456789TtZz+-:. ".to_vec()).prop_map(char::from), any::<char>()],
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        characters[at] = character;
        let damaged: String = characters.into_iter().collect();
        // Year 9999 is beyond jiff's last offset.
        if let Some(unix_s) = parse_rfc3339(&damaged).filter(|unix_s| *unix_s < 253_370_000_000) {
            prop_assert_eq!(Some(unix_s), jiff_unix_s(&damaged), "{}", damaged);
        }
    }

    #[test]
    fn a_written_stamp_is_read_back(unix_s in 0..=LAST_STAMP_UNIX_S) {
        let text = format_rfc3339(unix_s as u64);
        prop_assert_eq!(parse_rfc3339(&text), Some(unix_s));
        if let Ok(stamp) = jiff::Timestamp::from_second(unix_s) {
            prop_assert_eq!(text, stamp.to_string());
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in prop_oneof![any::<String>(), "[-+.0-9nuµmshTZ:]{0,40}"]) {
        let _ = (parse_rfc3339(&text), parse_duration(&text));
    }
}

#[test]
fn the_time_left_ends_at_zero() {
    assert_eq!(time_left(100, Duration::from_millis(98_500)), Duration::from_millis(1_500));
    assert_eq!(time_left(100, Duration::from_secs(100)), Duration::ZERO);
    assert_eq!(time_left(100, Duration::from_secs(101)), Duration::ZERO);
    assert_eq!(time_left(0, crate::sys::now()), Duration::ZERO);
}

#[test]
fn a_duration_is_shown_in_its_two_largest_units() {
    for (seconds, text) in [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (61, "1m1s"),
        (250, "4m10s"),
        (3_599, "59m59s"),
        (3_600, "1h"),
        (3_601, "1h"),
        (7_500, "2h5m"),
        (86_400, "1d"),
        (86_461, "1d"),
        (262_861, "3d1h"),
    ] {
        assert_eq!(Human(Duration::from_secs(seconds)).to_string(), text);
    }
    assert_eq!(Human(Duration::from_millis(999)).to_string(), "0s");
}

#[test]
fn every_duration_of_go_is_read() {
    const H: u64 = 3_600_000_000_000;
    const M: u64 = 60_000_000_000;
    const S: u64 = 1_000_000_000;
    for (text, ns) in [
        ("0", 0),
        ("+0", 0),
        ("0s", 0),
        ("5s", 5 * S),
        ("+5s", 5 * S),
        ("005s", 5 * S),
        ("30s", 30 * S),
        ("1478s", 1478 * S),
        ("1m30s", 90 * S),
        ("300ms", S * 3 / 10),
        ("1.5h", H + 30 * M),
        ("2h45m", 2 * H + 45 * M),
        ("5.0s", 5 * S),
        ("5.6s", S * 56 / 10),
        ("5.s", 5 * S),
        (".5s", S / 2),
        ("1.0s", S),
        ("1.00s", S),
        ("1.004s", S + 4_000_000),
        ("100.00100s", 100 * S + 1_000_000),
        ("10ns", 10),
        ("11us", 11_000),
        ("12\u{b5}s", 12_000),
        ("12\u{3bc}s", 12_000),
        ("13ms", 13_000_000),
        ("14s", 14 * S),
        ("15m", 15 * M),
        ("16h", 16 * H),
        ("10.5s4m", 4 * M + S * 105 / 10),
        ("1s1s", 2 * S),
        ("1h2m3s4ms5us6ns", H + 2 * M + 3 * S + 4_005_006),
        ("39h9m14.425s", 39 * H + 9 * M + S * 14_425 / 1000),
        ("52763797000ns", 52_763_797_000),
        ("0.3333333333333333333h", 20 * M - 1),
        ("0.100000000000000000000h", 6 * M),
        ("0.9ns", 0),
        ("9007199254740993ns", (1 << 53) + 1),
        ("9223372036854775807ns", i64::MAX as u64),
        ("9223372036854775.807us", i64::MAX as u64),
        ("9223372036s854ms775us807ns", i64::MAX as u64),
        ("2562047h47m16.854775807s", i64::MAX as u64),
    ] {
        assert_eq!(parse_duration(text), Some(Duration::from_nanos(ns)), "{text}");
    }
}

#[test]
fn what_go_rejects_as_a_duration_is_rejected() {
    for text in [
        "",
        " ",
        "3",
        "30",
        "00",
        "-5s",
        "-0",
        "s",
        ".",
        "+",
        "-",
        ".s",
        "+.s",
        "..5s",
        "1..5s",
        "5.5.5s",
        "++5s",
        "+-5s",
        "5 s",
        " 5s",
        "5s ",
        "5s\n",
        "1h 30m",
        "1h+30m",
        "1h30",
        "1m.",
        "0s0",
        "5S",
        "5sec",
        "5d",
        "1w",
        "1e3s",
        "0x5s",
        "1_000s",
        "1,5s",
        "\u{b5}s",
        "5\u{b5}",
        "\u{665}s",
        "infinity",
        "9223372036854775808ns",
        "9223372036854775807.0us",
        "9223372036854ms775us808ns9h",
        "2562047h47m16.854775808s",
        "18446744073709551616ns",
        "99999999999999999999999999999999999999999h",
    ] {
        assert_eq!(parse_duration(text), None, "{text:?}");
    }
}

const UNITS_NS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A term, and what it is worth: every digit counts, and less than a nanosecond is cut off.
fn term() -> impl Strategy<Value = (String, u128)> {
    (prop::sample::select(UNITS_NS.to_vec()), "[0-9]{0,12}", prop::option::of("[0-9]{0,15}"))
        .prop_filter("a number has a digit", |(_, whole, fraction)| {
            !whole.is_empty() || fraction.as_ref().is_some_and(|fraction| !fraction.is_empty())
        })
        .prop_map(|((unit, unit_ns), whole, fraction)| {
            let point = if fraction.is_some() { "." } else { "" };
            let fraction = fraction.unwrap_or_default();
            let scale = 10u128.pow(fraction.len() as u32);
            let scaled: u128 = format!("0{whole}{fraction}").parse().unwrap();
            let ns = scaled / scale * unit_ns + scaled % scale * unit_ns / scale;
            (format!("{whole}{point}{fraction}{unit}"), ns)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn durations_agree_with_exact_integers(terms in prop::collection::vec(term(), 1..5)) {
        let text: String = terms.iter().map(|(text, _)| text.as_str()).collect();
        let total_ns: u128 = terms.iter().map(|(_, ns)| ns).sum();
        let expected = i64::try_from(total_ns).ok().map(|ns| Duration::from_nanos(ns as u64));
        prop_assert_eq!(parse_duration(&text), expected, "{}", text);
    }

    /// Jiff's friendly notation has Go's units, largest first, with a fraction in the last alone.
    #[test]
    fn durations_agree_with_jiff(h in 0..2_000_000u64, m in 0..60u64, s in 0..60u64, fraction in "(\\.[0-9]{1,9})?") {
        let text = format!("{h}h{m}m{s}{fraction}s");
        let duration: jiff::SignedDuration = text.parse().unwrap();
        prop_assert_eq!(parse_duration(&text), Some(duration.unsigned_abs()), "{}", text);
    }

    /// Digits below a nanosecond are cut off early, which costs less than one.
    #[test]
    fn a_long_fraction_is_off_by_less_than_two_nanoseconds(digits in "[0-9]{16,40}") {
        let read = parse_duration(&format!("0.{digits}h")).unwrap();
        let kept: u128 = digits[..24.min(digits.len())].parse().unwrap();
        let exact_ns = kept * UNITS_NS[7].1 / 10u128.pow(digits.len().min(24) as u32);
        prop_assert!(exact_ns - read.as_nanos() <= 1, "{}", digits);
    }
}
