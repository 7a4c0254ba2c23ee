//! The places of constructs that kubectl reads but an edit of the text could silently break.
//!
//! `check` finds them. Pure.

use std::ops::Range;

use super::refusal::Refusal;

/// Merge keys, duplicate keys and explicit keys, and the aliases of subtrees that have one, sorted by
/// node.
#[derive(Default)]
pub struct Constructs(pub Vec<(u32, Refusal)>);

impl Constructs {
    /// The first one whose node is in `nodes`.
    pub fn first_in(&self, nodes: Range<u32>) -> Option<Refusal> {
        let first = self.0.partition_point(|(node, _)| *node < nodes.start);
        let (node, refusal) = self.0.get(first)?;
        nodes.contains(node).then_some(*refusal)
    }
}
