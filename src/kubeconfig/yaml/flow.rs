//! Collections in brackets, as in JSON: <https://yaml.org/spec/1.2.2/#74-flow-collection-styles>
//!
//! Pure.

use super::parse::{MAX_KEY, Parser, Properties};
use super::refusal::Refusal;
use super::scalar::{ScalarContext, is_blank};
use super::tree::{Layout, NodeContent};

impl Parser<'_> {
    /// A list or a mapping in brackets.
    pub(super) fn flow_collection(&mut self, properties: Properties) -> Result<(), Refusal> {
        let is_mapping = self.cursor.byte() == b'{';
        let (content, end) = match is_mapping {
            true => (NodeContent::Mapping(Layout::Flow), b'}'),
            false => (NodeContent::Sequence(Layout::Flow), b']'),
        };
        let id = self.open(content, properties)?;
        self.cursor.at += 1;
        loop {
            self.flow_gap()?;
            if self.cursor.byte() != end {
                if is_mapping {
                    self.flow_pair()?
                } else {
                    self.flow_node()?
                }
                self.flow_gap()?;
            }
            match self.cursor.byte() {
                b',' => self.cursor.at += 1,
                byte if byte == end => break,
                _ => return Err(self.cursor.invalid()),
            }
        }
        self.cursor.at += 1;
        self.close(id);
        Ok(())
    }

    /// A key, and a value if a colon follows the key on its line.
    fn flow_pair(&mut self) -> Result<(), Refusal> {
        let start = self.cursor.at;
        let is_quoted = self.cursor.is_at(b"'\"");
        self.flow_node()?;
        self.cursor.blanks();
        let key = &self.cursor.text[start..self.cursor.at];
        let follows = self.cursor.ahead(1);
        let empty = Properties::none(self.cursor.at);
        if self.cursor.byte() != b':' || !(is_quoted || is_blank(follows) || b",}".contains(&follows)) {
            return self.push_empty(empty);
        }
        if key.len() > MAX_KEY || key.as_bytes().contains(&b'\n') {
            return Err(self.cursor.invalid());
        }
        self.cursor.at += 1;
        self.flow_gap()?;
        if self.cursor.is_at(b",}") { self.push_empty(empty) } else { self.flow_node() }
    }

    fn flow_node(&mut self) -> Result<(), Refusal> {
        let mut properties = Properties::none(self.cursor.at);
        self.properties(&mut properties)?;
        self.flow_gap()?;
        if properties.end > 0 && self.cursor.is_at(b",]}") {
            return self.push_empty(properties);
        }
        self.leaf(properties, ScalarContext::Flow)
    }

    /// Skips to the next token. Fails at the end of the document, which brackets must not reach.
    fn flow_gap(&mut self) -> Result<(), Refusal> {
        self.cursor.gap();
        if self.cursor.is_outside() { Err(self.cursor.invalid()) } else { Ok(()) }
    }
}
