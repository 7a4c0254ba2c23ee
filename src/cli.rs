//! The command line: arguments to a [`Command`], and the one usage text.
//!
//! The first argument that does not begin with `-` starts the wrapped command; `--` ends the
//! options. The program's own verbs are options, so that they take no name from the commands that
//! it wraps. Nothing is looked up or run in here.

use std::ffi::{OsStr, OsString};

use crate::config;
use crate::error::{Error, Result};

pub const USAGE: &str = "\
Caches the credentials of Kubernetes exec plugins.

Usage:
  k8s-token-cache [--key-env=NAME,...] COMMAND [ARG]...
  k8s-token-cache --list [--json]
  k8s-token-cache --clear [[--key-env=NAME,...] COMMAND [ARG]...]
  k8s-token-cache --help | --version

COMMAND is the exec plugin, for example: aws eks get-token --cluster-name demo

Options:
  --key-env=NAME,...  environment variables that tell credentials apart
  --list              show what is cached, never a token
  --json              with --list: for programs
  --clear             forget everything, or the credential of COMMAND
  --help              show this text
  --version           show the version

Environment:
  K8S_TOKEN_CACHE_FILE            the cache file
  K8S_TOKEN_CACHE_REFRESH_MARGIN  life that a served credential has left at least (30s)
  K8S_TOKEN_CACHE_KEY_ENV         more variables that tell credentials apart
  K8S_TOKEN_CACHE_KEY_FILES       files whose change makes a miss
  K8S_TOKEN_CACHE_DISABLE         1: run the plugin, cache nothing
";

const HINT: &str = "run 'k8s-token-cache --help' to see what is accepted";

/// The wrapped command and what the caller adds to its key.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wrapped {
    pub key_env: Vec<String>,
    /// The program and its arguments; never empty.
    pub command: Vec<OsString>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Proxy(Wrapped),
    List { json: bool },
    Clear(Option<Wrapped>),
    Help,
    Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    List,
    Clear,
    Help,
    Version,
}

/// The options that stand before the wrapped command.
#[derive(Default)]
struct Options {
    verb: Option<(Verb, &'static str)>,
    json: bool,
    key_env: Vec<String>,
}

/// Parses the arguments that follow the program's own name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command> {
    let mut arguments = arguments.into_iter();
    let mut options = Options::default();
    let mut command = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        if !argument.as_encoded_bytes().starts_with(b"-") {
            command.push(argument);
            break;
        }
        options.take(&argument, &mut arguments)?;
    }
    command.extend(arguments);
    options.command(command)
}

impl Options {
    fn take(&mut self, argument: &OsStr, rest: &mut impl Iterator<Item = OsString>) -> Result<()> {
        let text = argument.to_str().ok_or_else(|| unknown(argument))?;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        match (name, value) {
            ("--list", None) => self.set_verb(Verb::List, "--list"),
            ("--clear", None) => self.set_verb(Verb::Clear, "--clear"),
            ("--help" | "-h", None) => self.set_verb(Verb::Help, "--help"),
            ("--version" | "-V", None) => self.set_verb(Verb::Version, "--version"),
            ("--json", None) => {
                self.json = true;
                Ok(())
            }
            ("--key-env", _) => {
                let next = || rest.next().and_then(|value| value.into_string().ok());
                let list = value.map(str::to_owned).or_else(next);
                let list = list.ok_or_else(|| usage("--key-env needs names of environment variables"))?;
                self.key_env.extend(config::split_names("--key-env", &list)?);
                Ok(())
            }
            _ => Err(unknown(argument)),
        }
    }

    fn set_verb(&mut self, verb: Verb, name: &'static str) -> Result<()> {
        match self.verb.replace((verb, name)) {
            Some((other, other_name)) if other != verb => {
                Err(usage(&format!("{other_name} and {name} exclude each other")))
            }
            _ => Ok(()),
        }
    }

    fn command(self, command: Vec<OsString>) -> Result<Command> {
        let verb = self.verb.map(|(verb, _)| verb);
        if self.json && verb != Some(Verb::List) {
            return Err(usage("--json goes with --list"));
        }
        match verb {
            Some(Verb::Help) => Ok(Command::Help),
            Some(Verb::Version) => Ok(Command::Version),
            Some(Verb::List) => match command.first() {
                Some(extra) => Err(usage(&format!("--list takes no argument '{}'", extra.display()))),
                None => Ok(Command::List { json: self.json }),
            },
            Some(Verb::Clear) if command.is_empty() => Ok(Command::Clear(None)),
            Some(Verb::Clear) => Ok(Command::Clear(Some(self.wrapped(command)?))),
            None if command.is_empty() => Err(usage("no command to run")),
            None => Ok(Command::Proxy(self.wrapped(command)?)),
        }
    }

    fn wrapped(self, command: Vec<OsString>) -> Result<Wrapped> {
        if command.first().is_some_and(|program| program.is_empty()) {
            return Err(usage("the name of the command to run is empty"));
        }
        Ok(Wrapped { key_env: self.key_env, command })
    }
}

fn unknown(argument: &OsStr) -> Error {
    // What follows an equals sign may be a secret that was meant for the plugin.
    let name = argument.to_string_lossy();
    usage(&format!("unknown option '{}'", name.split('=').next().unwrap_or_default()))
}

fn usage(text: &str) -> Error {
    Error::usage(text).with_hint(HINT)
}

#[cfg(test)]
mod tests;
