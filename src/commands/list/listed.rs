//! One entry, as `--list` shows it.

use std::time::Duration;

use nanoserde::SerJson;

use crate::cache::entry::Entry;
use crate::cache::{self, Freshness, Reason};
use crate::commands::parts;
use crate::commands::redactor::Redactor;
use crate::config::{Config, Environment};
use crate::error::printable;
use crate::format::time;
use crate::identity;
use crate::key::PartKind;
use crate::proxy::refresh;

/// An entry of `--list --json`. What may be a secret is `***` and a tag.
#[derive(SerJson)]
pub struct Listed {
    pub command: Vec<String>,
    /// The variables that are part of the cache key.
    pub variables: Vec<ListedVariable>,
    /// The `apiVersion` that the client asked for; absent without a client.
    pub api_version: Option<String>,
    /// The server of the cluster that the client described, if any.
    pub server: Option<String>,
    /// The kubeconfig users whose next call finds this entry.
    pub users: Vec<String>,
    /// Identity files that have changed since the credential was fetched: no call finds this entry.
    pub changed_files: Vec<String>,
    pub created: String,
    pub expires: String,
    pub age_seconds: u64,
    pub left_seconds: u64,
    pub state: String,
    /// Until when a process renews the credential if no client uses it; absent if none does.
    pub kept_warm_until: Option<String>,
}

#[derive(SerJson)]
pub struct ListedVariable {
    pub name: String,
    pub value: String,
}

impl Listed {
    pub fn new(
        config: &Config,
        entry: &Entry,
        users: Vec<String>,
        redactor: &Redactor,
        environment: Environment<'_>,
        now: Duration,
    ) -> Listed {
        let command = parts::command(entry.parts());
        let mut listed = Listed {
            command: redactor.arguments(&command),
            variables: Vec::new(),
            api_version: None,
            server: None,
            users,
            changed_files: Vec::new(),
            created: time::format_rfc3339(entry.created_unix_s),
            expires: time::format_rfc3339(entry.expires_unix_s),
            age_seconds: entry.age(now).unwrap_or_default().as_secs(),
            left_seconds: entry.time_left(now).as_secs(),
            state: String::new(),
            kept_warm_until: None,
        };
        for item in parts::items(entry.parts()) {
            match item.part {
                PartKind::ApiVersion => listed.api_version = Some(printable(&item.text())),
                PartKind::Cluster => listed.server = Some(item.value(redactor)),
                _ if item.is_variable() => {
                    listed
                        .variables
                        .push(ListedVariable { name: printable(&item.name()), value: item.value(redactor) });
                }
                _ if item.has_changed() => listed.changed_files.push(printable(&item.name())),
                _ => {}
            }
        }
        let state = match cache::freshness(entry, config.refresh_margin, now) {
            Freshness::Over(Reason::Expired) => "expired",
            Freshness::Fresh if listed.changed_files.is_empty() => {
                let interaction = identity::identify(&command, environment).interaction;
                match refresh::ahead(config, interaction, entry) {
                    Some(ahead) if entry.time_left(now) < ahead => "refreshing soon",
                    _ => "fresh",
                }
            }
            _ => "stale",
        };
        listed.state = state.to_owned();
        listed
    }
}
