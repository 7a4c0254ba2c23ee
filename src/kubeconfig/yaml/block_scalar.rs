//! Scalars of several lines after `|` or `>`: <https://yaml.org/spec/1.2.2/#81-block-scalar-styles>
//!
//! Pure.

use super::refusal::Refusal;
use super::scalar::{Cursor, fold, indentation, is_blank};

impl<'a> Cursor<'a> {
    /// <https://yaml.org/spec/1.2.2/#81-block-scalar-styles>, in a collection at `column`.
    pub fn block(&mut self, column: i32) -> Result<String, Refusal> {
        let is_folded = self.byte() == b'>';
        let (mut chomping, mut indent) = (b' ', None);
        self.at += 1;
        loop {
            match self.byte() {
                byte @ (b'+' | b'-') if chomping == b' ' => chomping = byte,
                byte @ b'1'..=b'9' if indent.is_none() => {
                    indent = Some((column.max(0) + i32::from(byte - b'0')) as usize);
                }
                _ => break,
            }
            self.at += 1;
        }
        if !is_blank(self.byte()) || column < 0 {
            return Err(self.invalid());
        }
        self.blanks();
        if !self.is_line_end() {
            return Err(self.invalid());
        }
        self.line();
        let indent = match indent {
            Some(indent) => indent,
            None => self.block_indent(column)?,
        };
        self.block_lines(column, indent, is_folded, chomping)
    }

    /// The rest of a line, and whether it has a line end. Goes to the next line.
    fn line(&mut self) -> (&'a str, bool) {
        let rest = &self.text[self.at..];
        let (line, has_end) = match rest.find('\n') {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        self.at += line.len() + usize::from(has_end);
        (line.strip_suffix('\r').unwrap_or(line), has_end)
    }

    /// The indentation of the first line that is not empty. The empty ones before it must not have more.
    fn block_indent(&self, column: i32) -> Result<usize, Refusal> {
        let mut next = *self;
        let mut most = 0;
        while next.byte() != 0 {
            let start = next.at;
            let (line, _) = next.line();
            let spaces = indentation(line);
            if spaces < line.len() {
                if spaces as i32 <= column {
                    break;
                }
                next.at = start;
                return if most > spaces { Err(next.invalid()) } else { Ok(spaces) };
            }
            most = most.max(spaces);
        }
        Ok(most.max((column + 1) as usize))
    }

    fn block_lines(
        &mut self,
        column: i32,
        indent: usize,
        is_folded: bool,
        chomping: u8,
    ) -> Result<String, Refusal> {
        let mut value = String::new();
        // Line ends since the last line that is not empty.
        let mut breaks = 0;
        let mut may_fold = false;
        while self.byte() != 0 && !self.is_any_marker() {
            let start = self.at;
            let (line, has_end) = self.line();
            let spaces = indentation(line);
            if spaces == line.len() && spaces <= indent {
                breaks += usize::from(has_end);
                continue;
            }
            if spaces < indent {
                self.at = start;
                // Too little for this scalar, too much for what is around it.
                let is_between = value.is_empty() && spaces as i32 > column;
                if is_between || line[spaces..].starts_with('\t') {
                    return Err(self.invalid());
                }
                break;
            }
            let line = &line[indent..];
            let is_text = !line.starts_with([' ', '\t']);
            if is_folded && may_fold && is_text {
                fold(&mut value, breaks);
            } else {
                value.extend(std::iter::repeat_n('\n', breaks));
            }
            value.push_str(line);
            may_fold = is_text;
            breaks = usize::from(has_end);
        }
        match chomping {
            b'-' => breaks = 0,
            b'+' => {}
            _ => breaks = breaks.min(usize::from(!value.is_empty())),
        }
        value.extend(std::iter::repeat_n('\n', breaks));
        Ok(value)
    }
}
