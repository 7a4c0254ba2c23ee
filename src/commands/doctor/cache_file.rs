//! Checks the cache file, its lock file and their directory.

use std::io;
use std::path::Path;

use super::directories;
use super::findings::{Findings, Fix};
use super::shell;
use crate::cache;
use crate::cache::store::Store;
use crate::config::{self, Config, Environment};
use crate::error::{reason, shown};
use crate::sys::{self, Directory};

const VARIABLE: &str = "K8S_TOKEN_CACHE_FILE";

pub fn check(findings: &mut Findings, config: &Config, environment: Environment<'_>) {
    let problems_before = findings.count();
    let is_chosen = config::value(environment, VARIABLE).is_some();
    let store = match cache::open_store(config) {
        Ok(store) => store,
        Err(error) => {
            return findings.problem(&error, &Fix::Advice("set HOME, or K8S_TOKEN_CACHE_FILE to a file"));
        }
    };
    let path = store.path();
    check_directory(findings, directories::parent(path), is_chosen);
    if findings.count() == problems_before {
        check_files(findings, &store, is_chosen);
    }
    if findings.count() == problems_before {
        let state = match path.exists() {
            false => "will be created when it is needed",
            // Other users' rights are not checked there.
            true if cfg!(windows) => "can be written",
            true => "can be written, by you alone",
        };
        findings.ok(&format_args!("the cache file '{}' {state}", shown(path)));
    }
}

fn check_files(findings: &mut Findings, store: &Store, is_chosen: bool) {
    let path = store.path();
    let lock = path.with_file_name(store.lock_name());
    match store.contents() {
        Ok(contents) if contents.is_newer() => {
            let text = format_args!("'{}' was written by a newer version of this program", shown(path));
            let advice = "use that version, or set K8S_TOKEN_CACHE_FILE to another path";
            findings.problem(&text, &Fix::Advice(advice));
        }
        Ok(_) => check_privacy(findings, path),
        Err(error) => return findings.problem(&error, &Fix::Command(&clear_path(path, is_chosen))),
    }
    match store.check_lock_file() {
        Ok(()) => check_privacy(findings, &lock),
        Err(error) => findings.problem(&error, &Fix::Command(&clear_path(&lock, is_chosen))),
    }
}

fn check_privacy(findings: &mut Findings, path: &Path) {
    let error = match sys::open_private(path) {
        Err(error) if !is_missing(&error) => error,
        _ => return,
    };
    let text = format_args!("cannot use '{}': {}", shown(path), reason(&error));
    findings.problem(&text, &Fix::Command(&["chmod 600 ", &shell::word(path)].concat()));
}

/// Returns a command that makes `path` usable, which another program's or another user's file has.
fn clear_path(path: &Path, is_chosen: bool) -> String {
    let is_regular = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    match is_regular && !sys::belongs_to_user(path) {
        true => directories::take_over(path),
        false => other_path(path, is_chosen),
    }
}

fn check_directory(findings: &mut Findings, directory: &Path, is_chosen: bool) {
    let error = match Directory::open(directory) {
        Err(error) if !is_missing(&error) => error,
        _ => return check_creation(findings, directory, is_chosen),
    };
    let fix = match sys::belongs_to_user(directory) {
        false if is_chosen => other_path(directory, is_chosen),
        _ => directories::make_writable(directory),
    };
    let text = format_args!("cannot use '{}': {}", shown(directory), reason(&error));
    findings.problem(&text, &Fix::Command(&fix));
}

/// Checks that the directory can be created, or written if it exists.
fn check_creation(findings: &mut Findings, directory: &Path, is_chosen: bool) {
    let Some(obstacle) = directories::obstacle(directory) else { return };
    let fix = match obstacle.is_dir() && (sys::belongs_to_user(&obstacle) || !is_chosen) {
        true => directories::make_writable(&obstacle),
        false => other_path(&obstacle, is_chosen),
    };
    let text = match directory.exists() {
        true => format!("the directory '{}' cannot be written", shown(directory)),
        false => format!("the directory '{}' cannot be created in '{}'", shown(directory), shown(&obstacle)),
    };
    findings.problem(&text, &Fix::Command(&fix));
}

/// Whether nothing has this path, perhaps because a file has the path of a directory.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns a command after which the cache file has a free path. It deletes nothing, because the file at
/// `path` is not ours.
fn other_path(path: &Path, is_chosen: bool) -> String {
    match is_chosen {
        true => ["unset ", VARIABLE].concat(),
        false => directories::move_away(path),
    }
}
