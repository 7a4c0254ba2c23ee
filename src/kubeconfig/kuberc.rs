//! kubectl's policy for exec plugins, from the user's kuberc.
//!
//! From 1.35 on kubectl can be told to run no exec plugins (`credentialPluginPolicy: DenyAll`) or only
//! those in `credentialPluginAllowlist` (`Allowlist`). An entry has a `name` (1.35) or a `command` (1.36
//! and later, which read `name` too):
//! <https://kubernetes.io/docs/reference/config-api/kuberc.v1beta1/>. kubectl runs this program instead of
//! the plugin, so the list must have this program. Whether it has the plugin is checked here.
//!
//! Follows kubectl: `k8s.io/kubectl/pkg/kuberc` (which file, which document) and
//! `k8s.io/client-go/plugin/pkg/client/auth/exec` (what matches). A policy that is invalid to kubectl
//! allows nothing here.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf, is_separator};

use super::environment::ClientEnvironment;
use super::files::read_named;
use super::scan::{field, items};
use super::yaml::{self, Id, Style, Tree};
use crate::error::shown;
use crate::sys;

const POLICY: &str = "credentialPluginPolicy";
const ALLOWLIST: &str = "credentialPluginAllowlist";
const API_GROUP: &str = "kubectl.config.k8s.io/";

/// A policy that does not allow every plugin.
#[derive(Debug)]
pub struct PluginPolicy {
    path: PathBuf,
    rule: Rule,
}

#[derive(Debug, PartialEq, Eq)]
enum Rule {
    DenyAll,
    /// Only the programs of the list, which `member` names in the file.
    Allow {
        programs: Vec<String>,
        member: &'static str,
    },
    /// `Allowlist` without a list, or with an empty one: kubectl calls it invalid.
    NoList,
    Invalid(&'static str),
}

/// Why a program is not allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct Denial {
    /// Half a sentence with the kuberc's path, such as "'PATH' allows no exec plugin".
    pub reason: String,
    /// What to do, in one or more lines.
    pub hint: String,
}

