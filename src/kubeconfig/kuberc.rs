//! kubectl's list of allowed plugins: must it name this program?
//!
//! From 1.35 on kubectl can be told, in `~/.kube/kuberc`, to run no exec plugins but the named
//! ones: `credentialPluginPolicy: Allowlist` and `credentialPluginAllowlist`, whose entries have
//! a `name` (kubectl 1.35) or a `command` (1.36 and later, where `name` goes on to work):
//! <https://kubernetes.io/docs/reference/config-api/kuberc.v1beta1/>. With the cache in front,
//! kubectl runs this program instead of the plugin. Pure; a text that cannot be read gives no
//! hint, because kubectl says what is wrong with it.

use super::scan::items;
use super::yaml::{self, Style};

/// The lines to add, for people, where the list does not name `command`.
pub fn hint(text: &str, command: &str) -> Option<String> {
    let tree = yaml::parse(text).ok()?;
    let &root = tree.documents().first()?;
    let policy = tree.get(root, "credentialPluginPolicy")?.value;
    if tree.scalar(policy) != Some("Allowlist") {
        return None;
    }
    let list = tree.get(root, "credentialPluginAllowlist");
    let mut key = "name";
    for entry in list.map(|list| items(&tree, list.value)).unwrap_or_default() {
        for member in ["name", "command"] {
            let Some(value) = tree.get(entry, member) else { continue };
            if tree.scalar(value.value).is_some_and(|name| allows(name, command)) {
                return None;
            }
            if member == "command" {
                key = member;
            }
        }
    }
    let name = yaml::render(command, Style::Plain, false);
    Some(["credentialPluginAllowlist:\n- ", key, ": ", &name, "\n"].concat())
}

/// An entry without a separator is looked for on PATH by kubectl, as the command is. Whether two
/// spellings are one file is kubectl's to tell; the same last name is taken for the same.
fn allows(name: &str, command: &str) -> bool {
    let is_path = |text: &str| text.contains(['/', '\\']);
    name == command || (is_path(name) != is_path(command) && base_name(name) == base_name(command))
}

/// On whichever platform it was written.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
