//! YAML with places: a text becomes a tree whose nodes know where they are in it.
//!
//! What a patch could silently break is refused with its line: merge keys, duplicate keys, keys that
//! are not scalars, an anchor inside itself. Pure, and knows nothing of kubeconfigs.

mod parse;
mod refusal;
mod render;
mod scalar;
mod tree;

pub use parse::parse as parse_unchecked;
pub use refusal::Refusal;
pub use render::*;
pub use scalar::must_escape;
pub use tree::{Id, Layout, MappingEntry, NodeContent, Style, Tree, is_plain_string};

/// Parses every document of `text`. Fails on the first construct that is invalid or not supported.
pub fn parse(text: &str) -> Result<Tree<'_>, Refusal> {
    let tree = parse_unchecked(text)?;
    tree.check_keys()?;
    Ok(tree)
}
