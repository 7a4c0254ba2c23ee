//! Checks that an edited kubeconfig means exactly what was asked for.
//!
//! Compares both texts as values, aliases followed. Scalars are equal if their value, their tag and
//! whether they are plain are equal. Only `command` and `args` of the exec plugins to change may
//! differ, and must be as expected. The number of comparisons is limited, because aliases of aliases
//! can expand to billions of values.

use super::scan::{Kubeconfig, User};
use super::yaml::{Id, NodeContent, Refusal, Style, Tree};

/// Twice as many as the parser reads, which leaves room for aliases.
const MAX_VALUES: u32 = 1 << 22;
/// The parser allows a nesting of 255; aliases add to that.
const MAX_DEPTH: u32 = 600;

/// An exec plugin after the edit: `command`, and as `args` first `front`, then those of before without
/// the first `skip`.
#[derive(Debug)]
pub struct ExpectedExec {
    pub command: String,
    pub front: Vec<String>,
    pub skip: usize,
}

/// `expected` has one entry per user of `before`: none for a user that must not change.
pub fn check(before: &Kubeconfig<'_>, after: &str, expected: &[Option<ExpectedExec>]) -> Result<(), Refusal> {
    let first = expected.iter().position(Option::is_some).unwrap_or_default();
    let line = |place: usize| before.users.get(place).map_or(1, |user| user.line);
    let unsafe_edit = "an edit here would change more than the exec plugin";
    let after = Kubeconfig::scan(after).map_err(|_| Refusal::new(line(first), unsafe_edit))?;
    let mut comparison = Comparison { before, after: &after, left: MAX_VALUES };
    if !comparison.same_around_users() {
        return Err(Refusal::new(line(first), unsafe_edit));
    }
    for (place, expected) in expected.iter().enumerate() {
        if !comparison.same_user(place, expected.as_ref()) {
            let reason = match expected {
                Some(_) => unsafe_edit,
                None => "this user shares its exec plugin with a user that would change",
            };
            return Err(Refusal::new(line(place), reason));
        }
    }
    Ok(())
}

struct Comparison<'c> {
    before: &'c Kubeconfig<'c>,
    after: &'c Kubeconfig<'c>,
    /// How many values may still be compared.
    left: u32,
}

impl Comparison<'_> {
    /// Everything except the items of `users`, whose number must be equal.
    fn same_around_users(&mut self) -> bool {
        let (before, after) = (self.before.tree.documents(), self.after.tree.documents());
        let (Some((&old, old_rest)), Some((&new, new_rest))) = (before.split_first(), after.split_first())
        else {
            return false;
        };
        self.before.users.len() == self.after.users.len()
            && old_rest.len() == new_rest.len()
            && self.same_but(old, new, &["users"])
            && old_rest.iter().zip(new_rest).all(|(&old, &new)| self.same(old, new, 0))
    }

    fn same_user(&mut self, place: usize, expected: Option<&ExpectedExec>) -> bool {
        let (before, after) = (self.before, self.after);
        let (Some(old), Some(new)) = (before.users.get(place), after.users.get(place)) else {
            return false;
        };
        match expected {
            Some(expected) => self.as_expected(old, new, expected),
            None => self.same(old.item, new.item, 0),
        }
    }

    fn as_expected(&mut self, old: &User, new: &User, expected: &ExpectedExec) -> bool {
        let (Ok(Some(old_exec)), Ok(Some(new_exec))) = (old.exec, new.exec) else {
            return false;
        };
        let before = self.before.tree.get(old.item, "user").map(|user| user.value);
        let after = self.after.tree.get(new.item, "user").map(|user| user.value);
        let (Some(before), Some(after)) = (before, after) else {
            return false;
        };
        let same_rest = self.same_but(old.item, new.item, &["user"])
            && self.same_but(before, after, &["exec"])
            && self.same_but(old_exec.mapping, new_exec.mapping, &["command", "args"]);
        let tree = &self.after.tree;
        let old_args = self.before.args(&old_exec);
        let new_args = self.after.args(&new_exec);
        let kept = old_args.get(expected.skip..).unwrap_or_default();
        let is_list = new_exec.args.is_none_or(|args| is_list(tree, args.value));
        same_rest
            && is_list
            && self.after.command(&new_exec) == Some(&expected.command)
            && new_args.len() == expected.front.len() + kept.len()
            && new_args.iter().zip(&expected.front).all(|(&new, old)| tree.string(new) == Some(old))
            && new_args[expected.front.len()..].iter().zip(kept).all(|(&new, &old)| self.same(old, new, 0))
    }

    /// Whether two mappings are equal, except for the named keys.
    fn same_but(&mut self, old: Id, new: Id, names: &[&str]) -> bool {
        let (before, after) = (&self.before.tree, &self.after.tree);
        let old = other_entries(before, old, names);
        let new = other_entries(after, new, names);
        old.len() == new.len()
            && old.iter().zip(new).all(|(&(old_key, old), (new_key, new))| {
                self.same(old_key, new_key, 0) && self.same(old, new, 0)
            })
    }

    fn same(&mut self, old: Id, new: Id, depth: u32) -> bool {
        let Some(left) = self.left.checked_sub(1).filter(|_| depth < MAX_DEPTH) else {
            return false;
        };
        self.left = left;
        let (before, after) = (&self.before.tree, &self.after.tree);
        let (old, new) = (before.resolve(old), after.resolve(new));
        before.tag(old) == after.tag(new)
            && match (before.content(old), after.content(new)) {
                (NodeContent::Scalar(old, old_style), NodeContent::Scalar(new, new_style)) => {
                    old == new && (*old_style == Style::Plain) == (*new_style == Style::Plain)
                }
                (NodeContent::Sequence(_), NodeContent::Sequence(_))
                | (NodeContent::Mapping(_), NodeContent::Mapping(_)) => {
                    self.same_children(old, new, depth + 1)
                }
                _ => false,
            }
    }

    fn same_children(&mut self, old: Id, new: Id, depth: u32) -> bool {
        let mut old = self.before.tree.children(old);
        let mut new = self.after.tree.children(new);
        loop {
            match (old.next(), new.next()) {
                (Some(old), Some(new)) if self.same(old, new, depth) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

fn is_list(tree: &Tree<'_>, id: Id) -> bool {
    tree.is_null(id) || matches!(tree.content(tree.resolve(id)), NodeContent::Sequence(_))
}

fn other_entries(tree: &Tree<'_>, mapping: Id, names: &[&str]) -> Vec<(Id, Id)> {
    let mut others = Vec::new();
    for entry in tree.entries(tree.resolve(mapping)) {
        if tree.scalar(entry.key).is_none_or(|key| !names.contains(&key)) {
            others.push((entry.key, entry.value));
        }
    }
    others
}
