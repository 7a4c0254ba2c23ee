//! Standard output and wording that several verbs share.

use std::ffi::OsStr;

use crate::error::{Result, printable};
use crate::kubeconfig::base_name;
use crate::log;

/// Writes `text` to standard output and returns the exit status 0.
pub fn print(text: &str) -> Result<u8> {
    log::write_stdout(text.as_bytes()).map(|()| 0)
}

/// Returns the count and the right word for it.
pub fn plural(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Returns what it means that the plugin `command` is not known.
pub fn unknown_plugin(command: &OsStr) -> String {
    let plugin = printable(base_name(&command.to_string_lossy()));
    format!(
        "'{plugin}' is not a known plugin: its whole environment counts for the cache key, unless \
         --key-env=NAME,... before it in 'args' names the variables that matter"
    )
}
