//! Clients of the kubeconfigs' users: what kubectl would run for one, and in which environment.
//!
//! A key depends on what the client says, so a report that wants to know what kubectl will find,
//! or to put it there, has to say the same: `KUBERNETES_EXEC_INFO` as client-go writes it
//! (`plugin/pkg/client/auth/exec/exec.go`, `refreshCredsLocked`; `rest/exec.go`,
//! `ConfigToExecCluster`), and the user's own variables.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf, is_separator};

use crate::cli::{self, Wrapped};
use crate::config::Environment;
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::kubeconfig::{self, Cluster, ExecUser, printable};
use crate::{base64, json, key};

/// Somebody who calls for one user of a kubeconfig, and for one cluster where that counts. May hold
/// secrets in `arguments` and `variables`.
pub struct Client {
    pub file: PathBuf,
    /// For people.
    pub user: String,
    pub line: usize,
    /// What the kubeconfig names as `command`.
    pub command: String,
    pub arguments: Vec<String>,
    pub mode: InteractiveMode,
    /// Whether the cache stands in front of the plugin.
    pub injected: bool,
    /// What this program makes of the arguments, where `command` is this program.
    pub wrapped: Option<Wrapped>,
    api_version: String,
    variables: Vec<(String, String)>,
    /// `spec.cluster`, where the client is to give it.
    cluster: Option<String>,
    /// Which cluster that is, for people.
    cluster_name: Option<String>,
}

/// Whether the plugin may turn to somebody at the terminal (`interactiveMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractiveMode {
    Never,
    IfAvailable,
    Always,
}

/// Who calls for the users of `files`, and which files cannot be read.
pub fn clients(files: &[PathBuf], environment: &kubeconfig::Environment) -> (Vec<Client>, Vec<Error>) {
    let (mut clients, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        match kubeconfig::exec_users(file, environment) {
            Ok(users) => clients.extend(users.iter().flat_map(|user| clients_of(file, user, environment))),
            Err(error) => errors.push(error),
        }
    }
    (clients, errors)
}

/// One, or one per cluster where the plugin learns of it.
fn clients_of(file: &Path, user: &ExecUser, environment: &kubeconfig::Environment) -> Vec<Client> {
    let client = |cluster: Option<&Cluster>| Client {
        file: file.to_owned(),
        user: printable(&user.name),
        line: user.line,
        command: user.command.clone(),
        arguments: user.args.clone(),
        mode: match user.interactive_mode.as_str() {
            "Never" => InteractiveMode::Never,
            "Always" => InteractiveMode::Always,
            // The default of v1beta1; in v1 it has to be said.
            _ => InteractiveMode::IfAvailable,
        },
        injected: user.injected,
        wrapped: kubeconfig::is_own(&user.command, environment).then(|| wrapped(&user.args)).flatten(),
        api_version: user.api_version.clone(),
        variables: user.env.clone(),
        cluster: cluster.map(|cluster| cluster_json(cluster, file)),
        cluster_name: cluster.map(|cluster| printable(&cluster.name)),
    };
    match user.clusters.as_slice() {
        clusters if user.provide_cluster_info && !clusters.is_empty() => {
            clusters.iter().map(|cluster| client(Some(cluster))).collect()
        }
        _ => vec![client(None)],
    }
}

fn wrapped(arguments: &[String]) -> Option<Wrapped> {
    match cli::parse(arguments.iter().map(OsString::from)) {
        Ok(cli::Command::Proxy(wrapped)) => Some(wrapped),
        _ => None,
    }
}

impl Client {
    /// "user 'dev' of '/home/u/.kube/config'".
    pub fn place(&self) -> String {
        format!("user '{}' of '{}'", self.user, self.file.display())
    }

    /// The same with the cluster, where that counts.
    pub fn title(&self) -> String {
        let cluster = self.cluster_name.as_ref().map(|name| format!(" with cluster '{name}'"));
        self.place() + &cluster.unwrap_or_default()
    }

    /// Whether it runs exactly this plugin, be it through the cache or not.
    pub fn runs(&self, command: &[OsString]) -> bool {
        match &self.wrapped {
            Some(wrapped) => wrapped.command == command,
            None => self.words() == command,
        }
    }

