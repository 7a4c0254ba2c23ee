//! YAML's structure: from a text to the nodes of a [`Tree`].
//!
//! Reads the YAML that people and programs write kubeconfigs in, including JSON, and refuses the
//! rest with its line: invalid YAML, and what no kubeconfig has (empty keys, explicit keys between
//! brackets, mappings in brackets without braces, directives other than `%YAML 1.x`). What it
//! accepts means the same to other readers: property tests compare it with `granit-parser` and with
//! a port of libyaml. A parser of all YAML is five times as large.
//!
//! `scalar` reads the scalars. Takes time and memory linear in the text. Pure.

use super::constructs::Constructs;
use super::refusal::Refusal;
use super::scalar::{Cursor, ScalarContext, is_blank};
use super::tree::{Id, Layout, Node, NodeContent, Style, Tree};

/// A kubeconfig of 10,000 users with their clusters and contexts has half a million.
const MAX_NODES: usize = 1 << 21;
/// The usual length of a node's text. Room for so many nodes is reserved: a list that grows is copied several times.
const BYTES_OF_NODE: usize = 8;
const MAX_ANCHORS: usize = 1 << 12;
const MAX_DEPTH: u32 = 255;
/// How far a reader must look ahead for the colon after a key.
pub(super) const MAX_KEY: usize = 1024;

/// The column of what comes after a document, and is in none of its collections.
const OUTSIDE: i32 = -1;

pub fn parse(text: &str) -> Result<Tree<'_>, Refusal> {
    let mut parser = Parser {
        cursor: Cursor::new(text)?,
        column: OUTSIDE,
        line: 1,
        counted: 0,
        anchors: Vec::new(),
        depth: 0,
        tree: Tree {
            text,
            nodes: Vec::with_capacity(MAX_NODES.min(text.len() / BYTES_OF_NODE)),
            tags: Vec::new(),
            documents: Vec::new(),
            explicit_keys: Vec::new(),
            constructs: Constructs::default(),
        },
    };
    parser.documents()?;
    Ok(parser.tree)
}

/// What a value belongs to, and the column of that.
#[derive(Clone, Copy)]
enum Owner {
    Document,
    Sequence(i32),
    Mapping(i32),
    /// A mapping, after the `?` of an explicit key or the `:` of its value.
    Explicit(i32),
}

impl Owner {
    fn column(self) -> i32 {
        match self {
            Owner::Document => OUTSIDE,
            Owner::Sequence(column) | Owner::Mapping(column) | Owner::Explicit(column) => column,
        }
    }
}

/// The anchor and tag before a value.
#[derive(Default)]
pub(super) struct Properties {
    /// Where the first of them begins, or the value.
    start: usize,
    /// Where the last of them ends; 0 if there are none.
    pub(super) end: usize,
    has_anchor: bool,
    tag: Option<String>,
}

impl Properties {
    pub(super) fn none(start: usize) -> Self {
        Properties { start, ..Properties::default() }
    }
}

pub(super) struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    /// Column of the token that began this line, or [`OUTSIDE`].
    column: i32,
    /// Line of the offset `counted`, from 1.
    line: u32,
    counted: usize,
    /// The anchors of this document, sorted by name. A later one replaces an earlier one.
    anchors: Vec<(&'a str, Id)>,
    /// How many collections are open.
    depth: u32,
    tree: Tree<'a>,
}

impl<'a> Parser<'a> {
    /// <https://yaml.org/spec/1.2.2/#92-streams>
    fn documents(&mut self) -> Result<(), Refusal> {
        let mut needs_marker = false;
        self.next_line()?;
        loop {
            while self.cursor.is_marker("...") {
                self.cursor.at += 3;
                self.next_line()?;
                needs_marker = false;
            }
            let has_directive = !needs_marker && self.directive()?;
            self.anchors.clear();
            let root = self.next_id();
            if self.cursor.is_marker("---") {
                self.cursor.at += 3;
                self.value(Owner::Document)?;
            } else if self.cursor.byte() == 0 && !has_directive {
                return Ok(());
            } else if needs_marker || has_directive {
                return Err(self.cursor.invalid());
            } else {
                self.block_node(Owner::Document, true)?;
            }
            if self.column != OUTSIDE {
                return Err(self.cursor.invalid());
            }
            self.tree.documents.push(root);
            needs_marker = true;
        }
    }

