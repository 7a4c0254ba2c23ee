//! Puts words before the first of `args`, and takes them out again.
//!
//! The form of the written list records what `args` was before, so that restoring gives the original
//! bytes. Pure.
//! - There was no `args`: a block list, or `[ x]` in a mapping with braces.
//! - It was null: `[ x ]`.
//! - It was `[]`: `[x]`.

use super::edit::Editor;
use super::lines::is_blank;
use super::scan::Exec;
use super::yaml::{self, Id, Layout, MappingEntry, NodeContent, Refusal};

impl<'c> Editor<'c> {
    /// Puts items before the first of `args`. `render` gives their texts, for the inside of brackets
    /// or not.
    pub fn insert_front(
        &mut self,
        exec: &Exec,
        command: MappingEntry,
        render: &dyn Fn(&Self, bool) -> Vec<String>,
    ) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let Some(args) = exec.args else {
            let flow = yaml::is_flow(tree, exec.mapping);
            let items = render(self, flow);
            return if flow {
                self.add_flow_args(command, &items);
                Ok(())
            } else {
                self.add_block_args(command, &items)
            };
        };
        let list = tree.resolve(args.value);
        let first = tree.children(list).next();
        match (tree.content(list), first) {
            (NodeContent::Sequence(Layout::Block), Some(first)) => {
                let (start, lead) = self.item_lead(first)?;
                let items = lines(lead, &render(self, false), self.lines.end_of_line(start));
                self.replace(start..start, items);
            }
            (NodeContent::Sequence(Layout::Flow), Some(first)) => {
                let at = tree.range(first).start;
                let gap = self.item_gap(at, tree.children(list).nth(1));
                let items = render(self, true).join(&gap);
                self.replace(at..at, items + &gap);
            }
            (NodeContent::Sequence(_), None) => {
                let at = self.start_of_empty_list(list)?;
                let items = render(self, true).join(", ");
                self.replace(at..at, items);
            }
            _ if tree.is_null(list) => {
                let items = ["[ ", &render(self, true).join(", "), " ]"].concat();
                self.replace_null(args, items)?;
            }
            _ => return Err(Refusal::new(tree.line(args.key), "'args' is not a list")),
        }
        Ok(())
    }

    fn add_block_args(&mut self, command: MappingEntry, items: &[String]) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let (start, lead) = self.lines.lead(tree.range(command.key).start);
        if !is_blank(lead) {
            let reason = "the command is not the first on its line";
            return Err(Refusal::new(tree.line(command.key), reason));
        }
        let eol = self.lines.end_of_line(start);
        let text = [lead, "args:", eol, &lines(&[lead, "- "].concat(), items, eol)].concat();
        self.replace(start..start, text);
        Ok(())
    }

    fn add_flow_args(&mut self, command: MappingEntry, items: &[String]) {
        let tree = &self.config.tree;
        let at = tree.range(command.key).start;
        let key = yaml::render("args", yaml::quoting(tree, command.key), true);
        let between = tree.range(command.key).end..tree.range(command.value).start;
        let colon = tree.text().get(between).filter(|text| text.trim_ascii() == ":").unwrap_or(": ");
        let comma = if colon == ":" { "," } else { ", " };
        let (start, lead) = self.lines.lead(at);
        let gap = if is_blank(lead) {
            [",", self.lines.end_of_line(start), lead].concat()
        } else {
            comma.to_owned()
        };
        let text = [&key, colon, "[ ", &items.join(comma), "]", &gap].concat();
        self.replace(at..at, text);
    }

    /// The text between the items of a list in brackets: a line break if the first item begins a line,
    /// else what is between the first two.
    fn item_gap(&self, first: usize, second: Option<Id>) -> String {
        let text = self.config.tree.text();
        let (start, lead) = self.lines.lead(first);
        if is_blank(lead) && !lead.is_empty() {
            return [",", self.lines.end_of_line(start), lead].concat();
        }
        let before_second = second.and_then(|second| text.get(first..self.config.tree.range(second).start));
        let own = before_second
            .map(|text| &text[text.trim_end_matches([' ', '\t', ',']).len()..])
            .filter(|gap| gap.trim_ascii() == ",");
        let is_tight = text[..first].ends_with(":[");
        own.unwrap_or(if is_tight { "," } else { ", " }).to_owned()
    }

    /// The offset after the opening bracket of a list without items.
    fn start_of_empty_list(&self, list: Id) -> Result<usize, Refusal> {
        let tree = &self.config.tree;
        let inside = tree.body(list) + 1..tree.range(list).end.saturating_sub(1);
        match tree.text().get(inside.clone()) {
            Some(text) if text.trim_ascii().is_empty() => Ok(inside.start),
            _ => Err(Refusal::new(tree.line(list), "there is a comment in an empty list")),
        }
    }

    fn replace_null(&mut self, args: MappingEntry, list: String) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let range = tree.range(args.value);
        if !range.is_empty() {
            self.replace(range, list);
            return Ok(());
        }
        let key_end = tree.range(args.key).end;
        let rest = tree.text().get(key_end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if !rest[blanks..].starts_with(':') {
            return Err(Refusal::new(tree.line(args.key), "'args' has neither value nor colon"));
        }
        let at = key_end + blanks + 1;
        self.replace(at..at, [" ", &list].concat());
        Ok(())
    }

    /// Takes the first `count` items out of the `args` of `exec`, whose items are `items`.
    pub fn remove_front(
        &mut self,
        exec: &Exec,
        args: MappingEntry,
        items: &[Id],
        count: usize,
    ) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let list = tree.resolve(args.value);
        let (gone, rest) = items.split_at(count);
        let (Some(&first), Some(&last)) = (gone.first(), gone.last()) else {
            return Ok(());
        };
        match (yaml::is_flow(tree, list), rest.first()) {
            (true, Some(&next)) => {
                self.replace(tree.range(first).start..tree.range(next).start, String::new());
            }
            (true, None) => self.empty_brackets(exec, args, first, last),
            (false, next) => {
                for &item in gone {
                    let (start, _) = self.item_lead(item)?;
                    let end = self.lines.range(tree.range(item).end).end;
                    self.replace(start..end, String::new());
                }
                if next.is_none() {
                    self.remove_bare_key(args.key, first)?;
                }
            }
        }
        Ok(())
    }

    /// Takes all items out of a list in brackets, and restores what its form records.
    fn empty_brackets(&mut self, exec: &Exec, args: MappingEntry, first: Id, last: Id) {
        let tree = &self.config.tree;
        let list = tree.resolve(args.value);
        let (open, end) = (tree.body(list), tree.range(list).end);
        let items = tree.range(first).start..tree.range(last).end;
        let before = tree.text().get(open + 1..items.start).unwrap_or_default();
        let after = tree.text().get(items.end..end.saturating_sub(1)).unwrap_or_default();
        match (before, after, self.key_after(exec, args)) {
            (" ", " ", _) => self.replace(open..end, "null".to_owned()),
            (" ", "", Some(next)) => self.replace(tree.range(args.key).start..next, String::new()),
            ("", ..) => self.replace(items, String::new()),
            _ => self.replace(open + 1..end.saturating_sub(1), String::new()),
        }
    }

    /// Where the key of the command begins, if it comes right after `args` in braces.
    fn key_after(&self, exec: &Exec, args: MappingEntry) -> Option<usize> {
        let tree = &self.config.tree;
        let next = tree.range(exec.command?.key).start;
        let between = tree.text().get(tree.range(args.value).end..next)?;
        (yaml::is_flow(tree, exec.mapping) && between.trim_ascii() == ",").then_some(next)
    }

    /// Removes `args:` if only its list is below it.
    fn remove_bare_key(&mut self, key: Id, first: Id) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let (start, lead) = self.lines.lead(tree.range(key).start);
        let (list_start, _) = self.item_lead(first)?;
        let line = tree.text().get(tree.range(key).end..list_start);
        if is_blank(lead) && line.is_some_and(|line| line.trim_ascii() == ":") {
            self.replace(start..list_start, String::new());
        }
        Ok(())
    }

    /// Where the line of a block list's item begins, and the text before the item: blanks, the dash,
    /// blanks.
    fn item_lead(&self, item: Id) -> Result<(usize, &'c str), Refusal> {
        let tree = &self.config.tree;
        let (start, lead) = self.lines.lead(tree.range(item).start);
        match lead.trim_end_matches([' ', '\t']).strip_suffix('-') {
            Some(blanks) if is_blank(blanks) => Ok((start, lead)),
            _ => {
                let reason = "an argument is not on the line of its dash";
                Err(Refusal::new(tree.line(item), reason))
            }
        }
    }
}

fn lines(lead: &str, items: &[String], eol: &str) -> String {
    items.iter().flat_map(|item| [lead, item, eol]).collect()
}
