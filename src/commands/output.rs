//! Standard output and wording that several verbs share.

use std::ffi::OsStr;

use crate::error::{Result, printable};
use crate::kubeconfig::base_name;
use crate::log;

/// Writes `text` to standard output and returns the exit status 0.
pub fn print(text: &str) -> Result<u8> {
    log::write_stdout(text.as_bytes()).map(|()| 0)
}

/// Returns "3 fetched, 1 failed": each word that counts more than nothing.
pub fn counts(words: &[(usize, &str)]) -> String {
    let mut text = String::new();
    for (count, word) in words {
        if *count > 0 {
            let separator = if text.is_empty() { "" } else { ", " };
            text.push_str(&format!("{separator}{count} {word}"));
        }
    }
    text
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
