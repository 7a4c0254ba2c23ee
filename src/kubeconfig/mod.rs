//! `--inject` and `--restore`: the cache in front of the exec plugins of the kubeconfigs.
//!
//! Here stands which files are meant, which command is written, and what people are told. `scan`,
//! `edit`, `verify`, `diff` and `kuberc` work on texts; `file` reads and writes. Nothing is
//! printed: an [`Outcome`] holds what goes where, and no line of it holds a value from `env`, an
//! argument or a credential. The diff of `--dry-run` shows lines of the file as they are.

mod diff;
mod edit;
mod file;
mod glance;
mod kuberc;
mod parse;
mod plugins;
mod scalar;
mod scan;
mod verify;
mod yaml;

#[cfg(unix)]
#[path = "stat_unix.rs"]
mod stat;
#[cfg(windows)]
#[path = "stat_windows.rs"]
mod stat;

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf, is_separator};

pub use file::read_named;
pub use plugins::{Cluster, ExecUser};

use crate::error::{Error, Result, printable};
use crate::sys::{self, Stream};
use crate::text::shown;
use edit::{Injection, Plan, State, Wish};
use file::{Edited, Patience, Trouble};
use yaml::Refusal;

/// This program's name, and what kubeconfigs call it where PATH knows it.
const PROGRAM: &str = "k8s-token-cache";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Inject,
    Restore,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub action: Action,
    /// Write nothing, show a diff.
    pub dry_run: bool,
    /// Say nothing and wait for nothing.
    pub quiet: bool,
    /// The users to change; empty for all.
    pub users: Vec<String>,
    /// What to write as `command`.
    pub command: Option<OsString>,
    /// Empty for the files that kubectl reads.
    pub files: Vec<PathBuf>,
}

/// What counts of the process's surroundings.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$KUBECONFIG`, a path list.
    pub kubeconfig: Option<OsString>,
    /// `$KUBERC`: a path, or `off`.
    pub kuberc: Option<OsString>,
    pub path: Option<OsString>,
    pub home: Option<PathBuf>,
    /// This program as it was called, links unresolved.
    pub program: Option<PathBuf>,
    /// Whether a diff on stdout is coloured.
    pub colour: bool,
}

impl Environment {
    /// `called_as` is the first of the process's arguments.
    pub fn of_process(called_as: &OsStr) -> Self {
        let variable = |name| sys::variable(name).filter(|value| !value.is_empty());
        let home = if cfg!(windows) { variable("USERPROFILE") } else { variable("HOME") };
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        Environment {
            kubeconfig: variable("KUBECONFIG"),
            kuberc: variable("KUBERC"),
            path: variable("PATH"),
            home: home.map(PathBuf::from),
            program: program_path(called_as),
            // https://no-color.org
            colour: sys::is_terminal(Stream::Output) && variable("NO_COLOR").is_none() && !is_dumb,
        }
    }
}

/// `current_exe` resolves links, and would name a directory that the next upgrade removes.
fn program_path(called_as: &OsStr) -> Option<PathBuf> {
    let name = Path::new(called_as);
    let has_directory = name.parent().is_some_and(|parent| !parent.as_os_str().is_empty());
    match sys::absolute(name) {
        Ok(path) if has_directory && path.is_file() => Some(path),
        _ => std::env::current_exe().ok(),
    }
}

/// What goes to stdout and stderr, and how the program ends.
#[derive(Debug, Default)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    /// Whether the wanted state does not hold everywhere.
    pub refused: bool,
}

impl Outcome {
    pub fn exit_status(&self) -> u8 {
        u8::from(self.refused)
    }
}

/// Injects or restores. `known` says whether the key of a command (its words) covers a variable.
pub fn run(
    options: &Options,
    environment: &Environment,
    known: &dyn Fn(&[OsString], &str) -> bool,
) -> Result<Outcome> {
    let program = program(options.command.as_deref(), environment)?;
    let is_own = |command: &str| command == program || is_own(command, environment);
    let mut job = Job {
        options,
        program: &program,
        is_own: &is_own,
        known,
        colour: environment.colour,
        report: String::new(),
        seen: Vec::new(),
        outcome: Outcome::default(),
    };
    if options.files.is_empty() {
        for path in default_files(environment)? {
            job.file(&path, false);
        }
    }
    for path in &options.files {
        job.file(path, true);
    }
    job.finish(environment);
    Ok(job.outcome)
}

/// The users of a kubeconfig that have an exec plugin.
pub fn exec_users(path: &Path, environment: &Environment) -> Result<Vec<ExecUser>> {
    plugins::list(path, &|command| is_own(command, environment)).map_err(|trouble| match trouble {
        Trouble::Failed(error) => error,
        Trouble::Refused(refusal) => Error::failure(format!("cannot read {}", refused_text(path, &refusal))),
    })
}

