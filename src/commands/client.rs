//! The users of kubeconfigs: what kubectl runs for one, and in which environment.
//!
//! The cache key depends on the client, so a report on what kubectl will find has to use the same
//! environment: `KUBERNETES_EXEC_INFO` as client-go writes it (`plugin/pkg/client/auth/exec/exec.go`,
//! `refreshCredsLocked`; `rest/exec.go`, `ConfigToExecCluster`), and the user's own variables.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf, is_separator};

use nanoserde::SerJson;

use crate::cache::Cache;
use crate::cli::{self, Wrapped};
use crate::config::{self, Environment};
use crate::error::{Error, Result, printable, shown};
use crate::format::base64;
use crate::identity::{self, Identity};
use crate::key;
use crate::key::exec_info::document::{ExecInfoCluster, ExecInfoDocument, ExecInfoSpec, RawJson};
use crate::kubeconfig::kuberc::{Denial, PluginPolicy};
use crate::kubeconfig::{self, Cluster, ExecUser, MergedKubeconfig};
use crate::proxy::{self, Call};
use crate::sys;

/// Users with exec plugins, each with its file.
pub type Users = Vec<(PathBuf, ExecUser)>;

/// Returns the users of `files`, merged as kubectl merges them, and an error for each file that cannot
/// be read.
pub fn users(files: &[PathBuf], environment: &kubeconfig::ClientEnvironment) -> (Users, Vec<Error>) {
    let merged = kubeconfig::merge(files, environment);
    (merged.users, merged.errors)
}

/// Returns the name of the user of the current context. As for kubectl, the first file that has a current context,
/// or a context of that name, wins. Fails if there is none, with the error of a file that cannot be read, if there is
/// one.
pub fn current_user(merged: &mut MergedKubeconfig) -> Result<String> {
    let missing = match (merged.current_user.take(), &merged.current_context) {
        (Some(user), _) => return Ok(user),
        (None, Some(context)) => {
            Error::failure(format!("no kubeconfig has the current context '{}'", printable(context)))
        }
        (None, None) => {
            Error::failure("the kubeconfig has no current context").with_hint("use --explain --user NAME")
        }
    };
    Err(merged.errors.drain(..).next().unwrap_or(missing))
}

/// Returns the error for a user without an exec plugin. A file that could not be read may have it.
pub fn no_such_user(name: &str, errors: Vec<Error>) -> Error {
    let text = format!("no kubeconfig has a user '{}' with an exec plugin", printable(name));
    errors.into_iter().next().unwrap_or_else(|| Error::failure(text))
}

/// Returns the default files that exist, since kubectl ignores missing ones; all of them if none exists.
pub fn files_to_read(environment: &kubeconfig::ClientEnvironment) -> Result<Vec<PathBuf>> {
    let files = kubeconfig::default_files(environment)?;
    let existing: Vec<PathBuf> = files.iter().filter(|file| file.exists()).cloned().collect();
    Ok(if existing.is_empty() { files } else { existing })
}

/// Returns one client for each user, or one per cluster if the plugin is told of it.
pub fn clients<'u>(users: &'u Users, environment: &kubeconfig::ClientEnvironment) -> Vec<UserClient<'u>> {
    let mut clients = Vec::new();
    for (file, user) in users {
        if !user.provide_cluster_info || user.clusters.is_empty() {
            clients.push(UserClient::new(file, user, None, environment));
        } else {
            for cluster in &user.clusters {
                clients.push(UserClient::new(file, user, Some(cluster), environment));
            }
        }
    }
    clients
}

/// What was found for the latest client. Clusters of one tenant often have users that differ in nothing but their name,
/// and so make the same call.
pub struct LatestFound<'c, T>(Option<(&'c UserClient<'c>, T)>);

