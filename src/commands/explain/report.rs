//! The report of `--explain`, call by call.

use std::fmt::Display;
use std::time::Duration;

use super::{key_env, nearest, wording};
use crate::cache::entry::Entry;
use crate::cache::{self, Cache, Found, Freshness, Lookup, Reason};
use crate::commands::client::{LatestFound, UserClient};
use crate::commands::contents::Contents;
use crate::commands::key_files;
use crate::commands::output::plural;
use crate::commands::page::{Color, Page};
use crate::commands::parts::{self, Difference};
use crate::commands::redactor::Redactor;
use crate::config::{Config, Environment};
use crate::error::{Result, printable, shown};
use crate::format::time::Human;
use crate::key::{CacheKey, PartKind};
use crate::proxy::Call;
use crate::proxy::callers::{Callers, Ending, KeyRow, Subject};
use crate::proxy::failure::Failure;
use crate::secret::SecretBytes;
use crate::sys;

const INDENT: usize = 2;

pub struct Report {
    page: Page,
    redactor: Redactor,
    now: Duration,
    /// The parts of the keys that were explained so far. The first is the key of [`Report::describe_call`].
    explained: Vec<SecretBytes>,
    /// The parts of the entries that were shown as the nearest of a miss.
    nearest: Vec<SecretBytes>,
    /// Read once, because there may be thousands of users.
    contents: Option<Contents>,
}

/// Who makes the call that is explained.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This program's own parent process.
    Here,
    KubeconfigUser,
}

impl Report {
    pub fn new(config: &Config, environment: Environment<'_>) -> Report {
        Report {
            page: Page::for_output(environment),
            redactor: Redactor::new(config),
            now: sys::now(),
            explained: Vec::new(),
            nearest: Vec::new(),
            contents: None,
        }
    }

    pub fn print(self) -> Result<u8> {
        self.page.print()
    }

    /// Explains the command, called from here.
    pub fn explain_call(&mut self, call: &Call<'_>) {
        if let Some(key) = self.describe_call(call) {
            self.page.heading(&"Called from here:");
            self.page.indent(INDENT);
            self.add_outlook(call, key, Origin::Here);
        }
    }

    /// Adds the command, its plugin and the parts of the cache key. Returns the key. If there can be none,
    /// adds the reason and returns `None`.
    pub fn describe_call(&mut self, call: &Call<'_>) -> Option<CacheKey> {
        self.page.row("command", &self.redactor.command_line(&call.command));
        self.page.row("plugin", &wording::plugin(call));
        if let Some(text) = missing_program(call) {
            self.page.row("but", &text);
        }
        self.contents = Contents::read(&call.config).ok();
        match call.cache_key() {
            Ok(key) => {
                self.add_parts(call, &key);
                self.explained.push(key.parts().to_vec().into());
                Some(key)
            }
            Err(error) => {
                self.add_never_cached(&error);
                None
            }
        }
    }

