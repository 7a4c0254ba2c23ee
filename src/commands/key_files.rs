//! Paths of `K8S_TOKEN_CACHE_KEY_FILES` that lead to no file.
//!
//! Shells expand `~` and patterns only in some places, and this program never does. A path with one counts as
//! a missing file, so a change of the file that the user meant does not make a miss.

use std::path::Path;

use crate::error::shown;

const VARIABLE: &str = "K8S_TOKEN_CACHE_KEY_FILES";

/// What only shells expand, at the beginning of a path or anywhere in it.
const HOME: char = '~';
const PATTERNS: [char; 4] = ['*', '?', '[', '{'];

const FIX: &str = "write each path in full";

/// A path that leads to no file.
pub struct MissingKeyFile {
    pub text: String,
    /// `None` if the path is right and only the file is missing.
    pub fix: Option<&'static str>,
}

/// Returns why a path of the variable leads to no file; `None` if it leads to one.
pub fn missing(path: &Path) -> Option<MissingKeyFile> {
    if path.exists() {
        return None;
    }
    let name = path.to_string_lossy();
    let expanded = name.chars().find(|c| PATTERNS.contains(c)).or(name.starts_with(HOME).then_some(HOME));
    let why = match expanded {
        Some(expanded) => format!("only shells expand '{expanded}'"),
        None => "there is no such file".to_owned(),
    };
    let text = format!("{VARIABLE} names '{}', which leads to no file: {why}", shown(path));
    Some(MissingKeyFile { text, fix: expanded.map(|_| FIX) })
}