impl<'c, T: Copy> LatestFound<'c, T> {
    pub fn none() -> LatestFound<'c, T> {
        LatestFound(None)
    }

    /// Returns what `find` returns. Calls it only if the latest client makes another call than `client`.
    pub fn of(&mut self, client: &'c UserClient<'c>, find: impl FnOnce() -> T) -> T {
        let found = match &self.0 {
            Some((latest, found)) if client.makes_same_call(latest) => *found,
            _ => find(),
        };
        self.0 = Some((client, found));
        found
    }
}

/// The client of one user of a kubeconfig, and of one cluster if the plugin is told of it.
pub struct UserClient<'u> {
    file: &'u Path,
    pub user: &'u ExecUser,
    /// The cluster that the plugin is told of.
    cluster: Option<&'u Cluster>,
    /// The parsed arguments, if the command is this program.
    pub wrapped: Option<Wrapped>,
}

impl<'u> UserClient<'u> {
    pub fn new(
        file: &'u Path,
        user: &'u ExecUser,
        cluster: Option<&'u Cluster>,
        environment: &kubeconfig::ClientEnvironment,
    ) -> UserClient<'u> {
        let mut client = UserClient { file, user, cluster, wrapped: None };
        if kubeconfig::is_own(&user.command, environment)
            && let Ok(cli::Command::Proxy(wrapped)) = cli::parse(client.words().split_off(1))
        {
            client.wrapped = Some(wrapped);
        }
        client
    }

    /// Returns the user's name as it may be shown.
    pub fn name(&self) -> String {
        printable(&self.user.name)
    }

    /// "user 'dev' of '/home/u/.kube/config'", with the cluster if the plugin is told of it.
    pub fn title(&self) -> String {
        let title = format!("user '{}' of '{}'", self.name(), shown(&self.file));
        match self.cluster {
            Some(cluster) => format!("{title} with cluster '{}'", printable(&cluster.name)),
            None => title,
        }
    }

    /// Whether the user's environment overrides a setting of this program.
    pub fn has_own_settings(&self) -> bool {
        self.user.env.iter().any(|(name, _)| name.starts_with(config::PREFIX))
    }

    /// Whether the client runs this plugin, with or without the cache.
    pub fn runs(&self, command: &[OsString]) -> bool {
        match &self.wrapped {
            Some(wrapped) => wrapped.command == command,
            None => self.words() == command,
        }
    }

    /// Returns the call of this program by the client, if the command is this program. `environment` is
    /// [`UserClient::variable`].
    pub fn call<'e>(&self, environment: Environment<'e>) -> Option<Result<Call<'e>>> {
        self.wrapped.is_some().then(|| self.plugin_call(environment))
    }

    /// Returns the call as [`UserClient::call`] does; for a plugin without the cache, the call that the
    /// client would make after `--inject`.
    pub fn plugin_call<'e>(&self, environment: Environment<'e>) -> Result<Call<'e>> {
        let direct = || Wrapped { key_env: None, command: self.words() };
        let call = self.call_of(self.wrapped.clone().unwrap_or_else(direct), environment)?;
        Ok(call.with_configuration())
    }

    /// Returns the call of `wrapped` in the client's environment, before anything is looked up.
    pub fn call_of<'e>(&self, wrapped: Wrapped, environment: Environment<'e>) -> Result<Call<'e>> {
        Ok(Call::new(wrapped, environment)?.with_variables(&self.user.env))
    }

    /// Returns the cache that the client looks in, with the key under which its credential is stored. `None` if the
    /// command is not this program, or the client cannot use the cache.
    pub fn cache(&self, outer: Environment<'_>) -> Option<Cache> {
        let environment = |name: &str| self.variable(name, outer);
        let mut call = self.call_of(self.wrapped.clone()?, &environment).ok()?;
        let (cache, _) = proxy::look_up(&mut call, Cache::open_existing, sys::now()).ok()?;
        Some(cache)
    }

    /// Whether the clients of both users call this program in the same way, as far as can be told without comparing
    /// clusters.
    fn makes_same_call(&self, other: &UserClient<'_>) -> bool {
        self.cluster.is_none()
            && other.cluster.is_none()
            && self.wrapped.is_some()
            && self.wrapped == other.wrapped
            && self.user.api_version == other.user.api_version
            && self.user.env == other.user.env
    }

    /// Identifies the plugin in the environment that it gets.
    pub fn identity(&self, outer: Environment<'_>) -> Identity {
        let environment = |name: &str| self.variable(name, outer);
        match &self.wrapped {
            Some(wrapped) => identity::identify(&wrapped.command, &environment),
            None => identity::identify(&self.words(), &environment),
        }
    }

    /// Returns the command and arguments of the kubeconfig.
    fn words(&self) -> Vec<OsString> {
        let mut words = vec![OsString::from(&self.user.command)];
        words.extend(self.user.args.iter().map(OsString::from));
        words
    }

    /// Returns the plugin behind the cache, unless the user has a PATH of its own.
    pub fn wrapped_program(&self) -> Option<&OsString> {
        let has_own_path = self.user.env.iter().any(|(name, _)| name == "PATH");
        self.wrapped.as_ref().filter(|_| !has_own_path)?.command.first()
    }

    /// Returns the program that the client starts. A path is relative to the kubeconfig's directory.
    pub fn program(&self) -> PathBuf {
        let command = Path::new(&self.user.command);
        if self.user.command.contains(is_separator) { self.beside_file(command) } else { command.to_owned() }
    }

    /// Returns why kubectl's policy forbids the program, or the plugin behind the cache.
    pub fn denial(&self, policy: &PluginPolicy) -> Option<Denial> {
        let wrapped = self.wrapped.as_ref().and_then(|wrapped| wrapped.command.first());
        let programs =
            std::iter::once(OsStr::new(&self.user.command)).chain(wrapped.map(OsString::as_os_str));
        programs.into_iter().find_map(|program| policy.denial(program))
    }

    pub fn beside_file(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Returns a variable of the program's environment.
    pub fn variable(&self, name: &str, outer: Environment<'_>) -> Option<OsString> {
        if name == key::EXEC_INFO {
            return Some(self.exec_info(false).into());
        }
        // Of duplicates the last one counts, as in Go's os/exec.
        let own = self.user.env.iter().rev().find(|(own, _)| own == name);
        own.map(|(_, value)| value.into()).or_else(|| outer(name))
    }

    /// Returns `KUBERNETES_EXEC_INFO` as the client sets it.
    pub fn exec_info(&self, interactive: bool) -> String {
        let document = ExecInfoDocument {
            kind: "ExecCredential".to_owned(),
            api_version: self.user.api_version.clone(),
            spec: ExecInfoSpec {
                cluster: self.cluster.map(|cluster| self.exec_cluster(cluster)),
                interactive,
            },
        };
        document.serialize_json()
    }

    fn exec_cluster(&self, cluster: &Cluster) -> ExecInfoCluster {
        let text = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        ExecInfoCluster {
            // client-go's `clientcmd` cuts off the query (`client_config.go`, `ClientConfig`).
            server: cluster.server.split(['?', '#']).next().unwrap_or_default().to_owned(),
            tls_server_name: text(&cluster.tls_server_name),
            insecure_skip_tls_verify: cluster.insecure_skip_tls_verify.then_some(true),
            certificate_authority_data: text(&self.authority(cluster)),
            proxy_url: text(&cluster.proxy_url),
            disable_compression: cluster.disable_compression.then_some(true),
            config: RawJson(cluster.config.clone().unwrap_or_else(|| "null".to_owned())),
        }
    }

    /// Returns the certificate authority in base64: the data, else the content of the file.
    fn authority(&self, cluster: &Cluster) -> String {
        if !cluster.certificate_authority_data.is_empty() {
            return cluster.certificate_authority_data.replace(['\r', '\n'], "");
        }
        if cluster.certificate_authority.as_os_str().is_empty() {
            return String::new();
        }
        let content = kubeconfig::read_named(&cluster.certificate_authority).unwrap_or_default();
        String::from_utf8_lossy(&base64::encode(&content)).into_owned()
    }
}
