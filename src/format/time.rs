//! RFC 3339 time stamps and Go's durations, the two notations of time that users and plugins write.
//!
//! Nothing here reads a clock. An instant is either a `Duration` since the Unix epoch (now) or whole Unix
//! seconds (a time stamp in a file). Fractions of a stamp are cut off, so that a credential never seems to
//! live longer than it does.

use std::fmt;
use std::time::Duration;

/// 9999-12-31T23:59:59Z, the last time stamp of RFC 3339.
pub const LAST_STAMP_UNIX_S: i64 = 253_402_300_799;
const SECONDS_PER_DAY: i64 = 86_400;

/// How long until `stamp_unix_s`; zero once it has passed.
pub fn time_left(stamp_unix_s: u64, now: Duration) -> Duration {
    Duration::from_secs(stamp_unix_s).saturating_sub(now)
}

/// Unix seconds of an RFC 3339 `date-time` (section 5.6) as Go's `time.Parse` accepts it: years 0000 to 9999,
/// any offset, fractions cut off, `T` and `Z` in upper case, no second 60.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let mut digits = Digits(text.as_bytes());
    let year = digits.number(4)?;
    digits.literal(b"-")?;
    let month = digits.number_within(2, 1, 12)?;
    digits.literal(b"-")?;
    let day = digits.number_within(2, 1, days_in_month(year, month))?;
    digits.literal(b"T")?;
    let hour = digits.number_within(2, 0, 23)?;
    digits.literal(b":")?;
    let minute = digits.number_within(2, 0, 59)?;
    digits.literal(b":")?;
    let second = digits.number_within(2, 0, 59)?;
    digits.skip_fraction()?;
    let offset_s = digits.offset_s()?;
    digits.0.is_empty().then(|| {
        let days = days_from_civil(year, month, day);
        days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_s
    })
}

/// The stamp in UTC, such as `2026-01-31T08:00:00Z`. Later stamps than the last one are written as the last.
pub fn format_rfc3339(stamp_unix_s: u64) -> String {
    let stamp_s =
        i64::try_from(stamp_unix_s).map_or(LAST_STAMP_UNIX_S, |stamp_s| stamp_s.min(LAST_STAMP_UNIX_S));
    let (year, month, day) = civil_from_days(stamp_s / SECONDS_PER_DAY);
    let second_of_day = stamp_s % SECONDS_PER_DAY;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60
    )
}

/// Displays a duration in its two largest units: `4m10s`, `2h5m`, `3d1h`.
pub struct Human(pub Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [
            (seconds / 86_400, 'd'),
            (seconds / 3600 % 24, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ];
        let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
        for (index, (count, unit)) in units.iter().enumerate().skip(first).take(2) {
            if *count > 0 || index == first {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Parses Go's notation (`time.ParseDuration`): `30s`, `1m30s`, `1.5h`, `0`. `None` if it is malformed,
/// negative, or above 2^63-1 nanoseconds, which is Go's limit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = unsigned.as_bytes();
    let mut total_ns: u64 = 0;
    loop {
        let (term_ns, after) = duration_term(rest)?;
        total_ns = total_ns.checked_add(term_ns).filter(|ns| *ns <= i64::MAX as u64)?;
        rest = after;
        if rest.is_empty() {
            return Some(Duration::from_nanos(total_ns));
        }
    }
}

/// One number with its unit, in nanoseconds, and the rest of the text.
fn duration_term(text: &[u8]) -> Option<(u64, &[u8])> {
    let (whole, mut rest) = leading_digits(text);
    let mut fraction: &[u8] = b"";
    if let [b'.', after @ ..] = rest {
        (fraction, rest) = leading_digits(after);
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_length = rest.iter().take_while(|byte| **byte != b'.' && !byte.is_ascii_digit()).count();
    let (unit, rest) = rest.split_at(unit_length);
    let unit_ns = u128::from(unit_ns(unit)?);
    // The sixteenth digit of a fraction of an hour is less than a nanosecond.
    let fraction = &fraction[..fraction.len().min(15)];
    let fraction_ns = u128::from(decimal(fraction)?) * unit_ns / 10u128.pow(fraction.len() as u32);
    let term_ns = u128::from(decimal(whole)?) * unit_ns + fraction_ns;
    Some((u64::try_from(term_ns).ok()?, rest))
}

fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The value of decimal digits; zero if there are none.
fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

fn unit_ns(unit: &[u8]) -> Option<u64> {
    Some(match unit {
        b"ns" => 1,
        b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 1_000,
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60_000_000_000,
        b"h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The rest of a time stamp that is being read.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn literal(&mut self, accepted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        accepted.contains(first).then_some(*first)
    }

    fn number(&mut self, width: usize) -> Option<i64> {
        let digits = self.0.get(..width)?;
        self.0 = &self.0[width..];
        digits
            .iter()
            .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
    }

    fn number_within(&mut self, width: usize, least: i64, most: i64) -> Option<i64> {
        self.number(width).filter(|value| (least..=most).contains(value))
    }

    fn skip_fraction(&mut self) -> Option<()> {
        if let [b'.', rest @ ..] = self.0 {
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            self.0 = &rest[length..];
            return (length > 0).then_some(());
        }
        Some(())
    }

    fn offset_s(&mut self) -> Option<i64> {
        let sign = match self.literal(b"Z+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number_within(2, 0, 23)?;
        self.literal(b":")?;
        let minutes = self.number_within(2, 0, 59)?;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here, so that
/// the leap day is the last of its year; 400 years have 146,097 days.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`], for days from 1970 on.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
