//! `--list`: what is cached, for people as a table and for programs as one line of JSON.
//!
//! The newest entry comes first. The table shows in parentheses what distinguishes an entry from others
//! of the same command, and which kubeconfig users it serves.

mod distinction;
mod listed;
mod served;
mod table;

use std::cmp::Reverse;
use std::path::Path;

use nanoserde::SerJson;

use super::contents::{Contents, KeyLocation};
use super::output::{plural, print};
use super::page::Page;
use super::redactor::Redactor;
use crate::cache;
use crate::config::{Config, Environment};
use crate::error::{Result, shown};
use crate::format::time;
use crate::keystore::{self, KeyOrigin};
use crate::kubeconfig::ClientEnvironment;
use crate::proxy::callers::Callers;
use crate::proxy::keep_warm;
use crate::sys;
use distinction::Distinctions;
use listed::Listed;
use served::ServedUsers;
use table::TableRow;

/// Shows what is cached, newest first.
pub fn list(
    config: &Config,
    is_json: bool,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let now = sys::now();
    let mut contents = Contents::read(config)?;
    contents.entries.sort_by_key(|(_, entry)| Reverse(entry.created_unix_s));
    let redactor = Redactor::new(config);
    let served = ServedUsers::find(&contents, environment, kubeconfigs);
    let callers = cache::open_store(config).ok().and_then(|store| Callers::open(&store));
    let mut listed = Vec::new();
    for (name, entry) in &contents.entries {
        let mut shown = Listed::new(config, entry, served.of(name), &redactor, environment, now);
        let until = callers.as_ref().and_then(|callers| keep_warm::kept_until(callers, name, now));
        shown.kept_warm_until = until.map(|until| time::format_rfc3339(until.as_secs()));
        listed.push(shown);
    }
    if is_json {
        return print(&(ListDocument::new(config, &contents, listed).serialize_json() + "\n"));
    }
    let distinctions = Distinctions::of(&contents.entries);
    let mut rows = Vec::new();
    for ((_, entry), listed) in contents.entries.iter().zip(listed) {
        rows.push(TableRow::new(listed, &distinctions.describe(entry, &redactor), environment));
    }
    let mut page = Page::for_output(environment);
    if !rows.is_empty() {
        table::add(&mut page, &rows);
        page.empty_line();
    }
    summarize(&mut page, config, &contents);
    page.print()
}

/// The output of `--json`. docs/JSON.md describes it. It is stable: members may be added.
#[derive(SerJson)]
struct ListDocument {
    /// Raised when a member is removed or changes its meaning.
    version: u64,
    file: String,
    /// See [`KeyLocation::word`].
    key: String,
    /// Only if the encryption key is in a file.
    key_file: Option<String>,
    /// The number of entries that cannot be decrypted with this key.
    unreadable: u64,
    entries: Vec<Listed>,
}

impl ListDocument {
    fn new(config: &Config, contents: &Contents, entries: Vec<Listed>) -> ListDocument {
        let key_file = match (&contents.key, &config.state_directory) {
            (KeyLocation::In(KeyOrigin::File), Some(directory)) => Some(keystore::key_file(directory)),
            _ => None,
        };
        ListDocument {
            version: 1,
            file: file_name(config),
            key: contents.key.word().to_owned(),
            key_file: key_file.map(|file| shown(&file).to_string()),
            unreadable: contents.unreadable as u64,
            entries,
        }
    }
}

/// Adds how much is cached, and where.
fn summarize(page: &mut Page, config: &Config, contents: &Contents) {
    let count = match contents.entries.len() {
        0 if contents.is_newer => "a newer version of this program has written entries".to_owned(),
        0 => "nothing is cached".to_owned(),
        count => plural(count, "credential", "credentials"),
    };
    page.line(&format_args!("{count} in '{}'; {}", file_name(config), contents.key.describe(config)));
    if contents.unreadable > 0 {
        let entries = plural(contents.unreadable, "entry", "entries");
        page.line(&format_args!("{entries} cannot be decrypted with this key"));
    }
}

fn file_name(config: &Config) -> String {
    shown(config.cache_file.as_deref().unwrap_or(Path::new(""))).to_string()
}
