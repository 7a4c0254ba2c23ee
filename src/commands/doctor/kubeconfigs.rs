//! Checks the kubeconfigs, their users, and kubectl's list of allowed plugins.

use std::ffi::{OsStr, OsString};

use super::exec_plugins::ExecPlugins;
use super::findings::{Findings, Fix};
use super::last_output;
use super::preview::Preview;
use super::seen::Seen;
use super::settings;
use super::shell;
use crate::commands::client::{UserClient, Users, clients, users};
use crate::commands::output::{plural, unknown_plugin};
use crate::config::Environment;
use crate::error::shown;
use crate::identity;
use crate::kubeconfig::kuberc::{self, PluginPolicy};
use crate::kubeconfig::yaml::Refusal;
use crate::kubeconfig::{self, ClientEnvironment};

/// Of more clients than this, the last outputs are not looked up: that would take longer than everything else.
const MOST_LOOKED_UP: usize = 1000;
const API_GROUP: &str = "client.authentication.k8s.io/";

pub fn check(findings: &mut Findings, environment: Environment<'_>, kubeconfigs: &ClientEnvironment) {
    settings::check_path(findings, "KUBECONFIG", environment);
    let mut files = match kubeconfig::default_files(kubeconfigs) {
        Ok(files) => files,
        Err(error) => return findings.problem(&error, &Fix::Advice("set HOME or KUBECONFIG")),
    };
    files.retain(|file| {
        if !file.exists() {
            findings.note(&format_args!("there is no kubeconfig '{}'", shown(file)));
        }
        file.exists()
    });
    let (users, errors) = users(&files, kubeconfigs);
    for error in &errors {
        let advice = "correct that line; until then the cache leaves the file alone";
        findings.problem(error, &Fix::Advice(advice));
    }
    check_users(findings, &users, environment, kubeconfigs);
}

fn check_users(
    findings: &mut Findings,
    users: &Users,
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) {
    let injected = users.iter().filter(|(_, user)| user.injected).count();
    let goes = plural(users.len(), "user with an exec plugin goes", "users with an exec plugin go");
    let text = format!("{injected} of {goes} through the cache");
    match users.len() {
        0 => findings.note(&"no user of a kubeconfig has an exec plugin"),
        all if all == injected => findings.ok(&text),
        _ => findings.note(&text),
    }
    let mut plugins = ExecPlugins::new(environment, kubeconfigs);
    let mut commands = Seen::default();
    let own_command = shell::own_command(kubeconfigs);
    let mut preview: Option<Preview> = None;
    let policy = kuberc::policy(&|name| kubeconfigs.kuberc_variable(name));
    for (file, user) in users {
        let client = UserClient::new(file, user, None, kubeconfigs);
        check_versions(findings, &client);
        if !user.injected {
            let known = preview.take().filter(|preview| preview.file == *file);
            let preview = preview.insert(known.unwrap_or_else(|| Preview::of(file, kubeconfigs)));
            report_not_injected(findings, &client, preview, &own_command);
        }
        plugins.check(findings, &client);
        note_unknown_plugin(findings, &client);
        if user.injected {
            check_allowlist(findings, &client, &mut commands, policy.as_ref());
            settings::check_user(findings, &client, environment);
        }
    }
    let clients = clients(users, kubeconfigs);
    if clients.len() <= MOST_LOOKED_UP {
        last_output::check(findings, &clients, environment);
    }
}

fn report_not_injected(
    findings: &mut Findings,
    client: &UserClient<'_>,
    preview: &mut Preview,
    own_command: &str,
) {
    let text = format!("{}, line {}, does not go through the cache", client.title(), client.user.line);
    if let Some(Refusal { line, reason }) = preview.refusal(&client.user.name) {
        let text = format_args!("{text}, and --inject refuses it: line {line}: {reason}");
        return findings.problem(&text, &Fix::Advice("put the cache in front of its command by hand"));
    }
    let inject = [own_command, " --inject --user ", &shell::word(&client.user.name)].concat();
    match &preview.writable {
        Ok(()) => findings.problem(&text, &Fix::Command(&inject)),
        Err(error) => {
            let text = [&text, ", and ", &error.text()].concat();
            findings.problem(&text, &Fix::Advice(error.hint().unwrap_or(&inject)));
        }
    }
}

/// Checks what current clients require of `exec`, beyond its command.
fn check_versions(findings: &mut Findings, client: &UserClient<'_>) {
    let title = client.title();
    let set = |option: &str| {
        ["kubectl config set-credentials ", &shell::word(&client.user.name), " ", option].concat()
    };
    let set_version = set(&["--exec-api-version=", API_GROUP, "v1beta1"].concat());
    match client.user.api_version.strip_prefix(API_GROUP) {
        Some("v1alpha1") => {
            let text = format_args!("{title} has the apiVersion v1alpha1, which kubectl refuses since 1.24");
            findings.problem(&text, &Fix::Command(&set_version));
        }
        Some("v1") if client.user.interactive_mode.is_empty() => {
            let text = format_args!("{title} has no interactiveMode, which apiVersion v1 requires");
            findings.problem(&text, &Fix::Command(&set("--exec-interactive-mode=IfAvailable")));
        }
        None if client.user.api_version.is_empty() => {
            let text = format_args!("{title} has no apiVersion, so kubectl refuses its exec plugin");
            findings.problem(&text, &Fix::Command(&set_version));
        }
        _ => {}
    }
}

fn note_unknown_plugin(findings: &mut Findings, client: &UserClient<'_>) {
    if let Some(wrapped) = client.wrapped.as_ref().filter(|wrapped| !wrapped.states_all_variables())
        && let Some(plugin) = wrapped.command.first()
        && !identity::is_understood(&wrapped.command)
    {
        findings.note(&format_args!("{}: {}", client.title(), unknown_plugin(plugin)));
    }
}

/// kubectl checks the cache, and the cache checks the plugin behind it. Each program is named once.
fn check_allowlist(
    findings: &mut Findings,
    client: &UserClient<'_>,
    seen: &mut Seen,
    policy: Option<&PluginPolicy>,
) {
    let Some(policy) = policy else { return };
    let own = OsStr::new(&client.user.command);
    for command in std::iter::once(own).chain(client.wrapped_program().map(OsString::as_os_str)) {
        let is_new = seen.insert(command);
        if let Some(denial) = policy.denial(command) {
            let text = format_args!("kubectl does not run '{}': {}", shown(command), denial.reason);
            if is_new {
                findings.problem(&text, &Fix::Advice(&denial.hint));
            }
            return;
        }
    }
}
