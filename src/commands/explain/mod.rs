//! `--explain`: what the credential of a command depends on, and why the next call hits or misses.
//!
//! A shell does not set the variables that clients set, so the report on a command explains several
//! calls: one from here, and one for each kubeconfig user with the same plugin, as its client makes it.
//! Then it shows what else is cached for the command, and how that differs. The report on a user
//! explains the calls of that user only. No report runs or creates anything.

mod key_env;
mod nearest;
mod report;
mod wording;

use super::client::{clients, current_user, files_to_read, no_such_user, users};
use crate::cli::{CallSubject, Wrapped};
use crate::config::Environment;
use crate::error::Result;
use crate::kubeconfig::{self, ClientEnvironment};
use crate::proxy::Call;
use report::Report;

pub fn explain(
    subject: CallSubject,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    match subject {
        CallSubject::Command(wrapped) => explain_command(wrapped, environment, kubeconfigs),
        CallSubject::User(name) => explain_user(Some(name), environment, kubeconfigs),
        CallSubject::Unnamed => explain_user(None, environment, kubeconfigs),
    }
}

fn explain_command(
    wrapped: Wrapped,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let call = Call::new(wrapped, environment)?.with_configuration();
    let mut report = Report::new(&call.config, environment);
    report.explain_call(&call);
    // `--doctor` reports kubeconfigs that cannot be read.
    let files = files_to_read(kubeconfigs).unwrap_or_default();
    let (users, _) = users(&files, kubeconfigs);
    let clients = clients(&users, kubeconfigs);
    report.explain_clients(clients.iter().filter(|client| client.runs(&call.command)), environment);
    report.add_other_entries(&call);
    report.print()
}

/// Explains the plugin of one user, by default of the current context. That is the plugin behind the cache, if the
/// cache is in front of it.
fn explain_user(
    name: Option<String>,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let mut merged = kubeconfig::merge(&files_to_read(kubeconfigs)?, kubeconfigs);
    let name = name.map_or_else(|| current_user(&mut merged), Ok)?;
    let mut clients = clients(&merged.users, kubeconfigs);
    clients.retain(|client| client.user.name == name);
    let Some(first) = clients.first() else {
        return Err(no_such_user(&name, merged.errors));
    };
    let variable = |name: &str| first.variable(name, environment);
    let call = first.plugin_call(&variable)?;
    let mut report = Report::new(&call.config, environment);
    report.describe_call(&call);
    report.explain_clients(clients.iter(), environment);
    report.print()
}
