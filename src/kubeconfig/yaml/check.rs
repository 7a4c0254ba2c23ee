//! Finds constructs that kubectl reads but an edit could silently break: merge keys, duplicate keys,
//! explicit keys, directly or through an alias.
//!
//! Refuses keys that are not scalars, as kubectl does. Pure.

use super::constructs::Constructs;
use super::refusal::Refusal;
use super::tree::{Id, NodeContent, Tree};

/// Fails if a key is not a scalar.
pub fn find_constructs(tree: &Tree<'_>) -> Result<Constructs, Refusal> {
    let mut found: Vec<(u32, Refusal)> = Vec::new();
    for &key in &tree.explicit_keys {
        found.push((key.0, Refusal::new(tree.line(key), "explicit keys ('? ') are not supported")));
    }
    let mut keys = Vec::new();
    for node in tree.ids().filter(|node| tree.is_mapping(*node)) {
        find_in_keys(tree, node, &mut keys, &mut found)?;
    }
    found.sort_unstable_by_key(|(node, refusal)| (*node, refusal.line));
    Ok(with_aliases(tree, Constructs(found)))
}

/// `keys` is emptied, and used again because memory is never given back.
fn find_in_keys<'t>(
    tree: &'t Tree<'_>,
    mapping: Id,
    keys: &mut Vec<(&'t str, usize)>,
    found: &mut Vec<(u32, Refusal)>,
) -> Result<(), Refusal> {
    keys.clear();
    for entry in tree.entries(mapping) {
        let Some(text) = tree.scalar(entry.key) else {
            return Err(Refusal::new(tree.line(entry.key), "a key is not a scalar"));
        };
        if tree.is_merge_key(entry.key) {
            let reason = "merge keys ('<<') are not supported";
            found.push((entry.key.0, Refusal::new(tree.line(entry.key), reason)));
        }
        keys.push((text, entry.key.0 as usize));
    }
    keys.sort_unstable();
    for pair in keys.windows(2) {
        if pair[0].0 == pair[1].0 {
            let key = Id(pair[1].1 as u32);
            found.push((key.0, Refusal::new(tree.line(key), "duplicate key")));
        }
    }
    Ok(())
}

/// Adds the aliases of subtrees that contain a construct. An alias comes after the subtree that it names,
/// so one pass finds aliases of aliases too.
fn with_aliases(tree: &Tree<'_>, direct: Constructs) -> Constructs {
    if direct.0.is_empty() {
        return direct;
    }
    let mut all = Constructs::default();
    let mut rest = direct.0.into_iter().peekable();
    for (node, content) in (0..).zip(tree.nodes.iter().map(|node| &node.content)) {
        while let Some(construct) = rest.next_if(|(at, _)| *at == node) {
            all.0.push(construct);
        }
        if let NodeContent::Alias(target) = content
            && let Some(refusal) = all.first_in(target.0..tree.node(*target).next)
        {
            all.0.push((node, refusal));
        }
    }
    all
}
