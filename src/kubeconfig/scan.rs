//! The users of a kubeconfig and their exec plugins, with their places in the text.
//!
//! Reads as client-go does (`k8s.io/client-go/tools/clientcmd/api/v1/types.go`): only the first
//! document counts, null is the same as absent. A text that is no kubeconfig is refused; a user that
//! cannot be read keeps its own refusal, so that the others can be used. Pure.

use super::yaml::{self, Id, MappingEntry, NodeContent, Refusal, Tree};

/// What client-go knows at the top of a kubeconfig.
const SECTIONS: [&str; 6] = ["clusters", "contexts", "current-context", "users", "preferences", "extensions"];

/// A kubeconfig's text, its nodes and its users in the order of the text.
pub struct Kubeconfig<'a> {
    pub tree: Tree<'a>,
    pub users: Vec<User>,
}

pub struct User {
    /// The entry of `users`, never an alias.
    pub item: Id,
    /// Empty if the user has none.
    pub name: String,
    pub line: usize,
    pub exec: Result<Option<Exec>, Refusal>,
}

/// The `exec` mapping of a user; several users can share one through an anchor.
#[derive(Clone, Copy)]
pub struct Exec {
    pub mapping: Id,
    pub command: Option<MappingEntry>,
    pub args: Option<MappingEntry>,
    pub env: Option<Id>,
}

impl<'a> Kubeconfig<'a> {
    pub fn scan(text: &'a str) -> Result<Self, Refusal> {
        let tree = yaml::parse(text)?;
        let users = users(&tree)?;
        Ok(Kubeconfig { tree, users })
    }

    /// The command, if it is a string and not empty.
    pub fn command(&self, exec: &Exec) -> Option<&str> {
        self.tree.string(exec.command?.value).filter(|command| !command.is_empty())
    }

    /// The nodes of the arguments.
    pub fn args(&self, exec: &Exec) -> Vec<Id> {
        match exec.args {
            Some(args) => items(&self.tree, args.value),
            None => Vec::new(),
        }
    }

    /// Names and values of `exec.env` in order. Null is read as empty.
    pub fn env(&self, exec: &Exec) -> Vec<(&str, &str)> {
        let tree = &self.tree;
        let field = |item, name| {
            let value = tree.get(item, name)?.value;
            tree.scalar(value).filter(|_| !tree.is_null(value))
        };
        let mut variables = Vec::new();
        for item in exec.env.map(|env| items(tree, env)).unwrap_or_default() {
            if let Some(name) = field(item, "name") {
                variables.push((name, field(item, "value").unwrap_or_default()));
            }
        }
        variables
    }

    /// Why no user can be edited: `users` itself is duplicate, merged in or an explicit key, or the
    /// whole file is encrypted.
    pub fn uneditable(&self) -> Option<Refusal> {
        let tree = &self.tree;
        let &root = tree.documents().first()?;
        if let Some(sops) = tree.get(root, "sops") {
            let reason = "the file is encrypted with SOPS, which would reject an edit: use 'sops edit'";
            return Some(Refusal::new(tree.line(sops.key), reason));
        }
        tree.entries(root).find_map(|entry| {
            let counts = tree.is_merge_key(entry.key) || tree.scalar(entry.key) == Some("users");
            if counts { tree.uneditable(entry.key) } else { None }
        })
    }

    /// Whether the arguments run a command for which `is_it` is true, as in
    /// `aws-vault exec prod -- k8s-token-cache` and `sh -c 'k8s-token-cache aws ...'`. The word after
    /// an option is its value, not a command: `--cluster-name k8s-token-cache`.
    pub fn args_run(&self, args: &[Id], is_it: &dyn Fn(&str) -> bool) -> bool {
        let mut after_option = false;
        args.iter().filter_map(|&arg| self.tree.string(arg)).any(|arg| {
            let is_shell_text = arg.contains(|c: char| c.is_ascii_whitespace());
            let may_be_command = is_shell_text || !after_option;
            after_option = arg.starts_with('-') && arg != "--" && !arg.as_bytes().contains(&b'=');
            let mut words = arg.split(|c: char| c.is_ascii_whitespace() || matches!(c, '\'' | '"' | ';'));
            may_be_command && words.any(is_it)
        })
    }
}

