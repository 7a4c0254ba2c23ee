//! Hides secrets in command lines that are shown.
//!
//! Owns which names mean a secret, and what a secret without a name looks like. Promises that the value of a
//! flag or variable with such a name is never shown, for any command; if in doubt, it is hidden. Left to
//! others: where the text goes.

use std::borrow::Cow;
use std::ffi::OsString;

use super::program::program_name;
use super::words::words;
use crate::error::printable;

/// Replaces a secret.
pub const MASK: &str = "***";

/// A name that contains one of these words means a secret.
const SECRET_WORDS: &str = "\
    secret password passwd passphrase passcode token api-key apikey access-key private-key \
    authorization bearer assertion key-content key-data op-session bw-session -jwt -rpst private-pem headers";

/// A name with one of these endings means something about a secret, not the secret itself.
const HARMLESS_ENDINGS: &str = "\
    -file -path -dir -directory -url -uri -endpoint -host -id -name -env -stdin -type -ttl \
    -storage -only -duration -expiration -method -backend -collection -prefix -signed-jwt";

/// Programs whose `-t` is a token (in Azure's kubelogin it is the tenant): digitalocean/doctl commands/doit.go, okteto/okteto
/// cmd/context/context.go, 99designs/aws-vault cli/exec.go.
const WITH_SHORT_TOKEN: &str = "doctl okteto aws-vault";
const SHORT_TOKEN: &str = "-t";

/// How credentials begin: a JWT, the token of `aws eks get-token`, tokens of DigitalOcean, Google, GitHub,
/// GitLab and Slack.
const SECRET_BEGINNINGS: &str = "eyJ k8s-aws-v1. dop_v1_ ya29. ghp_ gho_ ghs_ ghu_ github_pat_ glpat- xox";

/// Whether the value of `flag` must be hidden: `--client-secret`, `--token`, but not `--token-file`.
pub(super) fn is_secret_flag(flag: &str) -> bool {
    let name = flag.split('=').next().unwrap_or(flag);
    name.starts_with('-') && is_secret_variable(name)
}

/// Whether the value of the variable `name` must be hidden. Also used for headers and query parameters.
pub fn is_secret_variable(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // An AppRole's secret id is a password.
    let harmless =
        words(HARMLESS_ENDINGS).any(|ending| name.ends_with(ending)) && !name.ends_with("secret-id");
    !harmless && words(SECRET_WORDS).any(|word| name.contains(word))
}

/// The command line as it may be shown: secrets are masked, control characters replaced.
pub fn mask_arguments(arguments: &[OsString]) -> Vec<String> {
    let texts: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let mut previous = "";
    let mut masked = Vec::with_capacity(texts.len());
    for (position, text) in texts.iter().enumerate() {
        let before = &texts[..position];
        let hidden = is_value_of_secret(previous, text, before);
        let shown = if hidden { MASK.to_owned() } else { mask_argument(text, before) };
        masked.push(printable(&shown));
        previous = text;
    }
    masked
}

/// Whether [`mask_arguments`] would hide anything.
pub fn holds_secret(arguments: &[OsString]) -> bool {
    !secret_arguments(arguments).is_empty()
}

/// Names the arguments that [`mask_arguments`] would change: by their flag, or as `argument N`, where the program
/// is number 0.
pub fn secret_arguments(arguments: &[OsString]) -> Vec<String> {
    let shown = mask_arguments(arguments);
    let is_changed = |at: &usize| shown[*at] != printable(&arguments[*at].to_string_lossy());
    (0..shown.len()).filter(is_changed).map(|at| name_of_secret(&shown, at)).collect()
}

fn name_of_secret(shown: &[String], at: usize) -> String {
    let before = at.checked_sub(1).map(|before| &shown[before]).filter(|_| shown[at] == MASK);
    let flag = before.unwrap_or(&shown[at]).split('=').next().unwrap_or_default();
    if looks_like_flag(flag) { flag.to_owned() } else { format!("argument {at}") }
}

