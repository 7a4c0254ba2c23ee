//! `--warm`: the credential of every kubeconfig user that goes through the cache, fetched now.
//!
//! Each is fetched by running what the client would run, in the environment that the client would
//! give, so that the key is the client's by construction. What the plugins print is thrown away;
//! what they complain of is shown where one fails. Plugins that may turn to somebody run one after
//! another, with the terminal; the others at most [`SIDE_BY_SIDE`] at once, without.

use crate::proxy::Call;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::client::{UserClient, clients, users};
use super::{page, print};
use crate::cache::{Cache, Lookup};
use crate::config::Environment;
use crate::error::shown;
use crate::error::{Result, printable, reason};
use crate::format::time::Human;
use crate::identity::Interaction;
use crate::key::{self, CacheKey};
use crate::kubeconfig;
use crate::log;
use crate::proxy::plugin;
use crate::proxy::refresh;
use crate::secret::SecretBytes;
use crate::sys::{self, Child, Program, Standard, Stream};

const SIDE_BY_SIDE: usize = 8;
/// How often to look after the plugins.
const LOOK: Duration = Duration::from_millis(20);
/// How much of a failed plugin's complaint is kept, and how much of that is shown.
const MOST_COMPLAINT: usize = 64 << 10;
const SHOWN_LINES: usize = 8;
/// What a pipe holds, in pieces of [`plugin::read_chunk`].
const CHUNKS_OF_A_PIPE: usize = 4;
/// The `interactiveMode` in which a plugin must not turn to anybody.
const NEVER: &str = "Never";

/// Fetches for the users of `files`, or of those that kubectl reads. The exit status is 1 where
/// anything failed.
pub fn warm(
    files: Vec<PathBuf>,
    environment: Environment<'_>,
    kubeconfigs: &kubeconfig::ClientEnvironment,
) -> Result<u8> {
    let files = if files.is_empty() { existing_files(kubeconfigs)? } else { files };
    let (users, errors) = users(&files, kubeconfigs);
    for error in &errors {
        log::write_message(error);
    }
    let mut clients = clients(&users, kubeconfigs);
    let all = clients.len();
    clients.retain(|client| client.user.injected);
    let not_injected = all - clients.len();
    let mut warming = Warming {
        environment,
        on_terminal: sys::is_terminal(Stream::Input),
        progress: Progress::new(clients.len(), environment),
        tally: [0; 4],
    };
    warming.all(&clients)?;
    print(&summary(warming.tally, not_injected))?;
    Ok(u8::from(warming.tally[FAILED] > 0 || !errors.is_empty()))
}

/// kubectl, too, does not mind that one is missing.
fn existing_files(kubeconfigs: &kubeconfig::ClientEnvironment) -> Result<Vec<PathBuf>> {
    let mut files = kubeconfig::default_files(kubeconfigs)?;
    files.retain(|file| file.exists());
    Ok(files)
}

/// What became of a client's credential.
enum WarmOutcome {
    /// There was one already, which lives for that long.
    Cached(Duration),
    /// It lives for that long, if that is known.
    Fetched(Option<Duration>),
    /// The plugin ran, and what it gave was not cached.
    NotCached,
    /// Why, and what the plugin said.
    Failed(String, SecretBytes),
}

/// Outcomes as they are counted.
const OUTCOMES: [&str; 4] = ["fetched", "already cached", "not cached", "failed"];
const FAILED: usize = 3;

impl WarmOutcome {
    fn number(&self) -> usize {
        match self {
            WarmOutcome::Fetched(_) => 0,
            WarmOutcome::Cached(_) => 1,
            WarmOutcome::NotCached => 2,
            WarmOutcome::Failed(..) => FAILED,
        }
    }

    fn describe(&self) -> String {
        let what = OUTCOMES[self.number()];
        match self {
            WarmOutcome::Cached(left) | WarmOutcome::Fetched(Some(left)) => {
                format!("{what}, lives for {}", Human(*left))
            }
            WarmOutcome::Fetched(None) => what.to_owned(),
            WarmOutcome::NotCached => [what, ": K8S_TOKEN_CACHE_LOG tells why"].concat(),
            WarmOutcome::Failed(why, complaint) => [what, ": ", why, &quoted(complaint)].concat(),
        }
    }
}

/// The last lines of what a plugin complained of, without what a terminal would obey.
fn quoted(complaint: &SecretBytes) -> String {
    let text = String::from_utf8_lossy(complaint.expose());
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_ascii().is_empty()).collect();
    let mut quoted = String::new();
    for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
        quoted.push_str("\n  ");
        quoted.push_str(&printable(line));
    }
    quoted
}

