//! `--explain`: what the credential of a command depends on, and why the next call hits or misses.
//!
//! A shell does not say what clients say, so one answer would be half the truth. The report looks
//! at the command as it would be called from here; as a client calls it for every kubeconfig user
//! that has this plugin; and at what else is cached for it, and in what that differs. It runs
//! nothing, and makes nothing.

use std::time::Duration;

use super::client::{Client, clients};
use super::page::Page;
use super::parts::{self, Difference, Item};
use super::{Contents, command_line, plural};
use crate::cache::{self, Cache, Found, Lookup, Reason, State};
use crate::callers::{Callers, Row, Subject, unix_ms};
use crate::cli::Wrapped;
use crate::config::Environment;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::identity::{Identity, Interaction};
use crate::key::{Key, Part};
use crate::proxy::{self, Call};
use crate::secret::SecretBytes;
use crate::time::{self, Human};
use crate::{kubeconfig, refresh, sys};

const INDENT: usize = 2;
const NO_CLIENT: &str = "none: KUBERNETES_EXEC_INFO is not set here, as in any shell; clients set it, and \
                         their apiVersion and cluster count";

pub fn explain(
    wrapped: &Wrapped,
    environment: Environment<'_>,
    kubeconfigs: &kubeconfig::Environment,
) -> Result<u8> {
    let page = Page::for_output(environment);
    let mut explanation = Explanation { page, now: time::now(), told: Vec::new() };
    proxy::with_call(wrapped, environment, &mut |call| {
        explanation.call_from_here(call);
        Ok(0)
    })?;
    for client in clients_of(wrapped, kubeconfigs) {
        explanation.client(&client, environment);
    }
    proxy::with_call(wrapped, environment, &mut |call| {
        explanation.others(call);
        Ok(0)
    })?;
    explanation.page.print()
}

/// A kubeconfig that cannot be read has nothing to explain; `--doctor` complains about it.
fn clients_of(wrapped: &Wrapped, kubeconfigs: &kubeconfig::Environment) -> Vec<Client> {
    let files = kubeconfig::default_files(kubeconfigs).unwrap_or_default();
    let (mut clients, _) = clients(&files, kubeconfigs);
    clients.retain(|client| client.runs(&wrapped.command));
    clients
}

struct Explanation {
    page: Page,
    now: Duration,
    /// The parts of the keys that were told of so far; first of all, those of the call from here.
    told: Vec<SecretBytes>,
}

impl Explanation {
    fn call_from_here(&mut self, call: &Call<'_>) {
        self.page.row("command", &command_line(call.source.command));
        self.page.row("plugin", &describe_plugin(call.identity));
        match Key::new(&call.source) {
            Ok(key) => {
                self.parts(&key);
                self.page.heading("Called from here:");
                self.page.indent(INDENT);
                self.outlook(call, key, Caller::Here);
            }
            Err(error) => self.page.row("next", &never_cached(&error)),
        }
    }

    fn parts(&mut self, key: &Key) {
        let items = parts::items(key.parts());
        let of = |wanted: fn(Part) -> bool| {
            items.iter().filter(move |item| wanted(item.part)).map(Item::describe).collect::<Vec<_>>()
        };
        for (label, lines, none) in [
            (
                "variables",
                of(|part| matches!(part, Part::Variable | Part::Secret | Part::Home)),
                "none is set",
            ),
            ("files", of(|part| part == Part::File), "none"),
            ("directory", of(|part| part == Part::WorkingDirectory), ""),
            ("client", of(|part| matches!(part, Part::ApiVersion | Part::Cluster)), NO_CLIENT),
        ] {
            if lines.is_empty() && !none.is_empty() {
                self.page.row(label, none);
            }
            self.page.rows(label, lines.iter().map(String::as_str));
        }
    }

    /// How the same command fares for a user of a kubeconfig.
    fn client(&mut self, client: &Client, environment: Environment<'_>) {
        self.page.heading(&format!("Called for {}:", client.title()));
        self.page.indent(INDENT);
        let Some(wrapped) = &client.wrapped else {
            return self.page.row("next", "not cached: the cache is not in front of it, see --inject");
        };
        let outer = |name: &str| client.variable(name, environment);
        let explained = proxy::with_call(wrapped, &outer, &mut |call| {
            let key = Key::new(&call.source)?;
            self.additions(&key);
            self.outlook(call, key, Caller::Client);
            Ok(0)
        });
        if let Err(error) = explained {
            self.page.row("next", &never_cached(&error));
        }
    }

