//! The command line: arguments to a [`Command`], and the one usage text.
//!
//! The first argument that does not begin with `-` starts the wrapped command; `--` ends the
//! options. The program's own verbs are options, so that a wrapped command can have any name. A verb
//! without its dashes is refused, because `clear` is also a program. Options may come before, between
//! and after the files of a verb. Nothing is looked up or run here, and errors show only the name of
//! an option: its value may be a secret that was meant for the plugin.

pub mod suggestion;
mod usage;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::config;
use crate::error::{Error, Result};
pub use usage::{USAGE, with_command_name};

/// Makes a process of this program renew a credential in the background, on systems without fork. The
/// usage text does not name it.
pub const REFRESH_IN_BACKGROUND: &str = "--refresh-in-background";

const HINT: &str = "run 'k8s-token-cache --help' to see what is accepted";

/// The wrapped command and the variables that the caller adds to its cache key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapped {
    /// `None` without `--key-env`, whose list may be empty.
    pub key_env: Option<Vec<String>>,
    /// The program and its arguments; never empty.
    pub command: Vec<OsString>,
}

impl Wrapped {
    /// Whether `--key-env` states all variables that matter to a plugin that is not known: a name with a plus
    /// sign, as `--inject` writes, only adds to what counts.
    pub fn states_all_variables(&self) -> bool {
        self.key_env.as_ref().is_some_and(|names| names.iter().all(|name| !name.starts_with('+')))
    }
}

/// What happens to the exec plugins of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Inject,
    Restore,
}

/// The options of `--inject` and `--restore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectOptions {
    pub action: Action,
    /// Show a diff, and write nothing.
    pub dry_run: bool,
    /// Print nothing, and wait for nothing.
    pub quiet: bool,
    /// The users to change; empty for all.
    pub users: Vec<String>,
    /// The `command` to write.
    pub command: Option<OsString>,
    /// Write paths instead of names that are looked up on PATH.
    pub absolute: bool,
    /// Empty for the files that kubectl reads.
    pub files: Vec<PathBuf>,
}

/// What `--explain` and `--clear` are about.
#[derive(Debug, PartialEq, Eq)]
pub enum CallSubject {
    /// `--explain`: the user of the current context. `--clear`: everything.
    Unnamed,
    Command(Wrapped),
    /// The user of this name in the kubeconfigs.
    User(String),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Proxy(Wrapped),
    /// `--inject` and `--restore`.
    Kubeconfig(InjectOptions),
    List {
        json: bool,
    },
    Explain(CallSubject),
    Clear(CallSubject),
    /// The kubeconfigs; none for those that kubectl reads.
    Warm(Vec<PathBuf>),
    Doctor,
    #[cfg(windows)]
    Refresh(Wrapped),
    Help,
    Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Inject,
    Restore,
    List,
    Explain,
    Clear,
    Warm,
    Doctor,
    #[cfg(windows)]
    Refresh,
    Help,
    Version,
}

const VERBS: [(&str, Verb); 9] = [
    ("--inject", Verb::Inject),
    ("--restore", Verb::Restore),
    ("--list", Verb::List),
    ("--explain", Verb::Explain),
    ("--clear", Verb::Clear),
    ("--warm", Verb::Warm),
    ("--doctor", Verb::Doctor),
    ("--help", Verb::Help),
    ("--version", Verb::Version),
];

const OPTIONS: [&str; 7] =
    ["--key-env", "--json", "--dry-run", "--quiet", "--user", "--command", "--absolute"];

fn verb_named(name: &str) -> Option<(&'static str, Verb)> {
    let name = match name {
        "-h" => "--help",
        "-V" => "--version",
        #[cfg(windows)]
        REFRESH_IN_BACKGROUND => return Some((REFRESH_IN_BACKGROUND, Verb::Refresh)),
        _ => name,
    };
    VERBS.into_iter().find(|(known, _)| *known == name)
}

/// Whether a wrapped command of this name must follow `--`.
pub fn is_verb_without_dashes(command: &str) -> bool {
    verb_without_dashes(command.as_ref()).is_some()
}

/// Returns the verb that is spelled `word` without its dashes.
fn verb_without_dashes(word: &OsStr) -> Option<&'static str> {
    let verb = VERBS.iter().find(|(verb, _)| word == &verb[2..]);
    verb.map(|(verb, _)| *verb)
}

