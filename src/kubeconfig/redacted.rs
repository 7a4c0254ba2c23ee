//! Masks the secrets of a kubeconfig and of its edits, for a diff.
//!
//! Names are shown, the fields of `exec` that select something, and of arguments and variables what [`Reveal`]
//! returns. Every other value and every comment is masked, and so is a token in an unknown field. The number
//! of lines stays the same, so that the line numbers of the diff are right. Pure.

use std::ffi::OsString;
use std::ops::Range;

use super::edit::{self, Edit};
use super::scan::{Exec, Kubeconfig, items};
use super::wrapper::WrapperArgs;
use super::yaml::{Id, NodeContent, Style, Tree};
use crate::error::printable;

/// Longer keys of mappings are hidden.
const LONGEST_KEY: usize = 64;

/// How values are shown.
pub struct Reveal<'a> {
    /// Replaces what is hidden.
    pub mask: &'a str,
    /// A command and its arguments as they may be shown.
    pub arguments: &'a dyn Fn(&[OsString]) -> Vec<String>,
    /// The value of the variable of that name as it may be shown.
    pub variable: &'a dyn Fn(&str, &str) -> String,
    /// Whether a command is this program.
    pub is_own: &'a dyn Fn(&str) -> bool,
}

/// Returns the text of `config` and its `edits` with their secrets masked. The edits are sorted and do not overlap.
pub fn redacted(config: &Kubeconfig<'_>, edits: &[Edit], reveal: &Reveal<'_>) -> (String, Vec<Edit>) {
    let text = config.tree.text();
    let mut masks = Masks { text, mask: reveal.mask, edits: Vec::new() };
    masks.hide_values(&config.tree, &shown_values(config, reveal));
    let shown = edit::apply(&masks.edits, text, 0..text.len());
    (shown, edit::moved(edits, &masks.edits))
}

/// The scalars that are shown, and how, in the order of the text.
fn shown_values(config: &Kubeconfig<'_>, reveal: &Reveal<'_>) -> Vec<(Id, String)> {
    let mut page = ShownValues { config, reveal, values: Vec::new() };
    if let Some(&root) = config.tree.documents().first() {
        page.fields(root, &["apiVersion", "kind", "current-context"]);
        for section in ["clusters", "contexts", "users"] {
            for item in page.entries(root, section) {
                page.fields(item, &["name"]);
                if let Some(context) = config.tree.get(item, "context") {
                    page.fields(context.value, &["cluster", "user", "namespace"]);
                }
            }
        }
    }
    for exec in config.users.iter().filter_map(|user| user.exec.ok().flatten()) {
        page.exec(&exec);
    }
    page.values.sort_by_key(|(id, _)| *id);
    page.values
}

struct ShownValues<'t> {
    config: &'t Kubeconfig<'t>,
    reveal: &'t Reveal<'t>,
    values: Vec<(Id, String)>,
}

impl ShownValues<'_> {
    fn entries(&self, mapping: Id, name: &str) -> Vec<Id> {
        let entry = self.config.tree.get(mapping, name);
        entry.map(|entry| items(&self.config.tree, entry.value)).unwrap_or_default()
    }

    fn fields(&mut self, mapping: Id, names: &[&str]) {
        for name in names {
            if let Some(entry) = self.config.tree.get(mapping, name) {
                let value = self.config.tree.scalar(entry.value).unwrap_or_default();
                self.values.push((entry.value, printable(value)));
            }
        }
    }

    fn exec(&mut self, exec: &Exec) {
        self.fields(exec.mapping, &["apiVersion", "command", "interactiveMode", "provideClusterInfo"]);
        self.arguments(exec);
        for item in exec.env.map(|env| items(&self.config.tree, env)).unwrap_or_default() {
            self.fields(item, &["name"]);
            let tree = &self.config.tree;
            if let (Some(name), Some(value)) = (tree.get(item, "name"), tree.get(item, "value")) {
                let name = tree.scalar(name.value).unwrap_or_default();
                let text = tree.scalar(value.value).unwrap_or_default();
                self.values.push((value.value, (self.reveal.variable)(name, text)));
            }
        }
    }

    /// This program's own options name variables.
    fn arguments(&mut self, exec: &Exec) {
        let tree = &self.config.tree;
        let Some(command) = self.config.command(exec) else { return };
        let args = self.config.args(exec);
        let words: Vec<&str> = args.iter().map(|&arg| tree.scalar(arg).unwrap_or_default()).collect();
        let (plain, call): (usize, Vec<&str>) = match (self.reveal.is_own)(command) {
            false => (0, [&[command], &words[..]].concat()),
            true => match WrapperArgs::read(self.config, &args, self.reveal.is_own).command {
                Some(at) => (at, words[at..].to_vec()),
                None => return,
            },
        };
        let hidden = (self.reveal.arguments)(&call.iter().map(OsString::from).collect::<Vec<_>>());
        // The command of a user without this program has been shown already.
        let skipped = call.len() + plain - words.len();
        let shown = words[..plain].iter().map(|word| printable(word)).chain(hidden.into_iter().skip(skipped));
        self.values.extend(args.into_iter().zip(shown));
    }
}

