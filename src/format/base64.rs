//! Base64 (RFC 4648): the standard alphabet with padding, for the cache file and encryption keys, and the URL
//! alphabet without padding, for the parts of a JWT (RFC 7515, section 2).
//!
//! Decoding is strict: no white space, no character of the other alphabet, exact padding, no stray bits at
//! the end, so that each value has exactly one text. Every hit decodes, so decoding takes a quad at a time
//! and checks for wrong characters once, at the end. It is not constant-time.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING: u8 = b'=';

/// The upper two bits in [`VALUES`] mark the alphabets that lack the character.
const NOT_FOR_URLS: u8 = 0x40;
const NOT_STANDARD: u8 = 0x80;
const SIX_BITS: u8 = 0x3f;

/// The six bits of each character, in both alphabets.
static VALUES: [u8; 256] = values();

/// The standard base64 of `bytes`, padded.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    let (triples, rest) = bytes.as_chunks::<3>();
    let mut text = vec![0; bytes.len().div_ceil(3) * 4];
    let (quads, _) = text.as_chunks_mut::<4>();
    for (&[a, b, c], out) in triples.iter().zip(&mut *quads) {
        *out = quad(a, b, c);
    }
    match (rest, quads.last_mut()) {
        ([a], Some(last)) => {
            let [first, second, ..] = quad(*a, 0, 0);
            *last = [first, second, PADDING, PADDING];
        }
        ([a, b], Some(last)) => {
            let [first, second, third, _] = quad(*a, *b, 0);
            *last = [first, second, third, PADDING];
        }
        _ => {}
    }
    text
}

/// Decodes padded standard base64; `None` if `text` is malformed.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; decoded_capacity(text)];
    decode_into(text, &mut bytes).map(|()| bytes)
}

/// The length of the buffer that [`decode_into`] need not grow.
pub fn decoded_capacity(text: &[u8]) -> usize {
    (text.len() / 4 + 1) * 3
}

/// Replaces the content of `out` by the decoded `text`, padded standard base64; `None` if that is malformed.
pub fn decode_into(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let unpadded = match text {
        [unpadded @ .., PADDING, PADDING] | [unpadded @ .., PADDING] => unpadded,
        _ => text,
    };
    decode_unpadded(unpadded, NOT_STANDARD, out)
}

/// Decodes unpadded base64 in the URL alphabet; `None` if `text` is malformed.
pub fn decode_url(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; decoded_capacity(text)];
    decode_unpadded(text, NOT_FOR_URLS, &mut bytes).map(|()| bytes)
}

fn decode_unpadded(text: &[u8], wrong: u8, out: &mut Vec<u8>) -> Option<()> {
    let (quads, rest) = text.as_chunks::<4>();
    if rest.len() == 1 {
        return None;
    }
    // The last, incomplete quad, filled up with zero bits.
    let mut last = [ALPHABET[0]; 4];
    last[..rest.len()].copy_from_slice(rest);

    // Every byte is overwritten.
    out.resize((quads.len() + 1) * 3, 0);
    let (triples, _) = out.as_chunks_mut::<3>();
    let mut seen = 0;
    for (quad, triple) in quads.iter().zip(&mut *triples) {
        *triple = bytes(quad, &mut seen);
    }
    triples[quads.len()] = bytes(&last, &mut seen);

    let length = text.len() * 3 / 4;
    let has_stray_bits = out[length..].iter().any(|byte| *byte != 0);
    out.truncate(length);
    (seen & wrong == 0 && !has_stray_bits).then_some(())
}

/// The three bytes of a quad. `seen` collects the bits of all values.
#[inline(always)]
fn bytes(&[a, b, c, d]: &[u8; 4], seen: &mut u8) -> [u8; 3] {
    let (a, b, c, d) = (value(a), value(b), value(c), value(d));
    *seen |= a | b | c | d;
    let six_bits = |value: u8| u32::from(value & SIX_BITS);
    let bits = six_bits(a) << 18 | six_bits(b) << 12 | six_bits(c) << 6 | six_bits(d);
    let [_, first, second, third] = bits.to_be_bytes();
    [first, second, third]
}

#[inline(always)]
fn value(character: u8) -> u8 {
    VALUES[usize::from(character)]
}

#[inline(always)]
fn quad(a: u8, b: u8, c: u8) -> [u8; 4] {
    let character = |value: u8| ALPHABET[usize::from(value & SIX_BITS)];
    [character(a >> 2), character(a << 4 | b >> 4), character(b << 2 | c >> 6), character(c)]
}

const fn values() -> [u8; 256] {
    let mut values = [NOT_STANDARD | NOT_FOR_URLS; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values[b'+' as usize] |= NOT_FOR_URLS;
    values[b'/' as usize] |= NOT_FOR_URLS;
    values[b'-' as usize] = 62 | NOT_STANDARD;
    values[b'_' as usize] = 63 | NOT_STANDARD;
    values
}

#[cfg(test)]
mod tests {
    use ::base64::Engine;
    use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    /// Text that is almost base64.
    fn nearly_base64() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop_oneof![40 => prop::sample::select(b"AQgwBZaz059+/-_".to_vec()), 4 => Just(b'='), 1 => any::<u8>()],
            0..24,
        )
    }

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), text.as_bytes());
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(plain.as_bytes()));
            assert_eq!(decode_url(text.trim_end_matches('=').as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn malformed_text_is_rejected() {
        for text in [
            "Z", "Zg", "Zg=", "Zm8", "Zm9v=", "Zm9v====", "====", "==", "=", "Zg==Zg==", "Z=g=", "Zm 9",
            "Zm9v\n", "Zh==", "Zm9=", "Zm9-", "Zm9_", "Zm\u{e9}", "\0\0\0\0",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
        for text in ["Z", "Zg==", "Zm8=", "Zm9vY", "Zh", "Zm9", "Zm9+", "Zm9/", "Zm9v ", "=", "\u{7f}AAA"] {
            assert_eq!(decode_url(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn encoding_agrees_with_the_base64_crate(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = encode(&bytes);
            prop_assert_eq!(&text, &STANDARD.encode(&bytes).into_bytes());
            prop_assert_eq!(decode(&text), Some(bytes.clone()));
            prop_assert_eq!(decode_url(URL_SAFE_NO_PAD.encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn decoding_agrees_with_the_base64_crate(text in nearly_base64()) {
            prop_assert_eq!(decode(&text), STANDARD.decode(&text).ok());
            prop_assert_eq!(decode_url(&text), URL_SAFE_NO_PAD.decode(&text).ok());
        }
    }
}