    /// What is known of the plugin, in the environment that it gets.
    pub fn identity(&self, outer: Environment<'_>) -> Identity {
        let environment = |name: &str| self.variable(name, outer);
        match &self.wrapped {
            Some(wrapped) => identity::identify(&wrapped.command, &environment),
            None => identity::identify(&self.words(), &environment),
        }
    }

    /// The kubeconfig's own command and arguments.
    fn words(&self) -> Vec<OsString> {
        [&self.command].into_iter().chain(&self.arguments).map(OsString::from).collect()
    }

    /// The plugin behind the cache, where it is searched for where everything is.
    pub fn wrapped_program(&self) -> Option<&OsString> {
        let has_own_path = self.variables.iter().any(|(name, _)| name == "PATH");
        self.wrapped.as_ref().filter(|_| !has_own_path)?.command.first()
    }

    /// The program that the client starts. A relative path begins at the kubeconfig's folder.
    pub fn program(&self) -> PathBuf {
        let command = Path::new(&self.command);
        if !self.command.contains(is_separator) || command.is_absolute() {
            return command.to_owned();
        }
        self.file.parent().unwrap_or(Path::new("")).join(command)
    }

    /// One variable of the environment that the program gets.
    pub fn variable(&self, name: &str, outer: Environment<'_>) -> Option<OsString> {
        if name == key::EXEC_INFO {
            return Some(self.exec_info(false).into());
        }
        // The last one counts where a name is there twice, as in Go's os/exec.
        let own = self.variables.iter().rev().find(|(own, _)| own == name);
        own.map(|(_, value)| value.into()).or_else(|| outer(name))
    }

    /// All variables that the client adds.
    pub fn added_variables(&self, interactive: bool) -> impl Iterator<Item = (&str, OsString)> {
        let own = self.variables.iter().map(|(name, value)| (name.as_str(), value.into()));
        own.chain([(key::EXEC_INFO, self.exec_info(interactive).into())])
    }

    fn exec_info(&self, interactive: bool) -> String {
        let mut text = String::from("{\"kind\":\"ExecCredential\",\"apiVersion\":");
        json::push_string(&mut text, &self.api_version);
        text.push_str(",\"spec\":{");
        if let Some(cluster) = &self.cluster {
            text.push_str("\"cluster\":");
            text.push_str(cluster);
            text.push(',');
        }
        text.push_str(if interactive { "\"interactive\":true}}" } else { "\"interactive\":false}}" });
        text
    }
}

/// `spec.cluster` with the members that client-go gives: what is empty is left out, but for `server`
/// and `config` (`k8s.io/client-go/pkg/apis/clientauthentication/v1/types.go`).
fn cluster_json(cluster: &Cluster, file: &Path) -> String {
    let mut text = String::from("{\"server\":");
    json::push_string(&mut text, server(cluster));
    for (name, value) in [
        ("tls-server-name", cluster.tls_server_name.as_str()),
        ("certificate-authority-data", &authority(cluster, file)),
        ("proxy-url", &cluster.proxy_url),
    ] {
        if !value.is_empty() {
            text.push_str(&format!(",\"{name}\":"));
            json::push_string(&mut text, value);
        }
    }
    if cluster.insecure_skip_tls_verify {
        text.push_str(",\"insecure-skip-tls-verify\":true");
    }
    if cluster.disable_compression {
        text.push_str(",\"disable-compression\":true");
    }
    text.push_str(",\"config\":");
    text.push_str(cluster.config.as_deref().unwrap_or("null"));
    text.push('}');
    text
}

/// As client-go's `clientcmd` makes a host of it (`client_config.go`, `ClientConfig`).
fn server(cluster: &Cluster) -> &str {
    cluster.server.split(['?', '#']).next().unwrap_or_default()
}

/// The data, else the file's content, in base64.
fn authority(cluster: &Cluster, file: &Path) -> String {
    if !cluster.certificate_authority_data.is_empty() {
        return cluster.certificate_authority_data.replace(['\r', '\n'], "");
    }
    if cluster.certificate_authority.is_empty() {
        return String::new();
    }
    let path = file.parent().unwrap_or(Path::new("")).join(&cluster.certificate_authority);
    let mut encoded = Vec::new();
    base64::encode(&fs::read(path).unwrap_or_default(), &mut encoded);
    String::from_utf8_lossy(&encoded).into_owned()
}
