//! `--warm`: the credential of every kubeconfig user that goes through the cache, fetched now.
//!
//! Each is fetched by running what the client would run, in the environment that the client would
//! give, so that the key is the client's by construction. What the plugins print is thrown away;
//! what they complain of is shown where one fails. Plugins that may turn to somebody run one after
//! another, with the terminal; the others at most [`SIDE_BY_SIDE`] at once, without.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::{Client, InteractiveMode, clients};
use super::{page, print};
use crate::cache::{Cache, Lookup};
use crate::config::Environment;
use crate::error::{Result, reason};
use crate::identity::Interaction;
use crate::key::Key;
use crate::proxy;
use crate::secret::SecretBytes;
use crate::sys::{self, Stream};
use crate::time::{self, Human};
use crate::{kubeconfig, log, plugin, refresh};

const SIDE_BY_SIDE: usize = 8;
/// How often to look after the plugins.
const LOOK: Duration = Duration::from_millis(20);
/// How much of a failed plugin's complaint is kept, and how much of that is shown.
const MOST_COMPLAINT: usize = 64 << 10;
const SHOWN_LINES: usize = 8;
/// What a pipe holds, in pieces of [`plugin::read_chunk`].
const CHUNKS_OF_A_PIPE: usize = 4;

/// Fetches for the users of `files`, or of those that kubectl reads. The exit status is 1 where
/// anything failed.
pub fn warm(
    files: Vec<PathBuf>,
    environment: Environment<'_>,
    kubeconfigs: &kubeconfig::Environment,
) -> Result<u8> {
    let files = if files.is_empty() { existing_files(kubeconfigs)? } else { files };
    let (clients, errors) = clients(&files, kubeconfigs);
    for error in &errors {
        log::say(error);
    }
    let (injected, others): (Vec<Client>, Vec<Client>) =
        clients.into_iter().partition(|client| client.injected);
    let mut warming = Warming {
        environment,
        on_terminal: std::io::stdin().is_terminal(),
        progress: Progress::new(injected.len(), environment),
        tally: Tally::default(),
    };
    warming.all(injected)?;
    print(&warming.tally.summary(others.len()))?;
    Ok(u8::from(warming.tally.failed > 0 || !errors.is_empty()))
}

/// kubectl, too, does not mind that one is missing.
fn existing_files(kubeconfigs: &kubeconfig::Environment) -> Result<Vec<PathBuf>> {
    let mut files = kubeconfig::default_files(kubeconfigs)?;
    files.retain(|file| file.exists());
    Ok(files)
}

/// What became of a client's credential.
enum Outcome {
    /// There was one already, which lives for that long.
    Cached(Duration),
    /// It lives for that long, if that is known.
    Fetched(Option<Duration>),
    /// The plugin ran, and what it gave was not cached.
    NotCached,
    /// Why, and what the plugin said.
    Failed(String, SecretBytes),
}

impl Outcome {
    fn describe(&self) -> String {
        match self {
            Outcome::Cached(left) => format!("already cached, lives for {}", Human(*left)),
            Outcome::Fetched(Some(left)) => format!("fetched, lives for {}", Human(*left)),
            Outcome::Fetched(None) => "fetched".to_owned(),
            Outcome::NotCached => "not cached: K8S_TOKEN_CACHE_LOG tells why".to_owned(),
            Outcome::Failed(why, complaint) => format!("failed: {why}{}", quoted(complaint)),
        }
    }
}

/// The last lines of what a plugin complained of, without what a terminal would obey.
fn quoted(complaint: &SecretBytes) -> String {
    let text = String::from_utf8_lossy(complaint.expose());
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    shown.iter().map(|line| format!("\n  {}", kubeconfig::printable(line))).collect()
}

#[derive(Default)]
struct Tally {
    fetched: usize,
    cached: usize,
    not_cached: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Cached(_) => &mut self.cached,
            Outcome::Fetched(_) => &mut self.fetched,
            Outcome::NotCached => &mut self.not_cached,
            Outcome::Failed(..) => &mut self.failed,
        } += 1;
    }

    fn done(&self) -> usize {
        self.fetched + self.cached + self.not_cached + self.failed
    }

    fn summary(&self, not_injected: usize) -> String {
        let mut text = match self.done() {
            0 => "no user goes through the cache".to_owned(),
            _ => String::new(),
        };
        for (count, what) in [
            (self.fetched, "fetched"),
            (self.cached, "already cached"),
            (self.not_cached, "not cached"),
            (self.failed, "failed"),
            (not_injected, "not injected (see --inject)"),
        ] {
            if count > 0 {
                let separator = if text.is_empty() { "" } else { ", " };
                text.push_str(&format!("{separator}{count} {what}"));
            }
        }
        text + "\n"
    }
}

