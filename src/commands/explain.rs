//! `--explain`: what the credential of a command depends on, and why the next call hits or misses.
//!
//! A shell does not say what clients say, so one answer would be half the truth. The report looks
//! at the command as it would be called from here; as a client calls it for every kubeconfig user
//! that has this plugin; and at what else is cached for it, and in what that differs. It runs
//! nothing, and makes nothing.

use crate::proxy::Call;
use std::time::Duration;

use super::client::{UserClient, clients, current_user, users};
use super::page::Page;
use super::parts::{self, Difference};
use super::{Contents, command_line, plural};
use crate::cache::entry::Entry;
use crate::cache::{self, Cache, Found, Freshness, Lookup, Reason};
use crate::cli::{ExplainSubject, Wrapped};
use crate::config::Environment;
use crate::error::{Error, Result};
use crate::format::time::{self, Human};
use crate::identity::{Identity, Interaction};
use crate::key::{CacheKey, PartKind};
use crate::kubeconfig;
use crate::proxy::callers::{Callers, KeyRow, Subject};
use crate::proxy::failure::{Failure, unix_ms};
use crate::proxy::refresh;
use crate::secret::SecretBytes;
use crate::sys;

const INDENT: usize = 2;
const NO_CLIENT: &str = "none: KUBERNETES_EXEC_INFO is not set here, as in any shell; clients set it, and \
                         their apiVersion and cluster count";

pub fn explain(
    subject: ExplainSubject,
    environment: Environment<'_>,
    kubeconfigs: &kubeconfig::ClientEnvironment,
) -> Result<u8> {
    let wrapped = wrapped(subject, kubeconfigs)?;
    let page = Page::for_output(environment);
    let mut explanation = Explanation { page, now: sys::now(), told: Vec::new(), nearest: Vec::new() };
    let call = Call::new(wrapped, environment)?;
    explanation.call_from_here(&call);
    // A kubeconfig that cannot be read has nothing to explain; `--doctor` complains about it.
    let files = kubeconfig::default_files(kubeconfigs).unwrap_or_default();
    let (users, _) = users(&files, kubeconfigs);
    for client in clients(&users, kubeconfigs) {
        if client.runs(&call.command) {
            explanation.client(&client, environment);
        }
    }
    explanation.others(&call);
    explanation.page.print()
}

/// Returns the command to explain. That of a user is the plugin behind the cache, if the cache is in
/// front of it.
fn wrapped(subject: ExplainSubject, kubeconfigs: &kubeconfig::ClientEnvironment) -> Result<Wrapped> {
    let name = match subject {
        ExplainSubject::Command(wrapped) => return Ok(wrapped),
        ExplainSubject::User(name) => name,
        ExplainSubject::CurrentUser => current_user(kubeconfigs)?,
    };
    let files = kubeconfig::default_files(kubeconfigs)?;
    let (users, _) = users(&files, kubeconfigs);
    match clients(&users, kubeconfigs).into_iter().find(|client| client.user.name == name) {
        Some(client) => Ok(client.into_wrapped()),
        None => Err(Error::failure(format!("no kubeconfig has a user '{name}' with an exec plugin"))),
    }
}

struct Explanation {
    page: Page,
    now: Duration,
    /// The parts of the keys that were told of so far; first of all, those of the call from here.
    told: Vec<SecretBytes>,
    /// Of the entries that stood nearest to one of them.
    nearest: Vec<SecretBytes>,
}

impl Explanation {
    fn call_from_here(&mut self, call: &Call<'_>) {
        self.page.row("command", &command_line(&call.command));
        self.page.row("plugin", &describe_plugin(&call.identity));
        match CacheKey::new(&call.key_inputs()) {
            Ok(key) => {
                self.parts(&key);
                self.page.heading(&"Called from here:");
                self.page.indent(INDENT);
                self.outlook(call, key, Caller::Here);
            }
            Err(error) => self.never_cached(&error),
        }
    }

    fn parts(&mut self, key: &CacheKey) {
        let (mut variables, mut files, mut directory, mut client) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for item in parts::items(key.parts()) {
            let lines = match item.part {
                PartKind::File => &mut files,
                PartKind::WorkingDirectory => &mut directory,
                PartKind::ApiVersion | PartKind::Cluster => &mut client,
                _ if item.is_variable() => &mut variables,
                _ => continue,
            };
            lines.push(item.describe());
        }
        if client.is_empty() {
            client.push(NO_CLIENT.to_owned());
        }
        self.page.rows("variables", &variables);
        self.page.rows("files", &files);
        self.page.rows("directory", &directory);
        self.page.rows("client", &client);
    }

