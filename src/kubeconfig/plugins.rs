//! Who in a kubeconfig has an exec plugin, and what it says: for `--warm` and `--doctor`.
//!
//! Read only, and everything is copied out of the text. A plugin that the cache stands in front of
//! is shown as kubectl sees it, with `injected` set. Nothing here runs anything.

use std::path::Path;

use super::files::{Snapshot, Trouble};
use super::scan::{Kubeconfig, User, items};
use super::yaml::{Id, NodeContent, Style, Tree, is_plain_string};

/// The extension of a cluster that client-go hands to plugins
/// (`k8s.io/client-go/tools/clientcmd/api/v1/conversion.go`).
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// A user with an exec plugin. May hold secrets in `args` and `env`.
pub struct ExecUser {
    pub name: String,
    /// Where the user stands in the file, from 1.
    pub line: usize,
    pub command: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub api_version: String,
    /// `Never`, `IfAvailable`, `Always`; empty where nothing is said.
    pub interactive_mode: String,
    pub provide_cluster_info: bool,
    pub injected: bool,
    /// What `provideClusterInfo` would hand over: the clusters that the contexts of the same file
    /// pair with this user, each once.
    pub clusters: Vec<Cluster>,
}

/// A cluster as `spec.cluster` of an ExecCredential shows it; what is not set is empty.
pub struct Cluster {
    pub name: String,
    pub server: String,
    pub tls_server_name: String,
    pub insecure_skip_tls_verify: bool,
    /// Base64, as in the kubeconfig.
    pub certificate_authority_data: String,
    /// A path, relative to the kubeconfig; client-go reads it into the data.
    pub certificate_authority: String,
    pub proxy_url: String,
    pub disable_compression: bool,
    /// JSON.
    pub config: Option<String>,
}

/// `is_own` says whether a command is this program.
pub fn list(path: &Path, is_own: &dyn Fn(&str) -> bool) -> Result<Vec<ExecUser>, Trouble> {
    let snapshot = Snapshot::read(path)?;
    let config = Kubeconfig::scan(&snapshot.text)?;
    let mut users = Vec::new();
    for user in &config.users {
        users.extend(exec_user(&config, user, is_own));
    }
    Ok(users)
}

fn exec_user(config: &Kubeconfig<'_>, user: &User, is_own: &dyn Fn(&str) -> bool) -> Option<ExecUser> {
    let exec = user.exec?;
    let tree = &config.tree;
    let command = config.command(&exec)?;
    let args = config.args(&exec);
    let (mut words, mut env) = (Vec::new(), Vec::new());
    for &arg in &args {
        words.extend(tree.scalar(arg).map(str::to_owned));
    }
    for (name, value) in config.env(&exec) {
        env.push((name.to_owned(), value.to_owned()));
    }
    Some(ExecUser {
        name: user.name.clone(),
        line: user.line,
        command: command.to_owned(),
        args: words,
        env,
        api_version: field(tree, exec.mapping, "apiVersion"),
        interactive_mode: field(tree, exec.mapping, "interactiveMode"),
        provide_cluster_info: is_set(tree, exec.mapping, "provideClusterInfo"),
        injected: is_own(command) || config.has_further_in(&args, is_own),
        clusters: clusters_of(tree, &user.name),
    })
}

fn clusters_of(tree: &Tree<'_>, user: &str) -> Vec<Cluster> {
    let Some(&root) = tree.documents().first() else { return Vec::new() };
    let list = |name| tree.get(root, name).map(|list| items(tree, list.value)).unwrap_or_default();
    let all = list("clusters");
    let mut clusters: Vec<Cluster> = Vec::new();
    for item in list("contexts") {
        let Some(context) = tree.get(item, "context") else { continue };
        let name = field(tree, context.value, "cluster");
        let is_known = clusters.iter().any(|cluster| cluster.name == name);
        if is_known || field(tree, context.value, "user") != user {
            continue;
        }
        let item = all.iter().find(|&&item| field(tree, item, "name") == name);
        if let Some(cluster_of) = item.and_then(|&item| tree.get(item, "cluster")) {
            clusters.push(cluster(tree, name, cluster_of.value));
        }
    }
    clusters
}

fn cluster(tree: &Tree<'_>, name: String, id: Id) -> Cluster {
    let extensions = tree.get(id, "extensions").map(|list| items(tree, list.value));
    let config = extensions.unwrap_or_default().into_iter().find_map(|item| {
        let is_for_plugins = field(tree, item, "name") == EXEC_EXTENSION;
        tree.get(item, "extension").filter(|_| is_for_plugins)
    });
    Cluster {
        name,
        server: field(tree, id, "server"),
        tls_server_name: field(tree, id, "tls-server-name"),
        insecure_skip_tls_verify: is_set(tree, id, "insecure-skip-tls-verify"),
        certificate_authority_data: field(tree, id, "certificate-authority-data"),
        certificate_authority: field(tree, id, "certificate-authority"),
        proxy_url: field(tree, id, "proxy-url"),
        disable_compression: is_set(tree, id, "disable-compression"),
        config: config.and_then(|config| {
            let mut json = String::new();
            write_json(tree, config.value, 0, &mut json).then_some(json)
        }),
    }
}

fn field(tree: &Tree<'_>, mapping: Id, name: &str) -> String {
    let value = tree.get(mapping, name).map(|entry| entry.value);
    let value = value.filter(|&value| !tree.is_null(value)).and_then(|value| tree.scalar(value));
    value.unwrap_or_default().to_owned()
}

fn is_set(tree: &Tree<'_>, mapping: Id, name: &str) -> bool {
    matches!(field(tree, mapping, name).as_str(), "true" | "True" | "TRUE")
}

/// False where the value is deeper or longer than a plugin's configuration can be.
fn write_json(tree: &Tree<'_>, id: Id, depth: usize, json: &mut String) -> bool {
    const MAX_DEPTH: usize = 64;
    const MAX_BYTES: usize = 1 << 20;
    if depth > MAX_DEPTH || json.len() > MAX_BYTES {
        return false;
    }
    let id = tree.resolve(id);
    let brackets = match tree.content(id) {
        NodeContent::Scalar(value, style) => {
            write_json_scalar(tree, id, value, *style, json);
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
            json.push_str(&json_string(tree.scalar(child).unwrap_or_default()));
        } else if !write_json(tree, child, depth + 1, json) {
            return false;
        }
    }
    json.push_str(brackets[1]);
    true
}

fn write_json_scalar(tree: &Tree<'_>, id: Id, value: &str, style: Style, json: &mut String) {
    let is_bool = matches!(value, "true" | "false");
    let plain = style == Style::Plain && tree.tag(id).is_none();
    if tree.is_null(id) {
        json.push_str("null");
    } else if plain && (is_bool || is_json_number(value)) && !is_plain_string(value) {
        json.push_str(value);
    } else {
        json.push_str(&json_string(value));
    }
}

/// RFC 8259, section 6.
fn is_json_number(value: &str) -> bool {
    let value = value.strip_prefix('-').unwrap_or(value);
    let (mantissa, exponent) = value.split_once(['e', 'E']).unwrap_or((value, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let has_no_leading_zero = integer == "0" || !integer.starts_with('0');
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    is_digits(integer) && has_no_leading_zero && is_digits(fraction) && is_digits(exponent)
}

fn json_string(value: &str) -> String {
    super::yaml::render(value, Style::DoubleQuoted, true)
}
