//! Words of commands that are pasted into a shell.

use std::ffi::OsStr;
use std::path::Path;

use crate::error::shown;
use crate::format::shell::quote;
use crate::kubeconfig::{ClientEnvironment, PROGRAM};
use crate::sys;

/// Returns `word` without control characters, quoted for a POSIX shell if that is necessary.
pub fn word(word: &(impl AsRef<OsStr> + ?Sized)) -> String {
    quote(&shown(word).to_string())
}

/// Returns what starts this program: what a user types if PATH has it, else its path. kubectl has found it itself.
pub fn own_command(environment: &ClientEnvironment) -> String {
    let words = environment.own_words();
    match words != PROGRAM || sys::find_program(PROGRAM.as_ref()).is_some() {
        true => words.to_owned(),
        false => word(environment.program.as_deref().unwrap_or(Path::new(PROGRAM))),
    }
}
