//! A unified diff of a text, from its edits.
//!
//! The format is that of `diff -u`, for `patch`. Every edit is widened to whole lines; equal lines at
//! its borders become context. Pure.

use std::ops::Range;

use super::edit::{self, Edit};

const CONTEXT: usize = 3;

/// The part of the diff that a line belongs to, which decides its color.
#[derive(Clone, Copy)]
enum LineKind {
    Header,
    Hunk,
    Removed,
    Added,
    Context,
}

/// Old lines, counted from 0, and the text that replaces them.
struct Block {
    lines: Range<usize>,
    text: String,
}

/// `name` is for both header lines. The edits are sorted and do not overlap.
pub fn unified(name: &str, before: &str, edits: &[Edit], color: bool) -> String {
    let lines: Vec<&str> = before.split_inclusive('\n').collect();
    let blocks = blocks(&lines, before, edits);
    let mut page = DiffWriter { text: String::new(), color };
    if !blocks.is_empty() {
        page.line(LineKind::Header, "--- ", name);
        page.line(LineKind::Header, "+++ ", name);
    }
    let mut shift = 0;
    for hunk in blocks.chunk_by(|a, b| b.lines.start - a.lines.end <= 2 * CONTEXT) {
        shift = page.hunk(&lines, hunk, shift);
    }
    page.text
}

fn blocks(lines: &[&str], before: &str, edits: &[Edit]) -> Vec<Block> {
    let starts = starts(lines);
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < edits.len() {
        let mut range = touched(&starts, &edits[at]);
        let mut end = at + 1;
        while let Some(next) = edits.get(end).map(|edit| touched(&starts, edit))
            && next.start <= range.end
        {
            range.end = range.end.max(next.end);
            end += 1;
        }
        let text = edit::apply(&edits[at..end], before, starts[range.start]..starts[range.end]);
        blocks.push(trimmed(Block { lines: range, text }, lines));
        at = end;
    }
    blocks
}

/// Where each line begins, and where the last one ends.
fn starts(lines: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = vec![0];
    starts.extend(lines.iter().map(|line| {
        at += line.len();
        at
    }));
    starts
}

/// The lines that an edit changes. An edit of whole lines does not change the line after it.
fn touched(starts: &[usize], edit: &Edit) -> Range<usize> {
    let line_at = |place| starts.partition_point(|&start| start <= place).saturating_sub(1);
    let begins_line = |place| starts.binary_search(&place).is_ok();
    let is_whole = begins_line(edit.range.start)
        && begins_line(edit.range.end)
        && (edit.text.is_empty() || edit.text.ends_with('\n'));
    let last = line_at(edit.range.end);
    let end = if is_whole { last } else { (last + 1).min(starts.len() - 1) };
    line_at(edit.range.start).min(end)..end
}

fn trimmed(block: Block, lines: &[&str]) -> Block {
    let Block { lines: mut range, text } = block;
    let new: Vec<&str> = text.split_inclusive('\n').collect();
    let old = &lines[range.clone()];
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = tail.take_while(|(old, new)| old == new).count();
    range.start += head;
    range.end -= tail;
    Block { lines: range, text: new[head..new.len() - tail].concat() }
}

struct DiffWriter {
    text: String,
    color: bool,
}

impl DiffWriter {
    /// Returns how much longer the new text is than the old after this hunk.
    fn hunk(&mut self, lines: &[&str], blocks: &[Block], shift: isize) -> isize {
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            return shift;
        };
        let start = first.lines.start.saturating_sub(CONTEXT);
        let end = (last.lines.end + CONTEXT).min(lines.len());
        let growth: isize = blocks
            .iter()
            .map(|block| block.text.split_inclusive('\n').count() as isize - block.lines.len() as isize)
            .sum();
        let new_start = start.saturating_add_signed(shift);
        let new_length = (end - start).saturating_add_signed(growth);
        let header = format!("-{} +{} @@", place(start, end - start), place(new_start, new_length));
        self.line(LineKind::Hunk, "@@ ", &header);
        let mut at = start;
        for block in blocks {
            self.lines(LineKind::Context, &lines[at..block.lines.start]);
            self.lines(LineKind::Removed, &lines[block.lines.clone()]);
            let added: Vec<&str> = block.text.split_inclusive('\n').collect();
            self.lines(LineKind::Added, &added);
            at = block.lines.end;
        }
        self.lines(LineKind::Context, &lines[at..end]);
        shift + growth
    }

    fn lines(&mut self, part: LineKind, lines: &[&str]) {
        for line in lines {
            let sign = match part {
                LineKind::Removed => "-",
                LineKind::Added => "+",
                _ => " ",
            };
            self.line(part, sign, line.strip_suffix('\n').unwrap_or(line));
            if !line.ends_with('\n') {
                self.text.push_str("\\ No newline at end of file\n");
            }
        }
    }

    fn line(&mut self, part: LineKind, sign: &str, line: &str) {
        let color = match part {
            _ if !self.color => "",
            LineKind::Header => "\x1b[1m",
            LineKind::Hunk => "\x1b[36m",
            LineKind::Removed => "\x1b[31m",
            LineKind::Added => "\x1b[32m",
            LineKind::Context => "",
        };
        let reset = if color.is_empty() { "" } else { "\x1b[m" };
        self.text.extend([color, sign, line, reset, "\n"]);
    }
}

/// "LINE,COUNT"; for no lines, the line before them.
fn place(start: usize, count: usize) -> String {
    format!("{},{count}", if count == 0 { start } else { start + 1 })
}
