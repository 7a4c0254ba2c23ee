//! The environment's `K8S_TOKEN_CACHE_*` variables and the platform's directories.
//!
//! Reads every variable once, checks it, and fills in the documented default. An empty variable
//! counts as unset. An invalid value is an error that names the variable, the value and what is
//! expected. If the cache is switched off, invalid settings do not stop the plugin.
//! The directories depend only on the platform and the environment, so that the rules of all
//! platforms can be tested on each of them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::time;
use crate::keystore::{self, ENCRYPTION_KEY_VARIABLE, Mode};
use crate::secret::SecretKey;
use crate::sys::{self, Stream};

/// What the names of all our variables begin with.
pub const PREFIX: &str = "K8S_TOKEN_CACHE_";

const FILE: &str = "K8S_TOKEN_CACHE_FILE";
const REFRESH_MARGIN: &str = "K8S_TOKEN_CACHE_REFRESH_MARGIN";
const REFRESH_AHEAD: &str = "K8S_TOKEN_CACHE_REFRESH_AHEAD";
const KEEP_WARM: &str = "K8S_TOKEN_CACHE_KEEP_WARM";
const DEFAULT_TTL: &str = "K8S_TOKEN_CACHE_DEFAULT_TTL";
const KEY_ENV: &str = "K8S_TOKEN_CACHE_KEY_ENV";
const KEY_FILES: &str = "K8S_TOKEN_CACHE_KEY_FILES";
const ENCRYPTION: &str = "K8S_TOKEN_CACHE_ENCRYPTION";
const DISABLE: &str = "K8S_TOKEN_CACHE_DISABLE";
const LOG: &str = "K8S_TOKEN_CACHE_LOG";
/// The name of the encryption key before the first release.
const OLD_ENCRYPTION_KEY: &str = "K8S_TOKEN_CACHE_KEY";

/// Every variable that the program reads.
pub const VARIABLES: [&str; 11] = [
    FILE,
    REFRESH_MARGIN,
    REFRESH_AHEAD,
    KEEP_WARM,
    DEFAULT_TTL,
    KEY_ENV,
    KEY_FILES,
    ENCRYPTION,
    ENCRYPTION_KEY_VARIABLE,
    DISABLE,
    LOG,
];

/// This program's name, and what kubeconfigs call it if it is on PATH.
pub const PROGRAM: &str = "k8s-token-cache";
/// Its name as a plugin of kubectl, which is the name of the link that krew makes.
pub const KUBECTL_PLUGIN: &str = "kubectl-token_cache";

/// Returns what a user types to start this program: its name, or `kubectl token-cache` if kubectl runs it as
/// a plugin. `called_as` is the first of its arguments.
pub fn command_name(called_as: &OsStr) -> &'static str {
    match Path::new(called_as).file_stem() {
        Some(name) if name == KUBECTL_PLUGIN => "kubectl token-cache",
        _ => PROGRAM,
    }
}

const DEFAULT_REFRESH_MARGIN: Duration = Duration::from_secs(30);

/// Whether `name` is a variable of this program, or was one.
pub fn is_known(name: &str) -> bool {
    VARIABLES.contains(&name) || name == OLD_ENCRYPTION_KEY
}

/// Returns the value of an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub struct Config {
    /// `None` if the platform's directory is unknown, as without `HOME`.
    pub cache_file: Option<PathBuf>,
    pub refresh_margin: Duration,
    /// `None` if the variable is not set.
    pub refresh_ahead: Option<Duration>,
    /// How long an unused credential is still renewed. `None` if the variable is not set.
    pub keep_warm: Option<Duration>,
    /// How long a credential without an expiry is cached; zero: not at all.
    pub default_ttl: Duration,
    pub key_env: Vec<String>,
    pub key_files: Vec<PathBuf>,
    pub encryption: Encryption,
    /// The directory of the key file. `None` if it is unknown.
    pub state_directory: Option<PathBuf>,
    pub disabled: bool,
    /// What is wrong with a setting that does not stop the call.
    pub warning: Option<Error>,
    pub log: Option<PathBuf>,
}

impl Config {
    /// Fails with the first invalid setting, unless the cache is switched off.
    pub fn read(environment: Environment<'_>) -> Result<Config> {
        let (config, errors) = Config::read_with_errors(environment);
        match errors.into_iter().next() {
            Some(error) if !config.disabled => Err(error),
            _ => Ok(config),
        }
    }