/// The files that kubectl reads, as it names them; they need not exist.
pub fn default_files(environment: &Environment) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for file in environment.kubeconfig.iter().flat_map(std::env::split_paths) {
        let is_known = files.iter().any(|known| known.as_os_str() == file.as_os_str());
        if !file.as_os_str().is_empty() && !is_known {
            files.push(file);
        }
    }
    if files.is_empty() {
        let home = environment.home.as_ref().ok_or_else(|| {
            Error::usage("cannot find a kubeconfig: neither KUBECONFIG nor the home directory is set")
        })?;
        files.push(home.join(".kube").join("config"));
    }
    Ok(files)
}

/// The command to write: the one asked for, else the bare name where PATH leads to it.
fn program(wanted: Option<&OsStr>, environment: &Environment) -> Result<String> {
    let path = match wanted {
        Some(wanted) if !wanted.to_string_lossy().contains(is_separator) => wanted.to_owned(),
        Some(wanted) => {
            let absolute = sys::absolute(Path::new(wanted))
                .map_err(|_| Error::usage(format!("cannot use --command '{}'", shown(wanted))))?;
            absolute.into_os_string()
        }
        None if is_on_path(environment) => PROGRAM.into(),
        None => environment.program.clone().map_or(PROGRAM.into(), PathBuf::into_os_string),
    };
    path.into_string()
        .ok()
        .filter(|program| !program.is_empty())
        .ok_or_else(|| Error::usage("the command to write is empty or not Unicode: see --command"))
}

fn is_on_path(environment: &Environment) -> bool {
    let name = [PROGRAM, std::env::consts::EXE_SUFFIX].concat();
    environment.path.iter().flat_map(std::env::split_paths).any(|directory| {
        directory.join(&name).metadata().is_ok_and(|metadata| stat::is_executable(&metadata))
    })
}

/// Any spelling of this program: its name with or without a directory and `.exe`, or another name
/// of the same file.
pub fn is_own(command: &str, environment: &Environment) -> bool {
    let name = kuberc::base_name(command);
    let stem = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
        Some((stem, suffix)) if suffix.eq_ignore_ascii_case(".exe") => stem,
        _ => name,
    };
    let path = Path::new(command);
    stem == PROGRAM
        || (path.is_absolute()
            && environment.program.as_ref().is_some_and(|own| stat::is_same_file(path, own)))
}

/// One call over all its files.
struct Job<'a> {
    options: &'a Options,
    program: &'a str,
    is_own: &'a dyn Fn(&str) -> bool,
    known: &'a dyn Fn(&[OsString], &str) -> bool,
    colour: bool,
    /// A line per user.
    report: String,
    /// Every user that was looked at, and what became of it.
    seen: Vec<(String, State)>,
    outcome: Outcome,
}

