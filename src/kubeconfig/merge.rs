//! Several kubeconfigs as kubectl sees them, merged.
//!
//! The first file that has a user, context or cluster of a name wins; the same name in a later file is
//! ignored. The current context is that of the first file that sets one (`Load` in
//! `k8s.io/client-go/tools/clientcmd/loader.go`). So a user can be in one file, and its context and its
//! cluster in others. Takes time linear in the files, apart from sorting.

use std::path::{Path, PathBuf};

use super::cluster::{Cluster, read_cluster};
use super::environment::{ClientEnvironment, is_own};
use super::files::{EditError, KubeconfigFile};
use super::names::Names;
use super::refused::refused_text;
use super::scan::{Kubeconfig, field, items};
use super::users::{ExecUser, read_exec_user};
use super::yaml::{Id, Tree};
use crate::error::{Error, Result};

/// What kubectl would see, as far as exec plugins are concerned.
#[derive(Default)]
pub struct MergedKubeconfig {
    /// The users with an exec plugin and their files, in order. A user that kubectl takes from an
    /// earlier file is not listed.
    pub users: Vec<(PathBuf, ExecUser)>,
    pub current_context: Option<String>,
    /// The user of the current context; `None` if no file has that context.
    pub current_user: Option<String>,
    /// Why a file was not read. kubectl would stop there; the others are merged all the same.
    pub errors: Vec<Error>,
}

/// Reads and merges `files`, in kubectl's order.
pub fn merge(files: &[PathBuf], environment: &ClientEnvironment) -> MergedKubeconfig {
    let mut merged = MergedKubeconfig::default();
    let mut texts: Vec<(&PathBuf, KubeconfigFile)> = Vec::new();
    for path in files {
        match KubeconfigFile::read(path) {
            Ok(snapshot) => texts.push((path, snapshot)),
            Err(error) => merged.errors.push(read_error(path, error)),
        }
    }
    let mut configs: Vec<(&Path, Kubeconfig<'_>)> = Vec::new();
    for (path, snapshot) in &texts {
        match Kubeconfig::scan(&snapshot.text) {
            Ok(config) => configs.push((path, config)),
            Err(refusal) => merged.errors.push(read_error(path, refusal.into())),
        }
    }
    let contexts = Contexts::of(&configs);
    let mut users = Vec::new();
    for (file, (_, config)) in configs.iter().enumerate() {
        users.extend(config.users.iter().map(|user| (file, user)));
    }
    let names = Names::of(users.iter().map(|(_, user)| user.name.as_str()));
    for (place, (file, user)) in users.into_iter().enumerate() {
        let (path, config) = &configs[file];
        let read = read_exec_user(config, user, &|command| is_own(command, environment));
        if let Some(mut read) = read.filter(|read| names.first(&read.name) == Some(place)) {
            if read.provide_cluster_info {
                read.clusters = contexts.clusters_of(&read.name);
            }
            merged.users.push((path.to_path_buf(), read));
        }
    }
    let current = current_context(&configs);
    merged.current_user = current.and_then(|name| contexts.user_of(name)).map(str::to_owned);
    merged.current_context = current.map(str::to_owned);
    merged
}

/// The users of one kubeconfig that have an exec plugin.
pub fn exec_users(path: &Path, environment: &ClientEnvironment) -> Result<Vec<ExecUser>> {
    let mut merged = merge(&[path.to_path_buf()], environment);
    match merged.errors.pop() {
        Some(error) => Err(error),
        None => Ok(merged.users.into_iter().map(|(_, user)| user).collect()),
    }
}

fn read_error(path: &Path, error: EditError) -> Error {
    match error {
        EditError::Failed(error) => error,
        EditError::Refused(refusal) => {
            Error::failure(["cannot read ", &refused_text(path, &refusal)].concat())
        }
    }
}

/// The items of one list of all files. Of those with the same name, the first one counts.
struct NamedItems<'t> {
    /// The number of the file and the node, in the order of the files.
    items: Vec<(usize, Id)>,
    names: Names<'t>,
}

