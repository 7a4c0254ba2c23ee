//! The lines of a text, found once, so that edits of a long line cost no more than edits of a short one.
//!
//! Pure.

use std::ops::Range;

pub struct Lines<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Self {
        let mut starts = vec![0];
        for (at, byte) in text.bytes().enumerate() {
            if byte == b'\n' {
                starts.push(at + 1);
            }
        }
        Lines { text, starts }
    }

    /// The number of the line at an offset, from 1.
    pub fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line at an offset, with its line end.
    pub fn range(&self, offset: usize) -> Range<usize> {
        let number = self.number(offset);
        self.starts[number - 1]..self.starts.get(number).copied().unwrap_or(self.text.len())
    }

    /// Where the line at an offset begins, and the text between there and the offset.
    pub fn lead(&self, offset: usize) -> (usize, &'a str) {
        let start = self.range(offset).start;
        (start, self.text.get(start..offset).unwrap_or_default())
    }

    /// The line end of the line at an offset; of the last line, that of the line before.
    pub fn end_of_line(&self, offset: usize) -> &'static str {
        let line = self.range(offset);
        let has_end = self.text[line.clone()].ends_with('\n');
        let end = if has_end { line.end } else { line.start };
        if self.text[..end].ends_with("\r\n") { "\r\n" } else { "\n" }
    }
}

/// Whether a text is empty or has only blanks.
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte == b'\t')
}
