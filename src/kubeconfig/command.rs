//! The command of an exec plugin as it moves between `command` and `args`.
//!
//! It keeps its own spelling (quotes, anchor, tag), so that restoring gives the original bytes back.
//! A command that is relative to the kubeconfig, or on PATH with `--absolute`, becomes absolute when it
//! moves to `args`. "/./" marks the end of the directory that was added, as it does for rsync:
//! `DIR/./bin/login` was relative to the kubeconfig, and `DIR/./aws` was found on PATH. Pure.

use std::path::{MAIN_SEPARATOR, Path, is_separator};

use super::edit::Editor;
use super::scan::Exec;
use super::yaml::{self, Id, MappingEntry, NodeContent, Refusal, Style};

/// How the value of a command changes when it moves.
pub enum PathChange {
    Unchanged,
    AddPrefix(String),
    RemovePrefix(String),
}

impl PathChange {
    /// client-go resolves a relative command against the directory of the kubeconfig; nothing resolves
    /// an argument. On Windows a slash is no separator to client-go (`GetAuthInfoFileReferences` in
    /// `clientcmd/loader.go`). `None` if the directory is not known.
    pub fn to_absolute(command: &str, directory: Option<&str>) -> Option<PathChange> {
        if is_name(command) || Path::new(command).is_absolute() {
            return Some(PathChange::Unchanged);
        }
        Some(PathChange::AddPrefix(prefix(directory?)))
    }

    /// A bare name becomes the path in `directory`, where it was found.
    pub fn found_in(directory: &str) -> PathChange {
        PathChange::AddPrefix(prefix(directory))
    }

    /// Undoes [`PathChange::to_absolute`] and [`PathChange::found_in`]. `directory` is that of the
    /// kubeconfig.
    pub fn to_original(command: &str, directory: Option<&str>) -> PathChange {
        let was_relative = directory.map(prefix).filter(|prefix| command.starts_with(prefix));
        let was_name = || {
            let name = command.rsplit(MAIN_SEPARATOR).next().unwrap_or_default();
            let before = command.get(..command.len() - name.len())?;
            let has_mark = before.ends_with(&prefix(""));
            has_mark.then(|| before.to_owned())
        };
        was_relative.or_else(was_name).map_or(PathChange::Unchanged, PathChange::RemovePrefix)
    }

    pub fn apply(&self, command: &str) -> String {
        match self {
            PathChange::Unchanged => command.to_owned(),
            PathChange::AddPrefix(prefix) => [prefix, command].concat(),
            PathChange::RemovePrefix(prefix) => command.strip_prefix(prefix).unwrap_or(command).to_owned(),
        }
    }
}

/// Whether a command is looked up on PATH.
pub fn is_name(command: &str) -> bool {
    !command.contains(MAIN_SEPARATOR)
}

/// A directory with the separator of what was added.
fn prefix(directory: &str) -> String {
    let mut path = directory.trim_end_matches(is_separator).to_owned();
    path.extend([MAIN_SEPARATOR, '.', MAIN_SEPARATOR]);
    path
}

impl<'c> Editor<'c> {
    /// The entry and the value of the command; `None` if there is nothing to wrap.
    pub fn command(&self, exec: &Exec) -> Result<Option<(MappingEntry, &'c str)>, Refusal> {
        let config = self.config;
        let Some(entry) = exec.command else {
            return Ok(None);
        };
        match config.command(exec) {
            Some(command) => Ok(Some((entry, command))),
            None if config.tree.is_null(entry.value) => Ok(None),
            None if config.tree.scalar(entry.value) == Some("") => Ok(None),
            None => Err(Refusal::new(config.tree.line(entry.key), "the command is not a string")),
        }
    }

    pub fn check_one_line(&self, command: Id) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let line = tree.line(command);
        match tree.content(command) {
            NodeContent::Scalar(_, Style::Literal | Style::Folded) => {
                Err(Refusal::new(line, "the command is a block scalar"))
            }
            _ if tree.source(command).contains(['\n', '\r']) => {
                Err(Refusal::new(line, "the command spans several lines"))
            }
            _ => Ok(()),
        }
    }

    pub fn write_command(&mut self, exec: &Exec, entry: MappingEntry, program: &str) {
        let tree = &self.config.tree;
        let flow = yaml::is_flow(tree, exec.mapping);
        let text = yaml::render(program, yaml::quoting(tree, entry.value), flow);
        self.replace(tree.range(entry.value), text);
    }

    /// Changes the path of a command that is an argument already.
    pub fn change_argument(&mut self, exec: &Exec, id: Id, value: &str, change: &PathChange) {
        let tree = &self.config.tree;
        let flow = exec.args.is_some_and(|args| yaml::is_flow(tree, tree.resolve(args.value)));
        let text = self.moved_command(id, value, change, flow);
        self.replace(tree.range(id), text);
    }

    /// The text of the command `id` in its new place, with its anchor and tag and, if that means the
    /// same there, its own spelling. `flow` says that the new place is inside brackets.
    pub fn moved_command(&self, id: Id, value: &str, change: &PathChange, flow: bool) -> String {
        let tree = &self.config.tree;
        let properties_length = tree.body(id) - tree.range(id).start;
        let (properties, source) = tree.source(id).split_at(properties_length);
        let style = yaml::quoting(tree, id);
        let new = change.apply(value);
        let is_safe = |plain: &str| !flow || yaml::is_flow_safe(plain);
        let text = match (change, style) {
            (PathChange::Unchanged, Style::Plain) if is_safe(source) => source.to_owned(),
            (PathChange::RemovePrefix(_), Style::Plain) if is_safe(&new) => new,
            (PathChange::AddPrefix(prefix), Style::Plain)
                if yaml::can_be_plain(prefix, flow) && is_safe(&new) =>
            {
                new
            }
            (_, Style::Plain) => yaml::quote_plain(&new),
            _ if yaml::was_plain(source) && is_safe(&new) => new,
            (PathChange::Unchanged, _) => source.to_owned(),
            (PathChange::AddPrefix(prefix), _) => yaml::with_prefix(source, style, prefix),
            (PathChange::RemovePrefix(prefix), _) => {
                yaml::without_prefix(source, style, prefix).unwrap_or_else(|| yaml::render(&new, style, flow))
            }
        };
        [properties, &text].concat()
    }
}
