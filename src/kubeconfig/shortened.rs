//! Long lines of a diff, without the parts that are far from an edit.
//!
//! JSON is often on one line, and a diff would show the whole file twice. Pure.

use std::ops::Range;

use super::edit::{self, Edit};

/// How much of a changed line is kept on each side of an edit, in bytes.
const KEPT: usize = 80;
/// Shorter parts are not left out.
const SHORTEST_CUT: usize = 80;
const ELLIPSIS: &str = "…";

/// Returns `text` and its `edits` without the parts of changed lines that are far from every edit. The edits
/// are sorted and do not overlap.
pub fn shortened(text: &str, edits: &[Edit]) -> (String, Vec<Edit>) {
    let cuts: Vec<Edit> = gaps(text, edits).into_iter().filter_map(|gap| cut(text, gap)).collect();
    (edit::apply(&cuts, text, 0..text.len()), edit::moved(edits, &cuts))
}

/// The parts of changed lines that are far from every edit.
fn gaps(text: &str, edits: &[Edit]) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    for at in 0..edits.len() + usize::from(!edits.is_empty()) {
        let before = at.checked_sub(1).map(|before| edits[before].range.end);
        let after = edits.get(at).map(|edit| edit.range.start);
        let (start, end) = (before.unwrap_or(0), after.unwrap_or(text.len()));
        // Whole lines that were added do not change the next one.
        let is_changed = before.is_some_and(|start| start > 0 && !text[..start].ends_with('\n'));
        let (from, to) = (if is_changed { start + KEPT } else { start }, end - KEPT.min(end));
        match (text[start..end].find('\n'), text[start..end].rfind('\n')) {
            (Some(first), Some(last)) => {
                gaps.extend(is_changed.then_some(from..start + first));
                gaps.extend(after.map(|_| start + last + 1..to));
            }
            _ if after.is_some() => gaps.push(from..to),
            _ => gaps.extend(is_changed.then_some(from..end)),
        }
    }
    gaps
}

/// Replaces the gap, if it is long enough.
fn cut(text: &str, gap: Range<usize>) -> Option<Edit> {
    let is_border = |at: &usize| text.is_char_boundary(*at);
    let range = gap.clone().find(is_border)?..gap.rev().find(is_border)?;
    (range.len() >= SHORTEST_CUT).then(|| Edit { range, text: ELLIPSIS.to_owned() })
}
