//! The exec plugins of a kubeconfig: who has one, where it stands in the text, what it says.
//!
//! Reads as client-go reads (`k8s.io/client-go/tools/clientcmd/api/v1/types.go`): only the first
//! document counts, names are compared as they are, null is the same as absent. Promises that
//! every place it hands out lies in the given text, and refuses what is no kubeconfig with the
//! line. Pure; changing the text is `edit`'s work.

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
    pub name: String,
    pub line: usize,
    pub exec: Option<Exec>,
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

    /// The command where it is a string that means anything.
    pub fn command(&self, exec: &Exec) -> Option<&str> {
        self.tree.string(exec.command?.value).filter(|command| !command.is_empty())
    }

    /// The nodes of the arguments; empty where there are none.
    pub fn args(&self, exec: &Exec) -> Vec<Id> {
        match exec.args {
            Some(args) => items(&self.tree, args.value),
            None => Vec::new(),
        }
    }

    /// Names and values of `exec.env` in order; null is the same as nothing.
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

    /// Whether the arguments run a command of a kind: `aws-vault exec prod -- k8s-token-cache`,
    /// `sh -c 'k8s-token-cache aws ...'`. What follows an option is its value and no command:
    /// `--cluster-name k8s-token-cache`.
    pub fn has_further_in(&self, args: &[Id], is_it: &dyn Fn(&str) -> bool) -> bool {
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

/// The items of a sequence, through an alias; none for anything else.
pub fn items(tree: &Tree<'_>, id: Id) -> Vec<Id> {
    let id = tree.resolve(id);
    match tree.content(id) {
        NodeContent::Sequence(_) => tree.children(id).collect(),
        _ => Vec::new(),
    }
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
        NodeContent::Sequence(_) => {
            let mut users = Vec::new();
            for item in tree.children(list) {
                users.push(user(tree, item)?);
            }
            Ok(users)
        }
        _ if tree.is_null(list) => Ok(Vec::new()),
        _ => Err(Refusal::new(tree.line(entry.key), "'users' is not a list")),
    }
}

/// client-go takes a file without `kind` and `apiVersion` for a Config of v1.
fn check_kind(tree: &Tree<'_>, root: Id) -> Result<(), Refusal> {
    let line = tree.line(root);
    if !matches!(tree.content(root), NodeContent::Mapping(_)) {
        return Err(Refusal::new(line, "not a kubeconfig: it holds no mapping"));
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

fn user(tree: &Tree<'_>, item: Id) -> Result<User, Refusal> {
    let line = tree.line(item);
    let item = tree.resolve(item);
    let name = tree.get(item, "name").and_then(|entry| tree.scalar(entry.value));
    let Some(name) = name else {
        return Err(Refusal::new(line, "a user without a name"));
    };
    let exec = match tree.get(item, "user") {
        Some(user) => exec(tree, user.value)?,
        None => None,
    };
    Ok(User { item, name: name.to_owned(), line, exec })
}

fn exec(tree: &Tree<'_>, user: Id) -> Result<Option<Exec>, Refusal> {
    let Some(entry) = tree.get(user, "exec") else {
        return Ok(None);
    };
    if tree.is_null(entry.value) {
        return Ok(None);
    }
    let mapping = tree.resolve(entry.value);
    if !matches!(tree.content(mapping), NodeContent::Mapping(_)) {
        return Err(Refusal::new(tree.line(entry.key), "'exec' is not a mapping"));
    }
    let env = tree.get(mapping, "env").map(|env| env.value);
    Ok(Some(Exec { mapping, command: tree.get(mapping, "command"), args: tree.get(mapping, "args"), env }))
}
