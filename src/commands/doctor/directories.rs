//! Directories that must exist or be created, and commands that make them usable.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::shell;
use crate::sys;

/// Returns the directory of `file`.
pub fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Returns what keeps `directory` from being written, or created: the first of it and its ancestors that
/// exists. `None` if nothing does.
pub fn obstacle(directory: &Path) -> Option<PathBuf> {
    let absolute = sys::absolute(directory).unwrap_or_default();
    let existing = absolute.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&absolute);
    let is_fine = existing.is_dir() && sys::may_write(existing);
    (!is_fine).then(|| existing.to_owned())
}

/// Returns a command that gives `path` to the user who runs it.
pub fn take_over(path: &Path) -> String {
    ["sudo chown -R \"$(id -u)\" ", &shell::word(path)].concat()
}

/// Returns a command that lets the user write to a directory.
pub fn make_writable(directory: &Path) -> String {
    match sys::belongs_to_user(directory) {
        true => ["chmod u+rwx,go-w ", &shell::word(directory)].concat(),
        false => take_over(directory),
    }
}

/// Returns a command that renames the file at `path` to a free name.
pub fn move_away(path: &Path) -> String {
    ["mv ", &shell::word(path), " ", &shell::word(&free_name(path))].concat()
}

/// Returns a path beside `path` that nothing has: `X.old`, `X.old-2`, ...
fn free_name(path: &Path) -> PathBuf {
    let named = |ending: &str| {
        let mut name = OsString::from(path);
        name.push(ending);
        PathBuf::from(name)
    };
    let (mut free, mut number) = (named(".old"), 1);
    while free.symlink_metadata().is_ok() {
        number += 1;
        free = named(&format!(".old-{number}"));
    }
    free
}
