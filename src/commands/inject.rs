//! `--inject` and `--restore`: puts the cache in front of the exec plugins of kubeconfigs, or removes it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf, is_separator};

use super::output::print;
use crate::cli::{Action, InjectOptions};
use crate::error::{Error, Result, printable, shown};
use crate::identity;
use crate::kubeconfig::diff;
use crate::kubeconfig::edit::{self, Injection, Plan, UserState, Wish};
use crate::kubeconfig::files::{self, Edited, Patience, Trouble};
use crate::kubeconfig::yaml::Refusal;
use crate::kubeconfig::{
    ClientEnvironment, PROGRAM, default_files, is_on_path, is_own, missing_in_kuberc, refused_text,
};
use crate::log;
use crate::sys;

/// What goes to stdout and stderr, and how the program ends.
#[derive(Debug, Default)]
pub struct InjectOutput {
    pub stdout: String,
    pub stderr: String,
    /// Whether the wanted state does not hold everywhere.
    pub refused: bool,
}

impl InjectOutput {
    pub fn exit_status(&self) -> u8 {
        u8::from(self.refused)
    }
}

/// Injects or restores and prints the outcome; the exit status is 1 if a user or a file was refused.
pub fn inject(options: &InjectOptions, environment: &ClientEnvironment) -> Result<u8> {
    let outcome = run(options, environment, &identity::covers)?;
    log::write_stderr(&outcome.stderr);
    print(&outcome.stdout)?;
    Ok(outcome.exit_status())
}

/// Injects or restores. `known` says whether the key of a command (its words) covers a variable.
pub fn run(
    options: &InjectOptions,
    environment: &ClientEnvironment,
    known: &dyn Fn(&[OsString], &str) -> bool,
) -> Result<InjectOutput> {
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
        outcome: InjectOutput::default(),
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

/// The command to write: the one asked for, else the bare name where PATH leads to it.
fn program(wanted: Option<&OsStr>, environment: &ClientEnvironment) -> Result<String> {
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

/// One call over all its files.
struct Job<'a> {
    options: &'a InjectOptions,
    program: &'a str,
    is_own: &'a dyn Fn(&str) -> bool,
    known: &'a dyn Fn(&[OsString], &str) -> bool,
    colour: bool,
    /// A line per user.
    report: String,
    /// Every user that was looked at, and what became of it.
    seen: Vec<(String, UserState)>,
    outcome: InjectOutput,
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
            files::edit(path, patience, &plan).map(|edited| (edited, String::new()))
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

    /// What an edit would do, and the diff for it.
    fn show(
        &self,
        path: &Path,
        patience: Patience,
        plan: &dyn Fn(&str) -> Result<Plan, Refusal>,
    ) -> Result<(Edited, String), Trouble> {
        match files::settled(path, patience, sys::steady_clock())? {
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
                UserState::LeftAlone(why) | UserState::Stuck(why) => [": ", why].concat(),
                _ => String::new(),
            };
            let line = format!("{}: {}: {words}{why}\n", shown(path), printable(&name));
            self.report.push_str(&line);
            self.outcome.refused |= matches!(state, UserState::Stuck(_));
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

    fn finish(&mut self, environment: &ClientEnvironment) {
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

    fn kuberc_hint(&self, environment: &ClientEnvironment) -> Option<String> {
        let (path, lines) = missing_in_kuberc(environment, self.program)?;
        Some(format!("hint: add to '{}', or kubectl will not run it:\n{lines}", shown(&path)))
    }
}

impl UserState {
    fn is_change(self) -> bool {
        matches!(self, UserState::Injected | UserState::Updated | UserState::Restored)
    }

    fn words(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (UserState::Injected, false) => "injected",
            (UserState::Injected, true) => "would be injected",
            (UserState::Updated, false) => "updated",
            (UserState::Updated, true) => "would be updated",
            (UserState::Restored, false) => "restored",
            (UserState::Restored, true) => "would be restored",
            (UserState::AlreadyInjected, _) => "already injected",
            (UserState::NotInjected, _) => "not injected",
            (UserState::LeftAlone(_) | UserState::Stuck(_), _) => "left alone",
        }
    }
}
