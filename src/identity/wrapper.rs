//! Programs that run another program: `env`, `timeout`, `sh -c`, `aws-vault exec`.
//!
//! Each is read as its own manual page or source describes its arguments.

use std::borrow::Cow;
use std::ffi::OsString;

use super::invocation::Overlay;
use super::shell;
use super::words::words;

/// What a program runs.
pub(super) enum Target<'a> {
    /// Another command line. Empty if it cannot be told which.
    Command(Cow<'a, [OsString]>),
    /// A script for a shell.
    Script(&'a str),
    /// Nothing: the program is the plugin itself, as far as is known.
    Itself,
}

/// What the program `name` runs. Applies to `environment` what `env` changes.
pub(super) fn target_of<'a>(
    name: &str,
    arguments: &'a [OsString],
    environment: &mut Overlay<'_>,
) -> Target<'a> {
    let rest = match name {
        "env" => after_env(arguments, environment),
        "timeout" => after_options(arguments, "-k -s --kill-after --signal").and_then(|rest| rest.get(1..)),
        "nice" => after_options(arguments, "-n --adjustment"),
        "exec" => after_options(arguments, "-a"),
        "command" | "nohup" | "setsid" => after_options(arguments, ""),
        "aws-vault" if contains(arguments, "exec") => after_profile(arguments).or(Some(&[])),
        "chamber" if contains(arguments, "exec") => after_dashes(arguments).or(Some(&[])),
        "op" if contains(arguments, "run") => after_dashes(arguments).or(Some(&[])),
        "assume" | "assumego" => return after_exec_flag(arguments).map_or(Target::Itself, Target::Command),
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" => {
            return shell::script_of(arguments).map_or(Target::Itself, Target::Script);
        }
        _ => None,
    };
    rest.map_or(Target::Itself, |rest| Target::Command(Cow::Borrowed(rest)))
}

/// `env [-i] [-u NAME] [NAME=VALUE]... COMMAND`. `None` for any other option.
fn after_env<'a>(mut arguments: &'a [OsString], environment: &mut Overlay<'_>) -> Option<&'a [OsString]> {
    while let Some((first, rest)) = arguments.split_first() {
        let word = first.to_str()?;
        arguments = match word {
            "-i" | "-" | "--ignore-environment" => {
                environment.clear();
                rest
            }
            "-u" | "--unset" => {
                environment.unset(rest.first()?.clone());
                rest.get(1..)?
            }
            "--" => rest,
            _ if word.starts_with("--unset=") => {
                environment.unset(word["--unset=".len()..].into());
                rest
            }
            // -S splits a string, -C changes the directory.
            _ if word.starts_with('-') => return None,
            _ if environment.assign(first) => rest,
            _ => return Some(arguments),
        };
    }
    None
}

fn contains(arguments: &[OsString], word: &str) -> bool {
    arguments.iter().any(|argument| argument == word)
}

/// What follows the options. The options in `with_value` take the next argument too.
fn after_options<'a>(mut arguments: &'a [OsString], with_value: &'static str) -> Option<&'a [OsString]> {
    while let Some((first, rest)) = arguments.split_first() {
        arguments = match first.to_str()? {
            "--" => return Some(rest),
            option if words(with_value).any(|flag| flag == option) => rest.get(1..)?,
            option if option.starts_with('-') => rest,
            _ => return Some(arguments),
        };
    }
    None
}

fn after_dashes(arguments: &[OsString]) -> Option<&[OsString]> {
    let position = arguments.iter().position(|argument| argument == "--")?;
    arguments.get(position + 1..)
}

/// `aws-vault [FLAG]... exec [FLAG]... PROFILE [FLAG]... [--] COMMAND` (99designs/aws-vault cli/exec.go,
/// cli/global.go).
fn after_profile(arguments: &[OsString]) -> Option<&[OsString]> {
    const WITH_VALUE: &str = "-d --duration --region -t --mfa-token --backend --prompt --keychain \
         --secret-service-collection --pass-dir --pass-cmd --pass-prefix --file-dir";
    after_dashes(arguments).or_else(|| {
        let from_exec = after_options(arguments, WITH_VALUE)?;
        let from_profile = after_options(from_exec.get(1..)?, WITH_VALUE)?;
        after_options(from_profile.get(1..)?, WITH_VALUE)
    })
}

/// `assume PROFILE --exec -- COMMAND`, or the whole command in one argument, split at white space
/// (common-fate/granted pkg/assume/assume.go).
fn after_exec_flag(arguments: &[OsString]) -> Option<Cow<'_, [OsString]>> {
    let position = arguments.iter().position(|argument| argument == "--exec" || argument == "-exec")?;
    let Some(value) = arguments.get(position + 1) else {
        return Some(Cow::Borrowed(&[]));
    };
    if value == "--" {
        return arguments.get(position + 2..).map(Cow::Borrowed);
    }
    Some(Cow::Owned(value.to_str()?.split_ascii_whitespace().map(OsString::from).collect()))
}
