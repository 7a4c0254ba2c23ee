//! The command line: arguments to a [`Command`], and the one usage text.
//!
//! The first argument that does not begin with `-` starts the wrapped command; `--` ends the
//! options. The program's own verbs are options, so that they take no name from the commands that
//! it wraps. Verbs that take files may have their options among them. Nothing is looked up or run
//! in here, and no error shows more of an argument than an option's name: what follows may be a
//! secret that was meant for the plugin.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::config;
use crate::error::{Error, Result};

pub const USAGE: &str = "\
Caches the credentials of Kubernetes exec plugins.

Usage:
  k8s-token-cache [--key-env=NAME,...] COMMAND [ARG]...
  k8s-token-cache --inject [--dry-run] [--quiet] [--user NAME]... [--command NAME] [FILE]...
  k8s-token-cache --restore [--dry-run] [--quiet] [--user NAME]... [FILE]...
  k8s-token-cache --list [--json]
  k8s-token-cache --explain [--key-env=NAME,...] COMMAND [ARG]...
  k8s-token-cache --clear [[--key-env=NAME,...] COMMAND [ARG]...]
  k8s-token-cache --warm [FILE]...
  k8s-token-cache --doctor
  k8s-token-cache --help | --version

COMMAND is the exec plugin, for example: aws eks get-token --cluster-name demo
FILE is a kubeconfig; without one, the files of $KUBECONFIG, else ~/.kube/config

Options:
  --key-env=NAME,...  environment variables that tell credentials apart
  --inject            put the cache in front of the exec plugins in kubeconfigs
  --restore           take it out again
  --dry-run           show what would change, and change nothing
  --quiet             say nothing, wait for nothing
  --user NAME         only this user of the kubeconfig
  --command NAME      what to write as command, a name or a path
  --list              show what is cached, never a token
  --json              with --list: for programs
  --explain           show what the credential of COMMAND depends on, and
                      why the next call would hit or miss; runs nothing
  --clear             forget everything, or the credential of COMMAND
  --warm              fetch the credential of every user with the cache now
  --doctor            check kubeconfigs, plugins, cache and key
  --help              show this text
  --version           show the version

Environment:
  K8S_TOKEN_CACHE_FILE            the cache file
  K8S_TOKEN_CACHE_REFRESH_MARGIN  life that a served credential has left at least (30s)
  K8S_TOKEN_CACHE_REFRESH_AHEAD   life left at which it is renewed in the background (5m)
  K8S_TOKEN_CACHE_KEY_ENV         more variables that tell credentials apart
  K8S_TOKEN_CACHE_KEY_FILES       files whose change makes a miss
  K8S_TOKEN_CACHE_ENCRYPTION      auto, keyring, file or off (auto)
  K8S_TOKEN_CACHE_ENCRYPTION_KEY  the encryption key: 32 bytes in base64
  K8S_TOKEN_CACHE_DISABLE         1: run the plugin, cache nothing
  K8S_TOKEN_CACHE_LOG             a file that gets a line per call
";

/// Renews a credential where nobody waits for it. For this program itself, which starts itself anew
/// where it cannot fork; so the usage text does not name it.
pub const REFRESH_IN_BACKGROUND: &str = "--refresh-in-background";

const HINT: &str = "run 'k8s-token-cache --help' to see what is accepted";

/// The wrapped command and what the caller adds to its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapped {
    pub key_env: Vec<String>,
    /// The program and its arguments; never empty.
    pub command: Vec<OsString>,
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

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Proxy(Wrapped),
    /// `--inject` and `--restore`.
    Kubeconfig(InjectOptions),
    List {
        json: bool,
    },
    Explain(Wrapped),
    Clear(Option<Wrapped>),
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