    /// Explains the same command, called by the clients of kubeconfig users.
    pub fn explain_clients<'c>(
        &mut self,
        clients: impl Iterator<Item = &'c UserClient<'c>>,
        environment: Environment<'_>,
    ) {
        let mut latest = LatestFound::none();
        for client in clients {
            self.page.heading(&format_args!("Called for {}:", client.title()));
            self.page.indent(INDENT);
            let start = self.page.length();
            let explained = latest.of(client, || {
                self.explain_client(client, environment);
                (start, self.page.length())
            });
            if explained.0 < start {
                self.page.repeat(explained.0..explained.1);
            }
        }
    }

    fn explain_client(&mut self, client: &UserClient<'_>, environment: Environment<'_>) {
        let environment = |name: &str| client.variable(name, environment);
        let Some(call) = client.call(&environment) else {
            return self.page.row("next", &"not cached: the cache is not in front of it, see --inject");
        };
        let (call, key) = match call.and_then(|call| call.cache_key().map(|key| (call, key))) {
            Ok(keyed) => keyed,
            Err(error) => return self.add_never_cached(&error),
        };
        self.add_additional_parts(&key);
        if !client.has_own_settings() {
            return self.add_outlook(&call, key, Origin::KubeconfigUser);
        }
        let contents = std::mem::replace(&mut self.contents, Contents::read(&call.config).ok());
        self.add_outlook(&call, key, Origin::KubeconfigUser);
        self.contents = contents;
    }

    /// Adds what else is cached for the command, and for which calls.
    pub fn add_other_entries(&mut self, call: &Call<'_>) {
        let Some(contents) = self.contents.take() else { return };
        let (mut same, mut others) = (0, 0);
        for (_, entry) in &contents.entries {
            if self.explained.iter().chain(&self.nearest).any(|parts| parts.expose() == entry.parts()) {
                continue;
            }
            let command = parts::command(entry.parts());
            if command == call.command {
                if same == 0 {
                    self.page.heading(&"Also cached for this command:");
                    self.page.indent(INDENT);
                }
                same += 1;
                self.add_other_entry(entry, &call.config);
            } else {
                others += usize::from(command.first() == call.command.first());
            }
        }
        if others > 0 {
            let count = plural(others, "credential", "credentials");
            self.page.heading(&format_args!("{count} of the same program with other arguments: see --list"));
        }
    }

    fn add_other_entry(&mut self, entry: &Entry, config: &Config) {
        let explained = self.explained.iter().map(|parts| parts.expose());
        let differences = nearest::differences(entry.parts(), explained);
        let texts = nearest::texts(&differences, &self.redactor);
        let next = match cache::freshness(entry, config.refresh_margin, self.now) {
            Freshness::Fresh if differences.iter().all(Difference::is_from_client) => {
                "hit, for a client that sets this"
            }
            Freshness::Fresh => "",
            Freshness::Stale => Reason::InsideMargin.text(),
            Freshness::Over(reason) => reason.text(),
        };
        self.add_entry("entry", entry);
        self.page.rows("differs in", &texts);
        if !next.is_empty() {
            self.page.row("next", &next);
        }
    }

    fn add_parts(&mut self, call: &Call<'_>, key: &CacheKey) {
        let [mut program, mut variables, mut environment, mut files, mut directory, mut client] =
            [const { Vec::new() }; 6];
        for item in parts::items(key.parts()) {
            let lines = match item.part {
                PartKind::Program => &mut program,
                PartKind::File => &mut files,
                // The label says what it is.
                PartKind::WorkingDirectory => {
                    directory.push(item.value(&self.redactor));
                    continue;
                }
                PartKind::Session => &mut directory,
                PartKind::ApiVersion | PartKind::Cluster => &mut client,
                PartKind::Proof => {
                    variables.push(printable(&item.name()) + " is set");
                    continue;
                }
                // The values may be anything.
                PartKind::Environment => {
                    environment.push(printable(&item.name()));
                    continue;
                }
                _ if item.is_variable() => &mut variables,
                _ => continue,
            };
            lines.push(item.describe(&self.redactor));
        }
        let found = key.recorded_programs();
        program.extend(
            found
                .iter()
                .filter(|found| !found.is_empty())
                .map(|found| parts::program(found).describe(&self.redactor)),
        );
        for name in &call.config.key_env {
            if (call.environment)(name).is_none() {
                variables.push(printable(name) + " is not set");
            }
        }
        if client.is_empty() {
            client.push(wording::NO_CLIENT.to_owned());
        }
        self.page.rows("program", &program);
        self.page.rows("variables", &variables);
        if !environment.is_empty() {
            self.page.row("others", &environment.join(" "));
        }
        self.page.rows("files", &files);
        self.add_missing_key_files(call);
        self.page.rows("directory", &directory);
        self.page.rows("client", &client);
    }

    fn add_missing_key_files(&mut self, call: &Call<'_>) {
        for missing in call.config.key_files.iter().filter_map(|path| key_files::missing(path)) {
            let fix = missing.fix.map(|fix| [": ", fix].concat()).unwrap_or_default();
            self.page.row("but", &[missing.text, fix].concat());
        }
    }

    /// Adds the parts that are not in the key of [`Report::describe_call`].
    fn add_additional_parts(&mut self, key: &CacheKey) {
        let here = self.explained.first().map_or(&[][..], |parts| parts.expose());
        let mut added = Vec::new();
        for item in parts::items(key.parts()) {
            if !parts::has_item(here, &item) {
                added.push(item.describe(&self.redactor));
            }
        }
        self.page.rows("with", &added);
    }

    fn add_never_cached(&mut self, why: &dyn Display) {
        let outcome = self.page.paint(Color::Bad, "never cached");
        self.page.row("next", &format_args!("{outcome}: {why}"));
    }

    fn add_miss(&mut self, why: &dyn Display) {
        let outcome = self.page.paint(Color::Notable, "miss");
        self.page.row("next", &format_args!("{outcome}: {why}"));
    }

    /// Adds what the cache has for this key, and whether the next call hits.
    fn add_outlook(&mut self, call: &Call<'_>, key: CacheKey, origin: Origin) {
        self.explained.push(key.parts().to_vec().into());
        if call.config.disabled {
            return self.add_never_cached(&"K8S_TOKEN_CACHE_DISABLE is set");
        }
        let cache = match Cache::existing(&call.config, key) {
            Ok(Some(cache)) => cache,
            Ok(None) => {
                return self.add_miss(&"no encryption key has been created yet, so nothing is cached");
            }
            Err(error) => return self.add_never_cached(&error),
        };
        match cache.look_up(self.now) {
            Ok(looked_up) => self.add_lookup(call, &cache, &looked_up.lookup),
            Err(error) => return self.add_never_cached(&error),
        }
        if origin == Origin::Here {
            self.add_last_failure(&cache);
        }
    }

    fn add_lookup(&mut self, call: &Call<'_>, cache: &Cache, lookup: &Lookup) {
        let (entry, is_fresh) = match lookup {
            Lookup::Fresh(Found { entry, .. }) => (entry, true),
            Lookup::Stale(Found { entry, .. }) => (entry, false),
            Lookup::Miss(reason) => return self.add_missing_entry(call, cache, *reason),
        };
        let left = Human(entry.time_left(self.now));
        let margin = Human(cache::margin(entry, call.config.refresh_margin));
        self.add_entry("entry", entry);
        if is_fresh {
            let outcome = self.page.paint(Color::Good, "hit");
            let text = format_args!("{outcome}: it expires in {left}, and is served until {margin} are left");
            self.page.row("next", &text);
            let row = remembered_of_key(cache, self.now);
            self.page.row("refresh", &wording::refresh(call, entry, &row, self.now));
        } else {
            let reason = Reason::InsideMargin.text();
            let pause = pause(cache, self.now);
            self.add_miss(&format_args!("{reason} of {margin}, because {left} are left{pause}"));
        }
    }

    /// Adds why there is no entry, with the differences from the nearest entry of the same command.
    fn add_missing_entry(&mut self, call: &Call<'_>, cache: &Cache, reason: Reason) {
        let pause = pause(cache, self.now);
        let contents = self.contents.take();
        let nearest = contents.as_ref().and_then(|contents| nearest::entry(contents, cache.key.parts()));
        match nearest {
            None => self.add_miss(&[reason.text(), &pause].concat()),
            Some((entry, differences)) if differences.is_empty() => {
                self.add_entry("entry", entry);
                self.add_miss(&[reason.text(), &pause].concat());
            }
            Some((entry, differences)) => {
                self.add_entry("nearest", entry);
                let names: Vec<String> =
                    differences.iter().filter_map(|difference| difference.environment_name()).collect();
                let differences = nearest::texts(&differences, &self.redactor).join("; ");
                let reason = reason.text();
                self.add_miss(&format_args!("{reason}{pause}; the nearest entry differs: {differences}"));
                self.nearest.push(entry.parts().to_vec().into());
                if let Some(hint) = key_env::hint(call, cache.key.parts(), &names) {
                    self.page.row("hint", &hint);
                }
            }
        }
        self.contents = contents;
        self.add_uncacheable_output(cache);
    }

    /// Adds what to do if the plugin ran recently and its output was not cached.
    fn add_uncacheable_output(&mut self, cache: &Cache) {
        if remembered_of_key(cache, self.now).ending == Ending::NotStored {
            let text = "the plugin's last output could not be cached; if it stated no expiry, set \
                        K8S_TOKEN_CACHE_DEFAULT_TTL (--warm and K8S_TOKEN_CACHE_LOG say why)";
            self.page.row("but", &text);
        }
    }

    fn add_last_failure(&mut self, cache: &Cache) {
        if let Some((failure, left)) = recent_failure(cache, self.now) {
            let text = format_args!(
                "the plugin failed with status {} just now; it is not run again for {} s",
                failure.status,
                left.as_secs() + 1
            );
            self.page.row("but", &text);
        }
    }

    fn add_entry(&mut self, label: &str, entry: &Entry) {
        let made = match entry.age(self.now) {
            Some(age) => format!("{} ago", Human(age)),
            None => wording::moment(entry.created_unix_s, self.now),
        };
        let expires = wording::moment(entry.expires_unix_s, self.now);
        self.page.row(label, &format_args!("fetched {made}, expires {expires}"));
    }
}

