//! `--warm`: fetches the credential of every kubeconfig user that goes through the cache.
//!
//! Each is fetched by running what the client would run, in the environment that the client would set, so
//! that the cache key is the client's. Plugins that may prompt run one after another, with the terminal;
//! the others at most [`SIDE_BY_SIDE`] at once, without. Their output is judged to say why it was not
//! cached, and then discarded; their messages are shown if they fail.

mod outcome;
mod progress;
mod running;

use std::path::PathBuf;
use std::time::Duration;

use super::client::{LatestFound, UserClient, Users, clients, users};
use super::output::print;
use super::page::Color;
use crate::cache::{Cache, Lookup};
use crate::config::{self, Environment};
use crate::error::{Error, Result};
use crate::identity::Interaction;
use crate::kubeconfig::kuberc::{self, PluginPolicy};
use crate::kubeconfig::{self, ClientEnvironment};
use crate::log;
use crate::proxy::callers::Callers;
use crate::proxy::miss::is_on_terminal;
use crate::proxy::{self, Call, refresh};
use crate::secret::SecretBytes;
use crate::sys::{self, Stream};
use outcome::{Outcome, Tally};
use progress::Progress;
use running::Running;

/// The maximum number of plugins that run at once.
const SIDE_BY_SIDE: usize = 8;
/// How often to look at the running plugins.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The `interactiveMode` in which a plugin must not prompt.
const NEVER_INTERACTIVE: &str = "Never";

/// Fetches for the users of `files`, or of the files that kubectl reads. The exit status is 1 if anything
/// failed.
pub fn warm(
    files: Vec<PathBuf>,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let (users, errors) = if files.is_empty() {
        users(&existing_files(kubeconfigs)?, kubeconfigs)
    } else {
        users_of_each(&files, kubeconfigs)
    };
    for error in &errors {
        log::write_message(error);
    }
    let mut clients = clients(&users, kubeconfigs);
    let all = clients.len();
    clients.retain(|client| client.user.injected);
    let not_injected = all - clients.len();
    let mut warming = Warming {
        environment,
        has_terminal: sys::is_terminal(Stream::Input),
        has_colors: config::wants_color(environment),
        progress: Progress::new(clients.len(), environment),
        tally: Tally::default(),
        policy: kuberc::policy(&|name| kubeconfigs.kuberc_variable(name)),
    };
    warming.run(&clients)?;
    print(&warming.tally.summary(not_injected))?;
    Ok(u8::from(warming.tally.has_failures() || !errors.is_empty()))
}

/// Returns the users of `files`. Each is a kubeconfig of its own, so that they are not merged.
fn users_of_each(files: &[PathBuf], kubeconfigs: &ClientEnvironment) -> (Users, Vec<Error>) {
    let (mut all, mut errors) = (Users::new(), Vec::new());
    for file in files {
        let (found, failed) = users(std::slice::from_ref(file), kubeconfigs);
        all.extend(found);
        errors.extend(failed);
    }
    (all, errors)
}

/// Returns the default files that exist. kubectl ignores missing ones, too.
fn existing_files(kubeconfigs: &ClientEnvironment) -> Result<Vec<PathBuf>> {
    let mut files = kubeconfig::default_files(kubeconfigs)?;
    files.retain(|file| file.exists());
    Ok(files)
}

struct Warming<'a> {
    environment: Environment<'a>,
    /// Whether plugins can prompt.
    has_terminal: bool,
    has_colors: bool,
    progress: Progress,
    tally: Tally,
    /// kubectl's policy, if it does not allow every plugin.
    policy: Option<PluginPolicy>,
}

/// A user whose plugin has to run.
struct Due<'u> {
    client: &'u UserClient<'u>,
    was_cached: bool,
}

/// A credential in the cache.
#[derive(Clone, Copy)]
struct Cached {
    left: Duration,
    /// Whether it is old enough to be renewed.
    is_due: bool,
}

