//! How much of a command line and of variables is shown: only what cannot be a secret.
//!
//! Shown are programs, the names of flags, the words and values that are listed here, and the values of
//! variables that the tables know. Everything else is replaced by [`MASK`] and a tag, which tells two
//! hidden values apart. So an unknown flag, a password without a flag or a token of a new kind stays
//! hidden. Nothing here looks anything up.

use std::ffi::OsString;

use super::mask::{MASK, looks_like_flag, looks_like_secret};
use super::program::program_name;
use super::table::PLUGINS;
use super::variables::Groups;
use super::words::words;
use crate::error::printable;

/// Returns a short text for a hidden value, always the same for the same value. Must not reveal it.
pub type Tag<'a> = &'a dyn Fn(&str) -> String;

/// Flags of plugins whose value selects something and proves nothing.
const FLAGS: &str = "\
    account api-version auth authority-host backend cache-dir client-id cluster cluster-id cluster-name \
    config config-file configuration context duration environment federated-token-file format grant-type \
    group i identity-resource-id impersonate-service-account issuer key-file l listen-address location \
    login login-config-file method mfa-serial namespace oidc-client-id oidc-extra-scope oidc-issuer-url \
    oidc-redirect-url output organization profile profile-file project proxy r region resource role \
    role-arn scope server server-id session-name subscription subscription-id teleport-cluster tenant \
    tenant-id token-cache-dir token-env url version zone";

/// Flags without a value.
const SWITCHES: &str = "\
    debug disable-environment-override exec ignore-environment insecure-skip-tls-verify interactive legacy \
    no-browser no-verify-ssl token-only use-application-default-credentials use-azurerm-env-vars v \
    verbose";

/// Programs that run plugins.
const WRAPPERS: &str = "\
    ash bash chamber command dash direnv doppler env exec k8s-token-cache kubectl ksh mise nice nix nohup npx \
    pipenv poetry setsid sh timeout uv zsh";

/// Subcommands of plugins and wrappers.
const SUBCOMMANDS: &str = "\
    account auth ce cluster config config-helper credential-plugin credentials eks exec exec-credential \
    get-access-token get-credential get-credentials get-token generate-token kube kubeconfig kubernetes login \
    oidc-login pinniped-auth print-access-token print-identity-token run sks static token";

/// Variables of every system whose values are no secrets.
const COMMON_VARIABLES: &str = "HOME KUBECONFIG LANG LOGNAME PATH PWD SHELL TMPDIR TZ USER USERPROFILE \
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_STATE_HOME";

/// Longer words are no names.
const LONGEST_NAME: usize = 64;

/// Returns the command line as it may be shown.
pub fn show_arguments(arguments: &[OsString], tag: Tag<'_>) -> Vec<String> {
    let mut line = CommandLine { tag, next: Next::Program };
    arguments.iter().map(|argument| line.show(&argument.to_string_lossy())).collect()
}

/// Returns the value of the variable `name` as it may be shown.
pub fn show_variable(name: &str, value: &str, tag: Tag<'_>) -> String {
    let is_known = words(COMMON_VARIABLES).any(|known| known == name)
        || Groups::ALL.variables().any(|known| known.name == name && !known.secret);
    if is_known { show_known(value, tag) } else { hide(value, tag) }
}

/// Returns an address without user, password, query and fragment; other text is hidden.
pub fn show_address(text: &str, tag: Tag<'_>) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return hide(text, tag) };
    let (path, is_cut) = match rest.split_once(['?', '#']) {
        Some((path, _)) => (path, true),
        None => (rest, false),
    };
    let (authority, path) = path.split_at(path.find('/').unwrap_or(path.len()));
    let (hidden, host) = match authority.rsplit_once('@') {
        Some((_, host)) => ([MASK, "@"].concat(), host),
        None => (String::new(), authority),
    };
    let hidden_query = if is_cut { ["?", &hide(text, tag)].concat() } else { String::new() };
    printable(&[scheme, "://", &hidden, host, path, &hidden_query].concat())
}

/// What the word before says about a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Program,
    /// A subcommand, another program or an argument without a flag.
    Word,
    /// The value of a flag that is listed here.
    KnownValue,
    /// Perhaps the value of a flag that is not.
    UnknownValue,
}

struct CommandLine<'a> {
    tag: Tag<'a>,
    next: Next,
}

