//! `--clear`: removes every credential from the cache, or those of one command or user.

use super::client::{clients, files_to_read, no_such_user, users};
use super::output::{plural, print};
use super::parts;
use crate::cache::{self, Cache, Removed};
use crate::cli::{self, CallSubject};
use crate::config::{Config, Environment};
use crate::error::{Error, Kind, Result};
use crate::kubeconfig::ClientEnvironment;
use crate::proxy::callers::Callers;
use crate::proxy::{Call, keep_warm};
use crate::sys;

/// What was removed, and what was not.
#[derive(Default)]
struct Cleared {
    entries: usize,
    /// Processes that kept a credential warm, and ended.
    processes: usize,
    /// Entries of the same command under other identities.
    kept: usize,
}

/// Removes what `subject` says, and prints how much that was.
pub fn clear(
    subject: CallSubject,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let cleared = match subject {
        CallSubject::Unnamed => remove_all(&Config::read(environment)?),
        CallSubject::Command(wrapped) => {
            remove(&Call::new(wrapped, environment)?.with_configuration(), Cleared::default())
        }
        CallSubject::User(name) => remove_user(&name, environment, kubeconfigs),
    };
    let text = cleared.map_err(with_hint)?.text();
    print(&cli::with_command_name(&text, kubeconfigs.command_name()))
}

fn remove_all(config: &Config) -> Result<Cleared> {
    let store = cache::open_store(config)?;
    let entries = store.clear(sys::now())?;
    let processes = Callers::open(&store).map_or(0, |callers| {
        let ended = keep_warm::end_all(&callers);
        callers.forget_all();
        ended
    });
    Ok(Cleared { entries, processes, kept: 0 })
}

/// Removes the entries of every client of a user: one for each cluster that its plugin is told of.
fn remove_user(name: &str, environment: Environment<'_>, kubeconfigs: &ClientEnvironment) -> Result<Cleared> {
    let (users, errors) = users(&files_to_read(kubeconfigs)?, kubeconfigs);
    let mut clients = clients(&users, kubeconfigs);
    clients.retain(|client| client.user.name == name);
    if clients.is_empty() {
        return Err(no_such_user(name, errors));
    }
    let mut cleared = Cleared::default();
    for client in clients {
        let variable = |name: &str| client.variable(name, environment);
        cleared = remove(&client.plugin_call(&variable)?, cleared)?;
    }
    Ok(cleared)
}

/// Removes the entry of one command, and its entries that differ only in a changed file or in what
/// clients set: `--clear` runs in a shell, and cannot know what kubectl sets. Adds to `before`.
fn remove(call: &Call<'_>, before: Cleared) -> Result<Cleared> {
    let store = cache::open_store(&call.config)?;
    let mut kept = 0;
    let removed = match Cache::existing(&call.config, call.cache_key()?)? {
        Some(cache) => cache.remove(sys::now(), &mut |there| {
            let here = cache.key.parts();
            let is_wanted = parts::is_same_but_for_client_and_files(there, here);
            kept += usize::from(!is_wanted && parts::is_same_command(there, here));
            is_wanted
        })?,
        // Without an encryption key there are no entries, but there may be a file of another program.
        None => store.contents().map(|_| Removed::default())?,
    };
    let processes = Callers::open(&store).map_or(0, |callers| {
        let ended = keep_warm::end(&callers, &removed.names);
        callers.forget(&removed.names, sys::now());
        ended
    });
    let entries = removed.count;
    Ok(Cleared { entries: before.entries + entries, processes: before.processes + processes, kept })
}

/// Adds a hint to an error of the cache, for example if the file is another program's.
fn with_hint(error: Error) -> Error {
    match error.kind() {
        Kind::Cache => error.with_hint("--doctor says how to fix this"),
        _ => error,
    }
}

impl Cleared {
    fn text(&self) -> String {
        let mut text = match self.entries {
            0 => "nothing was cached\n".to_owned(),
            count => format!("removed {}\n", plural(count, "credential", "credentials")),
        };
        if self.processes > 0 {
            let processes = plural(self.processes, "process", "processes");
            text.push_str(&format!("ended {processes} that kept a credential warm\n"));
        }
        if self.kept > 0 {
            text.push_str(&kept(self.kept));
        }
        text
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
