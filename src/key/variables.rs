//! The variables of a call as parts of its key.
//!
//! A command that is understood counts the variables of its rows. Any other counts the whole environment
//! except what sessions set; with a complete `--key-env`, that list and the variables of all rows.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::inputs::KeyInputs;
use super::lookups::Lookups;
use super::parts::{PartKind, PartsWriter};
use crate::identity::{self, Mention, named_by_variable, names_path, session};

/// What `--key-env=PWD` means: the working directory, whether or not the client sets the variable.
const DIRECTORY_VARIABLE: &str = "PWD";
const PATH: &str = "PATH";

/// Appends the variables that count. Returns whether the working directory counts because of one.
pub(super) fn push(parts: &mut PartsWriter, inputs: &KeyInputs<'_>, found: &mut Lookups) -> bool {
    let identity = inputs.identity;
    let counts_environment = !identity.is_understood && !inputs.key_env_is_complete;
    let mut is_relative = match counts_environment {
        true => push_environment(parts, inputs, found),
        false => push_identity(parts, inputs, found),
    };
    let mut further: Vec<&String> = identity.named_variables.iter().chain(inputs.key_env).collect();
    further.sort_unstable();
    further.dedup();
    for name in further {
        is_relative |= name == DIRECTORY_VARIABLE;
        let Some(value) = (inputs.environment)(name) else { continue };
        found.add_mentions(&[Mention { path: PathBuf::from(&value), lists: false }], inputs);
        add_files(name.as_ref(), &value, inputs, found);
        is_relative |= is_relative_path(name.as_ref(), &value)
            || value.as_encoded_bytes().contains(&b'/') && is_bare_path(&value);
        if !counts_environment || session::is_session_variable(name) {
            push_variable(parts, name, &value, identity::is_secret_variable(name));
        }
    }
    is_relative
}

fn push_identity(parts: &mut PartsWriter, inputs: &KeyInputs<'_>, found: &mut Lookups) -> bool {
    let mut is_relative = false;
    for variable in inputs.identity.variables() {
        if let Some(value) = (inputs.environment)(variable.name) {
            is_relative |= is_relative_path(variable.name.as_ref(), &value);
            add_files(variable.name.as_ref(), &value, inputs, found);
            push_variable(parts, variable.name, &value, variable.secret);
        }
    }
    for proof in inputs.identity.proofs() {
        let Some(value) = (inputs.environment)(proof).filter(|value| !value.is_empty()) else { continue };
        match inputs.identity.is_understood {
            true => parts.push(PartKind::Proof, proof.as_bytes()),
            false => push_variable(parts, proof, &value, true),
        }
    }
    is_relative
}

/// The whole environment, sorted by name. Which variables are secret is decided when they are shown.
fn push_environment(parts: &mut PartsWriter, inputs: &KeyInputs<'_>, found: &mut Lookups) -> bool {
    let mut variables = (inputs.process_variables)();
    for (name, value) in inputs.added_variables {
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.clone()));
    }
    session::remove_session_variables(&mut variables, inputs.identity.counts_agent);
    let mut is_relative = false;
    for (name, value) in variables {
        let value = if name == PATH { session::stable_path(&value) } else { value };
        if name == "ZDOTDIR" && (inputs.environment)("HOME").is_some_and(|home| home == value) {
            // VS Code's shell integration sets it so, which means the same as unset.
            continue;
        }
        is_relative |= is_relative_path(&name, &value);
        add_files(&name, &value, inputs, found);
        parts.push_assignment(PartKind::Environment, &name, &value);
    }
    is_relative
}

/// Adds the files that the value of a variable names.
fn add_files(name: &OsStr, value: &OsStr, inputs: &KeyInputs<'_>, found: &mut Lookups) {
    let mentions = named_by_variable(name, value, inputs.environment);
    found.add_mentions(&mentions, inputs);
}

fn push_variable(parts: &mut PartsWriter, name: &str, value: &OsStr, secret: bool) {
    let part = if secret { PartKind::Secret } else { PartKind::Variable };
    parts.push_assignment(part, name.as_ref(), value);
}

/// Whether the value is a path relative to the working directory: it begins with a dot, or the name says that
/// it is a path.
fn is_relative_path(name: &OsStr, value: &OsStr) -> bool {
    let bytes = value.as_encoded_bytes();
    bytes.starts_with(b"./")
        || bytes.starts_with(b"../")
        || bytes == b"."
        || bytes == b".."
        || names_path(name) && std::env::split_paths(value).any(|path| is_bare_path(path.as_os_str()))
}

/// Whether `value` is a relative path as far as its characters tell.
fn is_bare_path(value: &OsStr) -> bool {
    let bytes = value.as_encoded_bytes();
    !bytes.is_empty()
        && Path::new(value).is_relative()
        && !bytes.starts_with(b"~")
        && !bytes.contains(&b':')
        && !bytes.contains(&b' ')
}
