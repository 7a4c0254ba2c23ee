//! A YAML text as a flat tree of nodes that know where they stand.
//!
//! Nodes lie in one list in the order of the text; each one knows where its subtree ends, so that
//! walking needs no further structure. A node's range covers its anchor and tag, which must move
//! together with it. Aliases stay nodes of their own and are followed by [`Tree::resolve`].
//!
//! What a patch could silently break is refused here, with its line: merge keys, duplicate keys,
//! keys that are no scalars, an anchor inside itself. Pure: bytes in, nodes out. Knows nothing of
//! kubeconfigs.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, StructureStyle};

pub use granit_parser::{ScalarStyle as Style, StructureStyle as Layout};

/// A kubeconfig of 8 MiB has far fewer; what has more is meant to hurt.
const MAX_NODES: usize = 1 << 20;

/// Why a text is left as it is. The reason is half a sentence for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Counted from 1.
    pub line: usize,
    pub reason: Cow<'static, str>,
}

impl Refusal {
    pub fn new(line: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Refusal { line, reason: reason.into() }
    }
}

/// A node's place in its tree's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(u32);

/// One entry of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub key: Id,
    pub value: Id,
}

pub enum Content<'a> {
    Scalar(Cow<'a, str>, Style),
    Sequence(Layout),
    Mapping(Layout),
    Alias(Id),
}

struct Node<'a> {
    content: Content<'a>,
    tag: Option<Box<str>>,
    /// With anchor and tag.
    start: u32,
    /// Without them; for a block collection the place of its first child.
    body: u32,
    end: u32,
    line: u32,
    /// The place behind the last node of this node's subtree; 0 while that is still being read.
    next: u32,
}

pub struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node<'a>>,
    documents: Vec<Id>,
}

impl<'a> Tree<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Refusal> {
        let tree = Builder::new(text).run()?;
        tree.check_keys()?;
        Ok(tree)
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The roots of the documents that hold anything.
    pub fn documents(&self) -> &[Id] {
        &self.documents
    }

    pub fn content(&self, id: Id) -> &Content<'a> {
        &self.node(id).content
    }

    /// In bytes, with anchor and tag; for a block collection the end means nothing.
    pub fn range(&self, id: Id) -> Range<usize> {
        let node = self.node(id);
        node.start as usize..node.end as usize
    }

    /// Where the value itself begins, behind anchor and tag.
    pub fn body(&self, id: Id) -> usize {
        self.node(id).body as usize
    }

    pub fn source(&self, id: Id) -> &'a str {
        self.text.get(self.range(id)).unwrap_or_default()
    }

    pub fn line(&self, id: Id) -> usize {
        self.node(id).line as usize
    }

    pub fn tag(&self, id: Id) -> Option<&str> {
        self.node(id).tag.as_deref()
    }

    /// The node that an alias stands for; any other node is itself.
    pub fn resolve(&self, id: Id) -> Id {
        match self.node(id).content {
            Content::Alias(target) => target,
            _ => id,
        }
    }

    /// The items of a sequence, or keys and values of a mapping in turn; nothing for a scalar.
    pub fn children(&self, id: Id) -> Children<'_, 'a> {
        Children { tree: self, at: id.0 + 1, end: self.node(id).next }
    }

    pub fn entries(&self, mapping: Id) -> Entries<'_, 'a> {
        Entries(self.children(mapping))
    }

    /// The entry of a mapping; none where `mapping` is something else.
    pub fn get(&self, mapping: Id, key: &str) -> Option<Entry> {
        let mapping = self.resolve(mapping);
        if !matches!(self.content(mapping), Content::Mapping(_)) {
            return None;
        }
        self.entries(mapping).find(|entry| self.scalar(entry.key) == Some(key))
    }

    /// The value of a scalar whatever its type, through an alias.
    pub fn scalar(&self, id: Id) -> Option<&str> {
        match self.content(self.resolve(id)) {
            Content::Scalar(value, _) => Some(value),
            _ => None,
        }
    }

    /// The value of a scalar that every YAML version reads as a string.
    pub fn string(&self, id: Id) -> Option<&str> {
        let id = self.resolve(id);
        match (self.content(id), self.tag(id)) {
            (Content::Scalar(value, _), Some("tag:yaml.org,2002:str")) => Some(value),
            (Content::Scalar(value, Style::Plain), None) if is_plain_string(value) => Some(value),
            (Content::Scalar(_, Style::Plain), _) => None,
            (Content::Scalar(value, _), None | Some("!")) => Some(value),
            _ => None,
        }
    }

    pub fn is_null(&self, id: Id) -> bool {
        let id = self.resolve(id);
        match (self.content(id), self.tag(id)) {
            (Content::Scalar(_, _), Some(tag)) => tag == "tag:yaml.org,2002:null",
            (Content::Scalar(value, Style::Plain), None) => is_plain_null(value),
            _ => false,
        }
    }

    fn node(&self, id: Id) -> &Node<'a> {
        // An `Id` is only made for a node of its own tree.
        &self.nodes[id.0 as usize]
    }

    fn check_keys(&self) -> Result<(), Refusal> {
        for place in 0..self.nodes.len() {
            if matches!(self.nodes[place].content, Content::Mapping(_)) {
                self.check_keys_of(Id(place as u32))?;
            }
        }
        Ok(())
    }

    fn check_keys_of(&self, mapping: Id) -> Result<(), Refusal> {
        let mut keys: Vec<(&str, usize)> = Vec::new();
        for Entry { key, .. } in self.entries(mapping) {
            let line = self.line(key);
            let Some(text) = self.scalar(key) else {
                return Err(Refusal::new(line, "a key is not a plain word or a string"));
            };
            if self.is_merge_key(key) {
                return Err(Refusal::new(line, "merge keys ('<<') are not supported"));
            }
            keys.push((text, line));
        }
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Refusal::new(pair[1].1, "a key stands twice in one mapping")),
            None => Ok(()),
        }
    }

    /// A quoted "<<" is a key like any other, <https://yaml.org/type/merge.html>.
    fn is_merge_key(&self, key: Id) -> bool {
        let key = self.resolve(key);
        match (self.content(key), self.tag(key)) {
            (_, Some(tag)) => tag == "tag:yaml.org,2002:merge",
            (Content::Scalar(value, Style::Plain), None) => value == "<<",
            _ => false,
        }
    }
}