    /// What the client puts into the key that is not in that of the call from here.
    fn additions(&mut self, key: &Key) {
        let here = self.told.first().map(|parts| parts::items(parts.expose())).unwrap_or_default();
        let added: Vec<String> = parts::items(key.parts())
            .iter()
            .filter(|item| !here.iter().any(|same| same.equals(item)))
            .map(Item::describe)
            .collect();
        self.page.rows("with", added.iter().map(String::as_str));
    }

    /// What the cache has for this key, and what the next call makes of it.
    fn outlook(&mut self, call: &Call<'_>, key: Key, caller: Caller) {
        self.told.push(key.parts().to_vec().into());
        if call.config.disabled {
            return self.page.row("next", "never cached: K8S_TOKEN_CACHE_DISABLE is set");
        }
        let looked_up = Cache::existing(call.config, key).and_then(|cache| {
            cache.map(|cache| cache.lookup(self.now).map(|found| (cache, found.0))).transpose()
        });
        match looked_up {
            Ok(Some((cache, lookup))) => {
                self.verdict(call, &cache, &lookup);
                self.recent_failure(call, &cache, caller);
            }
            Ok(None) => {
                self.page.row("next", "miss: no encryption key has been made yet, so nothing is cached")
            }
            Err(error) => self.page.row("next", &never_cached(&error)),
        }
    }

    fn verdict(&mut self, call: &Call<'_>, cache: &Cache, lookup: &Lookup) {
        let now = self.now;
        let margin = |entry: &Entry| Human(cache::margin(entry, call.config.refresh_margin));
        match lookup {
            Lookup::Fresh(Found { entry, .. }) => {
                let (left, margin) = (Human(entry.time_left(now)), margin(entry));
                self.page.row("entry", &describe_entry(entry, now));
                self.page
                    .row("next", &format!("hit: it lives for {left}, and is served until {margin} are left"));
                self.page.row("refresh", &describe_refresh(call, entry, &key_row(cache, now), now));
            }
            Lookup::Stale(Found { entry, .. }) => {
                let (left, margin) = (Human(entry.time_left(now)), margin(entry));
                let reason = Reason::InsideMargin.text();
                self.page.row("entry", &describe_entry(entry, now));
                self.page.row("next", &format!("miss: {reason} of {margin}, for {left} are left"));
            }
            Lookup::Miss(reason) => self.miss(call, &cache.key, *reason),
        }
    }

    /// Of what is cached for the command, the nearest entry tells best why it is not this call's.
    fn miss(&mut self, call: &Call<'_>, key: &Key, reason: Reason) {
        let contents = Contents::read(call.config);
        let Some((entry, differences)) = contents.iter().find_map(|contents| nearest(contents, key)) else {
            return self.page.row("next", &format!("miss: {}", reason.text()));
        };
        if differences.is_empty() {
            self.page.row("entry", &describe_entry(entry, self.now));
            return self.page.row("next", &format!("miss: {}", reason.text()));
        }
        let differences: Vec<&str> = differences.iter().map(|difference| difference.text.as_str()).collect();
        let differences = differences.join("; ");
        self.page.row("nearest", &describe_entry(entry, self.now));
        self.page.row("next", &format!("miss: {}; the nearest entry differs: {differences}", reason.text()));
        self.told.push(entry.parts().to_vec().into());
    }

    /// The next call from the same shell has the same parent process as this one.
    fn recent_failure(&mut self, call: &Call<'_>, cache: &Cache, caller: Caller) {
        let failure = || {
            let subject = Subject::caller(&cache.name, sys::parent_process()?);
            let failure =
                Callers::open(cache.store.path())?.recall(subject, self.now).row.recent_failure(self.now)?;
            Some((failure.status, failure.remembered_for(self.now)?.as_secs() + 1))
        };
        if caller == Caller::Here
            && let Some((status, left)) = failure()
        {
            let program = call.source.command.first().map(|program| program.display().to_string());
            let program = program.unwrap_or_default();
            let text = format!(
                "'{program}' failed with status {status} a moment ago; it is not run again for {left} s"
            );
            self.page.row("but", &text);
        }
    }

    /// What else is cached for the command, and for which calls.
    fn others(&mut self, call: &Call<'_>) {
        let (Ok(contents), Some(here)) = (Contents::read(call.config), self.told.first()) else { return };
        let is_told = |entry: &&Entry| self.told.iter().any(|parts| entry.parts() == parts.expose());
        let entries = contents.entries.iter().map(|(_, entry)| entry);
        let (same, others): (Vec<&Entry>, Vec<&Entry>) = entries
            .filter(|entry| !is_told(entry))
            .partition(|entry| parts::is_same_command(entry.parts(), here.expose()));
        if !same.is_empty() {
            self.page.heading("Also cached for this command:");
            self.page.indent(INDENT);
        }
        for entry in same {
            self.other(entry, call);
        }
        let program = call.source.command.first();
        let others = others.iter().filter(|entry| parts::command(entry.parts()).first() == program).count();
        if others > 0 {
            let count = plural(others, "credential", "credentials");
            self.page.heading(&format!("{count} of the same program with other arguments: see --list"));
        }
    }

