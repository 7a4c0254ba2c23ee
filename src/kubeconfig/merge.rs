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
    /// The user of the current context; none if no file has that context.
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
    let users = named(&configs, |config| {
        config.users.iter().zip(0..).map(|(user, number)| (&user.name[..], number)).collect()
    });
    for (file, (path, config)) in configs.iter().enumerate() {
        for (number, user) in config.users.iter().enumerate() {
            let counts = find(&users, &user.name) == Some((file, number));
            let read = read_exec_user(config, user, &|command| is_own(command, environment));
            if let Some(mut read) = read.filter(|_| counts) {
                if read.provide_cluster_info {
                    read.clusters = contexts.clusters_of(&read.name);
                }
                merged.users.push((path.to_path_buf(), read));
            }
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

/// Something by its name, sorted by name; each name once, from the first file that has it.
type Named<'t, T> = Vec<(&'t str, (usize, T))>;

/// `list` gives names and values of one kubeconfig; the result has the number of the file too.
fn named<'t, T: Copy + Ord>(
    configs: &'t [(&Path, Kubeconfig<'_>)],
    list: impl Fn(&'t Kubeconfig<'_>) -> Vec<(&'t str, T)>,
) -> Named<'t, T> {
    let mut all = Vec::new();
    for (file, (_, config)) in configs.iter().enumerate() {
        all.extend(list(config).into_iter().map(|(name, value)| (name, (file, value))));
    }
    all.sort_unstable();
    all.dedup_by_key(|(name, _)| *name);
    all
}

fn find<T: Copy>(named: &Named<'_, T>, name: &str) -> Option<(usize, T)> {
    named.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| named[at].1)
}

/// Names and nodes of the items of a list at the top of a kubeconfig.
fn list<'t>(tree: &'t Tree<'_>, section: &str) -> Vec<(&'t str, Id)> {
    let root = tree.documents().first();
    let entry = root.and_then(|&root| tree.get(root, section));
    let items = entry.map(|entry| items(tree, entry.value)).unwrap_or_default();
    items.into_iter().map(|item| (field(tree, item, "name"), item)).collect()
}

/// The contexts and clusters of all files.
struct Contexts<'t> {
    configs: &'t [(&'t Path, Kubeconfig<'t>)],
    contexts: Named<'t, Id>,
    clusters: Named<'t, Id>,
    /// User and cluster of each context, and the number of the context, sorted.
    pairs: Vec<(&'t str, usize, &'t str)>,
}

impl<'t> Contexts<'t> {
    fn of(configs: &'t [(&'t Path, Kubeconfig<'t>)]) -> Self {
        let contexts = named(configs, |config| list(&config.tree, "contexts"));
        let clusters = named(configs, |config| list(&config.tree, "clusters"));
        let mut in_order: Vec<(usize, Id)> = contexts.iter().map(|(_, place)| *place).collect();
        in_order.sort_unstable();
        let mut pairs = Vec::new();
        for (number, (file, item)) in in_order.into_iter().enumerate() {
            let tree = &configs[file].1.tree;
            if let Some(context) = tree.get(item, "context") {
                let member = |name| field(tree, context.value, name);
                pairs.push((member("user"), number, member("cluster")));
            }
        }
        pairs.sort_unstable();
        Contexts { configs, contexts, clusters, pairs }
    }

    /// The clusters that contexts pair with a user, each once, in the order of the contexts.
    fn clusters_of(&self, user: &str) -> Vec<Cluster> {
        let first = self.pairs.partition_point(|(name, ..)| *name < user);
        let names = self.pairs[first..].iter().take_while(|(name, ..)| *name == user);
        let mut clusters: Vec<Cluster> = Vec::new();
        for (_, _, name) in names {
            if !clusters.iter().any(|cluster| cluster.name == *name) {
                clusters.extend(self.cluster(name));
            }
        }
        clusters
    }

    fn cluster(&self, name: &str) -> Option<Cluster> {
        let (file, item) = find(&self.clusters, name)?;
        let (path, config) = &self.configs[file];
        let mapping = config.tree.get(item, "cluster")?.value;
        Some(read_cluster(&config.tree, name, mapping, path.parent().unwrap_or(Path::new(""))))
    }

    fn user_of(&self, context: &str) -> Option<&str> {
        let (file, item) = find(&self.contexts, context)?;
        let tree = &self.configs[file].1.tree;
        Some(field(tree, tree.get(item, "context")?.value, "user")).filter(|user| !user.is_empty())
    }
}

/// That of the first file that sets one.
fn current_context<'t>(configs: &'t [(&Path, Kubeconfig<'_>)]) -> Option<&'t str> {
    configs.iter().find_map(|(_, config)| {
        let root = *config.tree.documents().first()?;
        Some(field(&config.tree, root, "current-context")).filter(|name| !name.is_empty())
    })
}
