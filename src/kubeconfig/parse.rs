//! YAML's grammar: from the tokens of a text to the nodes of a [`Tree`].
//!
//! `granit-parser`'s scanner finds the tokens; it knows indentation, quotes and brackets. Its own
//! parser has events, error messages and directives that nobody needs here, and costs four times
//! what is below. A node that is missing is an empty one, whatever stands in its place: whether
//! that may follow is for the collection around it to say.
//!
//! Refuses invalid YAML, any directive but `%YAML 1.x`, and what is meant to hurt. Pure.

use std::borrow::Cow;
use std::mem;

use granit_parser::{Scanner, StrInput, TokenType};

use super::yaml::{Content, Id, Layout, Node, Refusal, Style, Tree};

/// A kubeconfig of 8 MiB has far fewer; what has more is meant to hurt.
const MAX_NODES: usize = 1 << 20;
/// Every alias is looked for among the anchors.
const MAX_ANCHORS: usize = 1 << 10;
const MAX_DEPTH: u32 = 255;

const INVALID: &str = "invalid YAML";

pub fn parse(text: &str) -> Result<Tree<'_>, Refusal> {
    let mut parser = Parser {
        scanner: Scanner::new(StrInput::new(text)),
        token: TokenType::StreamStart,
        place: Place::default(),
        last: Place::default(),
        anchors: Vec::new(),
        depth: 0,
        tree: Tree { text, nodes: Vec::new(), documents: Vec::new() },
    };
    while let TokenType::StreamStart = parser.token {
        parser.skip()?;
    }
    parser.documents()?;
    Ok(parser.tree)
}

/// Where a token stands.
#[derive(Clone, Copy, Default)]
struct Place {
    start: u32,
    end: u32,
    line: u32,
}

struct Parser<'a> {
    scanner: Scanner<'a, StrInput<'a>>,
    /// The token that comes next, and where it stands.
    token: TokenType<'a>,
    place: Place,
    /// Where the one before it stood.
    last: Place,
    /// Those of this document; of one name the last counts.
    anchors: Vec<(Cow<'a, str>, Id)>,
    /// How many collections are open.
    depth: u32,
    tree: Tree<'a>,
}

impl<'a> Parser<'a> {
    /// <https://yaml.org/spec/1.2.2/#92-streams>
    fn documents(&mut self) -> Result<(), Refusal> {
        let mut needs_marker = false;
        loop {
            while let TokenType::DocumentEnd = self.token {
                self.skip()?;
                needs_marker = false;
            }
            match self.token {
                TokenType::StreamEnd => return Ok(()),
                TokenType::VersionDirective(1, _) if !needs_marker => {
                    self.skip()?;
                    needs_marker = true;
                }
                _ => {}
            }
            match self.token {
                TokenType::DocumentStart => self.skip()?,
                TokenType::TagDirective(..) | TokenType::ReservedDirective(..) => {
                    return Err(self.refusal("directives other than %YAML are not supported"));
                }
                TokenType::VersionDirective(..) => return Err(self.refusal(INVALID)),
                _ if needs_marker => return Err(self.refusal(INVALID)),
                _ => {}
            }
            needs_marker = true;
            self.anchors.clear();
            self.tree.documents.push(self.next_id());
            self.node(false)?;
        }
    }

