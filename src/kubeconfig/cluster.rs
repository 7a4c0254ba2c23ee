//! The clusters of a kubeconfig as client-go hands them to exec plugins, in `spec.cluster`.
//!
//! Reads the text's tree; everything is copied. Pure.

use std::path::{Path, PathBuf};

use super::scan::{field, is_true, items};
use super::yaml::{self, Id, NodeContent, Style, Tree};

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
        config: config.and_then(|config| {
            let mut json = String::new();
            write_json(tree, config.value, 0, &mut json).then_some(json)
        }),
    }
}

/// Appends a value as JSON. False if it is deeper or longer than a plugin's configuration can be.
fn write_json(tree: &Tree<'_>, id: Id, depth: usize, json: &mut String) -> bool {
    const MAX_DEPTH: usize = 64;
    const MAX_BYTES: usize = 1 << 20;
    if depth > MAX_DEPTH || json.len() > MAX_BYTES {
        return false;
    }
    let id = tree.resolve(id);
    let brackets = match tree.content(id) {
        NodeContent::Scalar(value, style) => {
            json.push_str(&json_scalar(tree, id, value, *style));
            return true;
        }
        NodeContent::Mapping(_) => ["{", "}"],
        NodeContent::Sequence(_) | NodeContent::Alias(_) => ["[", "]"],
    };
    let is_mapping = matches!(tree.content(id), NodeContent::Mapping(_));
    json.push_str(brackets[0]);
    for (place, child) in tree.children(id).enumerate() {
        let is_value = is_mapping && place % 2 == 1;
        json.push_str(if place == 0 {
            ""
        } else if is_value {
            ":"
        } else {
            ","
        });
        if is_mapping && !is_value {
            json.push_str(&json_key(tree, child));
        } else if !write_json(tree, child, depth + 1, json) {
            return false;
        }
    }
    json.push_str(brackets[1]);
    true
}

fn json_scalar(tree: &Tree<'_>, id: Id, value: &str, style: Style) -> String {
    if tree.is_null(id) {
        return "null".to_owned();
    }
    let is_plain = style == Style::Plain && tree.tag(id).is_none();
    let resolved = if is_plain { yaml::to_json_scalar(value) } else { None };
    resolved.unwrap_or_else(|| json_string(value))
}

/// JSON's keys are strings: `1: x` is `"1": "x"`.
fn json_key(tree: &Tree<'_>, key: Id) -> String {
    let key = tree.resolve(key);
    let NodeContent::Scalar(value, style) = tree.content(key) else { return json_string("") };
    let json = json_scalar(tree, key, value, *style);
    if json.starts_with('"') { json } else { ["\"", &json, "\""].concat() }
}

fn json_string(value: &str) -> String {
    yaml::render(value, Style::DoubleQuoted, true)
}
