//! Plain scalars that are not strings to kubectl: booleans and numbers of YAML 1.1, as go-yaml v2
//! resolves them (`resolve.go`), and how Go's `encoding/json` then writes them.
//!
//! Pure.

/// Whether a plain scalar is the boolean true. go-yaml knows these spellings alone.
pub fn is_true(plain: &str) -> bool {
    matches!(plain, "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON")
}

fn is_false(plain: &str) -> bool {
    matches!(plain, "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF")
}

/// The JSON of a plain scalar that is a boolean or a number; `None` for a string. Floats keep their
/// digits, without zeros at the end of the fraction.
pub fn to_json_scalar(plain: &str) -> Option<String> {
    if is_true(plain) {
        return Some("true".to_owned());
    }
    if is_false(plain) {
        return Some("false".to_owned());
    }
    if !plain.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let digits = plain.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

/// As Go's `strconv.ParseInt` with base 0: a leading zero means octal.
fn integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(_) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    let value =
        digits.starts_with(|c: char| c.is_digit(base)).then(|| u64::from_str_radix(digits, base))?.ok()?;
    match sign {
        "-" if value == 0 => Some("0".to_owned()),
        "-" if value > i64::MIN.unsigned_abs() => None,
        _ => Some([sign, &value.to_string()].concat()),
    }
}

/// `[-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?`, go-yaml's pattern.
fn float(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let (sign, unsigned) = match mantissa.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let has_point = unsigned.contains('.');
    let ends_well = if has_point { !fraction.is_empty() } else { !whole.is_empty() };
    let has_exponent = mantissa.len() < text.len();
    let power = exponent.strip_prefix(['+', '-']).filter(|power| !power.is_empty() && is_digits(power));
    if !ends_well || !is_digits(whole) || !is_digits(fraction) || has_exponent && power.is_none() {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let e = if has_exponent { "e" } else { "" };
    Some([sign, whole, point, fraction, e, exponent].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_and_numbers_are_those_of_go_yaml() {
        for (plain, json) in [
            ("yes", "true"),
            ("On", "true"),
            ("y", "true"),
            ("NO", "false"),
            ("off", "false"),
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("010", "8"),
            ("0o10", "8"),
            ("0x1F", "31"),
            ("-0b11", "-3"),
            ("1_000", "1000"),
            ("+12", "12"),
            ("08", "8"),
            ("2.50", "2.5"),
            ("1.0", "1"),
            (".5", "0.5"),
            ("-1.25", "-1.25"),
            ("1e+3", "1e+3"),
            ("9223372036854775808", "9223372036854775808"),
        ] {
            assert_eq!(to_json_scalar(plain).as_deref(), Some(json), "{plain}");
        }
        let strings =
            ["yEs", "tRUE", "", "aws", "1.", "1e3", "1.2.3", "2001-01-01", "12:30", ".", "-", "0x", ".inf"];
        for plain in strings {
            assert_eq!(to_json_scalar(plain), None, "{plain}");
        }
    }
}