/// See [`Tree::children`].
pub struct Children<'t, 'a> {
    tree: &'t Tree<'a>,
    at: u32,
    end: u32,
}

impl Iterator for Children<'_, '_> {
    type Item = Id;

    fn next(&mut self) -> Option<Id> {
        if self.at >= self.end {
            return None;
        }
        let child = Id(self.at);
        self.at = self.tree.node(child).next;
        Some(child)
    }
}

/// See [`Tree::entries`].
pub struct Entries<'t, 'a>(Children<'t, 'a>);

impl Iterator for Entries<'_, '_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        Some(Entry { key: self.0.next()?, value: self.0.next()? })
    }
}

/// Turns the parser's events into a tree.
struct Builder<'a> {
    tree: Tree<'a>,
    /// The collections that are still open, outermost first.
    open: Vec<u32>,
    /// The node of each anchor, by the number that the parser gave it.
    anchors: Vec<Option<u32>>,
    /// Whether the next node is the root of a document.
    at_root: bool,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let tree = Tree { text, nodes: Vec::new(), documents: Vec::new() };
        Builder { tree, open: Vec::new(), anchors: Vec::new(), at_root: false }
    }

    fn run(mut self) -> Result<Tree<'a>, Refusal> {
        let options = granit_parser::options! { emit_anchor_events: true };
        for event in Parser::new_from_str_with_options(self.tree.text, options) {
            let (event, span) =
                event.map_err(|error| Refusal::new(error.marker().line(), cause(error.kind())))?;
            self.take(event, span)?;
        }
        Ok(self.tree)
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Refusal> {
        match event {
            Event::DocumentStart(..) => self.at_root = true,
            Event::Scalar(value, style, anchor, tag) => {
                let tag = tag.map(|tag| boxed(tag.handle(), tag.suffix()));
                self.push(Content::Scalar(value, style), anchor, tag, span)?;
                self.close_last();
            }
            Event::SequenceStart(layout, anchor, tag) => {
                let tag = tag.map(|tag| boxed(tag.handle(), tag.suffix()));
                self.open(Content::Sequence(layout), anchor, tag, span)?;
            }
            Event::MappingStart(layout, anchor, tag) => {
                let tag = tag.map(|tag| boxed(tag.handle(), tag.suffix()));
                self.open(Content::Mapping(layout), anchor, tag, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => {
                let target = self.target(anchor, &span)?;
                self.push(Content::Alias(target), 0, None, span)?;
                self.close_last();
            }
            Event::Anchor(..) => self.widen_last(&span),
            _ => {}
        }
        Ok(())
    }

    fn push(
        &mut self,
        content: Content<'a>,
        anchor: usize,
        tag: Option<Box<str>>,
        span: Span,
    ) -> Result<(), Refusal> {
        let line = span.start.line();
        let place = self.tree.nodes.len();
        if place == MAX_NODES {
            return Err(Refusal::new(line, "more than a million values"));
        }
        let Range { start, end } = span.byte_range().unwrap_or_default();
        self.tree.nodes.push(Node {
            content,
            tag,
            start: start as u32,
            body: start as u32,
            end: end as u32,
            line: line as u32,
            next: 0,
        });
        if let Some(tag) = span.tag_span() {
            self.widen_last(&tag);
        }
        if anchor > 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(place as u32);
        }
        if self.at_root {
            self.at_root = false;
            self.tree.documents.push(Id(place as u32));
        }
        Ok(())
    }

    fn open(
        &mut self,
        content: Content<'a>,
        anchor: usize,
        tag: Option<Box<str>>,
        span: Span,
    ) -> Result<(), Refusal> {
        self.push(content, anchor, tag, span)?;
        self.open.push(self.tree.nodes.len() as u32 - 1);
        Ok(())
    }

    fn close_last(&mut self) {
        let next = self.tree.nodes.len() as u32;
        if let Some(node) = self.tree.nodes.last_mut() {
            node.next = next;
        }
    }

    fn close(&mut self, span: Span) {
        let next = self.tree.nodes.len() as u32;
        if let Some(place) = self.open.pop() {
            let node = &mut self.tree.nodes[place as usize];
            node.next = next;
            node.end = span.byte_range().unwrap_or_default().end as u32;
        }
    }

    /// An anchor or a tag belongs to the node that it stands before.
    fn widen_last(&mut self, property: &Span) {
        let range = property.byte_range();
        if let (Some(node), Some(range)) = (self.tree.nodes.last_mut(), range) {
            node.start = node.start.min(range.start as u32);
            node.end = node.end.max(range.end as u32);
        }
    }

    fn target(&self, anchor: usize, span: &Span) -> Result<Id, Refusal> {
        match self.anchors.get(anchor).copied().flatten() {
            Some(place) if self.tree.nodes[place as usize].next != 0 => Ok(Id(place)),
            _ => Err(Refusal::new(span.start.line(), "an anchor contains itself")),
        }
    }
}

