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

/// Returns the command that starts this program: its name if it is on PATH, else its path. As a plugin of
/// kubectl, it is on PATH.
pub fn own_command(environment: &ClientEnvironment) -> String {
    let name = environment.command_name();
    match name != PROGRAM || sys::find_program(PROGRAM.as_ref()).is_some() {
        true => name.to_owned(),
        false => word(environment.program.as_deref().unwrap_or(Path::new(PROGRAM))),
    }
}
