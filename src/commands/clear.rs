//! `--clear`: removes every credential from the cache, or those of one command.

use super::contents::Contents;
use super::output::{plural, print};
use super::parts;
use crate::cache::{self, Cache};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::proxy::callers::Callers;
use crate::proxy::{Call, keep_warm};
use crate::sys;

/// Removes every entry.
pub fn clear_all(config: &Config) -> Result<u8> {
    remove_all(config).map_err(with_hint)
}

fn remove_all(config: &Config) -> Result<u8> {
    let store = cache::open_store(config)?;
    let removed = store.clear(sys::now())?;
    let ended = Callers::open(&store).map_or(0, |callers| {
        let ended = keep_warm::end_all(&callers);
        callers.forget_all();
        ended
    });
    print(&cleared(removed, ended))
}

/// Removes the entry of one command, and its entries that differ only in a changed file or in what
/// clients set: `--clear` runs in a shell, and cannot know what kubectl sets.
pub fn clear(call: &Call<'_>) -> Result<u8> {
    remove(call).map_err(with_hint)
}

fn remove(call: &Call<'_>) -> Result<u8> {
    let key = call.cache_key()?;
    let contents = Contents::read(&call.config)?;
    let (mut names, mut others) = (Vec::new(), 0);
    for (name, entry) in &contents.entries {
        if !parts::is_same_command(entry.parts(), key.parts()) {
            continue;
        }
        let differences = parts::differences(entry.parts(), key.parts());
        if differences.iter().all(|difference| difference.is_from_client() || difference.is_changed_file()) {
            names.push(*name);
        } else {
            others += 1;
        }
    }
    if let Some(cache) = Cache::existing(&call.config, key)?
        && !names.contains(&cache.name)
    {
        // There may be an entry that cannot be decrypted, and a call that is about to store one.
        names.push(cache.name);
    }
    let store = cache::open_store(&call.config)?;
    let removed = store.remove(&names, sys::now())?;
    let ended = Callers::open(&store).map_or(0, |callers| {
        let ended = keep_warm::end(&callers, &names);
        callers.forget(&names, sys::now());
        ended
    });
    let mut text = cleared(removed, ended);
    if others > 0 {
        text.push_str(&kept(others));
    }
    print(&text)
}

/// Adds a hint to an error of the cache, for example if the file is another program's.
fn with_hint(error: Error) -> Error {
    match error.kind() {
        Kind::Cache => error.with_hint("--doctor says how to fix this"),
        _ => error,
    }
}

/// Says that `others` credentials of the command were not removed, and how to remove them.
fn kept(others: usize) -> String {
    let (identities, stay, them, their) = match others {
        1 => ("another identity", "stays", "it", "its"),
        _ => ("other identities", "stay", "them", "their"),
    };
    format!(
        "{others} of this command under {identities} {stay}: to remove {them}, run this with {their} variables \
         (for example AWS_PROFILE=... k8s-token-cache --clear ...; --explain names them), or --clear without a \
         command\n"
    )
}

/// `ended` is the number of processes that kept a credential warm.
fn cleared(removed: usize, ended: usize) -> String {
    let mut text = match removed {
        0 => "nothing was cached\n".to_owned(),
        count => format!("removed {}\n", plural(count, "credential", "credentials")),
    };
    if ended > 0 {
        text.push_str(&format!(
            "ended {} that kept a credential warm\n",
            plural(ended, "process", "processes")
        ));
    }
    text
}
