//! A YAML text as a flat list of nodes that know their place in the text.
//!
//! The nodes are in the order of the text. Each one knows where its subtree ends, so that walking
//! needs no further structure. A node's range covers its anchor and tag, which must move together
//! with it. Aliases are nodes of their own; [`Tree::resolve`] follows them.
//!
//! [`Tree::get`] reads a mapping as go-yaml does, which kubectl uses: the last of several equal keys
//! counts, and merge keys are followed. Pure. Knows nothing of kubeconfigs.

use std::borrow::Cow;
use std::ops::Range;

use super::constructs::Constructs;
use super::refusal::Refusal;

/// Merge keys that one lookup follows. Merges of merges could otherwise take forever.
const MAX_MERGES: u32 = 1 << 10;

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// How a collection is written: by indentation, or between brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Block,
    Flow,
}

/// A node's index in its tree's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub(super) u32);

/// One entry of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct MappingEntry {
    pub key: Id,
    pub value: Id,
}

pub enum NodeContent<'a> {
    Scalar(Cow<'a, str>, Style),
    Sequence(Layout),
    Mapping(Layout),
    Alias(Id),
}

pub(super) struct Node<'a> {
    pub content: NodeContent<'a>,
    /// With anchor and tag.
    pub start: u32,
    /// Without anchor and tag; for a block collection the start of its first child.
    pub body: u32,
    pub end: u32,
    pub line: u32,
    /// The id after the last node of this node's subtree; 0 while the subtree is being read.
    pub next: u32,
}

pub struct Tree<'a> {
    pub(super) text: &'a str,
    pub(super) nodes: Vec<Node<'a>>,
    /// The tags of the nodes that have one, in the order of the text.
    pub(super) tags: Vec<(Id, String)>,
    pub(super) documents: Vec<Id>,
    /// Keys after `? `, in the order of the text.
    pub(super) explicit_keys: Vec<Id>,
    pub(super) constructs: Constructs,
}

impl<'a> Tree<'a> {
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The root of each document.
    pub fn documents(&self) -> &[Id] {
        &self.documents
    }

    /// Every node, in the order of the text.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.nodes.len() as u32).map(Id)
    }

    pub fn content(&self, id: Id) -> &NodeContent<'a> {
        &self.node(id).content
    }

    /// In bytes, with anchor and tag. The end of a block collection has no meaning.
    pub fn range(&self, id: Id) -> Range<usize> {
        let node = self.node(id);
        node.start as usize..node.end as usize
    }

    /// Byte offset of the value itself, after anchor and tag.
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
        let place = self.tags.binary_search_by_key(&id, |(tagged, _)| *tagged).ok()?;
        Some(&self.tags[place].1)
    }

    /// The node that an alias names; any other node itself.
    pub fn resolve(&self, id: Id) -> Id {
        match self.node(id).content {
            NodeContent::Alias(target) => target,
            _ => id,
        }
    }

    /// The items of a sequence, or keys and values of a mapping in turn; nothing for a scalar.
    pub fn children(&self, id: Id) -> Children<'_, 'a> {
        Children { tree: self, at: id.0 + 1, end: self.node(id).next }
    }

    pub fn entries(&self, mapping: Id) -> MappingEntries<'_, 'a> {
        MappingEntries(self.children(mapping))
    }

    /// The entry that counts for `key`, perhaps from a merged mapping. `None` if `mapping` is not a
    /// mapping. go-yaml reads entries and merges in order, so the last one wins; in a list of
    /// merged mappings the first one wins (`decode.go`, `mapping` and `merge`).
    pub fn get(&self, mapping: Id, key: &str) -> Option<MappingEntry> {
        self.find_entry(mapping, key, &mut { MAX_MERGES })
    }

    fn find_entry(&self, mapping: Id, key: &str, merges_left: &mut u32) -> Option<MappingEntry> {
        let mapping = self.resolve(mapping);
        if !self.is_mapping(mapping) {
            return None;
        }
        let mut found = None;
        for entry in self.entries(mapping) {
            if self.is_merge_key(entry.key) {
                found = self.find_merged(entry.value, key, merges_left).or(found);
            } else if self.scalar(entry.key) == Some(key) {
                found = Some(entry);
            }
        }
        found
    }

    fn find_merged(&self, value: Id, key: &str, merges_left: &mut u32) -> Option<MappingEntry> {
        *merges_left = merges_left.checked_sub(1)?;
        let value = self.resolve(value);
        match self.content(value) {
            NodeContent::Sequence(_) => {
                self.children(value).find_map(|item| self.find_entry(item, key, merges_left))
            }
            _ => self.find_entry(value, key, merges_left),
        }
    }

    pub fn is_mapping(&self, id: Id) -> bool {
        matches!(self.content(id), NodeContent::Mapping(_))
    }

    /// Why the subtree of `id`, aliases followed, cannot be edited: the first construct in it that an
    /// edit could silently break.
    pub fn uneditable(&self, id: Id) -> Option<Refusal> {
        let end = self.node(id).next;
        self.constructs.first_in(id.0..end)
    }

    /// The text of a scalar of any type, through an alias.
    pub fn scalar(&self, id: Id) -> Option<&str> {
        match self.content(self.resolve(id)) {
            NodeContent::Scalar(value, _) => Some(value),
            _ => None,
        }
    }

    /// The value of a scalar that every YAML version reads as a string.
    pub fn string(&self, id: Id) -> Option<&str> {
        let id = self.resolve(id);
        match (self.content(id), self.tag(id)) {
            (NodeContent::Scalar(value, _), Some("tag:yaml.org,2002:str")) => Some(value),
            (NodeContent::Scalar(value, Style::Plain), None) if is_plain_string(value) => Some(value),
            (NodeContent::Scalar(_, Style::Plain), _) => None,
            (NodeContent::Scalar(value, _), None | Some("!")) => Some(value),
            _ => None,
        }
    }

    pub fn is_null(&self, id: Id) -> bool {
        let id = self.resolve(id);
        match (self.content(id), self.tag(id)) {
            (NodeContent::Scalar(_, _), Some(tag)) => tag == "tag:yaml.org,2002:null",
            (NodeContent::Scalar(value, Style::Plain), None) => is_plain_null(value),
            _ => false,
        }
    }

    #[inline(never)] // Called everywhere: 500 bytes.
    pub(super) fn node(&self, id: Id) -> &Node<'a> {
        // An `Id` is only made for a node of its own tree.
        &self.nodes[id.0 as usize]
    }

    /// A quoted "<<" is a key like any other, <https://yaml.org/type/merge.html>.
    pub fn is_merge_key(&self, key: Id) -> bool {
        let key = self.resolve(key);
        match (self.content(key), self.tag(key)) {
            (_, Some(tag)) => tag == "tag:yaml.org,2002:merge",
            (NodeContent::Scalar(value, Style::Plain), None) => value == "<<",
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
pub struct MappingEntries<'t, 'a>(Children<'t, 'a>);

impl Iterator for MappingEntries<'_, '_> {
    type Item = MappingEntry;

    fn next(&mut self) -> Option<MappingEntry> {
        Some(MappingEntry { key: self.0.next()?, value: self.0.next()? })
    }
}

fn is_plain_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether a plain scalar is a string both in YAML 1.1, which kubectl and PyYAML read, and in 1.2.
/// If in doubt, no: <https://yaml.org/type/>.
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