    fn other(&mut self, entry: &Entry, call: &Call<'_>) {
        let compared = self.told.iter().map(|parts| parts::differences(entry.parts(), parts.expose()));
        let differences = compared.min_by_key(Vec::len).unwrap_or_default();
        self.page.row("entry", &describe_entry(entry, self.now));
        self.page.rows("differs in", differences.iter().map(|difference| difference.text.as_str()));
        let next = match cache::state(entry, call.config.refresh_margin, self.now) {
            State::Fresh if differences.iter().all(Difference::is_by_client) => {
                "hit, for a client that says so"
            }
            State::Fresh => return,
            State::Stale => Reason::InsideMargin.text(),
            State::Over(reason) => reason.text(),
        };
        self.page.row("next", next);
    }
}

/// Who makes the call that is explained.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The process that asks.
    Here,
    Client,
}

/// The entry of the same command that differs in the fewest parts, and in which. Of two, the same
/// client's says more.
fn nearest<'c>(contents: &'c Contents, key: &Key) -> Option<(&'c Entry, Vec<Difference>)> {
    let entries = contents.entries.iter().map(|(_, entry)| entry);
    entries
        .filter(|entry| parts::is_same_command(entry.parts(), key.parts()))
        .map(|entry| (entry, parts::differences(entry.parts(), key.parts())))
        .min_by_key(|(_, differences)| {
            (differences.len(), differences.iter().filter(|difference| difference.is_by_client()).count())
        })
}

fn never_cached(error: &Error) -> String {
    format!("never cached: {error}")
}

fn describe_plugin(identity: &Identity) -> String {
    let manner = match identity.interaction {
        Interaction::Silent => "never prompts",
        Interaction::MayPrompt => "may prompt",
        Interaction::Unknown => "may prompt, as far as is known",
    };
    match identity.family {
        Some(family) => format!("{family}; {manner}"),
        None => format!("not known, so the variables of all plugins count, and no file; {manner}"),
    }
}

fn describe_entry(entry: &Entry, now: Duration) -> String {
    let made = match entry.age(now) {
        Some(age) => format!("made {} ago", Human(age)),
        None => format!("made {}", moment(entry.created_unix_s, now)),
    };
    format!("{made}, expires {}", moment(entry.expires_unix_s, now))
}

/// "2026-01-31T08:00:00Z (in 5m10s)".
fn moment(stamp_unix_s: u64, now: Duration) -> String {
    let left = time::time_left(stamp_unix_s, now);
    let relative = if left.is_zero() {
        format!("{} ago", Human(now.saturating_sub(Duration::from_secs(stamp_unix_s))))
    } else {
        format!("in {}", Human(left))
    };
    format!("{} ({relative})", time::format_rfc3339(stamp_unix_s))
}

/// What is remembered of the background refresh.
fn key_row(cache: &Cache, now: Duration) -> Row {
    let callers = Callers::open(cache.store.path());
    callers.map(|callers| callers.recall(Subject::key(&cache.name), now).row).unwrap_or_default()
}

fn describe_refresh(call: &Call<'_>, entry: &Entry, row: &Row, now: Duration) -> String {
    let Some(ahead) = refresh::ahead(call.config, call.identity.interaction, entry) else {
        return format!("not in the background: {}", why_never(call));
    };
    if entry.time_left(now) >= ahead {
        let from_unix_s = entry.expires_unix_s.saturating_sub(ahead.as_secs());
        return format!("in the background, by the first call after {}", moment(from_unix_s, now));
    }
    if row.paused_until_unix_ms <= unix_ms(now) {
        return "in the background, by the next call".to_owned();
    }
    match row.refresh_failures {
        0 => "in the background, right now".to_owned(),
        failures => {
            let failures = plural(failures.into(), "time", "times");
            format!(
                "it failed {failures}, and is tried again after {}",
                moment(row.paused_until_unix_ms / 1000, now)
            )
        }
    }
}

fn why_never(call: &Call<'_>) -> &'static str {
    match (call.config.refresh_ahead, call.identity.interaction) {
        (Some(_), _) => "K8S_TOKEN_CACHE_REFRESH_AHEAD is 0",
        (None, Interaction::MayPrompt) => {
            "the plugin may prompt, and K8S_TOKEN_CACHE_REFRESH_AHEAD is not set"
        }
        (None, _) => {
            "the plugin may prompt, as far as is known, and K8S_TOKEN_CACHE_REFRESH_AHEAD is not set"
        }
    }
}
