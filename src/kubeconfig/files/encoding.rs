//! The encoding of a kubeconfig: UTF-8, or UTF-16 with a byte order mark, as go-yaml detects it
//! (`readerc.go`). PowerShell's `>` writes UTF-16.
//!
//! A file is written back in its own encoding. Pure.

use crate::kubeconfig::yaml::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEncoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// A byte order mark stays the first character. Fails on bytes that are not text, with the line.
pub fn decode(bytes: Vec<u8>) -> Result<(String, TextEncoding), Refusal> {
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => Ok((decode_utf16(&bytes, u16::from_le_bytes)?, TextEncoding::Utf16Le)),
        Some([0xfe, 0xff]) => Ok((decode_utf16(&bytes, u16::from_be_bytes)?, TextEncoding::Utf16Be)),
        _ => Ok((decode_utf8(bytes)?, TextEncoding::Utf8)),
    }
}

fn decode_utf8(bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Refusal::new(line, "the file is not UTF-8 text")
    })
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Refusal> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len() / 2);
    for c in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match c {
            Ok(c) => text.push(c),
            Err(_) => return Err(not_utf16(&text)),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(not_utf16(&text)) }
}

fn not_utf16(valid: &str) -> Refusal {
    Refusal::new(valid.matches('\n').count() + 1, "the file is not UTF-16 text")
}

/// The opposite of [`decode`].
pub fn encode(text: &str, encoding: TextEncoding) -> Vec<u8> {
    let to_bytes: fn(u16) -> [u8; 2] = match encoding {
        TextEncoding::Utf8 => return text.as_bytes().to_vec(),
        TextEncoding::Utf16Le => u16::to_le_bytes,
        TextEncoding::Utf16Be => u16::to_be_bytes,
    };
    let mut bytes = Vec::with_capacity(2 * text.len());
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&to_bytes(unit));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_gives_the_same_bytes_back() {
        for encoding in [TextEncoding::Utf16Le, TextEncoding::Utf16Be] {
            let bytes = encode("\u{feff}a: ß\r\n- 😀", encoding);
            assert_eq!(decode(bytes.clone()).unwrap(), ("\u{feff}a: ß\r\n- 😀".to_owned(), encoding));
            assert_eq!(decode(bytes[..bytes.len() - 1].to_vec()).unwrap_err().line, 2);
            assert!(decode(bytes[..bytes.len() - 2].to_vec()).is_err(), "half of a surrogate pair");
        }
        let bytes = "\u{feff}a".as_bytes().to_vec();
        assert_eq!(decode(bytes).unwrap(), ("\u{feff}a".to_owned(), TextEncoding::Utf8));
    }
}