/// Replaces the values that are not shown. No mask covers a line break.
struct Masks<'t> {
    text: &'t str,
    mask: &'t str,
    edits: Vec<Edit>,
}

impl Masks<'_> {
    fn hide_values(&mut self, tree: &Tree<'_>, shown: &[(Id, String)]) {
        let keys = keys(tree);
        let mut done = 0;
        for id in tree.ids() {
            let NodeContent::Scalar(value, style) = tree.content(id) else { continue };
            let place = tree.body(id)..tree.range(id).end;
            self.hide_comments(done..place.start);
            done = place.end;
            let first = shown.partition_point(|(other, _)| *other < id);
            let text = match shown.get(first).filter(|(other, _)| *other == id) {
                Some((_, text)) => text,
                None if keys.binary_search(&id).is_ok() && is_plain_key(value) => continue,
                None if tree.is_null(id) || matches!(&**value, "" | "true" | "false") => continue,
                None => self.mask,
            };
            if text != value {
                self.hide(place, *style, text);
            }
        }
        self.hide_comments(done..self.text.len());
    }

    /// Writes `text` to the first line of a scalar, and masks to the others.
    fn hide(&mut self, place: Range<usize>, style: Style, text: &str) {
        let source = &self.text[place.clone()];
        let quote = match style {
            Style::SingleQuoted => "'",
            Style::DoubleQuoted => "\"",
            _ => "",
        };
        let is_block = matches!(style, Style::Literal | Style::Folded);
        let mut start = place.start;
        for (number, line) in source.split_inclusive('\n').enumerate() {
            let content = line.trim_end();
            let indent = content.len() - content.trim_start().len();
            let hidden = match number {
                0 if is_block => content[..1].to_owned(),
                0 => [quote, text, quote].concat(),
                _ => self.mask.to_owned(),
            };
            if indent < content.len() {
                self.edits.push(Edit { range: start + indent..start + content.len(), text: hidden });
            }
            start += line.len();
        }
    }

    /// Hides the comments between two scalars.
    fn hide_comments(&mut self, gap: Range<usize>) {
        let mut start = gap.start;
        for line in self.text.get(gap).unwrap_or_default().split_inclusive('\n') {
            let content = line.trim_end();
            if let Some(at) = content.find('#').filter(|at| at + 1 < content.len()) {
                let text = ["# ", self.mask].concat();
                self.edits.push(Edit { range: start + at..start + content.len(), text });
            }
            start += line.len();
        }
    }
}

/// The scalars that are keys, in the order of the text.
fn keys(tree: &Tree<'_>) -> Vec<Id> {
    let mappings = tree.ids().filter(|id| tree.is_mapping(*id));
    let mut keys: Vec<Id> = mappings.flat_map(|id| tree.entries(id).map(|entry| entry.key)).collect();
    keys.sort_unstable();
    keys
}

/// Whether a key has the form of a name.
fn is_plain_key(key: &str) -> bool {
    key.len() <= LONGEST_KEY && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./<".contains(c))
}
