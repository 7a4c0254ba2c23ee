//! What people and programs ask about the cache: `--list`, and `--clear`.
//!
//! Nothing here prints a credential or a secret. Reports never make a key or a directory.

use std::time::Duration;

use nanoserde::SerJson;

use crate::cache::{self, Cache, State};
use crate::config::Config;
use crate::entry::Entry;
use crate::error::{Error, Result, reason};
use crate::identity;
use crate::key::{self, Key, Part};
use crate::proxy::Call;
use crate::{sys, time};

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<u8> {
    sys::write_stdout(text.as_bytes())
        .map(|()| 0)
        .map_err(|error| Error::failure(format!("cannot write to standard output: {}", reason(&error))))
}

#[derive(SerJson)]
struct Listing {
    file: String,
    entries: Vec<Listed>,
}

/// One entry, as `--list --json` shows it.
#[derive(SerJson)]
struct Listed {
    command: Vec<String>,
    created: String,
    expires: String,
    age_seconds: u64,
    left_seconds: u64,
    state: String,
}

/// Shows what is cached, newest first.
pub fn list(config: &Config, json: bool) -> Result<u8> {
    let now = time::now();
    let store = cache::open_store(config)?;
    let mut entries = Vec::new();
    if let Some(vault) = cache::existing_vault(config)? {
        entries.extend(store.all()?.iter().filter_map(|(name, object)| vault.decode(name, object)));
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.created_unix_s));
    let entries: Vec<Listed> = entries.iter().map(|entry| listed(entry, config.refresh_margin, now)).collect();
    if json {
        let listing = Listing { file: store.path().display().to_string(), entries };
        return print(&(listing.serialize_json() + "\n"));
    }
    print(&table(&entries))
}

fn listed(entry: &Entry, refresh_margin: Duration, now: Duration) -> Listed {
    let left = entry.time_left(now);
    Listed {
        command: identity::mask_arguments(&command(entry)),
        created: time::format_rfc3339(entry.created_unix_s),
        expires: time::format_rfc3339(entry.expires_unix_s),
        age_seconds: entry.age(now).unwrap_or_default().as_secs(),
        left_seconds: left.as_secs(),
        state: match cache::state(entry, refresh_margin, now) {
            State::Fresh => "fresh",
            State::Stale => "stale",
            State::Over(_) => "expired",
        }
        .to_owned(),
    }
}

fn command(entry: &Entry) -> Vec<std::ffi::OsString> {
    key::parts(entry.parts())
        .filter(|(part, _)| *part == Part::Argument)
        .map(|(_, argument)| String::from_utf8_lossy(argument).into_owned().into())
        .collect()
}

fn table(entries: &[Listed]) -> String {
    if entries.is_empty() {
        return "nothing is cached\n".to_owned();
    }
    let mut text = String::from("AGE      LEFT     STATE    COMMAND\n");
    for entry in entries {
        let age = time::Human(Duration::from_secs(entry.age_seconds));
        let left = time::Human(Duration::from_secs(entry.left_seconds));
        text.push_str(&format!("{:<8} {:<8} {:<8} {}\n", age.to_string(), left.to_string(), entry.state, entry.command.join(" ")));
    }
    text
}

/// Forgets everything.
pub fn clear_all(config: &Config) -> Result<u8> {
    let removed = cache::open_store(config)?.remove(None, time::now())?;
    print(&cleared(removed))
}

/// Forgets the credential of one command.
pub fn clear(call: &Call<'_>) -> Result<u8> {
    let cache = Cache::open(call.config, Key::new(&call.source)?)?;
    let removed = cache.store.remove(Some(&cache.name), time::now())?;
    print(&cleared(removed))
}

fn cleared(removed: usize) -> String {
    match removed {
        0 => "nothing was cached\n".to_owned(),
        1 => "forgot 1 credential\n".to_owned(),
        more => format!("forgot {more} credentials\n"),
    }
}