    /// How the same command fares for a user of a kubeconfig.
    fn client(&mut self, client: &UserClient<'_>, environment: Environment<'_>) {
        self.page.heading(&format_args!("Called for {}:", client.title()));
        self.page.indent(INDENT);
        let Some(wrapped) = &client.wrapped else {
            return self.page.row("next", &"not cached: the cache is not in front of it, see --inject");
        };
        let environment = |name: &str| client.variable(name, environment);
        let keyed = Call::new(wrapped.clone(), &environment)
            .and_then(|call| CacheKey::new(&call.key_inputs()).map(|key| (call, key)));
        match keyed {
            Ok((call, key)) => {
                self.additions(&key);
                self.outlook(&call, key, Caller::UserClient);
            }
            Err(error) => self.never_cached(&error),
        }
    }

    /// What the client puts into the key that is not in that of the call from here.
    fn additions(&mut self, key: &CacheKey) {
        let here = self.told.first().map(|parts| parts::items(parts.expose())).unwrap_or_default();
        let mut added = Vec::new();
        for item in parts::items(key.parts()) {
            if !here.contains(&item) {
                added.push(item.describe());
            }
        }
        self.page.rows("with", &added);
    }

    fn never_cached(&mut self, why: &dyn std::fmt::Display) {
        self.page.row("next", &format_args!("never cached: {why}"));
    }

    /// What the cache has for this key, and what the next call makes of it.
    fn outlook(&mut self, call: &Call<'_>, key: CacheKey, caller: Caller) {
        self.told.push(key.parts().to_vec().into());
        if call.config.disabled {
            return self.never_cached(&"K8S_TOKEN_CACHE_DISABLE is set");
        }
        let cache = match Cache::existing(&call.config, key) {
            Ok(Some(cache)) => cache,
            Ok(None) => {
                return self
                    .page
                    .row("next", &"miss: no encryption key has been made yet, so nothing is cached");
            }
            Err(error) => return self.never_cached(&error),
        };
        match cache.look_up(self.now) {
            Ok(looked_up) => self.verdict(call, &cache, &looked_up.lookup),
            Err(error) => return self.never_cached(&error),
        }
        if caller == Caller::Here
            && let Some((failure, left)) = recent_failure(&cache, self.now)
        {
            let text = format_args!(
                "it failed with status {} a moment ago, and is not run again for {} s",
                failure.status,
                left.as_secs() + 1
            );
            self.page.row("but", &text);
        }
    }

    fn verdict(&mut self, call: &Call<'_>, cache: &Cache, lookup: &Lookup) {
        let (entry, is_fresh) = match lookup {
            Lookup::Fresh(Found { entry, .. }) => (entry, true),
            Lookup::Stale(Found { entry, .. }) => (entry, false),
            Lookup::Miss(reason) => return self.miss(call, &cache.key, *reason),
        };
        let left = Human(entry.time_left(self.now));
        let margin = Human(cache::margin(entry, call.config.refresh_margin));
        self.entry("entry", entry);
        if is_fresh {
            self.page.row(
                "next",
                &format_args!("hit: it lives for {left}, and is served until {margin} are left"),
            );
            self.page.row("refresh", &describe_refresh(call, entry, &key_row(cache, self.now), self.now));
        } else {
            let reason = Reason::InsideMargin.text();
            self.page.row("next", &format_args!("miss: {reason} of {margin}, for {left} are left"));
        }
    }

    /// Of what is cached for the command, the nearest entry tells best why it is not this call's.
    fn miss(&mut self, call: &Call<'_>, key: &CacheKey, reason: Reason) {
        let reason = reason.text();
        let contents = Contents::read(&call.config);
        let Some((entry, differences)) = contents.iter().find_map(|contents| nearest(contents, key)) else {
            return self.page.row("next", &format_args!("miss: {reason}"));
        };
        if differences.is_empty() {
            self.entry("entry", entry);
            return self.page.row("next", &format_args!("miss: {reason}"));
        }
        self.entry("nearest", entry);
        let differences = texts(differences).join("; ");
        self.page.row("next", &format_args!("miss: {reason}; the nearest entry differs: {differences}"));
        self.nearest.push(entry.parts().to_vec().into());
    }

    /// What else is cached for the command, and for which calls.
    fn others(&mut self, call: &Call<'_>) {
        let Ok(contents) = Contents::read(&call.config) else { return };
        let (mut same, mut others) = (0, 0);
        for (_, entry) in &contents.entries {
            let command = parts::command(entry.parts());
            if self.told.iter().chain(&self.nearest).any(|parts| parts.expose() == entry.parts()) {
                continue;
            }
            if command == call.command {
                if same == 0 {
                    self.page.heading(&"Also cached for this command:");
                    self.page.indent(INDENT);
                }
                same += 1;
                self.other(entry, call);
            } else {
                others += usize::from(command.first() == call.command.first());
            }
        }
        if others > 0 {
            let count = plural(others, "credential", "credentials");
            self.page.heading(&format_args!("{count} of the same program with other arguments: see --list"));
        }
    }

