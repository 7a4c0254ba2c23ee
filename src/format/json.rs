//! A strict JSON scanner (RFC 8259) that checks every byte that another program wrote.
//!
//! [`parse`] accepts a text as a whole or not at all: UTF-8, one value, no trailing text, no comments, no
//! trailing commas, no lone surrogates, at most [`MAX_DEPTH`] levels. An accepted text can be walked as
//! [`Value`]s, which are slices of the text and own nothing. Looking up a member that occurs twice is an
//! error, because two readers could take two different ones.
//!
//! Documents of our own are written by nanoserde, whose derive keeps their shape in one place;
//! [`push_string`] serves the texts that have no fixed shape.

use std::borrow::Cow;

use super::hex;

/// The deepest nesting of arrays and objects that is accepted. client-go's documents need five levels.
pub const MAX_DEPTH: usize = 64;

/// The text was rejected. Says no more, because the text may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// One JSON value: its text, without white space around it, known to be valid.
#[derive(Clone, Copy)]
pub struct Value<'a>(&'a str);

/// The value that `text` consists of.
pub fn parse(text: &[u8]) -> Result<Value<'_>, Refused> {
    let text = std::str::from_utf8(text).map_err(|_| Refused)?;
    let mut scanner = Scanner { text, at: 0 };
    let value = scanner.value(MAX_DEPTH)?;
    scanner.skip_white_space();
    if scanner.at == text.len() { Ok(value) } else { Err(Refused) }
}

impl<'a> Value<'a> {
    pub fn text(self) -> &'a str {
        self.0
    }

    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The member `name` of an object; `None` if it is absent. Fails if this is not an object, or has the
    /// member twice.
    pub fn member(self, name: &str) -> Result<Option<Value<'a>>, Refused> {
        let mut found = None;
        for (key, value) in self.members().ok_or(Refused)? {
            if key == name && found.replace(value).is_some() {
                return Err(Refused);
            }
        }
        Ok(found)
    }

    /// The members of an object, in order; `None` for any other value.
    pub fn members(self) -> Option<impl Iterator<Item = (Cow<'a, str>, Value<'a>)>> {
        let mut items = self.items('{')?;
        Some(std::iter::from_fn(move || {
            let key = items.next_value()?;
            let value = items.next_value()?;
            Some((key.as_str()?, value))
        }))
    }

    /// The elements of an array; `None` for any other value.
    pub fn elements(self) -> Option<impl Iterator<Item = Value<'a>>> {
        let mut items = self.items('[')?;
        Some(std::iter::from_fn(move || items.next_value()))
    }

    /// The characters of a string, escapes resolved; `None` for any other value.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(if inner.as_bytes().contains(&b'\\') {
            Cow::Owned(unescape(inner))
        } else {
            Cow::Borrowed(inner)
        })
    }

    fn items(self, opening: char) -> Option<Scanner<'a>> {
        self.0.starts_with(opening).then_some(Scanner { text: self.0, at: 1 })
    }
}

/// Appends `text` as a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                out.push_str("\\u00");
                hex::push(out, &[control as u8]);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// `inner` is the text between the quotes of a valid string.
fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (character, length) = escape(&rest.as_bytes()[at..]).unwrap_or((char::REPLACEMENT_CHARACTER, 2));
        out.push(character);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// The character of the escape sequence at the beginning of `text`, and the length of that sequence.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    Some(match text.get(1)? {
        b'"' => ('"', 2),
        b'\\' => ('\\', 2),
        b'/' => ('/', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => return unicode_escape(text),
        _ => return None,
    })
}

/// `\uXXXX`, or a surrogate pair of two (RFC 8259, section 7).
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let first = hex4(text.get(2..6)?)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = hex4(text.get(6..12)?.strip_prefix(b"\\u")?)?;
    let pair = char::decode_utf16([first as u16, second as u16]).next()?;
    pair.ok().map(|character| (character, 12))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Whether none of the eight bytes ends a string, begins an escape sequence, or is a control character:
/// <https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord>.
fn are_plain(bytes: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
    let equal = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    (below(bytes, b' ') | equal(b'"') | equal(b'\\')) & (ONES << 7) == 0
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Consumes the next byte that is not white space.
    fn next_token(&mut self) -> Result<u8, Refused> {
        self.skip_white_space();
        let byte = self.peek().ok_or(Refused)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next key, value or element of an object or array that is known to be valid.
    fn next_value(&mut self) -> Option<Value<'a>> {
        self.skip_white_space();
        if matches!(self.peek(), Some(b',' | b':')) {
            self.at += 1;
        }
        self.value(MAX_DEPTH).ok()
    }

    fn value(&mut self, depth_left: usize) -> Result<Value<'a>, Refused> {
        let first = self.next_token()?;
        let start = self.at - 1;
        match first {
            b'{' => self.object(depth_left.checked_sub(1).ok_or(Refused)?)?,
            b'[' => self.array(depth_left.checked_sub(1).ok_or(Refused)?)?,
            b'"' => self.string()?,
            b't' => self.literal("rue")?,
            b'f' => self.literal("alse")?,
            b'n' => self.literal("ull")?,
            b'-' | b'0'..=b'9' => self.number(first)?,
            _ => return Err(Refused),
        }
        Ok(Value(&self.text[start..self.at]))
    }

    fn object(&mut self, depth_left: usize) -> Result<(), Refused> {
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            if self.next_token()? != b'"' {
                return Err(Refused);
            }
            self.string()?;
            if self.next_token()? != b':' {
                return Err(Refused);
            }
            self.value(depth_left)?;
            match self.next_token()? {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(Refused),
            }
        }
    }

    fn array(&mut self, depth_left: usize) -> Result<(), Refused> {
        if self.closes(b']') {
            return Ok(());
        }
        loop {
            self.value(depth_left)?;
            match self.next_token()? {
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(Refused),
            }
        }
    }

    /// Consumes `closing` if it comes next, which means that the object or array is empty.
    fn closes(&mut self, closing: u8) -> bool {
        self.skip_white_space();
        let closes = self.peek() == Some(closing);
        self.at += usize::from(closes);
        closes
    }

    /// Consumes the rest of a string after its opening quote.
    fn string(&mut self) -> Result<(), Refused> {
        self.skip_plain();
        loop {
            match self.peek().ok_or(Refused)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += escape(&self.text.as_bytes()[self.at..]).ok_or(Refused)?.1;
                    self.skip_plain();
                }
                0..=0x1f => return Err(Refused),
                _ => self.at += 1,
            }
        }
    }

    /// Skips eight bytes at a time for as long as all of them are plain.
    fn skip_plain(&mut self) {
        while let Some(bytes) = self.text.as_bytes()[self.at..].first_chunk()
            && are_plain(u64::from_ne_bytes(*bytes))
        {
            self.at += bytes.len();
        }
    }

    fn literal(&mut self, rest: &str) -> Result<(), Refused> {
        if !self.text[self.at..].starts_with(rest) {
            return Err(Refused);
        }
        self.at += rest.len();
        Ok(())
    }

    /// Consumes the rest of a number that begins with `first`:
    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    fn number(&mut self, first: u8) -> Result<(), Refused> {
        let leading = if first == b'-' { self.next_digit()? } else { first };
        if leading != b'0' {
            self.skip_digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.next_digit()?;
            self.skip_digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.next_digit()?;
            self.skip_digits();
        }
        Ok(())
    }

    fn next_digit(&mut self) -> Result<u8, Refused> {
        let digit = self.peek().filter(u8::is_ascii_digit).ok_or(Refused)?;
        self.at += 1;
        Ok(digit)
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
pub mod tests;