/// Returns the verb that `program`, which does not exist, may be a typo of.
pub fn mistyped_verb(program: &OsStr) -> Option<&'static str> {
    suggestion::nearest(program.to_str()?, &VERBS.map(|(verb, _)| verb))
}

/// The options, as they were given.
#[derive(Default)]
struct Options {
    verb: Option<(&'static str, Verb)>,
    key_env: Option<Vec<String>>,
    json: bool,
    dry_run: bool,
    quiet: bool,
    users: Vec<String>,
    command: Option<OsString>,
    absolute: bool,
}

/// Parses the arguments that follow the program's own name.
pub fn parse(arguments: Vec<OsString>) -> Result<Command> {
    let mut arguments = arguments.into_iter();
    let mut options = Options::default();
    let mut words = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        if argument.as_encoded_bytes().starts_with(b"-") {
            options.take(&argument, &mut arguments)?;
            continue;
        }
        options.check_first_word(&argument)?;
        words.push(argument);
        if !options.takes_files() {
            break;
        }
    }
    words.extend(arguments);
    options.command(words)
}

impl Options {
    fn take(&mut self, argument: &OsStr, rest: &mut dyn Iterator<Item = OsString>) -> Result<()> {
        let text = argument.to_str().ok_or_else(|| unknown(argument))?;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (text, None),
        };
        if let "--key-env" | "--user" | "--command" = name {
            return self.take_value(name, value.or_else(|| rest.next()));
        }
        match (name, value) {
            ("--json", None) => self.json = true,
            ("--dry-run", None) => self.dry_run = true,
            ("--quiet", None) => self.quiet = true,
            ("--absolute", None) => self.absolute = true,
            (_, None) => return self.take_verb(argument, name),
            _ => return Err(unknown(argument)),
        }
        Ok(())
    }

    fn take_value(&mut self, name: &str, value: Option<OsString>) -> Result<()> {
        let needs = |what| usage_error(&format!("{name} needs {what}"));
        let not_empty = |value: &OsString| !value.is_empty();
        if name == "--command" {
            self.command = Some(value.filter(not_empty).ok_or_else(|| needs("a name or a path"))?);
            return Ok(());
        }
        if name == "--user" {
            let user = value.filter(not_empty).and_then(|value| value.into_string().ok());
            self.users.push(user.ok_or_else(|| needs("the name of a user"))?);
            return Ok(());
        }
        let list = value.and_then(|value| value.into_string().ok());
        let list = list.ok_or_else(|| needs("names of environment variables"))?;
        self.key_env.get_or_insert_default().extend(config::split_names(name, &list)?);
        Ok(())
    }

    /// `--help` wins over every other verb.
    fn take_verb(&mut self, argument: &OsStr, name: &str) -> Result<()> {
        let (name, verb) = verb_named(name).ok_or_else(|| unknown(argument))?;
        match self.verb {
            Some((_, Verb::Help)) => {}
            Some((other_name, other)) if other != verb && verb != Verb::Help => {
                return Err(usage_error(&format!("{other_name} and {name} exclude each other")));
            }
            _ => self.verb = Some((name, verb)),
        }
        Ok(())
    }

    /// Refuses a verb without its dashes in place of the wrapped command.
    fn check_first_word(&self, word: &OsStr) -> Result<()> {
        match verb_without_dashes(word) {
            Some(verb) if self.verb.is_none() => {
                let plugin = &verb[2..];
                let text = format!("'{plugin}' was not run: did you mean {verb}?");
                let hint = format!("for a plugin of that name: k8s-token-cache -- {plugin}");
                Err(Error::usage(text).with_hint(hint))
            }
            _ => Ok(()),
        }
    }

    fn takes_files(&self) -> bool {
        matches!(self.verb, Some((_, Verb::Inject | Verb::Restore | Verb::Warm)))
    }

    fn command(self, words: Vec<OsString>) -> Result<Command> {
        let verb = self.verb.map(|(_, verb)| verb);
        if verb == Some(Verb::Help) {
            return Ok(Command::Help);
        }
        self.check(verb)?;
        if let Some((name, Verb::List | Verb::Doctor | Verb::Version)) = self.verb
            && !words.is_empty()
        {
            return Err(usage_error(&format!("{name} takes no arguments")));
        }
        Ok(match verb {
            None => Command::Proxy(self.wrapped(words)?),
            Some(Verb::Explain) => Command::Explain(self.call_subject(words)?),
            Some(Verb::Clear) => Command::Clear(self.call_subject(words)?),
            Some(Verb::Inject) => Command::Kubeconfig(self.inject_options(Action::Inject, words)),
            Some(Verb::Restore) => Command::Kubeconfig(self.inject_options(Action::Restore, words)),
            Some(Verb::Warm) => Command::Warm(words.into_iter().map(PathBuf::from).collect()),
            Some(Verb::List) => Command::List { json: self.json },
            Some(Verb::Doctor) => Command::Doctor,
            #[cfg(windows)]
            Some(Verb::Refresh) => Command::Refresh(self.wrapped(words)?),
            Some(Verb::Help) => Command::Help,
            Some(Verb::Version) => Command::Version,
        })
    }

    /// Rejects options that have no effect.
    fn check(&self, verb: Option<Verb>) -> Result<()> {
        let edits = matches!(verb, Some(Verb::Inject | Verb::Restore));
        let takes_user = edits || matches!(verb, Some(Verb::Explain | Verb::Clear));
        let takes_no_command = matches!(verb, Some(Verb::List | Verb::Warm | Verb::Doctor | Verb::Version));
        let rules = [
            (self.json, verb == Some(Verb::List), "--json requires --list"),
            (self.dry_run, edits, "--dry-run requires --inject or --restore"),
            (self.quiet, edits, "--quiet requires --inject or --restore"),
            (!self.users.is_empty(), takes_user, "--user requires --inject, --restore, --explain or --clear"),
            (self.command.is_some(), verb == Some(Verb::Inject), "--command requires --inject"),
            (self.absolute, verb == Some(Verb::Inject), "--absolute requires --inject"),
            (
                self.key_env.is_some(),
                !edits && !takes_no_command,
                "--key-env requires a command to run, explain or clear",
            ),
        ];
        match rules.iter().find(|(given, allowed, _)| *given && !*allowed) {
            Some((_, _, rule)) => Err(usage_error(rule)),
            None => Ok(()),
        }
    }

    fn inject_options(self, action: Action, files: Vec<OsString>) -> InjectOptions {
        InjectOptions {
            action,
            dry_run: self.dry_run,
            quiet: self.quiet,
            users: self.users,
            command: self.command,
            absolute: self.absolute,
            files: files.into_iter().map(PathBuf::from).collect(),
        }
    }

    fn call_subject(mut self, words: Vec<OsString>) -> Result<CallSubject> {
        if let Some(user) = self.take_user(&words)? {
            return Ok(CallSubject::User(user));
        }
        match words.is_empty() && self.key_env.is_none() {
            true => Ok(CallSubject::Unnamed),
            false => self.wrapped(words).map(CallSubject::Command),
        }
    }

    /// Takes the only user. Fails if there are more, or a command too.
    fn take_user(&mut self, words: &[OsString]) -> Result<Option<String>> {
        let Some(user) = self.users.pop() else { return Ok(None) };
        let verb = self.verb.map_or("", |(name, _)| name);
        if !self.users.is_empty() {
            return Err(usage_error(&format!("{verb} takes one --user")));
        }
        if !words.is_empty() || self.key_env.is_some() {
            return Err(usage_error(&format!("{verb} takes --user or a command, not both")));
        }
        Ok(Some(user))
    }

    fn wrapped(self, command: Vec<OsString>) -> Result<Wrapped> {
        match command.first() {
            None => Err(usage_error(match self.verb {
                Some((_, Verb::Explain)) => "no command to explain",
                Some((_, Verb::Clear)) => "no command to clear",
                _ => "no command to run",
            })),
            Some(program) if program.is_empty() => {
                Err(usage_error("the name of the command to run is empty"))
            }
            Some(_) => Ok(Wrapped { key_env: self.key_env, command }),
        }
    }
}

/// Shows only the name of the option; of a short one, the letter.
fn unknown(argument: &OsStr) -> Error {
    let text = argument.to_string_lossy();
    let name = text.split('=').next().unwrap_or_default();
    let verbs = VERBS.map(|(verb, _)| verb);
    if let Some(meant) = suggestion::nearest(name, &[&verbs[..], &OPTIONS].concat()) {
        return usage_error(&format!("unknown option '{name}': did you mean {meant}?"));
    }
    if !text.starts_with("--") && text.chars().count() > 2 {
        let letter: String = text.chars().take(2).collect();
        return usage_error(&format!("unknown option '{letter}...'"));
    }
    usage_error(&format!("unknown option '{name}'"))
}

fn usage_error(text: &str) -> Error {
    Error::usage(text).with_hint(HINT)
}

#[cfg(test)]
mod tests;
