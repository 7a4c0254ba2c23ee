//! Lower-case hexadecimal digits, two per byte.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digits of a name of 16 bytes.
pub fn digits(bytes: &[u8; 16]) -> [u8; 32] {
    let mut digits = [0; 32];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = digits_of(*byte);
    }
    digits
}

/// Appends the digits of `bytes`.
pub fn push(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.extend(digits_of(*byte).map(char::from));
    }
}

fn digits_of(byte: u8) -> [u8; 2] {
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// The bytes that `digits` represents; `None` if it is anything but `2 * N` digits that [`push`] writes.
pub fn parse<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_lower_case_and_two_per_byte() {
        let mut text = String::from("x");
        push(&mut text, &[0, 0x0f, 0xa0, 0xff]);
        assert_eq!(text, "x000fa0ff");
        assert_eq!(parse(b"000fa0ff"), Some([0, 0x0f, 0xa0, 0xff]));
        let name = std::array::from_fn(|number| number as u8 * 17);
        assert_eq!(&digits(&name), b"00112233445566778899aabbccddeeff");
    }

    #[test]
    fn other_digits_and_lengths_are_rejected() {
        for text in ["", "0", "000", "0000", "0G", "0A", " 0", "\u{e9}"] {
            assert_eq!(parse::<1>(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b""), Some([]));
    }
}