    fn other(&mut self, entry: &Entry, call: &Call<'_>) {
        let mut nearest: Option<Vec<Difference>> = None;
        for parts in &self.told {
            let differences = parts::differences(entry.parts(), parts.expose());
            if nearest.as_ref().is_none_or(|nearest| differences.len() < nearest.len()) {
                nearest = Some(differences);
            }
        }
        let differences = nearest.unwrap_or_default();
        let next = match cache::freshness(entry, call.config.refresh_margin, self.now) {
            Freshness::Fresh if differences.iter().all(Difference::is_by_client) => {
                "hit, for a client that says so"
            }
            Freshness::Fresh => "",
            Freshness::Stale => Reason::InsideMargin.text(),
            Freshness::Over(reason) => reason.text(),
        };
        self.entry("entry", entry);
        self.page.rows("differs in", &texts(differences));
        if !next.is_empty() {
            self.page.row("next", &next);
        }
    }

    fn entry(&mut self, label: &str, entry: &Entry) {
        let made = match entry.age(self.now) {
            Some(age) => format!("{} ago", Human(age)),
            None => moment(entry.created_unix_s, self.now),
        };
        self.page
            .row(label, &format_args!("made {made}, expires {}", moment(entry.expires_unix_s, self.now)));
    }
}

/// Who makes the call that is explained.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The process that asks.
    Here,
    UserClient,
}

/// The entry of the same command that differs in the fewest parts, and in which. Of two, the same
/// client's says more.
fn nearest<'c>(contents: &'c Contents, key: &CacheKey) -> Option<(&'c Entry, Vec<Difference>)> {
    let mut nearest = None;
    let mut nearest_distance = (usize::MAX, 0);
    for (_, entry) in &contents.entries {
        if parts::is_same_command(entry.parts(), key.parts()) {
            let differences = parts::differences(entry.parts(), key.parts());
            let by_client = differences.iter().filter(|difference| difference.is_by_client()).count();
            let distance = (differences.len(), by_client);
            if distance < nearest_distance {
                nearest_distance = distance;
                nearest = Some((entry, differences));
            }
        }
    }
    nearest
}

fn texts(differences: Vec<Difference>) -> Vec<String> {
    let mut texts = Vec::new();
    for difference in differences {
        texts.push(difference.text);
    }
    texts
}

fn describe_plugin(identity: &Identity) -> String {
    let manner = match identity.interaction {
        Interaction::Silent => "never prompts",
        Interaction::MayPrompt => "may prompt",
        Interaction::Unknown => "may prompt, as far as is known",
    };
    let family = identity.family.unwrap_or("not known, so the variables of all plugins count, and no file");
    [family, "; ", manner].concat()
}

/// "2026-01-31T08:00:00Z (in 5m10s)".
fn moment(stamp_unix_s: u64, now: Duration) -> String {
    let left = time::time_left(stamp_unix_s, now);
    let stamp = time::format_rfc3339(stamp_unix_s);
    if left.is_zero() {
        return format!("{stamp} ({} ago)", Human(now.saturating_sub(Duration::from_secs(stamp_unix_s))));
    }
    format!("{stamp} (in {})", Human(left))
}

/// The next call from the same shell has the same parent process as this one.
fn recent_failure(cache: &Cache, now: Duration) -> Option<(Failure, Duration)> {
    let caller = Subject::caller(&cache.name, sys::parent_process()?);
    let failure = Callers::open(&cache.store)?.recall(caller, now).row.failure?;
    Some((failure, failure.remaining_for_caller(now)?))
}

/// What is remembered of the background refresh.
fn key_row(cache: &Cache, now: Duration) -> KeyRow {
    match Callers::open(&cache.store) {
        Some(callers) => callers.recall(Subject::key(&cache.name), now).row,
        None => KeyRow::default(),
    }
}

fn describe_refresh(call: &Call<'_>, entry: &Entry, row: &KeyRow, now: Duration) -> String {
    let Some(ahead) = refresh::ahead(&call.config, call.identity.interaction, entry) else {
        let why = match (&call.config.refresh_ahead, call.identity.interaction) {
            (Some(_), _) => "K8S_TOKEN_CACHE_REFRESH_AHEAD is 0",
            (None, Interaction::MayPrompt) => "the plugin may prompt",
            (None, _) => {
                "the plugin may prompt, as far as is known, and K8S_TOKEN_CACHE_REFRESH_AHEAD is not set"
            }
        };
        return ["not in the background: ", why].concat();
    };
    if entry.time_left(now) >= ahead {
        let from_unix_s = entry.expires_unix_s.saturating_sub(ahead.as_secs());
        return ["in the background, by the first call after ", &moment(from_unix_s, now)].concat();
    }
    if row.refresh_paused_until_unix_ms <= unix_ms(now) {
        return "in the background, by the next call".to_owned();
    }
    if row.refresh_failures == 0 {
        return "in the background, right now".to_owned();
    }
    let failures = plural(row.refresh_failures.into(), "time", "times");
    format!(
        "it failed {failures}, and is tried again after {}",
        moment(row.refresh_paused_until_unix_ms / 1000, now)
    )
}
