//! What a cache key is made from.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Environment;
use crate::identity::Identity;

/// Everything that a cache key is made from.
pub struct KeyInputs<'a> {
    pub command: &'a [OsString],
    pub identity: &'a Identity,
    /// Further variables and files that the user has named.
    pub key_env: &'a [String],
    /// Whether `key_env` lists all variables that matter to a command that is not understood.
    pub key_env_is_complete: bool,
    pub key_files: &'a [PathBuf],
    pub environment: Environment<'a>,
    /// Lists the variables of the process, for a command that may read any.
    pub process_variables: fn() -> Vec<(OsString, OsString)>,
    /// What `environment` has beside the process's own variables, or instead of them.
    pub added_variables: &'a [(OsString, OsString)],
}
