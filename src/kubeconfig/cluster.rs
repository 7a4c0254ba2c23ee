//! The clusters of a kubeconfig as client-go hands them to exec plugins, in `spec.cluster`.
//!
//! Reads the text's tree; everything is copied. Pure.

use std::path::{Path, PathBuf};

use super::scan::{field, is_true, items};
use super::yaml::{self, Id, Tree};

/// The extension of a cluster that client-go hands to plugins
/// (`k8s.io/client-go/tools/clientcmd/api/v1/conversion.go`).
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// A cluster as `spec.cluster` of an ExecCredential shows it. What is not set is empty.
#[derive(Clone)]
pub struct Cluster {
    pub name: String,
    pub server: String,
    pub tls_server_name: String,
    pub insecure_skip_tls_verify: bool,
    /// Base64, as in the kubeconfig.
    pub certificate_authority_data: String,
    /// A path from the directory of the kubeconfig that has the cluster.
    pub certificate_authority: PathBuf,
    pub proxy_url: String,
    pub disable_compression: bool,
    /// JSON.
    pub config: Option<String>,
}

/// Reads the cluster `name` from its mapping `id`; `directory` is that of its kubeconfig.
pub fn read_cluster(tree: &Tree<'_>, name: &str, id: Id, directory: &Path) -> Cluster {
    let extensions = tree.get(id, "extensions").map(|list| items(tree, list.value));
    let config = extensions.unwrap_or_default().into_iter().find_map(|item| {
        let is_for_plugins = field(tree, item, "name") == EXEC_EXTENSION;
        tree.get(item, "extension").filter(|_| is_for_plugins)
    });
    Cluster {
        name: name.to_owned(),
        server: field(tree, id, "server").to_owned(),
        tls_server_name: field(tree, id, "tls-server-name").to_owned(),
        insecure_skip_tls_verify: is_true(tree, id, "insecure-skip-tls-verify"),
        certificate_authority_data: field(tree, id, "certificate-authority-data").to_owned(),
        certificate_authority: match field(tree, id, "certificate-authority") {
            "" => PathBuf::new(),
            path => directory.join(path),
        },
        proxy_url: field(tree, id, "proxy-url").to_owned(),
        disable_compression: is_true(tree, id, "disable-compression"),
        config: config.and_then(|config| yaml::to_json(tree, config.value)),
    }
}