impl Warming<'_> {
    fn run(&mut self, clients: &[UserClient<'_>]) -> Result<()> {
        let (mut silent, mut prompting) = (Vec::new(), Vec::new());
        let mut latest = LatestFound::none();
        for client in clients {
            let (cached, interaction) = latest.of(client, || self.look_up(client, &end_pause_on_terminal));
            let due = Due { client, was_cached: cached.is_some() };
            match cached {
                Some(Cached { left, is_due: false }) => self.report(client, &Outcome::Cached(left))?,
                _ if let Some(denied) = self.denied(client) => self.report(client, &denied)?,
                _ if self.may_prompt(client, interaction) => prompting.push(due),
                _ => silent.push(due),
            }
        }
        self.run_side_by_side(&silent)?;
        for due in &prompting {
            self.run_alone(due)?;
        }
        Ok(())
    }

    /// The outcome if kubectl would not run this program, or must not run the plugin behind it.
    fn denied(&self, client: &UserClient<'_>) -> Option<Outcome> {
        let denial = client.denial(self.policy.as_ref()?)?;
        let why = ["kubectl's policy does not allow it: ", &denial.reason, " (see --doctor)"].concat();
        Some(Outcome::Failed(why, SecretBytes::with_capacity(0)))
    }

    fn run_side_by_side(&mut self, clients: &[Due<'_>]) -> Result<()> {
        let mut waiting = clients.iter();
        let mut running: Vec<Running<'_>> = Vec::new();
        let mut drawn_at = None;
        loop {
            while running.len() < SIDE_BY_SIDE
                && let Some(due) = waiting.next()
            {
                match Running::start(due.client, due.was_cached) {
                    Ok(started) => running.push(started),
                    Err(failed) => self.report(due.client, &failed)?,
                }
            }
            if running.is_empty() {
                return Ok(());
            }
            // Allocates, so it must not happen in each iteration of a loop that may run for minutes.
            if drawn_at != Some(self.tally.total()) {
                drawn_at = Some(self.tally.total());
                let names: Vec<String> = running.iter().map(|one| one.client.name()).collect();
                self.progress.draw(self.tally.total(), &names.join(", "));
            }
            std::thread::sleep(POLL_INTERVAL);
            let mut index = 0;
            while let Some(one) = running.get_mut(index) {
                if one.has_ended() {
                    self.finish(running.swap_remove(index))?;
                } else {
                    index += 1;
                }
            }
        }
    }

    /// Runs the plugin with the terminal, as the client would.
    fn run_alone(&mut self, due: &Due<'_>) -> Result<()> {
        let client = due.client;
        self.progress.draw(self.tally.total(), &client.name());
        self.progress.keep();
        let interactive = self.has_terminal && client.user.interactive_mode != NEVER_INTERACTIVE;
        let mut running = match Running::start_on_terminal(client, due.was_cached, interactive) {
            Ok(running) => running,
            Err(failed) => return self.report(client, &failed),
        };
        while !running.has_ended() {
            std::thread::sleep(POLL_INTERVAL);
        }
        self.finish(running)
    }

    fn finish(&mut self, mut ended: Running<'_>) -> Result<()> {
        let client = ended.client;
        let outcome = match (ended.failure(), self.cached(client)) {
            (Some(failed), _) => failed,
            (None, Some(Cached { left, .. })) if ended.was_cached => Outcome::Cached(left),
            (None, Some(Cached { left, .. })) => Outcome::Fetched(Some(left)),
            (None, None) if client.wrapped.is_none() => Outcome::Fetched(None),
            (None, None) => Outcome::NotCached(self.why_not_cached(client, &ended)),
        };
        self.report(client, &outcome)
    }

    /// Returns why the output of a plugin that succeeded is not in the cache.
    fn why_not_cached(&self, client: &UserClient<'_>, ended: &Running<'_>) -> String {
        let environment = |name: &str| client.variable(name, self.environment);
        let opened = match client.call(&environment) {
            Some(Ok(call)) if call.config.disabled => return "K8S_TOKEN_CACHE_DISABLE is set".to_owned(),
            Some(call) => call.and_then(|call| call.existing_cache()).map(drop),
            None => Ok(()),
        };
        match opened {
            Err(error) => error.text(),
            Ok(()) => ended.why_uncacheable(sys::now()),
        }
    }

    /// Returns the credential that the client would find. `None` if there is none, or if a program in front
    /// of the cache changes the environment, so that the cache key is not known here.
    fn cached(&self, client: &UserClient<'_>) -> Option<Cached> {
        self.look_up(client, &|_| ()).0
    }

    /// Returns the credential, and whether the plugin may prompt. Calls `prepare` with the cache. Does both in one
    /// function, so that the plugin is identified once: memory for that is never freed.
    fn look_up(&self, client: &UserClient<'_>, prepare: &dyn Fn(&Cache)) -> (Option<Cached>, Interaction) {
        let environment = |name: &str| client.variable(name, self.environment);
        match client.wrapped.clone().map(|wrapped| client.call_of(wrapped, &environment)) {
            Some(Ok(mut call)) => (find_cached(&mut call, prepare), call.identity.interaction),
            _ => (None, client.identity(self.environment).interaction),
        }
    }

    /// Whether the plugin may prompt. Unknown plugins may, if the client allows it.
    fn may_prompt(&self, client: &UserClient<'_>, interaction: Interaction) -> bool {
        match interaction {
            Interaction::Silent => false,
            Interaction::Unknown => self.has_terminal && client.user.interactive_mode != NEVER_INTERACTIVE,
            Interaction::MayPrompt => true,
        }
    }

    fn report(&mut self, client: &UserClient<'_>, outcome: &Outcome) -> Result<()> {
        self.progress.erase();
        self.tally.add(outcome);
        let color = self.has_colors.then_some(match outcome {
            Outcome::Cached(_) | Outcome::Fetched(_) => Color::Good,
            Outcome::NotCached(_) => Color::Notable,
            Outcome::Failed(..) => Color::Bad,
        });
        print(&format!("{}: {}\n", client.title(), outcome.describe(color))).map(drop)
    }
}

/// Ends the pause after failures of a credential, since its plugin may have to run without the terminal.
fn end_pause_on_terminal(cache: &Cache) {
    if let Some(callers) = Callers::open(&cache.store).filter(|_| is_on_terminal()) {
        callers.end_pause(&cache.name, sys::now());
    }
}

/// Looks the credential up as its client does.
fn find_cached(call: &mut Call<'_>, prepare: &dyn Fn(&Cache)) -> Option<Cached> {
    let now = sys::now();
    let Ok((cache, looked_up)) = proxy::look_up(call, Cache::open_existing, now) else {
        call.extend_identity();
        return None;
    };
    prepare(&cache);
    let Lookup::Fresh(found) = looked_up.lookup else { return None };
    let left = found.entry.time_left(now);
    Some(Cached { left, is_due: refresh::is_due(call, &found.entry, now) })
}
