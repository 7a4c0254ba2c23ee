//! Text for people, laid out to the width of their terminal.
//!
//! `COLUMNS` wins where it is set, as for other programs; text that goes to no terminal is neither
//! wrapped nor shortened, so that other tools can search it. A word is never broken: it may be a
//! path that somebody wants to copy.

use std::fmt::Display;

use crate::config::Environment;
use crate::error::Result;
use crate::sys::{self, Stream};

/// Where the text behind a label begins.
const LABEL_WIDTH: usize = 11;
/// However narrow the terminal is, text gets this much.
const LEAST_ROOM: usize = 16;
const ELLIPSIS: &str = "...";

/// Columns that there are for `stream`; `None` where nobody limits them.
pub fn width(stream: Stream, environment: Environment<'_>) -> Option<usize> {
    let columns = environment("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    columns.filter(|columns| *columns > 0).or_else(|| sys::terminal_width(stream))
}

/// `text` in at most `room` columns. What is left out is nearer to its beginning, because a command
/// line says last what tells it from others.
pub fn shorten(text: &str, room: usize) -> String {
    let length = columns(text);
    if length <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(ELLIPSIS.len());
    let head_length = kept / 4;
    let offset = |column| text.char_indices().nth(column).map_or(text.len(), |(offset, _)| offset);
    [&text[..offset(head_length)], ELLIPSIS, &text[offset(length - (kept - head_length))..]].concat()
}

pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Lines, one below the other.
pub struct Page {
    text: String,
    /// The terminal's columns.
    width: usize,
    /// How far everything is moved to the right.
    indent: usize,
}

impl Page {
    pub fn new(width: Option<usize>) -> Page {
        Page { text: String::new(), width: width.unwrap_or(usize::MAX), indent: 0 }
    }

    /// A page for standard output.
    pub fn for_output(environment: Environment<'_>) -> Page {
        Page::new(width(Stream::Output, environment))
    }

    pub fn indent(&mut self, columns: usize) {
        self.indent = columns;
    }

    /// An empty line, and `text` at the left edge.
    pub fn heading(&mut self, text: &dyn Display) {
        self.indent = 0;
        self.text.push('\n');
        self.line(text);
    }

    pub fn line(&mut self, text: &dyn Display) {
        self.put("", 0, text);
    }

    /// `text` behind a label; what does not fit goes on below its beginning.
    pub fn row(&mut self, label: &str, text: &dyn Display) {
        self.put(label, LABEL_WIDTH, text);
    }

    /// The same for several texts, which share the label.
    pub fn rows(&mut self, mut label: &str, texts: &[String]) {
        for text in texts {
            self.row(label, text);
            label = "";
        }
    }

    pub fn into_text(self) -> String {
        self.text
    }

    pub fn print(self) -> Result<u8> {
        super::print(&self.text)
    }

    fn put(&mut self, label: &str, hang: usize, text: &dyn Display) {
        let hang = self.indent + hang;
        self.pad(self.indent);
        self.text.push_str(label);
        let mut column = self.indent + columns(label);
        for line in text.to_string().split('\n') {
            self.pad(hang.saturating_sub(column));
            self.wrap(line, hang);
            self.end_line();
            column = 0;
        }
    }

    /// Writes `line` from the column `hang` on.
    fn wrap(&mut self, line: &str, hang: usize) {
        let width = self.width.max(hang + LEAST_ROOM);
        let mut column = hang;
        for (number, word) in line.split(' ').enumerate() {
            let length = columns(word);
            if number > 0 && column + 1 + length > width {
                self.end_line();
                self.pad(hang);
                column = hang;
            } else if number > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += length;
        }
    }

    fn pad(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    fn end_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches([' ', '\t']).len());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_on_below_its_beginning() {
        let mut page = Page::new(Some(31));
        page.row("next", &"miss: inside the refresh margin");
        page.heading(&"a heading");
        page.indent(2);
        page.rows("with", &["A=1".to_owned(), "a-word-that-is-longer-than-the-page B\nC".to_owned()]);
        let expected = "\
next       miss: inside the
           refresh margin

a heading
  with       A=1
             a-word-that-is-longer-than-the-page
             B
             C
";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn no_word_is_lost_whatever_the_text_and_the_width() {
        for text in ["", " ", "a", "  a  b ", "ä ö ü", "one two  three", " lead", "long-word b"] {
            for width in [Some(1), Some(17), Some(20), None] {
                let mut page = Page::new(width);
                page.row("label", &text);
                let page = page.into_text();
                let words: Vec<&str> = page.split_whitespace().skip(1).collect();
                assert_eq!(words, text.split_whitespace().collect::<Vec<_>>(), "'{text}' in {width:?}");
            }
        }
    }

    #[test]
    fn a_command_keeps_its_beginning_and_its_end() {
        assert_eq!(shorten("aws eks get-token --cluster-name demo", 20), "aws ...ter-name demo");
        assert_eq!(shorten("äöüöäü", 5), "...äü");
        assert_eq!(shorten("exactly", 7), "exactly");
        assert_eq!(shorten("longer", 0), "...");
    }
}