impl<'t> NamedItems<'t> {
    fn of(configs: &'t [(&Path, Kubeconfig<'t>)], section: &str) -> Self {
        let (mut all, mut names) = (Vec::new(), Vec::new());
        for (file, (_, config)) in configs.iter().enumerate() {
            for item in section_items(&config.tree, section) {
                all.push((file, item));
                names.push(field(&config.tree, item, "name"));
            }
        }
        NamedItems { items: all, names: Names::of(names.into_iter()) }
    }

    fn find(&self, name: &str) -> Option<(usize, Id)> {
        self.names.first(name).map(|place| self.items[place])
    }
}

/// The items of a list at the top of a kubeconfig.
fn section_items(tree: &Tree<'_>, section: &str) -> Vec<Id> {
    let root = tree.documents().first();
    let entry = root.and_then(|&root| tree.get(root, section));
    entry.map(|entry| items(tree, entry.value)).unwrap_or_default()
}

/// The contexts and clusters of all files.
struct Contexts<'t> {
    configs: &'t [(&'t Path, Kubeconfig<'t>)],
    contexts: NamedItems<'t>,
    clusters: NamedItems<'t>,
    /// The user of each context that counts, and the place of the context, sorted.
    users: Vec<(&'t str, usize)>,
}

impl<'t> Contexts<'t> {
    fn of(configs: &'t [(&'t Path, Kubeconfig<'t>)]) -> Self {
        let contexts = NamedItems::of(configs, "contexts");
        let clusters = NamedItems::of(configs, "clusters");
        let mut contexts = Contexts { configs, contexts, clusters, users: Vec::new() };
        for place in 0..contexts.contexts.items.len() {
            let (file, item) = contexts.contexts.items[place];
            let name = field(&configs[file].1.tree, item, "name");
            if contexts.contexts.names.first(name) == Some(place) {
                contexts.users.push((contexts.member(place, "user"), place));
            }
        }
        contexts.users.sort_unstable();
        contexts
    }

    /// A member of the context at a place; empty if it is missing.
    fn member(&self, place: usize, name: &str) -> &'t str {
        let (file, item) = self.contexts.items[place];
        let tree = &self.configs[file].1.tree;
        tree.get(item, "context").map(|context| field(tree, context.value, name)).unwrap_or_default()
    }

    /// The clusters that contexts pair with a user, each once, in the order of the contexts.
    fn clusters_of(&self, user: &str) -> Vec<Cluster> {
        let first = self.users.partition_point(|(name, _)| *name < user);
        let mut clusters: Vec<Cluster> = Vec::new();
        for (_, place) in self.users[first..].iter().take_while(|(name, _)| *name == user) {
            let name = self.member(*place, "cluster");
            if !clusters.iter().any(|cluster| cluster.name == name) {
                clusters.extend(self.cluster(name));
            }
        }
        clusters
    }

    fn cluster(&self, name: &str) -> Option<Cluster> {
        let (file, item) = self.clusters.find(name)?;
        let (path, config) = &self.configs[file];
        let mapping = config.tree.get(item, "cluster")?.value;
        Some(read_cluster(&config.tree, name, mapping, path.parent().unwrap_or(Path::new(""))))
    }

    fn user_of(&self, context: &str) -> Option<&str> {
        let user = self.member(self.contexts.names.first(context)?, "user");
        Some(user).filter(|user| !user.is_empty())
    }
}

/// That of the first file that sets one.
fn current_context<'t>(configs: &'t [(&Path, Kubeconfig<'_>)]) -> Option<&'t str> {
    configs.iter().find_map(|(_, config)| {
        let root = *config.tree.documents().first()?;
        Some(field(&config.tree, root, "current-context")).filter(|name| !name.is_empty())
    })
}
