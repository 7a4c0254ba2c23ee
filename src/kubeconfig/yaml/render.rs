//! Writes scalars: a string as a plain or quoted scalar, and a scalar with a prefix added or removed.
//!
//! Pure. Which style to use is the caller's choice; a string that the style cannot hold is quoted.

use super::scalar::must_escape;
use super::tree::{Id, Layout, NodeContent, Style, Tree, is_plain_string};

/// A string as a scalar of the wanted style, or of the nearest one that can hold it. `flow` says
/// that it is for the inside of `[]` or `{}`. A double-quoted one is a JSON string too.
pub fn render(value: &str, style: Style, flow: bool) -> String {
    let quotable = !value.chars().any(must_escape);
    match style {
        Style::DoubleQuoted => double_quoted(value),
        Style::SingleQuoted if quotable => single_quoted(value),
        Style::Plain if can_be_plain(value, flow) => value.to_owned(),
        _ if quotable => single_quoted(value),
        _ => double_quoted(value),
    }
}

/// Narrower than YAML, and enough for names and paths.
pub fn can_be_plain(value: &str, flow: bool) -> bool {
    let start = value.trim_start_matches('-');
    // Most characters that are not ASCII are letters.
    let is_letter = |c: char| c.is_ascii_alphanumeric() || !(c.is_ascii() || must_escape(c));
    let starts_well = start.starts_with(|c: char| is_letter(c) || matches!(c, '/' | '.' | '_'))
        && !value.starts_with("---");
    let fits = |c: char| {
        is_letter(c)
            || matches!(c, '/' | '.' | '_' | '-' | '+' | '=' | '@' | '%' | '~' | '\\')
            || (c == ',' && !flow)
    };
    // A drive letter's colon is followed by a backslash, never by a blank.
    let drive = value.get(1..3).is_some_and(|text| text == ":\\" || text == ":/");
    let rest = if drive && !flow { value.get(2..).unwrap_or_default() } else { value };
    starts_well && is_plain_string(value) && rest.chars().all(fits)
}

/// Whether the text of a plain scalar means the same inside `[]` or `{}`.
pub fn is_flow_safe(plain: &str) -> bool {
    !plain.contains([',', '[', ']', '{', '}'])
}

/// Begins a scalar that was plain and had to be quoted: its first character is escaped without need.
/// JSON has no such escape, and needs none, since nothing in it is plain.
const WAS_PLAIN: &str = "\"\\U";

/// Quotes the value of a plain scalar so that [`was_plain`] recognizes it when it is restored.
pub fn quote_plain(value: &str) -> String {
    let mut rest = value.chars();
    let first = rest.next().map_or(0, u32::from);
    let quoted = double_quoted(rest.as_str());
    format!("{WAS_PLAIN}{first:08x}{}", &quoted[1..])
}

pub fn was_plain(source: &str) -> bool {
    source.starts_with(WAS_PLAIN)
}

/// A quoted scalar of the text with `prefix` before its value.
pub fn with_prefix(source: &str, style: Style, prefix: &str) -> String {
    let (open, rest) = source.split_at(1);
    [open, inside_quotes(&render(prefix, style, true)), rest].concat()
}

/// The opposite of [`with_prefix`]; `None` if the prefix is not spelled as that writes it.
pub fn without_prefix(source: &str, style: Style, prefix: &str) -> Option<String> {
    let (open, rest) = source.split_at_checked(1)?;
    Some([open, rest.strip_prefix(inside_quotes(&render(prefix, style, true)))?].concat())
}

fn inside_quotes(scalar: &str) -> &str {
    scalar.get(1..scalar.len() - 1).unwrap_or_default()
}

fn single_quoted(value: &str) -> String {
    ["'", &value.replace('\'', "''"), "'"].concat()
}

fn double_quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            _ if must_escape(c) => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

/// The quotes of a scalar of the text; plain for an alias or a block scalar.
pub fn quoting(tree: &Tree<'_>, id: Id) -> Style {
    match tree.content(id) {
        NodeContent::Scalar(_, style @ (Style::SingleQuoted | Style::DoubleQuoted)) => *style,
        _ => Style::Plain,
    }
}

/// Whether a collection is written with brackets.
pub fn is_flow(tree: &Tree<'_>, id: Id) -> bool {
    matches!(tree.content(id), NodeContent::Sequence(Layout::Flow) | NodeContent::Mapping(Layout::Flow))
}
