//! Checks the encryption key, or the place where it will be created.

use std::path::Path;

use super::directories;
use super::findings::{Findings, Fix};
use crate::commands::contents::KeyLocation;
use crate::config::{Config, Encryption};
use crate::error::{Error, shown};
use crate::keystore::{self, Mode};

pub fn check(findings: &mut Findings, config: &Config) {
    let location = match KeyLocation::find(config) {
        Ok(location) => location,
        Err(error) => return report(findings, config, &error),
    };
    match (location, &config.encryption, &config.state_directory) {
        (KeyLocation::Off, ..) => {
            findings.note(&"the cache is not encrypted: K8S_TOKEN_CACHE_ENCRYPTION is off");
        }
        (KeyLocation::Nowhere, Encryption::Stored(mode), directory) if needs_directory(*mode) => {
            check_directory(findings, directory.as_deref());
        }
        (location, ..) => findings.ok(&location.describe(config)),
    }
}

/// Reports why the key cannot be found. If the user cannot use its directory, the fix gives access to it.
fn report(findings: &mut Findings, config: &Config, error: &Error) {
    let locked = config.state_directory.as_deref().and_then(directories::obstacle);
    match (error.hint(), locked.filter(|obstacle| obstacle.is_dir())) {
        (Some(keystore::MOVE_AWAY), _) => {
            let file = config.state_directory.as_deref().map(keystore::key_file).unwrap_or_default();
            findings.problem(&error.text(), &Fix::Command(&directories::move_away(&file)));
        }
        (Some(hint), _) => findings.problem(&error.text(), &Fix::Advice(hint)),
        (None, Some(locked)) => {
            findings.problem(&error.text(), &Fix::Command(&directories::make_writable(&locked)));
        }
        (None, None) => findings.problem(&error.text(), &Fix::Advice("see K8S_TOKEN_CACHE_ENCRYPTION")),
    }
}

/// Checks the directory in which the key file will be created.
fn check_directory(findings: &mut Findings, directory: Option<&Path>) {
    let Some(directory) = directory else {
        return findings.problem(&"the directory of the key file is unknown", &Fix::Advice("set HOME"));
    };
    let Some(obstacle) = directories::obstacle(directory) else {
        return findings.ok(&"no encryption key has been created yet");
    };
    let text = format_args!("no encryption key can be created in '{}'", shown(directory));
    match obstacle.is_dir() {
        true => findings.problem(&text, &Fix::Command(&directories::make_writable(&obstacle))),
        false => {
            let text = format_args!("{text}: '{}' is not a directory", shown(&obstacle));
            findings.problem(&text, &Fix::Command(&directories::move_away(&obstacle)));
        }
    }
}

/// Whether the key will be in a file, as far as that is known without creating one.
fn needs_directory(mode: Mode) -> bool {
    mode == Mode::File || !cfg!(target_os = "linux")
}
