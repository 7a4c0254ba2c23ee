//! Programs that run another program: `env`, `timeout`, `sh -c`, `aws-vault exec`.
//!
//! Each is read as its own manual page or source describes its arguments.

use std::borrow::Cow;
use std::ffi::OsString;

use super::invocation::Overlay;
use super::shell;
use super::texts::{Words, list};
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

/// Whether `name` is a wrapper that belongs to the system, and selects no identity.
pub(super) fn is_of_system(name: &str) -> bool {
    const NAMES: fn() -> Words = list![
        "env timeout nice exec command nohup setsid unbuffer stdbuf ionice caffeinate sh bash dash zsh ksh ash kubectl"
    ];
    NAMES().has(name)
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
        "command" | "nohup" | "setsid" | "unbuffer" => after_options(arguments, ""),
        // stdbuf(1), ionice(1), caffeinate(8).
        "stdbuf" => after_options(arguments, "-i -o -e --input --output --error"),
        "ionice" => after_options(arguments, "-c -n -p -P -u --class --classdata"),
        "caffeinate" => after_options(arguments, "-t -w"),
        "aws-vault" if contains(arguments, "exec") => after_profile(arguments).or(Some(&[])),
        "chamber" if contains(arguments, "exec") => after_dashes(arguments).or(Some(&[])),
        "op" if contains(arguments, "run") => after_dashes(arguments).or(Some(&[])),
        // segmentio/aws-okta cmd/exec.go.
        "aws-okta" if contains(arguments, "exec") => after_dashes(arguments).or(Some(&[])),
        "saml2aws" if contains(arguments, "exec") => {
            after_verb(arguments, "exec", SAML2AWS_OPTIONS).or(Some(&[]))
        }
        "aws-sso" if contains(arguments, "exec") => {
            after_verb(arguments, "exec", AWS_SSO_OPTIONS).or(Some(&[]))
        }
        "doppler" if contains(arguments, "run") => return after_run(arguments, "--command"),
        "infisical" if contains(arguments, "run") => return after_run(arguments, "--command -c"),
        // sorah/envchain envchain.c: the names, then the command.
        "envchain" if !arguments.iter().any(is_option) => arguments.get(1..),
        "assume" | "assumego" | "dassume" | "dassumego" => {
            return after_exec_flag(arguments).map_or(Target::Itself, Target::Command);
        }
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

/// `aws-vault [FLAG]... exec [FLAG]... PROFILE [FLAG]... [--] COMMAND` (ByteNess/aws-vault cli/exec.go,
/// cli/global.go).
fn after_profile(arguments: &[OsString]) -> Option<&[OsString]> {
    const WITH_VALUE: &str = "-d --duration --region -t --mfa-token --backend --prompt --keychain \
         --secret-service-collection --pass-dir --pass-cmd --pass-prefix --file-dir --op-timeout \
         --op-vault-id --op-item-title-prefix --op-item-tag --op-connect-host --op-desktop-account-id \
         --proton-pass-share-id --proton-pass-item-title-prefix --proton-pass-api-base --proton-pass-timeout";
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

// Versent/saml2aws cmd/saml2aws/main.go.
const SAML2AWS_OPTIONS: &str = "-p --profile --exec-profile --credentials-file -a --idp-account --role --config \
     --url --username --password --mfa --mfa-token -r --region --session-duration";
// synfinatic/aws-sso-cli cmd/aws-sso/main.go, exec_cmd.go.
const AWS_SSO_OPTIONS: &str = "-a --arn -A --account -R --role -p --profile -S --sso -b --browser --config --level \
     --lines --threads";

/// `PROGRAM [FLAG]... VERB [FLAG]... [--] COMMAND`.
fn after_verb<'a>(arguments: &'a [OsString], verb: &str, with_value: &'static str) -> Option<&'a [OsString]> {
    after_dashes(arguments).or_else(|| {
        let position = arguments.iter().position(|argument| argument == verb)?;
        after_options(arguments.get(position + 1..)?, with_value)
    })
}

/// `doppler run [FLAG]... -- COMMAND`, or a script behind one of `script_flags`; likewise infisical
/// (DopplerHQ/cli pkg/cmd/run.go, Infisical/cli packages/cmd/run.go).
fn after_run<'a>(arguments: &'a [OsString], script_flags: &'static str) -> Target<'a> {
    let is_script_flag = |argument: &OsString| words(script_flags).any(|flag| argument == flag);
    let own = arguments.iter().take_while(|argument| *argument != "--");
    if let Some(position) = own.clone().position(is_script_flag) {
        let script = arguments.get(position + 1).and_then(|script| script.to_str());
        return script.map_or(Target::Command(Cow::Borrowed(&[])), Target::Script);
    }
    Target::Command(Cow::Borrowed(after_dashes(arguments).unwrap_or_default()))
}

fn is_option(argument: &OsString) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}