struct Warming<'a> {
    environment: Environment<'a>,
    /// Whether there is somebody to turn to.
    on_terminal: bool,
    progress: Progress,
    tally: Tally,
}

/// What the cache had before.
struct Cached {
    left: Duration,
    /// It is time to renew it.
    is_due: bool,
}

impl Warming<'_> {
    fn all(&mut self, clients: Vec<Client>) -> Result<()> {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for client in clients {
            match self.cached(&client) {
                Some(Cached { left, is_due: false }) => self.tell(&client, Outcome::Cached(left))?,
                _ if self.may_prompt(&client) => alone.push(client),
                _ => together.push(client),
            }
        }
        self.run_together(together)?;
        alone.iter().try_for_each(|client| self.run_alone(client))
    }

    fn run_together(&mut self, clients: Vec<Client>) -> Result<()> {
        let mut waiting = clients.into_iter();
        let mut running: Vec<Running> = Vec::new();
        loop {
            while running.len() < SIDE_BY_SIDE
                && let Some(client) = waiting.next()
            {
                let was_cached = self.cached(&client).is_some();
                match start(command(&client, false).stdin(Stdio::null()).stderr(Stdio::piped())) {
                    Ok(child) => running.push(Running::new(client, child, was_cached)),
                    Err(failed) => self.tell(&client, failed)?,
                }
            }
            if running.is_empty() {
                return Ok(());
            }
            let names: Vec<&str> = running.iter().map(|one| one.client.user.as_str()).collect();
            self.progress.draw(self.tally.done(), &names.join(", "));
            std::thread::sleep(LOOK);
            for mut ended in running.extract_if(.., |one| one.has_ended()) {
                let outcome = self.outcome(&mut ended);
                self.tell(&ended.client, outcome)?;
            }
        }
    }

    /// With the terminal, as the client would.
    fn run_alone(&mut self, client: &Client) -> Result<()> {
        self.progress.draw(self.tally.done(), &client.user);
        self.progress.keep();
        let interactive = self.on_terminal && client.mode != InteractiveMode::Never;
        let was_cached = self.cached(client).is_some();
        let outcome = match start(&mut command(client, interactive)) {
            Ok(mut child) => match child.wait() {
                Ok(status) => {
                    self.judge(client, sys::exit_status(status), was_cached, SecretBytes::with_capacity(0))
                }
                Err(error) => failed(format!("cannot wait for it: {}", reason(&error))),
            },
            Err(failed) => failed,
        };
        self.tell(client, outcome)
    }

    fn outcome(&self, ended: &mut Running) -> Outcome {
        let complaint = std::mem::replace(&mut ended.complaint, SecretBytes::with_capacity(0));
        match ended.child.wait() {
            Ok(status) => self.judge(&ended.client, sys::exit_status(status), ended.was_cached, complaint),
            Err(error) => failed(format!("cannot wait for it: {}", reason(&error))),
        }
    }

    fn judge(&self, client: &Client, status: u8, was_cached: bool, complaint: SecretBytes) -> Outcome {
        if status != 0 {
            return Outcome::Failed(format!("status {status}"), complaint);
        }
        match self.cached(client) {
            Some(Cached { left, .. }) if was_cached => Outcome::Cached(left),
            Some(Cached { left, .. }) => Outcome::Fetched(Some(left)),
            None if client.wrapped.is_none() => Outcome::Fetched(None),
            None => Outcome::NotCached,
        }
    }

    /// What the client would find. `None`, too, where only the wrapped command knows.
    fn cached(&self, client: &Client) -> Option<Cached> {
        let now = time::now();
        let mut cached = None;
        let environment = |name: &str| client.variable(name, self.environment);
        let looked_up = proxy::with_call(client.wrapped.as_ref()?, &environment, &mut |call| {
            let cache = Cache::existing(call.config, Key::new(&call.source)?)?;
            if let Some((Lookup::Fresh(found), _)) = cache.map(|cache| cache.lookup(now)).transpose()? {
                let left = found.entry.time_left(now);
                cached = Some(Cached { left, is_due: refresh::is_due(call, &found.entry, now) });
            }
            Ok(0)
        });
        looked_up.ok().and(cached)
    }

    /// A plugin that nobody knows may, where its client would tell it so.
    fn may_prompt(&self, client: &Client) -> bool {
        match client.identity(self.environment).interaction {
            Interaction::Silent => false,
            Interaction::Unknown => self.on_terminal && client.mode != InteractiveMode::Never,
            Interaction::MayPrompt => true,
        }
    }

    fn tell(&mut self, client: &Client, outcome: Outcome) -> Result<()> {
        self.progress.erase();
        self.tally.count(&outcome);
        print(&format!("{}: {}\n", client.title(), outcome.describe())).map(drop)
    }
}