impl Job<'_> {
    fn file(&mut self, path: &Path, is_named: bool) {
        if !is_named && matches!(path.try_exists(), Ok(false)) {
            self.report.push_str(&format!("{}: no such file\n", shown(path)));
            return;
        }
        let absolute = sys::absolute(path).unwrap_or_default();
        let directory = absolute.parent().and_then(Path::to_str);
        let plan = |text: &str| self.plan(text, directory);
        let patience = if self.options.quiet { Patience::Never } else { Patience::Wait };
        let result = if self.options.dry_run {
            self.show(path, patience, &plan)
        } else {
            file::edit(path, patience, &plan).map(|edited| (edited, String::new()))
        };
        match result {
            Ok((Edited::Busy, _)) => {}
            Ok((Edited::Done(plan), diff)) => {
                self.outcome.stdout.push_str(&diff);
                self.tell(path, plan);
            }
            Err(trouble) => self.complain(path, trouble),
        }
    }

    fn plan(&self, text: &str, directory: Option<&str>) -> Result<Plan, Refusal> {
        if self.options.quiet && self.is_done_at_a_glance(text) {
            return Ok(Plan { users: Vec::new(), edits: Vec::new() });
        }
        let wish = Wish { users: &self.options.users, directory, is_own: self.is_own };
        match self.options.action {
            Action::Restore => edit::restore(text, &wish),
            Action::Inject => edit::inject(
                text,
                &Injection {
                    wish,
                    program: self.program,
                    program_is_chosen: self.options.command.is_some(),
                    known: self.known,
                },
            ),
        }
    }

    fn is_done_at_a_glance(&self, text: &str) -> bool {
        let is_wanted = |command: &str| match self.options.command {
            Some(_) => command == self.program,
            None => (self.is_own)(command),
        };
        self.options.action == Action::Inject
            && self.options.users.is_empty()
            && glance::has_nothing_to_inject(text, &is_wanted)
    }

    /// What an edit would do, and the diff for it.
    fn show(
        &self,
        path: &Path,
        patience: Patience,
        plan: &dyn Fn(&str) -> Result<Plan, Refusal>,
    ) -> Result<(Edited, String), Trouble> {
        match file::settled(path, patience, sys::steady_clock())? {
            None => Ok((Edited::Busy, String::new())),
            Some(snapshot) => {
                let plan = plan(&snapshot.text)?;
                let name = shown(path).to_string();
                let diff = diff::unified(&name, &snapshot.text, &plan.edits, self.colour);
                Ok((Edited::Done(plan), diff))
            }
        }
    }

    fn tell(&mut self, path: &Path, plan: Plan) {
        for (name, state) in plan.users {
            let words = state.words(self.options.dry_run);
            let why = match state {
                State::LeftAlone(why) | State::Stuck(why) => [": ", why].concat(),
                _ => String::new(),
            };
            let line = format!("{}: {}: {words}{why}\n", shown(path), printable(&name));
            self.report.push_str(&line);
            self.outcome.refused |= matches!(state, State::Stuck(_));
            self.seen.push((name, state));
        }
    }

    fn complain(&mut self, path: &Path, trouble: Trouble) {
        self.outcome.refused = true;
        let text = match trouble {
            Trouble::Failed(error) => error.to_string(),
            Trouble::Refused(refusal) => refused_text(path, &refusal) + ": nothing was written",
        };
        self.warn(&text);
    }

    fn warn(&mut self, text: &str) {
        if !self.options.quiet {
            self.outcome.stderr.push_str(&format!("{PROGRAM}: {text}\n"));
        }
    }

    fn finish(&mut self, environment: &Environment) {
        self.check_names();
        if self.options.quiet {
            return;
        }
        let mut report = std::mem::take(&mut self.report);
        report.push_str(&self.summary());
        if self.options.action == Action::Inject && !self.seen.is_empty() {
            report.push_str(&self.kuberc_hint(environment).unwrap_or_default());
        }
        // The diff is for programs.
        if self.options.dry_run {
            self.outcome.stderr.insert_str(0, &report);
        } else {
            self.outcome.stdout.push_str(&report);
        }
    }

    /// A name that is in no file is a slip of the pen; in a refused file nobody looked.
    fn check_names(&mut self) {
        if self.outcome.refused {
            return;
        }
        let options = self.options;
        for name in &options.users {
            if !self.seen.iter().any(|(seen, _)| seen == name) {
                self.warn(&format!("no kubeconfig has a user '{}'", printable(name)));
                self.outcome.refused = true;
            }
        }
    }

    fn summary(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for (_, state) in &self.seen {
            let words = state.words(self.options.dry_run);
            match counts.iter_mut().find(|(known, _)| *known == words) {
                Some((_, count)) => *count += 1,
                None => counts.push((words, 1)),
            }
        }
        let mut text = String::new();
        for (words, count) in counts {
            let comma = if text.is_empty() { "" } else { ", " };
            text.extend([comma, &count.to_string(), " ", words]);
        }
        if text.is_empty() {
            text.push_str("no users");
        }
        let is_change = self.seen.iter().any(|(_, state)| state.is_change());
        let lead = match (is_change, self.outcome.refused) {
            (true, _) => "",
            (false, true) => "nothing done: ",
            (false, false) => "nothing to do: ",
        };
        [lead, &text, "\n"].concat()
    }

    fn kuberc_hint(&self, environment: &Environment) -> Option<String> {
        let (path, lines) = missing_in_kuberc(environment, self.program)?;
        Some(format!("hint: add to '{}', or kubectl will not run it:\n{lines}", shown(&path)))
    }
}

/// The user's kuberc and the lines that it lacks, where it forbids kubectl to run `program`.
pub fn missing_in_kuberc(environment: &Environment, program: &str) -> Option<(PathBuf, String)> {
    let path = match &environment.kuberc {
        Some(off) if off == "off" => return None,
        Some(path) => PathBuf::from(path),
        None => environment.home.as_ref()?.join(".kube").join("kuberc"),
    };
    let text = String::from_utf8(read_named(&path).ok()?).ok()?;
    let lines = kuberc::hint(&text, program)?;
    Some((path, lines))
}

impl State {
    fn is_change(self) -> bool {
        matches!(self, State::Injected | State::Updated | State::Restored)
    }

    fn words(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (State::Injected, false) => "injected",
            (State::Injected, true) => "would be injected",
            (State::Updated, false) => "updated",
            (State::Updated, true) => "would be updated",
            (State::Restored, false) => "restored",
            (State::Restored, true) => "would be restored",
            (State::AlreadyInjected, _) => "already injected",
            (State::NotInjected, _) => "not injected",
            (State::LeftAlone(_) | State::Stuck(_), _) => "left alone",
        }
    }
}

fn refused_text(path: &Path, refusal: &Refusal) -> String {
    format!("'{}', line {}: {}", shown(path), refusal.line, refusal.reason)
}