    /// Skips a line `%YAML 1.x`, if there is one.
    fn directive(&mut self) -> Result<bool, Refusal> {
        if self.column != 0 || self.cursor.byte() != b'%' {
            return Ok(false);
        }
        let version = self.cursor.text[self.cursor.at..].strip_prefix("%YAML 1.");
        if !version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(self.cursor.refusal("directives other than '%YAML 1.x' are not supported"));
        }
        self.cursor.at += "%YAML 1.x".len();
        self.next_line()?;
        Ok(true)
    }

    /// Goes to the token that begins the next line. Fails if something is left on this one.
    fn next_line(&mut self) -> Result<(), Refusal> {
        let begins_line = self.cursor.gap();
        if !begins_line && self.cursor.byte() != 0 {
            return Err(self.cursor.invalid());
        }
        let indentation = &self.cursor.text[self.cursor.line_start()..self.cursor.at];
        self.column = if self.cursor.is_outside() { OUTSIDE } else { indentation.len() as i32 };
        if self.cursor.byte() != 0 && indentation.as_bytes().contains(&b'\t') {
            return Err(self.cursor.invalid());
        }
        Ok(())
    }

    /// The value after a dash, a colon, a question mark or `---`, on its line or below it.
    fn value(&mut self, owner: Owner) -> Result<(), Refusal> {
        let start = self.cursor.at;
        self.cursor.blanks();
        if !self.cursor.is_line_end() {
            let has_tab = self.cursor.text.as_bytes()[start..self.cursor.at].contains(&b'\t');
            // `- key: value` is a mapping in a list, `a: b: c` is invalid.
            let may_nest = matches!(owner, Owner::Sequence(_) | Owner::Explicit(_)) && !has_tab;
            return self.block_node(owner, may_nest);
        }
        let empty = Properties::none(match owner {
            Owner::Mapping(_) => start - 1,
            _ => self.cursor.at,
        });
        self.next_line()?;
        if self.is_inside(owner) { self.block_node(owner, true) } else { self.push_empty(empty) }
    }

    /// Whether the token that begins this line belongs to the value. The dashes of a list may be in
    /// the column of the keys of the mapping around it.
    fn is_inside(&self, owner: Owner) -> bool {
        let is_dash =
            matches!(owner, Owner::Mapping(_) | Owner::Explicit(_)) && self.cursor.is_indicator(b'-');
        self.column > owner.column() - i32::from(is_dash)
    }

    /// Any value; `may_nest` says that a collection without brackets may begin here.
    fn block_node(&mut self, owner: Owner, may_nest: bool) -> Result<(), Refusal> {
        let mut properties = Properties::none(self.cursor.at);
        if may_nest && self.begins_collection() {
            return self.block_collection(properties);
        }
        self.properties(&mut properties)?;
        if properties.end > 0 && self.cursor.is_line_end() {
            self.next_line()?;
            if !self.is_inside(owner) {
                return self.push_empty(properties);
            }
            if self.begins_collection() {
                return self.block_collection(properties);
            }
        }
        self.leaf(properties, ScalarContext::Block(owner.column()))?;
        self.next_line()
    }

    fn begins_collection(&self) -> bool {
        self.cursor.is_indicator(b'-') || self.cursor.is_indicator(b'?') || self.begins_key()
    }

    /// Whether a scalar or an alias begins here, with a colon after it, all on this line.
    fn begins_key(&self) -> bool {
        let mut cursor = self.cursor;
        while cursor.is_at(b"&!") {
            cursor.word();
            cursor.blanks();
        }
        let context = ScalarContext::Block(OUTSIDE);
        let is_scalar = match cursor.byte() {
            b'*' => !cursor.word().is_empty(),
            b'"' | b'\'' => cursor.quoted().is_ok(),
            _ => {
                let begins_plain = cursor.begins_plain(context);
                cursor.at = cursor.plain_end(context);
                begins_plain
            }
        };
        cursor.blanks();
        let key = &cursor.text[self.cursor.at..cursor.at];
        is_scalar && cursor.is_indicator(b':') && key.len() <= MAX_KEY && !key.as_bytes().contains(&b'\n')
    }

    /// A list of dashes, or of keys, in the column of the cursor.
    fn block_collection(&mut self, properties: Properties) -> Result<(), Refusal> {
        let start = self.cursor.at;
        let column = (start - self.cursor.line_start()) as i32;
        let is_sequence = self.cursor.is_indicator(b'-');
        let content = if is_sequence {
            NodeContent::Sequence(Layout::Block)
        } else {
            NodeContent::Mapping(Layout::Block)
        };
        let id = self.open(content, properties)?;
        loop {
            if is_sequence {
                self.cursor.at += 1;
                self.value(Owner::Sequence(column))?;
            } else if self.cursor.is_indicator(b'?') {
                self.explicit_entry(column)?;
            } else {
                self.key()?;
                self.value(Owner::Mapping(column))?;
            }
            if self.column != column || is_sequence && !self.cursor.is_indicator(b'-') {
                break;
            }
        }
        if self.column > column {
            return Err(self.cursor.invalid());
        }
        self.close(id);
        Ok(())
    }

    /// `? KEY`, and on a line of its own `: VALUE`:
    /// <https://yaml.org/spec/1.2.2/#822-block-mappings>
    fn explicit_entry(&mut self, column: i32) -> Result<(), Refusal> {
        let key = self.next_id();
        self.tree.explicit_keys.push(key);
        self.cursor.at += 1;
        self.value(Owner::Explicit(column))?;
        if self.column == column && self.cursor.is_indicator(b':') {
            self.cursor.at += 1;
            self.value(Owner::Explicit(column))
        } else {
            self.push_empty(Properties::none(self.cursor.at))
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<(), Refusal> {
        if !self.begins_key() {
            return Err(self.cursor.invalid());
        }
        let mut properties = Properties::none(self.cursor.at);
        self.properties(&mut properties)?;
        self.leaf(properties, ScalarContext::Block(i32::MAX))?;
        self.cursor.blanks();
        self.cursor.at += 1;
        Ok(())
    }

    /// An anchor and a tag in any order.
    pub(super) fn properties(&mut self, properties: &mut Properties) -> Result<(), Refusal> {
        loop {
            match self.cursor.byte() {
                b'&' if !properties.has_anchor => {
                    properties.has_anchor = true;
                    let name = &self.cursor.word()[1..];
                    let id = self.next_id();
                    match self.anchor(name) {
                        Ok(place) => self.anchors[place].1 = id,
                        Err(place) => self.anchors.insert(place, (name, id)),
                    }
                    if name.is_empty() || self.anchors.len() > MAX_ANCHORS {
                        return Err(self.cursor.invalid());
                    }
                }
                b'!' if properties.tag.is_none() => properties.tag = Some(self.tag()?),
                _ => return Ok(()),
            }
            properties.end = self.cursor.at;
            if !is_blank(self.cursor.byte()) && !self.cursor.is_at(b",]}") {
                return Err(self.cursor.invalid());
            }
            self.cursor.blanks();
        }
    }

    /// <https://yaml.org/spec/1.2.2/#691-node-tags>, without escapes and custom handles.
    fn tag(&mut self) -> Result<String, Refusal> {
        let word = self.cursor.word();
        let verbatim = word.strip_prefix("!<").and_then(|word| word.strip_suffix('>'));
        let (prefix, name) = match (verbatim, word.strip_prefix("!!")) {
            (Some(name), _) => ("", name),
            (None, Some(name)) => ("tag:yaml.org,2002:", name),
            (None, None) => ("!", &word[1..]),
        };
        let is_known = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/,".contains(&byte));
        if !is_known || name.is_empty() && prefix != "!" {
            return Err(self.cursor.invalid());
        }
        Ok([prefix, name].concat())
    }

    /// A scalar, an alias or a collection in brackets.
    pub(super) fn leaf(&mut self, properties: Properties, context: ScalarContext) -> Result<(), Refusal> {
        let start = self.cursor.at;
        let content = match (self.cursor.byte(), context) {
            (b'[' | b'{', _) => return self.flow_collection(properties),
            (b'*', _) if properties.end == 0 => NodeContent::Alias(self.alias()?),
            (b'"', _) => NodeContent::Scalar(self.cursor.quoted()?, Style::DoubleQuoted),
            (b'\'', _) => NodeContent::Scalar(self.cursor.quoted()?, Style::SingleQuoted),
            (b'|', ScalarContext::Block(column)) => {
                NodeContent::Scalar(self.cursor.block(column)?.into(), Style::Literal)
            }
            (b'>', ScalarContext::Block(column)) => {
                NodeContent::Scalar(self.cursor.block(column)?.into(), Style::Folded)
            }
            (b'?', ScalarContext::Flow) if self.cursor.is_indicator(b'?') => {
                return Err(self.cursor.refusal("explicit keys ('? ') are not supported in brackets"));
            }
            _ => NodeContent::Scalar(self.cursor.plain(context)?, Style::Plain),
        };
        self.push(content, properties, start, self.cursor.at)
    }

    fn alias(&mut self) -> Result<Id, Refusal> {
        let name = &self.cursor.word()[1..];
        match self.anchor(name).map(|place| self.anchors[place].1) {
            Ok(id) if self.tree.node(id).next != 0 => Ok(id),
            Ok(_) => Err(self.cursor.refusal("an anchor contains itself")),
            Err(_) => Err(self.cursor.refusal("invalid YAML: unknown alias")),
        }
    }

    /// The index of a name among the anchors, or where to insert it.
    fn anchor(&self, name: &str) -> Result<usize, usize> {
        self.anchors.binary_search_by(|(anchor, _)| (*anchor).cmp(name))
    }

    pub(super) fn open(&mut self, content: NodeContent<'a>, properties: Properties) -> Result<Id, Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(self.cursor.refusal("collections are nested more than 255 deep"));
        }
        self.depth += 1;
        let id = self.next_id();
        self.push(content, properties, self.cursor.at, self.cursor.at)?;
        self.tree.nodes[id.0 as usize].next = 0;
        Ok(id)
    }

    pub(super) fn close(&mut self, id: Id) {
        self.depth -= 1;
        let next = self.next_id().0;
        let node = &mut self.tree.nodes[id.0 as usize];
        node.next = next;
        node.end = self.cursor.at as u32;
    }

    /// A value that is missing.
    pub(super) fn push_empty(&mut self, properties: Properties) -> Result<(), Refusal> {
        let at = properties.start.max(properties.end);
        self.push(NodeContent::Scalar("".into(), Style::Plain), properties, at, at)
    }

    fn push(
        &mut self,
        content: NodeContent<'a>,
        properties: Properties,
        body: usize,
        end: usize,
    ) -> Result<(), Refusal> {
        let id = self.next_id();
        if id.0 as usize == MAX_NODES {
            return Err(self.cursor.refusal("more than two million values"));
        }
        self.count_lines(body);
        self.tree.tags.extend(properties.tag.map(|tag| (id, tag)));
        self.tree.nodes.push(Node {
            content,
            start: properties.start as u32,
            body: body as u32,
            end: end as u32,
            line: self.line,
            next: id.0 + 1,
        });
        Ok(())
    }

    fn count_lines(&mut self, place: usize) {
        let passed = self.cursor.text.get(self.counted..place).unwrap_or_default();
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count() as u32;
        self.counted = self.counted.max(place);
    }

    fn next_id(&self) -> Id {
        Id(self.tree.nodes.len() as u32)
    }
}
