//! `--inject` and `--restore`: puts the cache in front of the exec plugins of kubeconfigs, or removes it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf, is_separator};

use super::output::{counts, print, unknown_plugin};
use crate::cli::{self, Action, InjectOptions};
use crate::config::KUBECTL_PLUGIN;
use crate::error::{Error, Result, printable, shown};
use crate::identity;
use crate::kubeconfig::edit::Edit;
use crate::kubeconfig::files::{self, EditError, EditOutcome, KubeconfigFile, OnBusy};
use crate::kubeconfig::plan::{self, EditRequest, InjectRequest, Plan, UnknownPlugin, UserState};
use crate::kubeconfig::redacted::{self, Reveal};
use crate::kubeconfig::shortened;
use crate::kubeconfig::yaml::Refusal;
use crate::kubeconfig::{
    ClientEnvironment, Kubeconfig, PROGRAM, check_writable, default_files, diff, directory_on_path, is_own,
    kuberc, program_on_path, refused_text,
};
use crate::log;
use crate::sys;

/// What goes to stdout and stderr, and how the program ends.
#[derive(Debug, Default)]
struct InjectOutput {
    stdout: String,
    stderr: String,
    /// Whether a user or a file could not be brought to the wanted state.
    refused: bool,
}

impl InjectOutput {
    fn exit_status(&self) -> u8 {
        u8::from(self.refused)
    }
}

/// Injects or restores and prints the outcome; the exit status is 1 if a user or a file was refused.
pub fn inject(options: &InjectOptions, environment: &ClientEnvironment) -> Result<u8> {
    let output = run(options, environment)?;
    // The diff of a dry run, on stdout, comes before the summary, on stderr.
    let printed = print(&output.stdout);
    log::write_stderr(&output.stderr);
    printed?;
    Ok(output.exit_status())
}

fn run(options: &InjectOptions, environment: &ClientEnvironment) -> Result<InjectOutput> {
    let program = program(options, environment)?;
    let is_own = |command: &str| is_own(command, environment);
    let mut job = InjectJob {
        options,
        program: &program,
        is_own: &is_own,
        color: environment.color,
        report: String::new(),
        notes: String::new(),
        users: Vec::new(),
        output: InjectOutput::default(),
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
    Ok(job.output)
}

/// The command to write: the one asked for, else the bare name if PATH has it, else the path. With
/// `--absolute` always a path. Fails if the one asked for is not this program: `--restore` would leave it.
fn program(options: &InjectOptions, environment: &ClientEnvironment) -> Result<String> {
    let own_path = || environment.program.clone().unwrap_or_else(|| PathBuf::from(PROGRAM));
    let path = match (&options.command, program_on_path(environment)) {
        (Some(wanted), _) if !wanted.to_string_lossy().contains(is_separator) => wanted.to_owned(),
        (Some(wanted), _) => {
            let absolute = sys::absolute(Path::new(wanted))
                .map_err(|_| Error::usage(format!("cannot use --command '{}'", shown(wanted))))?;
            absolute.into_os_string()
        }
        (None, Some(found)) if options.absolute && found.is_absolute() => found.into_os_string(),
        (None, Some(_)) if !options.absolute => PROGRAM.into(),
        (None, _) => own_path().into_os_string(),
    };
    let program = path
        .into_string()
        .ok()
        .filter(|program| !program.is_empty())
        .ok_or_else(|| Error::usage("the command to write is empty or not Unicode: see --command"))?;
    match &options.command {
        Some(wanted) if !is_own(&program, environment) => Err(not_this_program(wanted)),
        _ => Ok(program),
    }
}

fn not_this_program(wanted: &OsStr) -> Error {
    let text = format!("--command '{}' is not this program: --restore would not recognize it", shown(wanted));
    Error::usage(text).with_hint(format!("its file must be named {PROGRAM} or {KUBECTL_PLUGIN}"))
}

/// What `--inject` asks for without options.
fn plain_request<'a>(edit: EditRequest<'a>, program: &'a str) -> InjectRequest<'a> {
    InjectRequest {
        edit,
        program,
        replaces_program: false,
        plugin_directory: None,
        is_reserved: &cli::is_verb_without_dashes,
        is_known: &identity::covers,
        counts_environment: &|command| !identity::is_understood(command),
    }
}

/// Returns what `--inject` would do to the users of a file. Writes nothing.
pub fn preview(path: &Path, environment: &ClientEnvironment) -> Result<Plan, EditError> {
    let text = KubeconfigFile::read(path)?.text;
    let absolute = sys::absolute(path).unwrap_or_default();
    let is_own = |command: &str| is_own(command, environment);
    let directory = absolute.parent().and_then(Path::to_str);
    let edit = EditRequest { users: &[], directory, is_own: &is_own };
    Ok(plan::inject(&Kubeconfig::scan(&text)?, &plain_request(edit, PROGRAM))?)
}

/// One call, over all its files.
struct InjectJob<'a> {
    options: &'a InjectOptions,
    program: &'a str,
    is_own: &'a dyn Fn(&str) -> bool,
    color: bool,
    /// A line per user.
    report: String,
    /// Printed after the summary.
    notes: String,
    /// Every user so far.
    users: Vec<(String, UserState)>,
    output: InjectOutput,
}