fn boxed(handle: &str, suffix: &str) -> Box<str> {
    [handle, suffix].concat().into_boxed_str()
}

fn cause(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnknownAnchor => "invalid YAML: an alias without its anchor",
        _ => "invalid YAML",
    }
}

fn is_plain_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether a plain scalar is a string for YAML 1.1, which kubectl and PyYAML read, and for 1.2.
/// Errs on the side of no: <https://yaml.org/type/>.
pub fn is_plain_string(value: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let Some(&first) = value.as_bytes().first() else {
        return false;
    };
    let special =
        matches!(value, "~" | "=" | "<<") || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word));
    let number = matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') && is_like_number(value);
    !special && !number
}

/// Integers in all bases, floats with `.inf` and `.nan`, dates, sexagesimals.
fn is_like_number(value: &str) -> bool {
    let unsigned = value.trim_start_matches(['+', '-']);
    [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word))
        || (value.bytes().any(|byte| byte.is_ascii_digit())
            && value.bytes().all(|byte| {
                byte.is_ascii_hexdigit()
                    || matches!(byte, b'x' | b'X' | b'o' | b'O' | b'_' | b'+')
                    || matches!(byte, b'-' | b'.' | b':' | b'T' | b'Z' | b't' | b'z' | b' ')
            }))
}

