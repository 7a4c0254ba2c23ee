//! Text for people, laid out to the width of their terminal.
//!
//! `COLUMNS` wins where it is set, as for other programs; text that goes to no terminal is neither
//! wrapped nor shortened, so that other tools can search it. A word is never broken: it may be a
//! path that somebody wants to copy.

use std::borrow::Cow;

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
pub fn shorten(text: &str, room: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= room {
        return Cow::Borrowed(text);
    }
    let kept = room.saturating_sub(ELLIPSIS.len());
    let head_length = kept / 4;
    let head: String = text.chars().take(head_length).collect();
    let tail: String = text.chars().skip(length - (kept - head_length)).collect();
    Cow::Owned([&head, ELLIPSIS, &tail].concat())
}

/// Lines, one below the other.
pub struct Page {
    text: String,
    width: Option<usize>,
    /// How far everything is moved to the right.
    indent: usize,
}

impl Page {
    pub fn new(width: Option<usize>) -> Page {
        Page { text: String::new(), width, indent: 0 }
    }

    /// A page for standard output.
    pub fn for_output(environment: Environment<'_>) -> Page {
        Page::new(width(Stream::Output, environment))
    }

    pub fn indent(&mut self, columns: usize) {
        self.indent = columns;
    }

    /// An empty line, and `text` at the left edge.
    pub fn heading(&mut self, text: &str) {
        self.indent = 0;
        self.text.push('\n');
        self.put("", 0, text);
    }

    pub fn line(&mut self, text: &str) {
        self.put("", 0, text);
    }

    /// `text` behind a label; what does not fit goes on below its beginning.
    pub fn row(&mut self, label: &str, text: &str) {
        self.put(label, LABEL_WIDTH, text);
    }

    /// The same for several texts, which share the label.
    pub fn rows<'t>(&mut self, label: &str, texts: impl IntoIterator<Item = &'t str>) {
        let mut label = label;
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

    fn put(&mut self, label: &str, hang: usize, text: &str) {
        let hang = self.indent + hang;
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(hang).max(LEAST_ROOM));
        let mut line = [&" ".repeat(self.indent), label].concat();
        for part in text.split('\n').flat_map(|text| wrapped(text, room)) {
            let padding = hang.saturating_sub(line.chars().count());
            line.extend(std::iter::repeat_n(' ', padding));
            line.push_str(part);
            self.text.push_str(line.trim_end());
            self.text.push('\n');
            line.clear();
        }
    }
}

/// `text` cut at blanks into lines of at most `room` columns, if its words are no longer.
fn wrapped(text: &str, room: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut end, mut word_start) = (0, None, 0);
    for word in text.split(' ') {
        let word_end = word_start + word.len();
        if let Some(end) = end
            && text[start..word_end].chars().count() > room
        {
            lines.push(&text[start..end]);
            start = word_start;
        }
        end = Some(word_end);
        word_start = word_end + 1;
    }
    lines.push(&text[start..]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_on_below_its_beginning() {
        let mut page = Page::new(Some(31));
        page.row("next", "miss: inside the refresh margin");
        page.heading("a heading");
        page.indent(2);
        page.rows("with", ["A=1", "a-word-that-is-longer-than-the-page B"]);
        let expected = "\
next       miss: inside the
           refresh margin

a heading
  with       A=1
             a-word-that-is-longer-than-the-page
             B
";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn nothing_is_lost_whatever_the_text_and_the_width() {
        for text in ["", " ", "a", "  a  b ", "ä ö ü", "one two  three", " lead"] {
            for room in 1..12 {
                assert_eq!(wrapped(text, room).join(" "), text, "'{text}' in {room}");
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
