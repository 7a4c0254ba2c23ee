//! Edits of a text: a few bytes are replaced, everything else stays as it was.
//!
//! An [`Editor`] collects the edits of one kubeconfig; `args` and `command` add to it. Pure.

use std::ops::Range;

use super::lines::Lines;
use super::scan::Kubeconfig;
use super::yaml::Refusal;

/// Replaces a range of bytes by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

/// `range` of `text` with the edits that are in it. The edits are sorted and do not overlap.
pub fn apply(edits: &[Edit], text: &str, range: Range<usize>) -> String {
    let mut result = String::with_capacity(range.len() + 256);
    let mut done = range.start;
    for edit in edits {
        result.push_str(text.get(done..edit.range.start).unwrap_or_default());
        result.push_str(&edit.text);
        done = edit.range.end;
    }
    result.push_str(text.get(done..range.end).unwrap_or_default());
    result
}

/// The places of `edits` in the text that `changes` make. Both are sorted. An edit that begins or ends within a
/// change does so at the beginning of that.
pub fn moved(edits: &[Edit], changes: &[Edit]) -> Vec<Edit> {
    let (mut changes, mut growth) = (changes.iter().peekable(), 0);
    let mut moved = |place: usize| {
        while let Some(change) = changes.next_if(|change| change.range.end <= place) {
            growth += change.text.len() as isize - change.range.len() as isize;
        }
        let place = changes.peek().map_or(place, |change| place.min(change.range.start));
        place.saturating_add_signed(growth)
    };
    let mut result = Vec::with_capacity(edits.len());
    for Edit { range, text } in edits {
        let range = moved(range.start)..moved(range.end);
        result.push(Edit { range, text: text.clone() });
    }
    result
}

/// Collects the edits of one text.
pub struct Editor<'c> {
    pub config: &'c Kubeconfig<'c>,
    pub lines: Lines<'c>,
    pub edits: Vec<Edit>,
}

impl<'c> Editor<'c> {
    pub fn new(config: &'c Kubeconfig<'c>) -> Self {
        Editor { config, lines: Lines::of(config.tree.text()), edits: Vec::new() }
    }

    pub fn replace(&mut self, range: Range<usize>, text: String) {
        self.edits.push(Edit { range, text });
    }

    /// The edits in order. Users that share a list or a command through an anchor ask for the same
    /// edit twice; different edits of one place are refused, except for an insertion before a change.
    pub fn finish(mut self) -> Result<Vec<Edit>, Refusal> {
        self.edits.sort_unstable_by_key(|edit| (edit.range.start, edit.range.end));
        self.edits.dedup();
        for pair in self.edits.windows(2) {
            let (before, after) = (&pair[0].range, &pair[1].range);
            if before.end > after.start || before.start == after.start && after.is_empty() {
                let reason = "users share this through an anchor but need different values";
                return Err(Refusal::new(self.lines.number(after.start), reason));
            }
        }
        Ok(self.edits)
    }
}
