//! Checks the `K8S_TOKEN_CACHE_*` variables, those of the environment and those of users of kubeconfigs.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use super::directories;
use super::findings::{Findings, Fix};
use super::seen::Seen;
use super::shell;
use crate::cli::suggestion;
use crate::commands::client::UserClient;
use crate::commands::key_files;
use crate::config::{self, Config, Environment};
use crate::error::{Error, reason, shown};
use crate::log;
use crate::sys;

const CACHE_FILE: &str = "K8S_TOKEN_CACHE_FILE";

/// Settings that are paths or path lists.
const PATHS: [&str; 3] = [CACHE_FILE, "K8S_TOKEN_CACHE_KEY_FILES", "K8S_TOKEN_CACHE_LOG"];

pub fn check(
    findings: &mut Findings,
    config: &Config,
    errors: &[Error],
    variables: &[String],
    environment: Environment<'_>,
) {
    for error in errors {
        findings
            .problem(&error.text(), &Fix::Advice(error.hint().unwrap_or("correct its value, or unset it")));
    }
    check_names(findings, variables);
    check_switch(findings, config);
    for name in PATHS {
        check_path(findings, name, environment);
    }
    check_key_files(findings, config);
    if let Some(log) = &config.log {
        check_log(findings, log);
    }
}

fn check_names(findings: &mut Findings, variables: &[String]) {
    for name in variables {
        if !name.starts_with(config::PREFIX) || config::is_known(name) {
            continue;
        }
        let text = format!("{} is not a variable of this program", shown(name));
        let suffixes = config::VARIABLES.map(|known| &known[config::PREFIX.len()..]);
        match suggestion::nearest(&name[config::PREFIX.len()..], &suffixes) {
            Some(meant) => {
                let fix = ["did you mean ", config::PREFIX, meant, "?"].concat();
                findings.problem(&text, &Fix::Advice(&fix));
            }
            None => findings.problem(&text, &Fix::Command(&["unset ", &shell::word(name)].concat())),
        }
    }
}

fn check_switch(findings: &mut Findings, config: &Config) {
    if let Some(text) = switched_off(config) {
        findings.problem(&text, &Fix::Command("unset K8S_TOKEN_CACHE_DISABLE"));
    }
}

/// Returns why nothing is cached; `None` if the cache is not switched off.
fn switched_off(config: &Config) -> Option<String> {
    match &config.warning {
        Some(warning) => Some(format!("nothing is cached: {warning}")),
        None => config.disabled.then(|| "nothing is cached: K8S_TOKEN_CACHE_DISABLE is set".to_owned()),
    }
}

/// Reports a path of a variable that begins with `~`, and a cache file with a relative path.
pub fn check_path(findings: &mut Findings, name: &str, environment: Environment<'_>) {
    if let Some((text, correct)) = wrong_path(name, environment) {
        findings.problem(&text, &Fix::Command(&format!("export {name}={}", shell::word(&correct))));
    }
}

/// Reports paths that lead to no file. [`check_path`] reports those that begin with a tilde.
fn check_key_files(findings: &mut Findings, config: &Config) {
    let paths = config.key_files.iter().filter(|path| !path.starts_with("~"));
    for missing in paths.filter_map(|path| key_files::missing(path)) {
        match missing.fix {
            Some(fix) => findings.problem(&missing.text, &Fix::Advice(fix)),
            None => findings.note(&format_args!("{}; it counts when it is created", missing.text)),
        }
    }
}

/// Returns what is wrong with the paths of a variable, and the value that the user presumably meant.
fn wrong_path(name: &str, environment: Environment<'_>) -> Option<(String, OsString)> {
    let list = config::value(environment, name)?;
    if let Some(expanded) = expand_tildes(&list, environment) {
        let text = format!("{name}={} begins with '~', which only shells expand", shown(&list));
        return Some((text, expanded));
    }
    if name != CACHE_FILE || Path::new(&list).is_absolute() {
        return None;
    }
    let text = format!("{name}={} is relative: each directory gets another cache", shown(&list));
    Some((text, sys::absolute(Path::new(&list)).ok()?.into_os_string()))
}

/// Returns the list with the home directory for each `~` that begins a path; `None` if there is none.
fn expand_tildes(list: &OsStr, environment: Environment<'_>) -> Option<OsString> {
    let (mut begins_with_tilde, mut expanded) = (false, Vec::new());
    for path in config::split_paths(Some(list)) {
        match (path.strip_prefix("~"), config::home_directory(environment)) {
            (Ok(below_home), Some(home)) => {
                begins_with_tilde = true;
                expanded.push(home.join(below_home));
            }
            _ => expanded.push(path),
        }
    }
    begins_with_tilde.then(|| std::env::join_paths(expanded).unwrap_or_default())
}

/// Checks the variables in `env` of a user, which the client sets for this program.
pub fn check_user(findings: &mut Findings, client: &UserClient<'_>, environment: Environment<'_>) {
    let mut seen = Seen::default();
    for (name, _) in client.user.env.iter().filter(|(name, _)| name.starts_with(config::PREFIX)) {
        let of_client = |other: &str| {
            let counts = other == name || !other.starts_with(config::PREFIX);
            client.variable(other, environment).filter(|_| counts)
        };
        if let Some(wrong) = wrong_setting(name, &of_client).filter(|_| seen.insert(name.as_ref())) {
            let fix = format!(
                "kubectl config set-credentials {} --exec-env={}-",
                shell::word(&client.user.name),
                shell::word(name)
            );
            findings.problem(&format_args!("{}: {wrong}", client.title()), &Fix::Command(&fix));
        }
    }
}

/// Returns what is wrong with the only setting of `environment`.
fn wrong_setting(name: &str, environment: Environment<'_>) -> Option<String> {
    let (config, errors) = Config::read_with_errors(environment);
    if let Some(error) = errors.first() {
        return Some(error.text());
    }
    if !config::is_known(name) {
        return Some(format!("{} is not a variable of this program", shown(name)));
    }
    let wrong_path = || wrong_path(name, environment).filter(|_| PATHS.contains(&name));
    let missing = || config.key_files.iter().filter_map(|path| key_files::missing(path));
    switched_off(&config)
        .or_else(|| wrong_path().map(|(text, _)| text))
        .or_else(|| missing().find(|missing| missing.fix.is_some()).map(|missing| missing.text))
}

fn check_log(findings: &mut Findings, log: &Path) {
    let directory = directories::parent(log);
    let result = match (log.symlink_metadata().is_ok(), directory.is_dir()) {
        // Creates nothing: the file exists, and a link is not followed to a missing one.
        (true, _) => log::open(log).map(drop),
        (false, true) if sys::may_write(directory) => Ok(()),
        (false, true) => Err(io::ErrorKind::PermissionDenied.into()),
        (false, false) => Err(io::ErrorKind::NotFound.into()),
    };
    let Err(error) = result else { return };
    let text = format!("the log '{}' cannot be written: {}", shown(log), reason(&error));
    if directory.exists() {
        findings.problem(&text, &Fix::Advice("set K8S_TOKEN_CACHE_LOG to a file that you can write"));
    } else {
        findings.problem(&text, &Fix::Command(&["mkdir -p ", &shell::word(directory)].concat()));
    }
}