    /// Returns every invalid setting; the configuration has its default instead.
    pub fn read_with_errors(environment: Environment<'_>) -> (Config, Vec<Error>) {
        let mut errors = Vec::new();
        let (disabled, warning) = read_switch(environment);
        let path = |name: &str| value(environment, name).map(PathBuf::from);
        let config = Config {
            cache_file: path(FILE).or_else(|| default_cache_file(environment)),
            refresh_margin: valid(duration(environment, REFRESH_MARGIN), &mut errors)
                .unwrap_or(DEFAULT_REFRESH_MARGIN),
            refresh_ahead: valid(duration(environment, REFRESH_AHEAD), &mut errors),
            keep_warm: valid(duration(environment, KEEP_WARM), &mut errors),
            default_ttl: valid(duration(environment, DEFAULT_TTL), &mut errors).unwrap_or_default(),
            key_env: valid(names(environment, KEY_ENV), &mut errors),
            key_files: paths(environment, KEY_FILES),
            encryption: valid(encryption(environment), &mut errors),
            state_directory: state_directory(Platform::CURRENT, environment),
            disabled,
            warning,
            log: path(LOG),
        };
        (config, errors)
    }
}

/// Whether credentials are encrypted, and with which key.
pub enum Encryption {
    Off,
    /// With the key in the environment.
    Given(SecretKey),
    Stored(Mode),
}

impl Default for Encryption {
    fn default() -> Encryption {
        Encryption::Stored(Mode::Auto)
    }
}

fn valid<T: Default>(setting: Result<T>, errors: &mut Vec<Error>) -> T {
    setting.unwrap_or_else(|error| {
        errors.push(error);
        T::default()
    })
}

/// Splits a comma separated list of names of environment variables. An empty list has no names.
/// `origin` names the list in errors.
pub fn split_names(origin: &str, list: &str) -> Result<Vec<String>> {
    if list.trim().is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        None => Ok(names),
        Some(_) => {
            // A secret may follow the equals sign.
            let shown = list.split('=').next().unwrap_or_default();
            Err(invalid(origin, shown, "names of environment variables, separated by commas"))
        }
    }
}

/// The rules by which a platform chooses its directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))] // Each build constructs one of them.
pub enum Platform {
    Xdg,
    MacOs,
    Windows,
}

impl Platform {
    #[cfg(target_os = "macos")]
    const CURRENT: Platform = Platform::MacOs;
    #[cfg(windows)]
    const CURRENT: Platform = Platform::Windows;
    #[cfg(not(any(target_os = "macos", windows)))]
    const CURRENT: Platform = Platform::Xdg;
}

fn default_cache_file(environment: Environment<'_>) -> Option<PathBuf> {
    Some(cache_directory(Platform::CURRENT, environment)?.join("token.json"))
}

/// Returns the default directory of the cache file.
pub fn cache_directory(platform: Platform, environment: Environment<'_>) -> Option<PathBuf> {
    let base = match platform {
        Platform::Xdg => xdg_directory(environment, "XDG_CACHE_HOME", ".cache"),
        Platform::MacOs => absolute_home(environment).map(|home| home.join("Library/Caches")),
        Platform::Windows => absolute(environment, "AppData"),
    };
    base.map(|base| base.join(PROGRAM))
}

/// Returns the directory of the key file, which is never that of the cache file.
pub fn state_directory(platform: Platform, environment: Environment<'_>) -> Option<PathBuf> {
    let base = match platform {
        Platform::Xdg => xdg_directory(environment, "XDG_STATE_HOME", ".local/state"),
        Platform::MacOs => absolute_home(environment).map(|home| home.join("Library/Application Support")),
        Platform::Windows => absolute(environment, "LocalAppData"),
    };
    base.map(|base| base.join(PROGRAM))
}

/// Relative paths in XDG variables are ignored (XDG Base Directory Specification 0.8).
fn xdg_directory(environment: Environment<'_>, variable: &str, below_home: &str) -> Option<PathBuf> {
    absolute(environment, variable).or_else(|| Some(absolute_home(environment)?.join(below_home)))
}