/// The policy in force; `None` if every plugin is allowed. Reads KUBERC, KUBECTL_KUBERC and the home
/// directory from `variable`.
pub fn policy(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PluginPolicy> {
    let path = kuberc_path(variable)?;
    let bytes = read_named(&path).ok()?;
    let rule = rule(&String::from_utf8_lossy(&bytes))?;
    Some(PluginPolicy { path, rule })
}

/// Why kubectl would not run `program`; `None` if it would.
pub fn denial(environment: &ClientEnvironment, program: &str) -> Option<Denial> {
    policy(&|name| environment.kuberc_variable(name))?.denial(OsStr::new(program))
}

/// `LoadKuberc` in `k8s.io/kubectl/pkg/kuberc`. The flag `--kuberc` of kubectl cannot be seen here.
fn kuberc_path(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let is_off =
        |gate: OsString| matches!(gate.to_str(), Some("false" | "False" | "FALSE" | "f" | "F" | "0"));
    if variable("KUBECTL_KUBERC").is_some_and(is_off) {
        return None;
    }
    match variable("KUBERC").filter(|path| !path.is_empty()) {
        Some(off) if off == "off" => None,
        Some(path) => Some(PathBuf::from(path)),
        None => {
            let home = variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" })?;
            Some(PathBuf::from(home).join(".kube").join("kuberc"))
        }
    }
}

/// The rule of the first document that is a Preference; `None` if it allows everything.
fn rule(text: &str) -> Option<Rule> {
    let tree = match yaml::parse(text) {
        Ok(tree) => tree,
        // Our reader refuses some YAML that kubectl reads.
        Err(_) if text.contains(POLICY) => return Some(Rule::Invalid("it is not valid YAML")),
        Err(_) => return None,
    };
    let is_preference = |&&root: &&Id| {
        field(&tree, root, "kind") == "Preference" && field(&tree, root, "apiVersion").starts_with(API_GROUP)
    };
    let &root = tree.documents().iter().find(is_preference)?;
    let list = tree.get(root, ALLOWLIST).filter(|list| !tree.is_null(list.value));
    match (field(&tree, root, POLICY), list) {
        ("" | "AllowAll", None) => None,
        ("DenyAll", None) => Some(Rule::DenyAll),
        ("" | "AllowAll" | "DenyAll", Some(_)) => {
            Some(Rule::Invalid("it has an allowlist, but its policy is not Allowlist"))
        }
        ("Allowlist", None) => Some(Rule::NoList),
        ("Allowlist", Some(list)) => Some(allowlist(&tree, &items(&tree, list.value))),
        _ => Some(Rule::Invalid("its policy is unknown")),
    }
}

fn allowlist(tree: &Tree<'_>, entries: &[Id]) -> Rule {
    let (mut programs, mut member) = (Vec::new(), "name");
    for &entry in entries {
        let (name, command) = (field(tree, entry, "name"), field(tree, entry, "command"));
        if !command.is_empty() {
            member = "command";
        }
        let program = if command.is_empty() { name } else { command };
        if program.is_empty() {
            return Rule::Invalid("its allowlist has an empty entry");
        }
        if clean(Path::new(program)).as_os_str() != program {
            return Rule::Invalid("its allowlist has a path with '.', '..' or a double separator");
        }
        programs.push(program.to_owned());
    }
    if programs.is_empty() { Rule::NoList } else { Rule::Allow { programs, member } }
}

impl PluginPolicy {
    /// Why `program`, a name to look up on PATH or a path, must not run; `None` if it may.
    pub fn denial(&self, program: &OsStr) -> Option<Denial> {
        let path = shown(&self.path);
        let name = yaml::render(&program.to_string_lossy(), Style::Plain, false);
        match &self.rule {
            Rule::Allow { programs, .. } if programs.iter().any(|entry| matches(entry, program)) => None,
            Rule::Allow { member, .. } => Some(Denial {
                reason: format!("{ALLOWLIST} in '{path}' does not have it"),
                hint: format!("add to {ALLOWLIST} in '{path}':\n- {member}: {name}"),
            }),
            Rule::NoList => Some(Denial {
                reason: format!("{POLICY} in '{path}' is Allowlist, and there is no list"),
                hint: format!("add to '{path}':\n{ALLOWLIST}:\n- name: {name}"),
            }),
            Rule::DenyAll => Some(Denial {
                reason: format!("{POLICY} in '{path}' is DenyAll"),
                hint: format!("to allow some plugins, set {POLICY} to Allowlist and list them"),
            }),
            Rule::Invalid(reason) => Some(Denial {
                reason: format!("'{path}' is invalid: {reason}"),
                hint: format!("correct {POLICY} and {ALLOWLIST} in that file"),
            }),
        }
    }
}

/// Whether an entry of the allowlist allows a program: it is the same text, or both lead to the same path
/// (`checkAllowlist`). kubectl compares paths as text, not files.
fn matches(entry: &str, program: &OsStr) -> bool {
    let cleaned = clean(Path::new(program));
    let is_path = program.to_string_lossy().contains(is_separator);
    if (!is_path || cleaned.is_absolute()) && cleaned.as_os_str() == entry {
        return true;
    }
    let Some(found) = find(program) else { return false };
    found.as_os_str() == entry || find(OsStr::new(entry)).is_some_and(|allowed| allowed == found)
}

/// Where a program is, as an absolute path.
fn find(program: &OsStr) -> Option<PathBuf> {
    let found = sys::find_program(program).filter(|path| sys::may_execute(path))?;
    sys::absolute(&found).ok().map(|path| clean(&path))
}

/// As Go's `filepath.Clean`.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(cleaned.components().next_back(), Some(Component::Normal(_))) =>
            {
                cleaned.pop();
            }
            Component::ParentDir if cleaned.has_root() => {}
            other => cleaned.push(other),
        }
    }
    cleaned
}
