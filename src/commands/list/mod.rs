//! `--list`: what is cached, for people as a table and for programs as one line of JSON.
//!
//! The newest entry comes first. The table shows in parentheses what distinguishes an entry from others
//! of the same command, and which kubeconfig users it serves.

mod distinction;
mod document;
mod listed;
mod served;
mod table;

use std::cmp::Reverse;

use nanoserde::SerJson;

use super::contents::{Contents, file_name};
use super::output::{plural, print};
use super::page::Page;
use super::redactor::Redactor;
use crate::cache;
use crate::config::{Config, Environment};
use crate::error::Result;
use crate::format::time;
use crate::kubeconfig::ClientEnvironment;
use crate::proxy::callers::Callers;
use crate::proxy::keep_warm;
use crate::sys;
use distinction::Distinctions;
use document::ListDocument;
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
    contents.entries.sort_unstable_by_key(|(name, entry)| (Reverse(entry.created_unix_s), *name));
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
        let document = ListDocument::new(config, &contents, listed, &redactor);
        return print(&(document.serialize_json() + "\n"));
    }
    let distinctions = Distinctions::of(&contents.entries);
    let mut rows = Vec::new();
    for listed in listed {
        let distinctions = distinctions.describe(listed.entry, &redactor);
        rows.push(TableRow::new(listed, &distinctions, environment));
    }
    let mut page = Page::for_output(environment);
    if !rows.is_empty() {
        table::add(&mut page, &rows);
        page.empty_line();
    }
    summarize(&mut page, config, &contents);
    page.print()
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