fn summary(tally: [usize; 4], not_injected: usize) -> String {
    let mut text = String::new();
    if tally == [0; 4] {
        text.push_str("no user goes through the cache");
    }
    let mut add = |count: usize, what: &str| {
        if count > 0 {
            let comma = if text.is_empty() { "" } else { ", " };
            text.extend([comma, &count.to_string(), " ", what]);
        }
    };
    for (place, what) in OUTCOMES.into_iter().enumerate() {
        add(tally[place], what);
    }
    add(not_injected, "not injected (see --inject)");
    text + "\n"
}

struct Warming<'a> {
    environment: Environment<'a>,
    /// Whether there is somebody to turn to.
    on_terminal: bool,
    progress: Progress,
    /// How often which of [`OUTCOMES`] was seen.
    tally: [usize; 4],
}

/// What the cache had before.
struct Cached {
    left: Duration,
    /// It is time to renew it.
    is_due: bool,
}

impl Warming<'_> {
    fn all(&mut self, clients: &[UserClient<'_>]) -> Result<()> {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for client in clients {
            match self.cached(client) {
                Some(Cached { left, is_due: false }) => self.tell(client, &WarmOutcome::Cached(left))?,
                _ if self.may_prompt(client) => alone.push(client),
                _ => together.push(client),
            }
        }
        self.run_together(&together)?;
        for client in alone {
            self.run_alone(client)?;
        }
        Ok(())
    }

    fn run_together(&mut self, clients: &[&UserClient<'_>]) -> Result<()> {
        let mut waiting = clients.iter();
        let mut running: Vec<Running<'_>> = Vec::new();
        let mut drawn = None;
        loop {
            while running.len() < SIDE_BY_SIDE
                && let Some(client) = waiting.next()
            {
                let was_cached = self.cached(client).is_some();
                let [input, errors] = [Standard::Null, Standard::Pipe];
                match start(&Program { input, errors, ..program(client, false) }) {
                    Ok(child) => running.push(Running { client, child, was_cached, complaint: nothing() }),
                    Err(failed) => self.tell(client, &failed)?,
                }
            }
            if running.is_empty() {
                return Ok(());
            }
            // This goes on for minutes; those who run are others only once one is done.
            if drawn != Some(self.done()) {
                drawn = Some(self.done());
                let names: Vec<String> = running.iter().map(|one| one.client.name()).collect();
                self.progress.draw(self.done(), &names.join(", "));
            }
            std::thread::sleep(LOOK);
            let mut number = 0;
            while let Some(one) = running.get_mut(number) {
                if one.has_ended() {
                    self.end(running.swap_remove(number))?;
                } else {
                    number += 1;
                }
            }
        }
    }

    fn end(&mut self, mut ended: Running<'_>) -> Result<()> {
        let outcome = self.outcome(ended.client, &mut ended.child, ended.was_cached, ended.complaint);
        self.tell(ended.client, &outcome)
    }

    /// With the terminal, as the client would.
    fn run_alone(&mut self, client: &UserClient<'_>) -> Result<()> {
        self.progress.draw(self.done(), &client.name());
        self.progress.keep();
        let interactive = self.on_terminal && client.user.interactive_mode != NEVER;
        let was_cached = self.cached(client).is_some();
        let outcome = match start(&program(client, interactive)) {
            Ok(mut child) => self.outcome(client, &mut child, was_cached, nothing()),
            Err(failed) => failed,
        };
        self.tell(client, &outcome)
    }

    /// Waits for the end.
    fn outcome(
        &self,
        client: &UserClient<'_>,
        child: &mut Child,
        was_cached: bool,
        complaint: SecretBytes,
    ) -> WarmOutcome {
        let status = match child.wait() {
            Ok(status) => sys::exit_status(status),
            Err(error) => return WarmOutcome::Failed(reason(&error), complaint),
        };
        match self.cached(client) {
            _ if status != 0 => WarmOutcome::Failed(format!("status {status}"), complaint),
            Some(Cached { left, .. }) if was_cached => WarmOutcome::Cached(left),
            Some(Cached { left, .. }) => WarmOutcome::Fetched(Some(left)),
            None if client.wrapped.is_none() => WarmOutcome::Fetched(None),
            None => WarmOutcome::NotCached,
        }
    }

    /// What the client would find. `None`, too, where only the wrapped command knows.
    fn cached(&self, client: &UserClient<'_>) -> Option<Cached> {
        let now = sys::now();
        let environment = |name: &str| client.variable(name, self.environment);
        let call = Call::new(client.wrapped.clone()?, &environment).ok()?;
        let cache = Cache::existing(&call.config, CacheKey::new(&call.key_inputs()).ok()?).ok()??;
        let Lookup::Fresh(found) = cache.look_up(now).ok()?.lookup else { return None };
        let left = found.entry.time_left(now);
        Some(Cached { left, is_due: refresh::is_due(&call, &found.entry, now) })
    }

    /// A plugin that nobody knows may, where its client would tell it so.
    fn may_prompt(&self, client: &UserClient<'_>) -> bool {
        match client.identity(self.environment).interaction {
            Interaction::Silent => false,
            Interaction::Unknown => self.on_terminal && client.user.interactive_mode != NEVER,
            Interaction::MayPrompt => true,
        }
    }

    fn done(&self) -> usize {
        self.tally.iter().sum()
    }

    fn tell(&mut self, client: &UserClient<'_>, outcome: &WarmOutcome) -> Result<()> {
        self.progress.erase();
        self.tally[outcome.number()] += 1;
        print(&format!("{}: {}\n", client.title(), outcome.describe())).map(drop)
    }
}

