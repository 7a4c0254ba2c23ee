//! A kubeconfig with one cluster, one context and one user with an exec plugin, and kubectl with it.

use std::ffi::OsStr;
use std::fs;

use serde_json::json;

use super::{ApiServer, Call, PROGRAM, Sandbox, Tool};

pub struct Kubeconfig {
    command: Vec<String>,
    env: Vec<(String, String)>,
    provide_cluster_info: bool,
}

impl Kubeconfig {
    /// A user whose exec plugin is this command line.
    pub fn direct(command: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Kubeconfig {
        let text = |part: &OsStr| part.to_str().expect("kubeconfigs are UTF-8").to_owned();
        Kubeconfig {
            command: command.into_iter().map(|part| text(part.as_ref())).collect(),
            env: Vec::new(),
            provide_cluster_info: false,
        }
    }

    /// A user whose exec plugin is the program with this command line.
    pub fn cached(command: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Kubeconfig {
        let mut kubeconfig = Kubeconfig::direct(command);
        kubeconfig.command.insert(0, PROGRAM.to_owned());
        kubeconfig
    }

    /// Adds an entry to `exec.env`.
    pub fn env(mut self, name: &str, value: &str) -> Kubeconfig {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets `provideClusterInfo`, so that client-go passes the cluster to the plugin.
    pub fn provide_cluster_info(mut self) -> Kubeconfig {
        self.provide_cluster_info = true;
        self
    }

    /// kubectl with this kubeconfig and server, still without arguments. The kubeconfig is JSON, which
    /// is YAML too.
    pub fn kubectl(&self, kubectl: &Tool, sandbox: &Sandbox, server: &ApiServer) -> Call {
        let env: Vec<_> =
            self.env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let document = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {
                "server": server.url(), "certificate-authority-data": server.authority_data()}}],
            "users": [{"name": "it", "user": {"exec": {
                "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
                "command": self.command[0], "args": self.command[1..], "env": env,
                "provideClusterInfo": self.provide_cluster_info}}}],
        });
        let path = sandbox.home().join("kubeconfig");
        // Another kubectl may be reading it.
        let new = sandbox.new_path("kubeconfig");
        fs::write(&new, document.to_string()).unwrap();
        fs::rename(&new, &path).unwrap();
        sandbox.tool(&kubectl.program).env("KUBECONFIG", path)
    }
}
