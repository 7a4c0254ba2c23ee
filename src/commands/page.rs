//! Text for people, laid out to the width of their terminal.
//!
//! `COLUMNS` wins over the terminal's width, as in other programs. Text for pipes and files is neither
//! wrapped nor shortened, so that other tools can search it. A word is never broken: it may be a path
//! that is copied. Only standard output on a terminal gets colors.

use std::fmt::Display;
use std::ops::Range;

use super::output;
use crate::config::{self, Environment};
use crate::error::Result;
use crate::sys::{self, Stream};

/// The column of the text after a label.
const LABEL_WIDTH: usize = 11;
/// The minimum width of text, on the narrowest terminal.
const LEAST_ROOM: usize = 16;
const ELLIPSIS: &str = "...";

/// Returns the number of columns of `stream`; `None` if there is no limit.
pub fn width(stream: Stream, environment: Environment<'_>) -> Option<usize> {
    let columns = environment("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    columns.filter(|columns| *columns > 0).or_else(|| sys::terminal_width(stream))
}

/// Returns `text` in at most `room` columns, with the middle left out. Keeps more of the end than of the
/// beginning, because similar command lines differ at the end.
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

/// Counts the columns of `text` without its colors.
pub fn columns(text: &str) -> usize {
    let mut is_color = false;
    let mut columns = 0;
    for character in text.chars() {
        match character {
            '\x1b' => is_color = true,
            'm' if is_color => is_color = false,
            _ => columns += usize::from(!is_color),
        }
    }
    columns
}

/// A color with a meaning.
#[derive(Clone, Copy)]
pub enum Color {
    Good,
    Notable,
    Bad,
}

impl Color {
    /// Select Graphic Rendition (ECMA-48, section 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Color::Good => "\x1b[32m",
            Color::Notable => "\x1b[33m",
            Color::Bad => "\x1b[31m",
        }
    }
}

pub fn paint(color: Option<Color>, text: &str) -> String {
    const END: &str = "\x1b[0m";
    match color {
        Some(color) => [color.code(), text, END].concat(),
        None => text.to_owned(),
    }
}

/// Lines of text, which a report adds one by one.
pub struct Page {
    text: String,
    /// The number of columns.
    width: usize,
    /// The number of blanks before each line.
    indent: usize,
    has_colors: bool,
}

impl Page {
    pub fn new(width: Option<usize>, has_colors: bool) -> Page {
        Page { text: String::new(), width: width.unwrap_or(usize::MAX), indent: 0, has_colors }
    }

    /// Returns an empty page for standard output.
    pub fn for_output(environment: Environment<'_>) -> Page {
        Page::new(width(Stream::Output, environment), config::wants_color(environment))
    }

    pub fn indent(&mut self, columns: usize) {
        self.indent = columns;
    }

    /// Returns the number of columns after `taken` ones.
    pub fn room(&self, taken: usize) -> usize {
        self.width.saturating_sub(taken)
    }

    pub fn paint(&self, color: Color, text: &str) -> String {
        paint(self.has_colors.then_some(color), text)
    }

    /// Adds an empty line, and `text` without indentation.
    pub fn heading(&mut self, text: &dyn Display) {
        self.indent = 0;
        self.empty_line();
        self.line(text);
    }

    /// Returns the length of the text so far, in bytes.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// Adds a part of the text once more.
    pub fn repeat(&mut self, part: Range<usize>) {
        self.text.extend_from_within(part);
    }

    pub fn empty_line(&mut self) {
        self.text.push('\n');
    }

    pub fn line(&mut self, text: &dyn Display) {
        self.hanging("", 0, text);
    }

    /// Adds `text` after a label; further lines begin below it.
    pub fn row(&mut self, label: &str, text: &dyn Display) {
        self.hanging(label, LABEL_WIDTH, text);
    }

    /// Adds `text` after a label in one line, however long it is.
    pub fn unwrapped_row(&mut self, label: &str, text: &str) {
        let width = std::mem::replace(&mut self.width, usize::MAX);
        self.row(label, &text);
        self.width = width;
    }

    /// Adds several texts after one label.
    pub fn rows(&mut self, mut label: &str, texts: &[String]) {
        for text in texts {
            self.row(label, text);
            label = "";
        }
    }

    /// Adds a label, and from the column `hang` on `text`.
    pub fn hanging(&mut self, label: &str, hang: usize, text: &dyn Display) {
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

    #[cfg(test)]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Prints the page and returns the exit status 0.
    pub fn print(self) -> Result<u8> {
        output::print(&self.text)
    }

    /// Writes `line` from the column `hang` on, in as many lines as it takes.
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
    fn further_lines_begin_below_the_first() {
        let mut page = Page::new(Some(31), false);
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
    fn no_word_is_lost_at_any_width() {
        for text in ["", " ", "a", "  a  b ", "ä ö ü", "one two  three", " lead", "long-word b"] {
            for width in [Some(1), Some(17), Some(20), None] {
                let mut page = Page::new(width, false);
                page.row("label", &text);
                let page = page.into_text();
                let words: Vec<&str> = page.split_whitespace().skip(1).collect();
                assert_eq!(words, text.split_whitespace().collect::<Vec<_>>(), "'{text}' in {width:?}");
            }
        }
    }

    #[test]
    fn colors_take_no_columns() {
        let layout = |has_colors| {
            let mut page = Page::new(Some(20), has_colors);
            let label = page.paint(Color::Bad, "problem");
            page.row(&label, &format_args!("{} two three four", page_word(&page)));
            page.into_text()
        };
        let plain = "problem    one two three\n           four\n";
        assert_eq!(layout(false), plain);
        let colored = layout(true);
        assert!(
            colored.starts_with("\x1b[31mproblem\x1b[0m    \x1b[32mone\x1b[0m two three\n"),
            "{colored:?}"
        );
        assert_eq!(columns("\x1b[31mmm\x1b[0mm"), 3);
    }

    fn page_word(page: &Page) -> String {
        page.paint(Color::Good, "one")
    }

    #[test]
    fn shortening_keeps_beginning_and_end() {
        assert_eq!(shorten("aws eks get-token --cluster-name demo", 20), "aws ...ter-name demo");
        assert_eq!(shorten("äöüöäü", 5), "...äü");
        assert_eq!(shorten("exactly", 7), "exactly");
        assert_eq!(shorten("longer", 0), "...");
    }
}