/// The items of a sequence, which may be an alias; none of anything else.
pub fn items(tree: &Tree<'_>, id: Id) -> Vec<Id> {
    let id = tree.resolve(id);
    match tree.content(id) {
        NodeContent::Sequence(_) => tree.children(id).collect(),
        _ => Vec::new(),
    }
}

/// The text of a scalar of a mapping; empty if it is missing, null or something else.
pub fn field<'t>(tree: &'t Tree<'_>, mapping: Id, name: &str) -> &'t str {
    let value = tree.get(mapping, name).map(|entry| entry.value);
    let value = value.filter(|&value| !tree.is_null(value)).and_then(|value| tree.scalar(value));
    value.unwrap_or_default()
}

/// Whether a member of a mapping is the boolean true, as go-yaml reads it.
pub fn is_true(tree: &Tree<'_>, mapping: Id, name: &str) -> bool {
    yaml::is_true(field(tree, mapping, name))
}

fn users(tree: &Tree<'_>) -> Result<Vec<User>, Refusal> {
    let Some(&root) = tree.documents().first() else {
        return Ok(Vec::new());
    };
    if tree.is_null(root) {
        return Ok(Vec::new());
    }
    check_kind(tree, root)?;
    let Some(entry) = tree.get(root, "users") else {
        return Ok(Vec::new());
    };
    let list = tree.resolve(entry.value);
    match tree.content(list) {
        NodeContent::Sequence(_) => Ok(tree.children(list).map(|item| user(tree, item)).collect()),
        _ if tree.is_null(list) => Ok(Vec::new()),
        _ => Err(Refusal::new(tree.line(entry.key), "'users' is not a list")),
    }
}

/// client-go takes a file without `kind` and `apiVersion` for a Config of v1.
fn check_kind(tree: &Tree<'_>, root: Id) -> Result<(), Refusal> {
    let line = tree.line(root);
    if !tree.is_mapping(root) {
        return Err(Refusal::new(line, "not a kubeconfig: not a mapping"));
    }
    for (name, wanted, reason) in [
        ("kind", "Config", "not a kubeconfig: its kind is not Config"),
        ("apiVersion", "v1", "not a kubeconfig: its apiVersion is not v1"),
    ] {
        if let Some(entry) = tree.get(root, name)
            && !matches!(tree.scalar(entry.value), Some(value) if value == wanted || value.is_empty())
        {
            return Err(Refusal::new(tree.line(entry.key), reason));
        }
    }
    let known =
        tree.get(root, "kind").is_some() || SECTIONS.iter().any(|section| tree.get(root, section).is_some());
    if known { Ok(()) } else { Err(Refusal::new(line, "not a kubeconfig: it has no users")) }
}

fn user(tree: &Tree<'_>, item: Id) -> User {
    let line = tree.line(item);
    let item = tree.resolve(item);
    let name = tree.get(item, "name").and_then(|entry| tree.scalar(entry.value));
    let exec = match (name, tree.get(item, "user")) {
        (None, _) => Err(Refusal::new(line, "a user without a name")),
        (_, Some(user)) => exec(tree, user.value),
        (_, None) => Ok(None),
    };
    User { item, name: name.unwrap_or_default().to_owned(), line, exec }
}

fn exec(tree: &Tree<'_>, user: Id) -> Result<Option<Exec>, Refusal> {
    let Some(entry) = tree.get(user, "exec") else {
        return Ok(None);
    };
    if tree.is_null(entry.value) {
        return Ok(None);
    }
    let mapping = tree.resolve(entry.value);
    if !tree.is_mapping(mapping) {
        return Err(Refusal::new(tree.line(entry.key), "'exec' is not a mapping"));
    }
    let env = tree.get(mapping, "env").map(|env| env.value);
    Ok(Some(Exec { mapping, command: tree.get(mapping, "command"), args: tree.get(mapping, "args"), env }))
}