/// A string as a scalar of the wanted style, or of the nearest one that can hold it. `flow` says
/// that it will stand inside `[]` or `{}`. A double-quoted one is a JSON string too.
pub fn render(value: &str, style: ScalarStyle, flow: bool) -> String {
    let quotable = !value.chars().any(must_escape);
    match style {
        Style::DoubleQuoted => double_quoted(value),
        Style::SingleQuoted if quotable => single_quoted(value),
        Style::Plain if can_be_plain(value, flow) => value.to_owned(),
        _ if quotable => single_quoted(value),
        _ => double_quoted(value),
    }
}

/// Narrower than YAML, and enough for names and paths.
pub fn can_be_plain(value: &str, flow: bool) -> bool {
    let start = value.trim_start_matches('-');
    let starts_well = start.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_'))
        && !value.starts_with("---");
    let fits = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '/' | '.' | '_' | '-' | '+' | '=' | '@' | '%' | '~' | '\\')
            || (c == ',' && !flow)
    };
    // A drive letter's colon is followed by a backslash, never by a blank.
    let drive = value.get(1..3).is_some_and(|text| text == ":\\" || text == ":/");
    let rest = if drive && !flow { value.get(2..).unwrap_or_default() } else { value };
    starts_well && is_plain_string(value) && rest.chars().all(fits)
}

/// Whether the text of a plain scalar means the same inside `[]` or `{}`.
pub fn is_flow_safe(plain: &str) -> bool {
    !plain.contains([',', '[', ']', '{', '}'])
}

/// What begins a plain scalar that had to be quoted: its first character, escaped without need.
/// JSON has no such escape, and needs none: there nothing is plain.
const DISGUISE: &str = "\"\\U";

/// The value of a plain scalar for a place where it cannot be plain; [`is_disguised`] tells the
/// result from other scalars.
pub fn disguised(value: &str) -> String {
    let mut rest = value.chars();
    let first = rest.next().map_or(0, u32::from);
    let quoted = double_quoted(rest.as_str());
    format!("{DISGUISE}{first:08x}{}", &quoted[1..])
}

pub fn is_disguised(source: &str) -> bool {
    source.starts_with(DISGUISE)
}

/// A quoted scalar of the text with `prefix` before its value.
pub fn with_prefix(source: &str, style: ScalarStyle, prefix: &str) -> String {
    let (open, rest) = source.split_at(1);
    [open, inside_quotes(&render(prefix, style, true)), rest].concat()
}

/// The opposite of [`with_prefix`], where the prefix is spelled as it writes it.
pub fn without_prefix(source: &str, style: ScalarStyle, prefix: &str) -> Option<String> {
    let (open, rest) = source.split_at_checked(1)?;
    Some([open, rest.strip_prefix(inside_quotes(&render(prefix, style, true)))?].concat())
}

fn inside_quotes(scalar: &str) -> &str {
    scalar.get(1..scalar.len() - 1).unwrap_or_default()
}

/// Control characters, and what YAML 1.1 takes for a line break or drops.
fn must_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn single_quoted(value: &str) -> String {
    ["'", &value.replace('\'', "''"), "'"].concat()
}

fn double_quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            _ if must_escape(c) => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

/// How a quoted or plain scalar of the text is quoted; for an alias or a block scalar, plain.
pub fn quoting(tree: &Tree<'_>, id: Id) -> Style {
    match tree.content(id) {
        Content::Scalar(_, style @ (Style::SingleQuoted | Style::DoubleQuoted)) => *style,
        _ => Style::Plain,
    }
}

/// Whether a collection is written with brackets.
pub fn is_flow(tree: &Tree<'_>, id: Id) -> bool {
    matches!(
        tree.content(id),
        Content::Sequence(StructureStyle::Flow) | Content::Mapping(StructureStyle::Flow)
    )
}