fn is_value_of_secret(previous: &str, text: &str, before: &[Cow<str>]) -> bool {
    let names_secret = is_secret_flag(previous) || is_secret_short_flag(previous, before);
    names_secret && !previous.as_bytes().contains(&b'=') && !looks_like_flag(text)
}

/// A secret may begin with a dash, so only what is certainly a flag passes.
pub(super) fn looks_like_flag(text: &str) -> bool {
    match text.strip_prefix("--") {
        Some(long) => long.starts_with(|c: char| c.is_ascii_lowercase()),
        None => text.len() == 2 && text.starts_with('-'),
    }
}

fn is_secret_short_flag(flag: &str, before: &[Cow<str>]) -> bool {
    let takes_token = |text: &Cow<str>| {
        let name = program_name(text.as_ref().as_ref());
        words(WITH_SHORT_TOKEN).any(|program| program == name)
    };
    flag == SHORT_TOKEN && before.iter().any(takes_token)
}

fn mask_argument(text: &str, before: &[Cow<str>]) -> String {
    if text.contains(char::is_whitespace) {
        return mask_script(text);
    }
    if let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.contains("://")) {
        let secret = is_secret_variable(name) || is_secret_short_flag(name, before);
        let value = if secret && !value.is_empty() { MASK.to_owned() } else { mask_value(value) };
        return [name, "=", &value].concat();
    }
    let joined = text.get(..2).is_some_and(|short| is_secret_short_flag(short, before));
    match joined && text.len() > 2 {
        true => [&text[..2], MASK].concat(),
        false => mask_value(text),
    }
}

/// A script or header is shown as a whole or not at all, because its quoting is not understood.
fn mask_script(text: &str) -> String {
    let is_border = |c: char| {
        c.is_whitespace() || matches!(c, '\'' | '"' | '`' | ';' | '|' | '&' | '(' | ')' | '<' | '>')
    };
    let mut words = text.split(is_border).filter(|word| !word.is_empty());
    let suspicious = words.any(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let named = is_secret_variable(name) && (word.starts_with('-') || !value.is_empty());
        let header = name.ends_with(':') && is_secret_variable(&name[..name.len() - 1]);
        named
            || header
            || name == SHORT_TOKEN
            || name.eq_ignore_ascii_case("bearer")
            || mask_value(word) != word
            || mask_value(value) != value
    });
    if suspicious { MASK.to_owned() } else { text.to_owned() }
}

/// Whether a value is a secret of a known form.
pub(super) fn looks_like_secret(value: &str) -> bool {
    mask_value(value) != value
}

fn mask_value(value: &str) -> String {
    if words(SECRET_BEGINNINGS).any(|beginning| value.starts_with(beginning)) {
        return MASK.to_owned();
    }
    match value.split_once("://") {
        Some((scheme, rest)) => [scheme, "://", &mask_user(rest)].concat(),
        // `NAME=value` as the value of a flag: `--header Authorization=...`.
        None => match value.split_once('=') {
            Some((name, inner)) if !inner.is_empty() && is_secret_variable(name) => {
                [name, "=", MASK].concat()
            }
            _ => value.to_owned(),
        },
    }
}

/// `user:password@host/path` to `user:***@host/path`, and secrets in the query.
fn mask_user(rest: &str) -> String {
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let authority = match authority.rfind('@') {
        Some(at) if authority[..at].contains(':') => {
            let name = authority.split(':').next().unwrap_or("");
            [name, ":", MASK, &authority[at..]].concat()
        }
        _ => authority.to_owned(),
    };
    let Some((path, query)) = path.split_once('?') else {
        return [&authority, path].concat();
    };
    let parameters: Vec<String> = query.split('&').map(mask_value).collect();
    [&authority, path, "?", &parameters.join("&")].concat()
}
