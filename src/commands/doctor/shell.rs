//! Words of commands that are pasted into a shell.

use std::ffi::OsStr;
use std::path::Path;

use crate::config;
use crate::error::shown;
use crate::format::shell::quote;
use crate::kubeconfig::{ClientEnvironment, PROGRAM};
use crate::sys;

/// Returns `word` without control characters, quoted for a POSIX shell if that is necessary.
pub fn word(word: &(impl AsRef<OsStr> + ?Sized)) -> String {
    quote(&shown(word).to_string())
}

/// Returns what starts this program: what a user types if PATH has it, else its path.
pub fn own_command(environment: &ClientEnvironment) -> String {
    let words = environment.own_words();
    let name = if words == PROGRAM { PROGRAM } else { config::KUBECTL_PLUGIN };
    match sys::find_program(name.as_ref()) {
        Some(_) => words.to_owned(),
        None => word(environment.program.as_deref().unwrap_or(Path::new(PROGRAM))),
    }
}
