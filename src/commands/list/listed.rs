//! One entry of `--list`: its state, and whom it serves.

use std::time::Duration;

use crate::cache::entry::Entry;
use crate::cache::{self, Freshness, Reason};
use crate::commands::parts;
use crate::commands::redactor::Redactor;
use crate::config::{Config, Environment};
use crate::error::printable;
use crate::identity::{self, Interaction};
use crate::proxy::refresh;

pub struct Listed<'e> {
    pub entry: &'e Entry,
    /// What may be a secret is `***` and a tag.
    pub command: Vec<String>,
    /// The kubeconfig users whose next call finds this entry.
    pub users: Vec<String>,
    /// Identity files that have changed since the credential was fetched: no call finds this entry.
    pub changed_files: Vec<String>,
    pub age: Duration,
    pub left: Duration,
    pub state: &'static str,
    /// Until when a process renews the credential if no client uses it; `None` if none does.
    pub kept_warm_until: Option<String>,
}

impl<'e> Listed<'e> {
    pub fn new(
        config: &Config,
        entry: &'e Entry,
        users: Vec<String>,
        redactor: &Redactor,
        environment: Environment<'_>,
        now: Duration,
    ) -> Listed<'e> {
        let mut changed_files = Vec::new();
        for item in parts::items(entry.parts()) {
            if item.has_changed() {
                changed_files.push(printable(&item.name()));
            }
        }
        let state = match cache::freshness(entry, config.refresh_margin, now) {
            Freshness::Over(Reason::Expired) => "expired",
            Freshness::Fresh if !changed_files.is_empty() => "stale",
            Freshness::Fresh if is_refreshed_soon(config, entry, environment, now) => "refreshing soon",
            Freshness::Fresh => "fresh",
            _ => "stale",
        };
        Listed {
            entry,
            command: redactor.arguments(&parts::command(entry.parts())),
            users,
            changed_files,
            age: entry.age(now).unwrap_or_default(),
            left: entry.time_left(now),
            state,
            kept_warm_until: None,
        }
    }
}

/// Whether the next call renews the credential in the background. The plugin is identified only if the answer depends
/// on it.
fn is_refreshed_soon(config: &Config, entry: &Entry, environment: Environment<'_>, now: Duration) -> bool {
    let is_due_if = |interaction| {
        refresh::ahead(config, interaction, entry).is_some_and(|ahead| entry.time_left(now) < ahead)
    };
    is_due_if(Interaction::Silent)
        && is_due_if(identity::identify(&parts::command(entry.parts()), environment).interaction)
}