/// Returns the user's home directory, which may be a relative path.
pub fn home_directory(environment: Environment<'_>) -> Option<PathBuf> {
    value(environment, if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from)
}

fn absolute_home(environment: Environment<'_>) -> Option<PathBuf> {
    home_directory(environment).filter(|home| home.is_absolute())
}

fn absolute(environment: Environment<'_>, variable: &str) -> Option<PathBuf> {
    value(environment, variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Whether standard output gets colors: on a terminal that has them, unless the user refuses them
/// (<https://no-color.org>).
pub fn wants_color(environment: Environment<'_>) -> bool {
    let is_dumb = value(environment, "TERM").is_some_and(|term| term == "dumb");
    sys::is_terminal(Stream::Output) && value(environment, "NO_COLOR").is_none() && !is_dumb
}

/// Returns the value of a variable unless it is empty.
pub fn value(environment: Environment<'_>, variable: &str) -> Option<OsString> {
    environment(variable).filter(|value| !value.is_empty())
}

fn text(environment: Environment<'_>, variable: &str) -> Result<Option<String>> {
    let Some(value) = value(environment, variable) else { return Ok(None) };
    value.into_string().map(Some).map_err(|value| invalid(variable, &value.to_string_lossy(), "UTF-8 text"))
}

fn duration(environment: Environment<'_>, variable: &str) -> Result<Option<Duration>> {
    let Some(value) = text(environment, variable)? else { return Ok(None) };
    let expected = "a duration such as '30s', '1m30s', '1.5h' or '0'";
    time::parse_duration(&value).map(Some).ok_or_else(|| invalid(variable, &value, expected))
}

fn names(environment: Environment<'_>, variable: &str) -> Result<Vec<String>> {
    text(environment, variable)?.map_or(Ok(Vec::new()), |list| split_names(variable, &list))
}

fn paths(environment: Environment<'_>, variable: &str) -> Vec<PathBuf> {
    let mut paths = split_paths(value(environment, variable).as_deref());
    paths.retain(|path| !path.as_os_str().is_empty());
    paths
}

/// Splits a list of paths such as PATH. Paths may be empty.
pub fn split_paths(list: Option<&OsStr>) -> Vec<PathBuf> {
    list.map(|list| std::env::split_paths(list).collect()).unwrap_or_default()
}

fn encryption(environment: Environment<'_>) -> Result<Encryption> {
    refuse_old_name(environment)?;
    let mode = match text(environment, ENCRYPTION)?.as_deref() {
        Some("off") => return Ok(Encryption::Off),
        None | Some("auto") => Mode::Auto,
        Some("keyring") => Mode::Keyring,
        Some("file") => Mode::File,
        Some(other) => return Err(invalid(ENCRYPTION, other, "'auto', 'keyring', 'file' or 'off'")),
    };
    match value(environment, ENCRYPTION_KEY_VARIABLE) {
        Some(value) => keystore::from_environment(&value).map(Encryption::Given),
        None => Ok(Encryption::Stored(mode)),
    }
}

/// Fails if the encryption key has its old name. If it were ignored, another key would be used silently.
fn refuse_old_name(environment: Environment<'_>) -> Result<()> {
    match value(environment, OLD_ENCRYPTION_KEY) {
        Some(_) => {
            Err(Error::usage([OLD_ENCRYPTION_KEY, " is now called ", ENCRYPTION_KEY_VARIABLE].concat()))
        }
        None => Ok(()),
    }
}

/// Returns whether the cache is switched off, and what is wrong with the variable. An invalid value counts as
/// on: the switch is for emergencies, in which kubectl must work.
fn read_switch(environment: Environment<'_>) -> (bool, Option<Error>) {
    let text = match text(environment, DISABLE) {
        Ok(text) => text.unwrap_or_default(),
        Err(error) => return (true, Some(error)),
    };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => (true, None),
        "" | "0" | "false" | "no" | "off" => (false, None),
        _ => (true, Some(invalid(DISABLE, &text, "'1', 'true', 'yes', 'on' or '0', 'false', 'no', 'off'"))),
    }
}

/// Shows the beginning of `value` only, because it may be of any length.
fn invalid(origin: &str, value: &str, expected: &str) -> Error {
    Error::usage(format!("{origin}: invalid value '{value:.60}': expected {expected}"))
}

#[cfg(test)]
mod tests;