/// What the client would run; whatever it prints is nobody's business here.
fn program(client: &UserClient<'_>, interactive: bool) -> Program {
    let mut words = vec![client.program().into_os_string()];
    words.extend(client.user.args.iter().map(OsString::from));
    let mut program = Program::new(words);
    program.output = Standard::Null;
    for (name, value) in &client.user.env {
        program.change(name, Some(value.clone()));
    }
    program.change(key::EXEC_INFO, Some(client.exec_info(interactive)));
    program
}

fn start(program: &Program) -> Result<Child, WarmOutcome> {
    sys::spawn(program).map_err(|error| {
        let name = shown(&program.words[0]);
        WarmOutcome::Failed(format!("cannot run '{name}': {} (see --doctor)", reason(&error)), nothing())
    })
}

fn nothing() -> SecretBytes {
    SecretBytes::with_capacity(0)
}

/// A client's program that runs without terminal.
struct Running<'c> {
    client: &'c UserClient<'c>,
    child: Child,
    was_cached: bool,
    /// What came on its standard error.
    complaint: SecretBytes,
}

impl Running<'_> {
    /// Also reads what there is to read: a full pipe would stop the plugin.
    fn has_ended(&mut self) -> bool {
        let has_ended = !matches!(self.child.try_wait(), Ok(None));
        let Some(stderr) = &mut self.child.errors else { return has_ended };
        // A pipe that the plugin's own children keep open may never be empty.
        for _ in 0..CHUNKS_OF_A_PIPE {
            if !matches!(sys::wait_readable(stderr, Duration::ZERO), Ok(true))
                || !plugin::read_chunk(stderr, &mut self.complaint).unwrap_or_default()
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
        let width = sys::is_terminal(Stream::Error)
            .then(|| page::width(Stream::Error, environment).unwrap_or(usual_width));
        Progress { total, width, drawn: String::new() }
    }

    fn draw(&mut self, done: usize, names: &str) {
        let Some(width) = self.width else { return };
        let text = format!("{done} of {}, waiting for {names}", self.total);
        let text = page::shorten(&text, width.saturating_sub(1));
        if text != self.drawn {
            self.erase();
            log::write_stderr(&text);
            self.drawn = text;
        }
    }

    /// Blanks, because not every terminal knows a code for it.
    fn erase(&mut self) {
        let columns = page::columns(&self.drawn);
        if columns > 0 {
            log::write_stderr(&format!("\r{}\r", " ".repeat(columns)));
            self.drawn.clear();
        }
    }

    /// Leaves the line where it is: somebody else writes now.
    fn keep(&mut self) {
        if !self.drawn.is_empty() {
            log::write_stderr("\n");
            self.drawn.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_leaves_out_what_did_not_happen() {
        assert_eq!(summary([2, 0, 0, 1], 0), "2 fetched, 1 failed\n");
        assert_eq!(
            summary([1, 2, 3, 0], 4),
            "1 fetched, 2 already cached, 3 not cached, 4 not injected (see --inject)\n"
        );
        assert_eq!(summary([0; 4], 0), "no user goes through the cache\n");
        assert_eq!(summary([0; 4], 1), "no user goes through the cache, 1 not injected (see --inject)\n");
    }

    #[test]
    fn of_a_complaint_the_last_lines_are_shown_without_control_characters() {
        let lines: Vec<String> = (0..20).map(|number| format!("line {number}\x1b[2J\r\n")).collect();
        let shown = quoted(&lines.concat().into_bytes().into());
        assert!(shown.starts_with("\n  line 12\u{fffd}[2J\n  line 13"), "{shown}");
        assert!(shown.ends_with("line 19\u{fffd}[2J"), "{shown}");
    }
}
