//! A reader of YAML that keeps places: a text becomes a tree whose nodes know where they are in it.
//!
//! Invalid YAML, keys that are not scalars and an anchor inside itself are refused with the line.
//! Merge keys, duplicate keys and explicit keys are read as kubectl reads them;
//! [`Tree::uneditable`] tells that an edit could break them. Pure, and knows nothing of kubeconfigs.

mod block_scalar;
mod check;
mod constructs;
mod flow;
mod json;
mod number;
mod parse;
mod refusal;
mod render;
mod scalar;
mod tree;

pub use json::{document_to_json, to_json};
pub use number::is_true;
pub use parse::parse as parse_unchecked;
pub use refusal::Refusal;
pub use render::*;
pub use scalar::must_escape;
pub use tree::{Id, Layout, MappingEntry, NodeContent, Style, Tree, is_plain_string};

/// Parses every document of `text`. Fails on the first construct that is invalid or not supported.
pub fn parse(text: &str) -> Result<Tree<'_>, Refusal> {
    let mut tree = parse_unchecked(text)?;
    tree.constructs = check::find_constructs(&tree)?;
    Ok(tree)
}
