//! The users of a kubeconfig that have an exec plugin, and what it says: for the reports.
//!
//! Everything is copied out of the text. A user that goes through the cache is shown as kubectl sees
//! it, with `injected` set. Runs nothing. Pure.

use super::cluster::Cluster;
use super::scan::{Kubeconfig, User, field, is_true};

/// A user with an exec plugin. May hold secrets in `args` and `env`.
pub struct ExecUser {
    pub name: String,
    /// The line of the user in its file, from 1.
    pub line: usize,
    pub command: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub api_version: String,
    /// `Never`, `IfAvailable`, `Always`; empty if not set.
    pub interactive_mode: String,
    /// What the kubeconfig says about a plugin that is not installed.
    pub install_hint: String,
    pub provide_cluster_info: bool,
    pub injected: bool,
    /// With `provideClusterInfo`, the clusters that contexts pair with this user, each once. Else
    /// empty.
    pub clusters: Vec<Cluster>,
}

/// What `user` of `config` says; `None` without an exec plugin. `is_own` says whether a command is this
/// program.
pub fn read_exec_user(
    config: &Kubeconfig<'_>,
    user: &User,
    is_own: &dyn Fn(&str) -> bool,
) -> Option<ExecUser> {
    let exec = user.exec.ok()??;
    let tree = &config.tree;
    let command = config.command(&exec)?;
    let nodes = config.args(&exec);
    let mut args = Vec::new();
    for &node in &nodes {
        args.extend(tree.scalar(node).map(str::to_owned));
    }
    let text = |name| field(tree, exec.mapping, name).to_owned();
    Some(ExecUser {
        name: user.name.clone(),
        line: user.line,
        command: command.to_owned(),
        args,
        env: config.env(&exec).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        api_version: text("apiVersion"),
        interactive_mode: text("interactiveMode"),
        install_hint: text("installHint"),
        provide_cluster_info: is_true(tree, exec.mapping, "provideClusterInfo"),
        injected: is_own(command) || config.args_run(&nodes, is_own),
        clusters: Vec::new(),
    })
}
