//! A place in a YAML text, and the scalars that begin there.
//!
//! Owns YAML's rules for characters, blanks, comments, quotes and line folding:
//! <https://yaml.org/spec/1.2.2/#chapter-6-structural-productions> and chapters 7 and 8.1. `parse`
//! knows where a scalar may be and what may follow. Pure.

use std::borrow::Cow;

use super::refusal::Refusal;

/// What is around a scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ScalarContext {
    /// In a collection at this column: further lines of the scalar are indented more.
    Block(i32),
    /// Between brackets.
    Flow,
}

#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    pub text: &'a str,
    pub at: usize,
    /// Offset of the first character after the byte order mark.
    first: usize,
}

impl<'a> Cursor<'a> {
    /// Refuses control characters, except tabs and line ends.
    pub fn new(text: &'a str) -> Result<Self, Refusal> {
        let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut cursor = Cursor { text, at: first, first };
        loop {
            cursor.at += text.bytes().skip(cursor.at).take_while(|byte| is_allowed(*byte)).count();
            let rest = &text[cursor.at..];
            let Some(c) = rest.chars().next() else { break };
            if must_escape(c) && !rest.starts_with("\r\n") {
                return Err(cursor.refusal("control character"));
            }
            cursor.at += c.len_utf8();
        }
        cursor.at = first;
        Ok(cursor)
    }

    /// 0 at the end.
    pub fn byte(&self) -> u8 {
        self.ahead(0)
    }

    pub fn ahead(&self, count: usize) -> u8 {
        self.text.as_bytes().get(self.at + count).copied().unwrap_or(0)
    }

    pub fn is_at(&self, bytes: &[u8]) -> bool {
        // `contains` is made for long slices, and slow for these.
        bytes.iter().any(|byte| *byte == self.byte())
    }

    pub fn line_start(&self) -> usize {
        self.text[..self.at].rfind('\n').map_or(self.first, |newline| newline + 1)
    }

    fn begins_line(&self) -> bool {
        self.at == self.first || self.text.as_bytes()[self.at - 1] == b'\n'
    }

    /// Whether an indicator such as a dash is here, with a blank after it.
    pub fn is_indicator(&self, indicator: u8) -> bool {
        self.byte() == indicator && is_blank(self.ahead(1))
    }

    /// `---` or `...`.
    pub fn is_marker(&self, marker: &str) -> bool {
        self.begins_line() && self.text[self.at..].starts_with(marker) && is_blank(self.ahead(3))
    }

    pub fn is_any_marker(&self) -> bool {
        self.is_marker("---") || self.is_marker("...")
    }

    pub fn is_outside(&self) -> bool {
        self.byte() == 0 || self.is_any_marker()
    }

    /// An anchor, an alias or a tag.
    pub fn word(&mut self) -> &'a str {
        let start = self.at;
        let is_verbatim = self.text[start..].starts_with("!<");
        while !is_blank(self.byte()) && (is_verbatim || !is_bracket(self.byte())) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    pub fn blanks(&mut self) {
        while self.is_at(b" \t") {
            self.at += 1;
        }
    }

    /// Skips blanks, comments and line ends. Returns whether the cursor is then the first on its line.
    pub fn gap(&mut self) -> bool {
        let mut begins_line = self.begins_line();
        loop {
            self.blanks();
            match self.byte() {
                b'\n' | b'\r' => {
                    self.at += 1;
                    begins_line = true;
                }
                b'#' if self.is_comment() => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                _ => return begins_line,
            }
        }
    }

    /// Whether the rest of the line is empty or a comment. Blanks must have been skipped.
    pub fn is_line_end(&self) -> bool {
        self.is_at(b"\r\n\0") || self.is_comment()
    }

    /// A comment has a blank before it.
    fn is_comment(&self) -> bool {
        let is_apart = self.at == self.first || is_blank(self.text.as_bytes()[self.at - 1]);
        self.byte() == b'#' && is_apart
    }

    /// Skips blanks and line ends. Returns the number of line ends.
    fn breaks(&mut self) -> usize {
        let mut breaks = 0;
        while self.is_at(b" \t\r\n") {
            breaks += usize::from(self.byte() == b'\n');
            self.at += 1;
        }
        breaks
    }

    pub fn begins_plain(&self, context: ScalarContext) -> bool {
        let follows = self.ahead(1);
        let is_apart = is_blank(follows) || context == ScalarContext::Flow && is_bracket(follows);
        !(self.is_at(b",[]{}#&*!|>'\"%@`\r\n\0") || self.is_at(b"-?:") && is_apart)
    }

    /// Where the part of a plain scalar on this line ends: the cursor's offset if there is none.
    pub fn plain_end(&self, context: ScalarContext) -> usize {
        let is_flow = |byte| context == ScalarContext::Flow && is_bracket(byte);
        let bytes = &self.text.as_bytes()[self.at..];
        let mut end = 0;
        for (place, &byte) in bytes.iter().enumerate() {
            let follows = bytes.get(place + 1).copied().unwrap_or(0);
            match byte {
                b'\n' | b'\r' => break,
                b'#' if end < place => break,
                b':' if is_blank(follows) || is_flow(follows) => break,
                byte if is_flow(byte) => break,
                b' ' | b'\t' => {}
                _ => end = place + 1,
            }
        }
        self.at + end
    }

