//! The environment's `K8S_TOKEN_CACHE_*` variables and the platform's directories.
//!
//! Reads every variable once, checks it, and fills in the documented default. An empty variable
//! counts as unset. A bad value is an error that names the variable, the value and what is
//! accepted. The directories follow from the platform and the environment alone, so that every
//! platform's rule can be tested on any of them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::time;
use crate::keystore::{self, ENCRYPTION_KEY_VARIABLE, Mode};
use crate::secret::SecretKey;

const PROGRAM: &str = "k8s-token-cache";
const DEFAULT_REFRESH_MARGIN: Duration = Duration::from_secs(30);

/// Looks up one environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub struct Config {
    /// `None` where the platform's directory is not known, as without `HOME`.
    pub cache_file: Option<PathBuf>,
    pub refresh_margin: Duration,
    /// `None` where the variable is not set.
    pub refresh_ahead: Option<Duration>,
    pub key_env: Vec<String>,
    pub key_files: Vec<PathBuf>,
    pub encryption: Encryption,
    /// Where the key file lives; `None` where that is not known.
    pub state_directory: Option<PathBuf>,
    pub disabled: bool,
    pub log: Option<PathBuf>,
}

impl Config {
    pub fn read(environment: Environment<'_>) -> Result<Config> {
        let path = |name: &str| set(environment, name).map(PathBuf::from);
        Ok(Config {
            cache_file: path("K8S_TOKEN_CACHE_FILE")
                .or_else(|| Some(cache_directory(Platform::CURRENT, environment)?.join("token.json"))),
            refresh_margin: duration(environment, "K8S_TOKEN_CACHE_REFRESH_MARGIN")?
                .unwrap_or(DEFAULT_REFRESH_MARGIN),
            refresh_ahead: duration(environment, "K8S_TOKEN_CACHE_REFRESH_AHEAD")?,
            key_env: names(environment, "K8S_TOKEN_CACHE_KEY_ENV")?,
            key_files: set(environment, "K8S_TOKEN_CACHE_KEY_FILES")
                .map(|list| {
                    std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect()
                })
                .unwrap_or_default(),
            encryption: encryption(environment)?,
            state_directory: state_directory(Platform::CURRENT, environment),
            disabled: switch(environment, "K8S_TOKEN_CACHE_DISABLE")?,
            log: path("K8S_TOKEN_CACHE_LOG"),
        })
    }
}

/// Whether credentials are sealed, and with which key.
pub enum Encryption {
    Off,
    /// The key itself was given.
    Given(SecretKey),
    Stored(Mode),
}

/// Splits a comma separated list of names of environment variables. `origin` names it in errors.
pub fn split_names(origin: &str, list: &str) -> Result<Vec<String>> {
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        None => Ok(names),
        Some(_) => {
            // What follows an equals sign may be a secret.
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

/// Where the cache file goes by default.
pub fn cache_directory(platform: Platform, environment: Environment<'_>) -> Option<PathBuf> {
    let base = match platform {
        Platform::Xdg => xdg_directory(environment, "XDG_CACHE_HOME", ".cache"),
        Platform::MacOs => home(environment).map(|home| home.join("Library/Caches")),
        Platform::Windows => absolute(environment, "AppData"),
    };
    base.map(|base| base.join(PROGRAM))
}

/// Where the key file lives; never the directory of the cache file, except on Windows, where the
/// file is bound to the user by the system.
pub fn state_directory(platform: Platform, environment: Environment<'_>) -> Option<PathBuf> {
    let base = match platform {
        Platform::Xdg => xdg_directory(environment, "XDG_STATE_HOME", ".local/state"),
        Platform::MacOs => home(environment).map(|home| home.join("Library/Application Support")),
        Platform::Windows => absolute(environment, "LocalAppData"),
    };
    base.map(|base| base.join(PROGRAM))
}

/// A relative path in an XDG variable is to be ignored (XDG Base Directory Specification 0.8).
fn xdg_directory(environment: Environment<'_>, variable: &str, below_home: &str) -> Option<PathBuf> {
    absolute(environment, variable).or_else(|| Some(home(environment)?.join(below_home)))
}

pub fn home(environment: Environment<'_>) -> Option<PathBuf> {
    absolute(environment, if cfg!(windows) { "USERPROFILE" } else { "HOME" })
}

fn absolute(environment: Environment<'_>, variable: &str) -> Option<PathBuf> {
    set(environment, variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// An empty variable counts as unset.
pub fn set(environment: Environment<'_>, variable: &str) -> Option<OsString> {
    environment(variable).filter(|value| !value.is_empty())
}

fn text(environment: Environment<'_>, variable: &str) -> Result<Option<String>> {
    let Some(value) = set(environment, variable) else { return Ok(None) };
    value.into_string().map(Some).map_err(|value| invalid(variable, &value.to_string_lossy(), "UTF-8 text"))
}

fn duration(environment: Environment<'_>, variable: &str) -> Result<Option<Duration>> {
    let Some(value) = text(environment, variable)? else { return Ok(None) };
    let accepted = "a duration such as '30s', '1m30s', '1.5h' or '0'";
    time::parse_duration(&value).map(Some).ok_or_else(|| invalid(variable, &value, accepted))
}

fn names(environment: Environment<'_>, variable: &str) -> Result<Vec<String>> {
    text(environment, variable)?.map_or(Ok(Vec::new()), |list| split_names(variable, &list))
}

fn encryption(environment: Environment<'_>) -> Result<Encryption> {
    refuse_old_name(environment)?;
    const MODE: &str = "K8S_TOKEN_CACHE_ENCRYPTION";
    let mode = match text(environment, MODE)?.as_deref() {
        Some("off") => return Ok(Encryption::Off),
        None | Some("auto") => Mode::Auto,
        Some("keyring") => Mode::Keyring,
        Some("file") => Mode::File,
        Some(other) => return Err(invalid(MODE, other, "'auto', 'keyring', 'file' or 'off'")),
    };
    match set(environment, ENCRYPTION_KEY_VARIABLE) {
        Some(value) => keystore::from_environment(&value).map(Encryption::Given),
        None => Ok(Encryption::Stored(mode)),
    }
}

/// Fails if the encryption key has the name that it had before the first release: without the key,
/// the cache would silently be encrypted with another one.
fn refuse_old_name(environment: Environment<'_>) -> Result<()> {
    const OLD_NAME: &str = "K8S_TOKEN_CACHE_KEY";
    match set(environment, OLD_NAME) {
        Some(_) => Err(Error::usage([OLD_NAME, " is now called ", ENCRYPTION_KEY_VARIABLE].concat())),
        None => Ok(()),
    }
}

fn switch(environment: Environment<'_>, variable: &str) -> Result<bool> {
    match text(environment, variable)?.as_deref() {
        Some("1") => Ok(true),
        None | Some("0") => Ok(false),
        Some(other) => Err(invalid(variable, other, "'1' or '0'")),
    }
}

/// A value may be anything, and of any length: its beginning is enough to know it by.
fn invalid(origin: &str, value: &str, accepted: &str) -> Error {
    Error::usage(format!("{origin}: '{value:.60}' is not accepted: it takes {accepted}"))
}

#[cfg(test)]
mod tests;