/// What the client would run; whatever it prints is nobody's business here.
fn command(client: &Client, interactive: bool) -> Command {
    let mut command = Command::new(sys::resolve_program(client.program().as_os_str()));
    command.args(&client.arguments).envs(client.added_variables(interactive)).stdout(Stdio::null());
    command
}

fn start(command: &mut Command) -> Result<Child, Outcome> {
    command.spawn().map_err(|error| {
        let program = command.get_program().display();
        failed(format!("cannot run '{program}': {} (see --doctor)", reason(&error)))
    })
}

fn failed(why: String) -> Outcome {
    Outcome::Failed(why, SecretBytes::with_capacity(0))
}

/// A client's program that runs without terminal.
struct Running {
    client: Client,
    child: Child,
    was_cached: bool,
    /// What came on its standard error.
    complaint: SecretBytes,
}

impl Running {
    fn new(client: Client, child: Child, was_cached: bool) -> Running {
        Running { client, child, was_cached, complaint: SecretBytes::with_capacity(0) }
    }

    /// Also reads what there is to read: a full pipe would stop the plugin.
    fn has_ended(&mut self) -> bool {
        let has_ended = !matches!(self.child.try_wait(), Ok(None));
        let Some(stderr) = &mut self.child.stderr else { return has_ended };
        // A pipe that the plugin's own children keep open may never be empty.
        for _ in 0..CHUNKS_OF_A_PIPE {
            if !matches!(sys::wait_readable(stderr, Duration::ZERO), Ok(true))
                || !plugin::read_chunk(stderr, &mut self.complaint)
            {
                break;
            }
            if self.complaint.expose().len() > MOST_COMPLAINT {
                self.complaint.expose_mut().clear();
            }
        }
        has_ended
    }
}

/// The line at the bottom of a terminal that says what this waits for.
struct Progress {
    total: usize,
    /// The terminal's columns; `None` where nobody watches.
    width: Option<usize>,
    drawn: String,
}

impl Progress {
    fn new(total: usize, environment: Environment<'_>) -> Progress {
        let usual_width = 80;
        let width = std::io::stderr()
            .is_terminal()
            .then(|| page::width(Stream::Error, environment).unwrap_or(usual_width));
        Progress { total, width, drawn: String::new() }
    }

    fn draw(&mut self, done: usize, names: &str) {
        let Some(width) = self.width else { return };
        let text = format!("{done} of {}, waiting for {names}", self.total);
        let text = page::shorten(&text, width.saturating_sub(1));
        if text != self.drawn {
            self.erase();
            log::write_error(&text);
            self.drawn = text.into_owned();
        }
    }

    /// Blanks, because not every terminal knows a code for it.
    fn erase(&mut self) {
        let columns = self.drawn.chars().count();
        if columns > 0 {
            log::write_error(&format!("\r{}\r", " ".repeat(columns)));
            self.drawn.clear();
        }
    }

    /// Leaves the line where it is: somebody else writes now.
    fn keep(&mut self) {
        if !self.drawn.is_empty() {
            log::write_error("\n");
            self.drawn.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_leaves_out_what_did_not_happen() {
        let tally = |fetched, failed| Tally { fetched, failed, ..Tally::default() };
        assert_eq!(tally(2, 1).summary(0), "2 fetched, 1 failed\n");
        assert_eq!(tally(1, 0).summary(3), "1 fetched, 3 not injected (see --inject)\n");
        assert_eq!(tally(0, 0).summary(0), "no user goes through the cache\n");
        assert_eq!(tally(0, 0).summary(1), "no user goes through the cache, 1 not injected (see --inject)\n");
    }

    #[test]
    fn of_a_complaint_the_last_lines_are_shown_without_control_characters() {
        let lines: Vec<String> = (0..20).map(|number| format!("line {number}\x1b[2J\r\n")).collect();
        let shown = quoted(&lines.concat().into_bytes().into());
        assert!(shown.starts_with("\n  line 12\u{fffd}[2J\n  line 13"), "{shown}");
        assert!(shown.ends_with("line 19\u{fffd}[2J"), "{shown}");
    }
}