    /// <https://yaml.org/spec/1.2.2/#733-plain-style>
    pub fn plain(&mut self, context: ScalarContext) -> Result<Cow<'a, str>, Refusal> {
        if !self.begins_plain(context) {
            return Err(self.invalid());
        }
        let end = self.plain_end(context);
        let mut value = Cow::Borrowed(&self.text[self.at..end]);
        self.at = end;
        loop {
            let mut next = *self;
            let breaks = next.breaks();
            let is_over = next.is_outside() || next.byte() == b'#' || breaks == 0;
            if is_over || !next.is_behind(context) {
                return Ok(value);
            }
            let end = next.plain_end(context);
            if end == next.at {
                return Ok(value);
            }
            fold(value.to_mut(), breaks);
            value.to_mut().push_str(&self.text[next.at..end]);
            self.at = end;
        }
    }

    /// Whether the line of the cursor is indented enough to be part of the scalar. Tabs do not indent.
    fn is_behind(&self, context: ScalarContext) -> bool {
        let ScalarContext::Block(column) = context else { return true };
        let line = &self.text[self.line_start()..self.at];
        let spaces = indentation(line);
        spaces as i32 > column
    }

    /// <https://yaml.org/spec/1.2.2/#73-flow-scalar-styles>, including the quotes.
    pub fn quoted(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let quote = self.byte();
        self.at += 1;
        let mut value = Cow::Borrowed("");
        loop {
            if self.is_any_marker() {
                return Err(self.invalid());
            }
            let start = self.at;
            while !self.is_at(b"'\"\\ \t\r\n\0") {
                self.at += 1;
            }
            append(&mut value, &self.text[start..self.at]);
            match self.byte() {
                0 => return Err(self.invalid()),
                byte if byte == quote => {
                    self.at += 1;
                    if quote == b'"' || self.byte() != quote {
                        return Ok(value);
                    }
                    self.at += 1;
                    value.to_mut().push('\'');
                }
                b'\\' if quote == b'"' => self.escape(value.to_mut())?,
                b'\'' | b'"' | b'\\' => {
                    append(&mut value, &self.text[self.at..=self.at]);
                    self.at += 1;
                }
                _ => {
                    let start = self.at;
                    self.blanks();
                    if !self.is_at(b"\r\n") {
                        append(&mut value, &self.text[start..self.at]);
                        continue;
                    }
                    let breaks = self.breaks();
                    fold(value.to_mut(), breaks);
                }
            }
        }
    }

    /// <https://yaml.org/spec/1.2.2/#57-escaped-characters>, and JSON's pairs of surrogates.
    fn escape(&mut self, value: &mut String) -> Result<(), Refusal> {
        self.at += 1;
        let c = match self.byte() {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\u{b}',
            b'f' => '\u{c}',
            b'r' => '\r',
            b'e' => '\u{1b}',
            byte @ (b' ' | b'"' | b'/' | b'\\') => char::from(byte),
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => self.code(2)?,
            b'u' => self.code(4)?,
            b'U' => self.code(8)?,
            b'\r' | b'\n' => {
                let breaks = self.breaks();
                value.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
                return Ok(());
            }
            _ => return Err(self.invalid()),
        };
        self.at += 1;
        value.push(c);
        Ok(())
    }

    /// The character with a hexadecimal code; goes to its last digit.
    fn code(&mut self, digits: usize) -> Result<char, Refusal> {
        let mut code = self.hexadecimal(digits);
        if let Some(high @ 0xd800..0xdc00) = code
            && (self.ahead(1), self.ahead(2)) == (b'\\', b'u')
        {
            self.at += 2;
            let low = self.hexadecimal(4).filter(|low| matches!(low, 0xdc00..0xe000));
            code = low.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        }
        code.and_then(char::from_u32).ok_or_else(|| self.invalid())
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let digits = self.text.get(self.at + 1..self.at + 1 + digits)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += digits.len();
        u32::from_str_radix(digits, 16).ok().filter(|_| is_number)
    }

    pub fn refusal(&self, reason: &'static str) -> Refusal {
        Refusal::new(self.text[..self.at].matches('\n').count() + 1, reason)
    }

    pub fn invalid(&self) -> Refusal {
        self.refusal("invalid YAML")
    }
}

/// One line end between two words is a blank; of several, the first is dropped.
pub fn fold(value: &mut String, breaks: usize) {
    match breaks {
        1 => value.push(' '),
        _ => value.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1))),
    }
}

/// Appends `piece`, and copies only if the value is not one slice of the text.
fn append<'a>(value: &mut Cow<'a, str>, piece: &'a str) {
    if value.is_empty() {
        *value = Cow::Borrowed(piece);
    } else if !piece.is_empty() {
        value.to_mut().push_str(piece);
    }
}

pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// Whether a byte may be anywhere in a text, and is a character of its own.
fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b' '..=b'~')
}

fn is_bracket(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

pub fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Control characters, and characters that YAML 1.1 takes for a line break, drops or does not allow.
pub fn must_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