/// The options, as they were given.
#[derive(Default)]
struct Options {
    verb: Option<(Verb, &'static str)>,
    key_env: Vec<String>,
    json: bool,
    dry_run: bool,
    quiet: bool,
    users: Vec<String>,
    command: Option<OsString>,
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
            (_, None) => return self.take_verb(argument, name),
            _ => return Err(unknown(argument)),
        }
        Ok(())
    }

    fn take_value(&mut self, name: &str, value: Option<OsString>) -> Result<()> {
        let needs = |what| usage(&format!("{name} needs {what}"));
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
        self.key_env.extend(config::split_names(name, &list)?);
        Ok(())
    }

    /// Whoever asks for help gets it, whatever else is asked for.
    fn take_verb(&mut self, argument: &OsStr, name: &str) -> Result<()> {
        let (verb, name) = match name {
            "--inject" => (Verb::Inject, "--inject"),
            "--restore" => (Verb::Restore, "--restore"),
            "--list" => (Verb::List, "--list"),
            "--explain" => (Verb::Explain, "--explain"),
            "--clear" => (Verb::Clear, "--clear"),
            "--warm" => (Verb::Warm, "--warm"),
            "--doctor" => (Verb::Doctor, "--doctor"),
            #[cfg(windows)]
            REFRESH_IN_BACKGROUND => (Verb::Refresh, REFRESH_IN_BACKGROUND),
            "--help" | "-h" => (Verb::Help, "--help"),
            "--version" | "-V" => (Verb::Version, "--version"),
            _ => return Err(unknown(argument)),
        };
        match self.verb {
            Some((Verb::Help, _)) => {}
            Some((other, other_name)) if other != verb && verb != Verb::Help => {
                return Err(usage(&format!("{other_name} and {name} exclude each other")));
            }
            _ => self.verb = Some((verb, name)),
        }
        Ok(())
    }

    fn takes_files(&self) -> bool {
        matches!(self.verb, Some((Verb::Inject | Verb::Restore | Verb::Warm, _)))
    }

    fn command(self, words: Vec<OsString>) -> Result<Command> {
        let verb = self.verb.map(|(verb, _)| verb);
        if verb == Some(Verb::Help) {
            return Ok(Command::Help);
        }
        self.check(verb)?;
        if let Some((Verb::List | Verb::Doctor | Verb::Version, name)) = self.verb
            && !words.is_empty()
        {
            return Err(usage(&format!("{name} takes no arguments")));
        }
        Ok(match verb {
            None => Command::Proxy(self.wrapped(words)?),
            Some(Verb::Explain) => Command::Explain(self.wrapped(words)?),
            Some(Verb::Clear) if words.is_empty() && self.key_env.is_empty() => Command::Clear(None),
            Some(Verb::Clear) => Command::Clear(Some(self.wrapped(words)?)),
            Some(Verb::Inject) => Command::Kubeconfig(self.edit(Action::Inject, words)),
            Some(Verb::Restore) => Command::Kubeconfig(self.edit(Action::Restore, words)),
            Some(Verb::Warm) => Command::Warm(words.into_iter().map(PathBuf::from).collect()),
            Some(Verb::List) => Command::List { json: self.json },
            Some(Verb::Doctor) => Command::Doctor,
            #[cfg(windows)]
            Some(Verb::Refresh) => Command::Refresh(self.wrapped(words)?),
            Some(Verb::Help) => Command::Help,
            Some(Verb::Version) => Command::Version,
        })
    }

    /// An option that would do nothing is a misunderstanding.
    fn check(&self, verb: Option<Verb>) -> Result<()> {
        let edits = matches!(verb, Some(Verb::Inject | Verb::Restore));
        let alone = matches!(verb, Some(Verb::List | Verb::Warm | Verb::Doctor | Verb::Version));
        let rules = [
            (self.json, verb == Some(Verb::List), "--json goes with --list"),
            (self.dry_run, edits, "--dry-run goes with --inject or --restore"),
            (self.quiet, edits, "--quiet goes with --inject or --restore"),
            (!self.users.is_empty(), edits, "--user goes with --inject or --restore"),
            (self.command.is_some(), verb == Some(Verb::Inject), "--command goes with --inject"),
            (
                !self.key_env.is_empty(),
                !edits && !alone,
                "--key-env goes with a command to run, explain or clear",
            ),
        ];
        match rules.iter().find(|(given, allowed, _)| *given && !*allowed) {
            Some((_, _, rule)) => Err(usage(rule)),
            None => Ok(()),
        }
    }

    fn edit(self, action: Action, files: Vec<OsString>) -> InjectOptions {
        InjectOptions {
            action,
            dry_run: self.dry_run,
            quiet: self.quiet,
            users: self.users,
            command: self.command,
            files: files.into_iter().map(PathBuf::from).collect(),
        }
    }

    fn wrapped(self, command: Vec<OsString>) -> Result<Wrapped> {
        match command.first() {
            None => Err(usage(match self.verb {
                Some((Verb::Explain, _)) => "no command to explain",
                Some((Verb::Clear, _)) => "no command to clear",
                _ => "no command to run",
            })),
            Some(program) if program.is_empty() => Err(usage("the name of the command to run is empty")),
            Some(_) => Ok(Wrapped { key_env: self.key_env, command }),
        }
    }
}

/// Shows the name of the option alone; of a short one, the letter.
fn unknown(argument: &OsStr) -> Error {
    let text = argument.to_string_lossy();
    if !text.starts_with("--") && text.chars().count() > 2 {
        let letter: String = text.chars().take(2).collect();
        return usage(&format!("unknown option '{letter}...'"));
    }
    usage(&format!("unknown option '{}'", text.split('=').next().unwrap_or_default()))
}

fn usage(text: &str) -> Error {
    Error::usage(text).with_hint(HINT)
}

#[cfg(test)]
mod tests;
