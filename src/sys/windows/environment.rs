//! The environment of this program.

use std::env;
use std::ffi::OsString;

/// The value of the variable `name`.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// All variables with a name and a value.
pub fn variables() -> Vec<(OsString, OsString)> {
    env::vars_os().collect()
}