impl CommandLine<'_> {
    fn show(&mut self, text: &str) -> String {
        let next = std::mem::replace(&mut self.next, Next::Word);
        match next {
            Next::Program => printable(text),
            _ if text.contains(char::is_whitespace) => show_script(text, self.tag),
            Next::KnownValue => show_known(text, self.tag),
            _ if text == "--" => printable(text),
            // A password may begin with a dash.
            Next::UnknownValue if !looks_like_flag(text) => hide(text, self.tag),
            _ if text.starts_with('-') => self.show_flag(text),
            _ => show_word(text, self.tag),
        }
    }

    fn show_flag(&mut self, text: &str) -> String {
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (text, None),
        };
        let name = flag.trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
        let is_known = words(FLAGS).any(|known| known == name);
        let is_switch = words(SWITCHES).any(|known| known == name);
        // `-pX` is a letter and its value. Several plugins have long names after one dash.
        let is_name =
            is_known || is_switch || flag.len() == 2 || (flag.starts_with("--") && is_flag_name(&name));
        if !is_name {
            return match flag
                .chars()
                .nth(1)
                .filter(|letter| !flag.starts_with("--") && letter.is_ascii_alphanumeric())
            {
                Some(letter) => format!("-{letter}{}", hide(text, self.tag)),
                None => hide(text, self.tag),
            };
        }
        match value {
            Some(value @ ("" | "true" | "false")) => [flag, "=", value].concat(),
            Some(value) if is_known => [flag, "=", &show_known(value, self.tag)].concat(),
            Some(value) => [flag, "=", &hide(value, self.tag)].concat(),
            None => {
                self.next = match (is_known, is_switch) {
                    (true, _) => Next::KnownValue,
                    (_, true) => Next::Word,
                    _ => Next::UnknownValue,
                };
                flag.to_owned()
            }
        }
    }
}

fn is_flag_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// Shows a listed word, a program that the table knows, or an assignment.
fn show_word(text: &str, tag: Tag<'_>) -> String {
    let name = program_name(text.as_ref());
    let is_plugin = || PLUGINS.iter().flat_map(|row| row.commands()).any(|plugin| plugin == name);
    if words(SUBCOMMANDS).any(|word| word == text)
        || words(WRAPPERS).any(|wrapper| wrapper == name)
        || is_plugin()
    {
        return printable(text);
    }
    match text.split_once('=') {
        Some((name, value)) if is_variable_name(name) => {
            [name, "=", &show_variable(name, value, tag)].concat()
        }
        _ => hide(text, tag),
    }
}

fn is_variable_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_uppercase() || c == '_';
    name.starts_with(is_letter)
        && name.len() <= LONGEST_NAME
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// Shows a script as a whole, if every word of it may be shown, or hides it as a whole: quoting is not
/// understood here.
fn show_script(text: &str, tag: Tag<'_>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./=:,|;&".contains(c);
    let may_show = text.chars().all(is_plain)
        && text.split(['|', ';', '&']).all(|command| {
            let words: Vec<OsString> = command.split_ascii_whitespace().map(OsString::from).collect();
            let shown = show_arguments(&words, tag);
            // Its first word may be an assignment.
            let is_program = command.split_ascii_whitespace().next().is_none_or(|word| !word.contains('='));
            is_program && shown.iter().zip(&words).all(|(shown, word)| shown.as_str() == word)
        });
    if may_show { text.to_owned() } else { hide(text, tag) }
}

/// Shows the value of a known flag or variable, unless it carries a secret all the same.
fn show_known(value: &str, tag: Tag<'_>) -> String {
    if value.contains("://") {
        show_address(value, tag)
    } else if looks_like_secret(value) || value.contains(char::is_whitespace) || !is_plain(value) {
        hide(value, tag)
    } else {
        printable(value)
    }
}

/// Whether `value` is a name, a path, a number or an address without a scheme: nothing that holds a password
/// beside another word, as `user:password`, `host;pwd=...` or JSON does. An ARN may have colons, and so do path
/// lists and ports.
fn is_plain(value: &str) -> bool {
    let has_port_or_paths =
        || value.split(':').skip(1).all(|part| part.starts_with(['/', '\\', '~']) || is_number(part));
    !value.contains(['@', ';', '{', '}', '"', '=', '&', '?'])
        && (value.starts_with("arn:") || value.starts_with("urn:") || has_port_or_paths())
}

fn is_number(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

fn hide(value: &str, tag: Tag<'_>) -> String {
    if value.is_empty() { String::new() } else { [MASK, &tag(value)].concat() }
}
