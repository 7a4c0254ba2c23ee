//! Variables and `~` in the text of a path.

use std::ffi::OsStr;
use std::path::{Component, PathBuf};

use crate::config::Environment;

/// Replaces `~` at the beginning and variables, as Python's `expanduser` and `expandvars` do: one that is not
/// set stays.
pub(super) fn expand(text: &OsStr, environment: Environment<'_>) -> PathBuf {
    let path = match text.to_str() {
        Some(text) => PathBuf::from(expand_variables(text, environment)),
        None => PathBuf::from(text),
    };
    let mut components = path.components();
    match components.next() {
        Some(Component::Normal(first)) if first == "~" => {
            let home = environment(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
                .filter(|home| !home.is_empty());
            home.map(|home| PathBuf::from(home).join(components.as_path())).unwrap_or(path)
        }
        _ => path,
    }
}

fn expand_variables(text: &str, environment: Environment<'_>) -> String {
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let in_braces = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let plain = || part.split_at(part.find(|letter| !is_name_letter(letter)).unwrap_or(part.len()));
        let (name, rest) = in_braces.unwrap_or_else(plain);
        match environment(name).filter(|_| is_variable_name(name)).and_then(|value| value.into_string().ok())
        {
            Some(value) => expanded.extend([&value, rest]),
            None => expanded.extend(["$", part]),
        }
    }
    expanded
}

/// Whether a shell accepts `text` as the name of a variable.
pub(super) fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.chars().all(is_name_letter)
}

pub(super) fn is_name_letter(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphanumeric()
}