/// Returns a text if the program of the call is a name that is not found on PATH. `None` if the client has
/// another PATH.
fn missing_program(call: &Call<'_>) -> Option<String> {
    let program = call.command.first()?;
    let is_path = program.to_string_lossy().contains(std::path::is_separator);
    if is_path || (call.environment)("PATH") != sys::variable("PATH") || sys::find_program(program).is_some()
    {
        return None;
    }
    Some(format!("'{}' is not found on PATH", shown(program)))
}

/// Returns what is remembered of a failure. The next call from the same shell has the same parent
/// process as this program.
fn recent_failure(cache: &Cache, now: Duration) -> Option<(Failure, Duration)> {
    let caller = Subject::caller(&cache.name, sys::parent_process()?);
    let failure = Callers::open(&cache.store)?.recall(caller, now).row.failure?;
    Some((failure, failure.remaining_for_caller(now)?))
}

/// Returns ", and paused for 10 s after status 3 ..." while the plugin is not run for calls without a
/// terminal, else an empty text.
fn pause(cache: &Cache, now: Duration) -> String {
    let Some((failure, left)) = remembered_of_key(cache, now).failure(now) else { return String::new() };
    let seconds = left.as_secs() + 1;
    format!(", and paused for {seconds} s after status {} (not for calls from a terminal)", failure.status)
}

/// Returns what is remembered of the key: background refreshes, and the last run.
fn remembered_of_key(cache: &Cache, now: Duration) -> KeyRow {
    match Callers::open(&cache.store) {
        Some(callers) => callers.recall(Subject::key(&cache.name), now).row,
        None => KeyRow::default(),
    }
}
