//! `--explain`: what the credential of a command depends on, and why the next call hits or misses.
//!
//! A shell does not set what clients set, so the report explains several calls: one from here, and one
//! for each kubeconfig user with the same plugin, as its client makes it. Then it shows what else is
//! cached for the command, and how that differs. It runs nothing and creates nothing.

mod key_env;
mod nearest;
mod report;
mod wording;

use super::client::{clients, current_user, users};
use crate::cli::{ExplainSubject, Wrapped};
use crate::config::Environment;
use crate::error::{Error, Result};
use crate::kubeconfig::{self, ClientEnvironment};
use crate::proxy::Call;
use report::Report;

pub fn explain(
    subject: ExplainSubject,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let call = Call::new(wrapped(subject, kubeconfigs)?, environment)?.with_configuration();
    let mut report = Report::new(&call.config, environment);
    report.explain_call(&call);
    // `--doctor` reports kubeconfigs that cannot be read.
    let files = kubeconfig::default_files(kubeconfigs).unwrap_or_default();
    let (users, _) = users(&files, kubeconfigs);
    for client in clients(&users, kubeconfigs) {
        if client.runs(&call.command) {
            report.explain_client(&client, environment);
        }
    }
    report.add_other_entries(&call);
    report.print()
}

/// Returns the command to explain. That of a user is the plugin behind the cache, if the cache is in
/// front of it.
fn wrapped(subject: ExplainSubject, kubeconfigs: &ClientEnvironment) -> Result<Wrapped> {
    let name = match subject {
        ExplainSubject::Command(wrapped) => return Ok(wrapped),
        ExplainSubject::User(name) => name,
        ExplainSubject::CurrentUser => current_user(kubeconfigs)?,
    };
    let files = kubeconfig::default_files(kubeconfigs)?;
    let (users, _) = users(&files, kubeconfigs);
    for client in clients(&users, kubeconfigs) {
        if client.user.name == name {
            return Ok(client.into_wrapped());
        }
    }
    Err(Error::failure(format!("no kubeconfig has a user '{name}' with an exec plugin")))
}