impl InjectJob<'_> {
    fn file(&mut self, path: &Path, is_named: bool) {
        if !is_named && matches!(path.try_exists(), Ok(false)) {
            self.report.push_str(&format!("{}: no such file\n", shown(path)));
            return;
        }
        let absolute = sys::absolute(path).unwrap_or_default();
        let directory = absolute.parent().and_then(Path::to_str);
        let on_busy = if self.options.quiet { OnBusy::GiveUp } else { OnBusy::Wait };
        let result = if self.options.dry_run {
            self.preview(path, on_busy, directory)
        } else {
            let plan = |text: &str| self.plan(&Kubeconfig::scan(text)?, directory);
            files::edit_file(path, on_busy, &plan).map(|outcome| (outcome, String::new()))
        };
        match result {
            Ok((EditOutcome::Busy, _)) => {}
            Ok((EditOutcome::Done(plan), diff)) => {
                self.output.stdout.push_str(&diff);
                self.report_users(path, plan);
            }
            Err(error) => self.report_error(path, error),
        }
    }

    fn plan(&self, config: &Kubeconfig<'_>, directory: Option<&str>) -> Result<Plan, Refusal> {
        let edit = EditRequest { users: &self.options.users, directory, is_own: self.is_own };
        match self.options.action {
            Action::Restore => plan::restore(config, &edit),
            Action::Inject => plan::inject(
                config,
                &InjectRequest {
                    replaces_program: self.options.command.is_some() || self.options.absolute,
                    plugin_directory: if self.options.absolute { Some(&directory_on_path) } else { None },
                    ..plain_request(edit, self.program)
                },
            ),
        }
    }

    /// What an edit would do, and its diff. Fails if the edit would fail.
    fn preview(
        &self,
        path: &Path,
        on_busy: OnBusy,
        directory: Option<&str>,
    ) -> Result<(EditOutcome, String), EditError> {
        let Some(snapshot) = files::read_settled(path, on_busy, sys::steady_clock())? else {
            return Ok((EditOutcome::Busy, String::new()));
        };
        let config = Kubeconfig::scan(&snapshot.text)?;
        let plan = self.plan(&config, directory)?;
        if !plan.edits.is_empty() {
            check_writable(path)?;
        }
        let (text, edits) = self.redacted(&config, &plan.edits);
        let (text, edits) = shortened::shortened(&text, &edits);
        let diff = diff::unified(&shown(path).to_string(), &text, &edits, self.color);
        Ok((EditOutcome::Done(plan), diff))
    }

    /// The text of a kubeconfig and its edits without secrets: a diff gets into logs and bug reports.
    fn redacted(&self, config: &Kubeconfig<'_>, edits: &[Edit]) -> (String, Vec<Edit>) {
        let no_tag = |_: &str| String::new();
        let reveal = Reveal {
            mask: identity::MASK,
            arguments: &|call| identity::show_arguments(call, &no_tag),
            variable: &|name, value| identity::show_variable(name, value, &no_tag),
            is_own: self.is_own,
        };
        redacted::redacted(config, edits, &reveal)
    }

    fn report_users(&mut self, path: &Path, plan: Plan) {
        for unknown in &plan.unknown_plugins {
            self.notes.push_str(&unknown_plugin_note(path, unknown));
        }
        for (name, state) in plan.users {
            let words = state.words(self.options.dry_run);
            let why = match state {
                UserState::LeftAlone(why) => [": ", why].concat(),
                UserState::Refused(Refusal { line, reason }) => format!(", line {line}: {reason}"),
                _ => String::new(),
            };
            let line = format!("{}: {}: {words}{why}\n", shown(path), printable(&name));
            self.report.push_str(&line);
            self.output.refused |= matches!(state, UserState::Refused(_));
            self.users.push((name, state));
        }
    }

    fn report_error(&mut self, path: &Path, error: EditError) {
        self.output.refused = true;
        let text = match error {
            EditError::Failed(error) => error.to_string(),
            EditError::Refused(refusal) => refused_text(path, &refusal) + ": nothing was written",
        };
        self.warn(&text);
    }

    fn warn(&mut self, text: &str) {
        if !self.options.quiet {
            self.output.stderr.push_str(&format!("{PROGRAM}: {text}\n"));
        }
    }

    fn finish(&mut self, environment: &ClientEnvironment) {
        self.check_names();
        if self.options.quiet {
            return;
        }
        let mut report = std::mem::take(&mut self.report);
        report.push_str(&self.summary());
        report.push_str(&self.notes);
        if self.options.action == Action::Inject && !self.users.is_empty() {
            report.push_str(&self.kuberc_hint(environment).unwrap_or_default());
        }
        // The diff on stdout is for programs.
        if self.options.dry_run {
            self.output.stderr.insert_str(0, &report);
        } else {
            self.output.stdout.push_str(&report);
        }
    }

    /// Reports a name that no file has, unless a file was refused, which may have it.
    fn check_names(&mut self) {
        if self.output.refused {
            return;
        }
        let options = self.options;
        for name in &options.users {
            if !self.users.iter().any(|(user, _)| user == name) {
                self.warn(&format!("no kubeconfig has a user '{}'", printable(name)));
                self.output.refused = true;
            }
        }
    }

    /// "1 injected, 2 already injected". Empty if no users were seen because a file was refused.
    fn summary(&self) -> String {
        let mut states = [(0, ""); UserState::KINDS];
        for (_, state) in &self.users {
            let (count, words) = &mut states[state.rank()];
            *words = state.words(self.options.dry_run);
            *count += 1;
        }
        let mut text = counts(&states);
        if text.is_empty() && self.output.refused {
            return text;
        }
        if text.is_empty() {
            text.push_str("no users");
        }
        let is_change = self.users.iter().any(|(_, state)| state.is_change());
        let lead = match (is_change, self.output.refused) {
            (true, _) => "",
            (false, true) => "nothing done: ",
            (false, false) => "nothing to do: ",
        };
        [lead, &text, "\n"].concat()
    }

    fn kuberc_hint(&self, environment: &ClientEnvironment) -> Option<String> {
        let denial = kuberc::denial(environment, self.program)?;
        Some(format!("kubectl will not run '{}': {}\nhint: {}\n", self.program, denial.reason, denial.hint))
    }
}

fn unknown_plugin_note(path: &Path, unknown: &UnknownPlugin) -> String {
    let note = unknown_plugin(unknown.command.as_ref());
    format!("note: {}: {}: {note}\n", shown(path), printable(&unknown.user))
}

impl UserState {
    const KINDS: usize = 7;

    /// The place in the summary: what changed, then what did not.
    fn rank(self) -> usize {
        match self {
            UserState::Injected => 0,
            UserState::Updated => 1,
            UserState::Restored => 2,
            UserState::AlreadyInjected => 3,
            UserState::NotInjected => 4,
            UserState::LeftAlone(_) => 5,
            UserState::Refused(_) => 6,
        }
    }

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
            (UserState::LeftAlone(_), _) => "left alone",
            (UserState::Refused(_), _) => "refused",
        }
    }
}
