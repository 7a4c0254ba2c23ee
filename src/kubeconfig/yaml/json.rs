//! YAML as JSON, as kubectl converts it (`sigs.k8s.io/yaml`, `YAMLToJSON`).

use super::number::to_json_scalar;
use super::parse;
use super::tree::{Id, NodeContent, Style, Tree};
use crate::format::json::push_string;

const MAX_DEPTH: usize = 64;
const MAX_BYTES: usize = 1 << 20;

/// The JSON of `text`. `None` if it is invalid, not one document, too deep or too long.
pub fn document_to_json(text: &str) -> Option<String> {
    let tree = parse(text).ok()?;
    let [root] = tree.documents() else { return None };
    to_json(&tree, *root)
}

/// The JSON of the value `id`. `None` if it is too deep or too long.
pub fn to_json(tree: &Tree<'_>, id: Id) -> Option<String> {
    let mut json = String::new();
    write_json(tree, id, 0, &mut json).then_some(json)
}

/// Appends a value. Returns false if it is too deep or too long.
fn write_json(tree: &Tree<'_>, id: Id, depth: usize, json: &mut String) -> bool {
    if depth > MAX_DEPTH || json.len() > MAX_BYTES {
        return false;
    }
    let id = tree.resolve(id);
    let brackets = match tree.content(id) {
        NodeContent::Scalar(value, style) => {
            json.push_str(&json_scalar(tree, id, value, *style));
            return true;
        }
        NodeContent::Mapping(_) => ["{", "}"],
        NodeContent::Sequence(_) | NodeContent::Alias(_) => ["[", "]"],
    };
    let is_mapping = matches!(tree.content(id), NodeContent::Mapping(_));
    json.push_str(brackets[0]);
    for (place, child) in tree.children(id).enumerate() {
        let is_value = is_mapping && place % 2 == 1;
        json.push_str(if place == 0 {
            ""
        } else if is_value {
            ":"
        } else {
            ","
        });
        if is_mapping && !is_value {
            json.push_str(&json_key(tree, child));
        } else if !write_json(tree, child, depth + 1, json) {
            return false;
        }
    }
    json.push_str(brackets[1]);
    true
}

fn json_scalar(tree: &Tree<'_>, id: Id, value: &str, style: Style) -> String {
    if tree.is_null(id) {
        return "null".to_owned();
    }
    let is_plain = style == Style::Plain && tree.tag(id).is_none();
    let resolved = if is_plain { to_json_scalar(value) } else { None };
    resolved.unwrap_or_else(|| json_string(value))
}

/// JSON's keys are strings: `1: x` is `"1": "x"`.
fn json_key(tree: &Tree<'_>, key: Id) -> String {
    let key = tree.resolve(key);
    let NodeContent::Scalar(value, style) = tree.content(key) else { return json_string("") };
    let json = json_scalar(tree, key, value, *style);
    if json.starts_with('"') { json } else { ["\"", &json, "\""].concat() }
}

fn json_string(value: &str) -> String {
    let mut json = String::new();
    push_string(&mut json, value);
    json
}