    /// In a mapping the dashes of a sequence need not be indented.
    fn node(&mut self, in_mapping: bool) -> Result<(), Refusal> {
        let id = self.next_id();
        let mut start = self.place.start;
        let (has_anchor, tag) = self.properties(id)?;
        let has_properties = has_anchor || tag.is_some();
        let mut place = self.place;
        type Read<'a> = fn(&mut Parser<'a>) -> Result<(), Refusal>;
        let mut read: Option<Read<'a>> = None;
        let content = match &mut self.token {
            TokenType::Alias(name) if !has_properties => {
                let name = mem::take(name);
                Content::Alias(self.anchored(&name)?)
            }
            TokenType::Scalar(style, value) => Content::Scalar(mem::take(value), *style),
            TokenType::FlowSequenceStart => {
                read = Some(Parser::flow_sequence);
                Content::Sequence(Layout::Flow)
            }
            TokenType::FlowMappingStart => {
                read = Some(Parser::flow_mapping);
                Content::Mapping(Layout::Flow)
            }
            TokenType::BlockSequenceStart => {
                read = Some(Parser::block_sequence);
                Content::Sequence(Layout::Block)
            }
            TokenType::BlockMappingStart => {
                read = Some(Parser::block_mapping);
                Content::Mapping(Layout::Block)
            }
            TokenType::BlockEntry if in_mapping => {
                self.push(Content::Sequence(Layout::Block), tag, start, place)?;
                return self.collection(id, Parser::items);
            }
            _ => {
                place = self.last;
                if !has_properties {
                    start = place.start;
                }
                return self.push(nothing(), tag, start, place);
            }
        };
        self.push(content, tag, start, place)?;
        self.skip()?;
        match read {
            Some(read) => self.collection(id, read),
            None => Ok(()),
        }
    }

    /// An anchor and a tag in any order.
    fn properties(&mut self, id: Id) -> Result<(bool, Option<String>), Refusal> {
        let (mut has_anchor, mut tag) = (false, None);
        loop {
            match &mut self.token {
                TokenType::Anchor(name) if !has_anchor => {
                    has_anchor = true;
                    self.anchors.push((mem::take(name), id));
                    if self.anchors.len() > MAX_ANCHORS {
                        return Err(self.refusal("more than a thousand anchors"));
                    }
                }
                TokenType::Tag(handle, suffix) if tag.is_none() => {
                    let prefix = match handle.as_ref() {
                        "!!" => "tag:yaml.org,2002:",
                        handle @ ("" | "!") => handle,
                        _ => return Err(self.refusal(INVALID)),
                    };
                    tag = Some([prefix, suffix].concat());
                }
                _ => return Ok((has_anchor, tag)),
            }
            self.skip()?;
        }
    }

    fn anchored(&self, name: &str) -> Result<Id, Refusal> {
        match self.anchors.iter().rev().find(|(anchor, _)| anchor == name) {
            Some((_, id)) if self.tree.node(*id).next != 0 => Ok(*id),
            Some(_) => Err(self.refusal("an anchor contains itself")),
            None => Err(self.refusal("invalid YAML: an alias without its anchor")),
        }
    }

    fn collection(&mut self, id: Id, read: fn(&mut Self) -> Result<(), Refusal>) -> Result<(), Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(self.refusal("more than 255 collections in each other"));
        }
        self.depth += 1;
        read(self)?;
        self.depth -= 1;
        let next = self.next_id().0;
        let node = &mut self.tree.nodes[id.0 as usize];
        node.next = next;
        node.end = self.last.end;
        Ok(())
    }

    fn block_sequence(&mut self) -> Result<(), Refusal> {
        self.items()?;
        self.block_end()
    }

    fn items(&mut self) -> Result<(), Refusal> {
        while let TokenType::BlockEntry = self.token {
            self.skip()?;
            self.node(false)?;
        }
        Ok(())
    }

    fn block_mapping(&mut self) -> Result<(), Refusal> {
        while let TokenType::Key | TokenType::Value = self.token {
            self.pair()?;
        }
        self.block_end()
    }

    fn block_end(&mut self) -> Result<(), Refusal> {
        match self.token {
            TokenType::BlockEnd => self.skip(),
            _ => Err(self.refusal(INVALID)),
        }
    }

    fn flow_sequence(&mut self) -> Result<(), Refusal> {
        self.flow_entries(|parser| match parser.token {
            // `[ ? key : value ]`: a mapping that has no braces.
            TokenType::Key => {
                let id = parser.next_id();
                parser.push(Content::Mapping(Layout::Flow), None, parser.place.start, parser.place)?;
                parser.collection(id, Parser::pair)
            }
            _ => parser.node(false),
        })?;
        match self.token {
            TokenType::FlowSequenceEnd => self.skip(),
            _ => Err(self.refusal(INVALID)),
        }
    }

    fn flow_mapping(&mut self) -> Result<(), Refusal> {
        self.flow_entries(Parser::pair)?;
        match self.token {
            TokenType::FlowMappingEnd => self.skip(),
            _ => Err(self.refusal(INVALID)),
        }
    }

    /// A comma stands behind each entry, but for the last, where it may.
    fn flow_entries(&mut self, entry: fn(&mut Self) -> Result<(), Refusal>) -> Result<(), Refusal> {
        loop {
            match self.token {
                TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => return Ok(()),
                TokenType::FlowEntry => return Err(self.refusal(INVALID)),
                _ => entry(self)?,
            }
            match self.token {
                TokenType::FlowEntry => self.skip()?,
                _ => return Ok(()),
            }
        }
    }

    /// A key and its value; each of them may be missing.
    fn pair(&mut self) -> Result<(), Refusal> {
        match self.token {
            TokenType::Key => {
                self.skip()?;
                self.node(true)?;
            }
            TokenType::Value => self.push_nothing()?,
            // `{ key }`.
            _ => {
                self.node(false)?;
                return self.push_nothing();
            }
        }
        match self.token {
            TokenType::Value => {
                self.skip()?;
                self.node(true)
            }
            _ => self.push_nothing(),
        }
    }

    fn push_nothing(&mut self) -> Result<(), Refusal> {
        let place = Place { end: self.place.start, ..self.place };
        self.push(nothing(), None, place.start, place)
    }

    /// A node that begins with its properties at `start`, and with its value at `place`.
    fn push(
        &mut self,
        content: Content<'a>,
        tag: Option<String>,
        start: u32,
        place: Place,
    ) -> Result<(), Refusal> {
        let Place { start: body, end, line } = place;
        if self.tree.nodes.len() == MAX_NODES {
            return Err(self.refusal("more than a million values"));
        }
        let next = match content {
            Content::Scalar(..) | Content::Alias(_) => self.next_id().0 + 1,
            Content::Sequence(_) | Content::Mapping(_) => 0,
        };
        self.tree.nodes.push(Node { content, tag, start, body, end, line, next });
        Ok(())
    }

    fn next_id(&self) -> Id {
        Id(self.tree.nodes.len() as u32)
    }

    /// Goes to the next token.
    fn skip(&mut self) -> Result<(), Refusal> {
        self.last = self.place;
        match self.scanner.next() {
            Some(Ok(token)) => {
                let (span, token) = token.into_parts();
                let range = span.byte_range().unwrap_or_default();
                let line = span.start.line() as u32;
                self.place = Place { start: range.start as u32, end: range.end as u32, line };
                self.token = token;
                Ok(())
            }
            Some(Err(error)) => Err(Refusal::new(error.marker().line(), INVALID)),
            None => Ok(()),
        }
    }

    fn refusal(&self, reason: &'static str) -> Refusal {
        Refusal::new(self.place.line as usize, reason)
    }
}

fn nothing<'a>() -> Content<'a> {
    Content::Scalar(Cow::Borrowed(""), Style::Plain)
}
