//! Decides for each user of a kubeconfig whether and how it is edited, and makes the edits.
//!
//! `--inject` puts this program in front of the exec plugins, `--restore` takes it out. A finished
//! [`Plan`] was parsed again and means exactly what was asked for (`verify`). A user that cannot be
//! edited safely is refused and left as it was; the others are edited. Pure: reads no file and no
//! environment.

use std::ffi::OsString;

use super::command::{PathChange, is_name};
use super::edit::{self, Edit, Editor};
use super::scan::{Exec, Kubeconfig, User};
use super::verify::{self, ExpectedExec};
use super::wrapper::{self, WrapperArgs};
use super::yaml::{self, Id, MappingEntry, Refusal};

/// What both `--inject` and `--restore` need to know.
pub struct EditRequest<'a> {
    /// The users to change; empty for all.
    pub users: &'a [String],
    /// The directory of the kubeconfig, which relative commands are relative to. `None` if its name is
    /// not Unicode and cannot be written down.
    pub directory: Option<&'a str>,
    /// Whether a command is this program.
    pub is_own: &'a dyn Fn(&str) -> bool,
}

/// Returns the directory in which PATH has a program.
pub type FindDirectory<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What `--inject` needs to know in addition.
pub struct InjectRequest<'a> {
    pub edit: EditRequest<'a>,
    /// The command to write.
    pub program: &'a str,
    /// Whether another spelling of this program is replaced by `program`.
    pub replaces_program: bool,
    /// With `--absolute`, the directory of PATH that has a plugin.
    pub plugin_directory: Option<FindDirectory<'a>>,
    /// Whether this program refuses to run a command of that name, unless its options have ended.
    pub is_reserved: &'a dyn Fn(&str) -> bool,
    /// Whether the cache key of a command covers a variable by itself.
    pub is_known: &'a dyn Fn(&[OsString], &str) -> bool,
    /// Whether the whole environment counts for a command, because its plugin is not known. Names of `env`
    /// must then only add to it.
    pub counts_environment: &'a dyn Fn(&[OsString]) -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    Injected,
    /// Was injected, and gets another spelling of the command or more names in `--key-env`.
    Updated,
    AlreadyInjected,
    Restored,
    NotInjected,
    /// There is nothing to do, and why.
    LeftAlone(&'static str),
    /// Cannot be edited safely.
    Refused(Refusal),
}

/// A plugin that is not known, of a user that gets injected.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownPlugin {
    pub user: String,
    pub command: String,
}

/// The state of each user, and the edits: sorted, not overlapping, verified.
#[derive(Debug)]
pub struct Plan {
    pub users: Vec<(String, UserState)>,
    pub unknown_plugins: Vec<UnknownPlugin>,
    pub edits: Vec<Edit>,
}

impl Plan {
    /// The text with the edits in it.
    pub fn apply(&self, text: &str) -> String {
        edit::apply(&self.edits, text, 0..text.len())
    }
}

/// Fails if no user of the kubeconfig can be edited.
pub fn inject(config: &Kubeconfig<'_>, request: &InjectRequest<'_>) -> Result<Plan, Refusal> {
    Planner::new(config, &request.edit).plan(&|planner, user| planner.inject(user, request))
}

/// Fails if no user of the kubeconfig can be edited.
pub fn restore(config: &Kubeconfig<'_>, request: &EditRequest<'_>) -> Result<Plan, Refusal> {
    Planner::new(config, request).plan(&Planner::restore)
}

/// The new state of a user, and its exec plugin after the edit; `None` if it does not change.
type Change = Result<(UserState, Option<ExpectedExec>), Refusal>;

const NO_EXEC: &str = "no exec plugin";

struct Planner<'c> {
    config: &'c Kubeconfig<'c>,
    request: &'c EditRequest<'c>,
    editor: Editor<'c>,
    unknown_plugins: Vec<UnknownPlugin>,
}

impl<'c> Planner<'c> {
    fn new(config: &'c Kubeconfig<'c>, request: &'c EditRequest<'c>) -> Self {
        Planner { config, request, editor: Editor::new(config), unknown_plugins: Vec::new() }
    }

    /// Runs `change` for the chosen users, and verifies the edits together.
    fn plan(mut self, change: &dyn Fn(&mut Self, &User) -> Change) -> Result<Plan, Refusal> {
        if let Some(refusal) = self.config.uneditable() {
            return Err(refusal);
        }
        let config = self.config;
        let (mut users, mut expected) = (Vec::new(), Vec::new());
        for user in &config.users {
            if !self.request.users.is_empty() && !self.request.users.contains(&user.name) {
                expected.push(None);
                continue;
            }
            let before = self.editor.edits.len();
            let (state, exec) = change(&mut self, user).unwrap_or_else(|refusal| {
                self.editor.edits.truncate(before);
                (UserState::Refused(refusal), None)
            });
            users.push((user.name.clone(), state));
            expected.push(exec);
        }
        let edits = self.editor.finish()?;
        if !edits.is_empty() {
            let text = config.tree.text();
            let after = edit::apply(&edits, text, 0..text.len());
            verify::check(config, &after, &expected)?;
        }
        Ok(Plan { users, unknown_plugins: self.unknown_plugins, edits })
    }

    /// The exec plugin of a user, if it can be edited.
    fn exec(&self, user: &User) -> Result<Option<Exec>, Refusal> {
        let Some(exec) = user.exec? else {
            return Ok(None);
        };
        match self.config.tree.uneditable(user.item) {
            Some(refusal) => Err(refusal),
            None => Ok(Some(exec)),
        }
    }

    fn inject(&mut self, user: &User, request: &InjectRequest<'_>) -> Change {
        let Some(exec) = self.exec(user)? else {
            return Ok((UserState::LeftAlone(NO_EXEC), None));
        };
        let Some((entry, command)) = self.editor.command(&exec)? else {
            return Ok((UserState::LeftAlone("its exec plugin has no command"), None));
        };
        let args = self.config.args(&exec);
        if (self.request.is_own)(command) {
            return self.update(user, &exec, entry, command, &args, request);
        }
        if self.config.args_run(&args, self.request.is_own) {
            return Ok((UserState::AlreadyInjected, None));
        }
        self.editor.check_one_line(entry.value)?;
        let change = self.to_absolute(entry.key, command, request)?;
        let call = self.call(command, &args);
        let names = wrapper::uncovered_names(self.config, &exec, &call, &[], request.is_known)?;
        let is_unknown = (request.counts_environment)(&call);
        let option = wrapper::key_env_option(&names, is_unknown);
        let mut front: Vec<String> = option.into_iter().collect();
        if command.starts_with('-') || (request.is_reserved)(command) {
            front.push(wrapper::END_OF_OPTIONS.to_owned());
        }
        let style = yaml::quoting(&self.config.tree, entry.value);
        self.editor.insert_front(&exec, entry, &|editor, flow| {
            let mut items: Vec<String> =
                front.iter().map(|option| yaml::render(option, style, flow)).collect();
            items.push(editor.moved_command(entry.value, command, &change, flow));
            items
        })?;
        self.editor.write_command(&exec, entry, request.program);
        front.push(change.apply(command));
        if is_unknown {
            let (user, command) = (user.name.clone(), command.to_owned());
            self.unknown_plugins.push(UnknownPlugin { user, command });
        }
        let expected = ExpectedExec { command: request.program.to_owned(), front, skip: 0 };
        Ok((UserState::Injected, Some(expected)))
    }

    /// Completes a user that is injected already.
    fn update(
        &mut self,
        user: &User,
        exec: &Exec,
        entry: MappingEntry,
        command: &str,
        args: &[Id],
        request: &InjectRequest<'_>,
    ) -> Change {
        let wrapper = WrapperArgs::read(self.config, args, self.request.is_own);
        let Some(at) = wrapper.command else {
            return Err(no_wrapped_command(user));
        };
        let wrapped = self.config.tree.string(args[at]).unwrap_or_default();
        let call = self.call(wrapped, &args[at + 1..]);
        let names = wrapper::uncovered_names(self.config, exec, &call, &wrapper.key_env, request.is_known)?;
        let is_renamed = request.replaces_program && command != request.program;
        let change = match request.plugin_directory {
            Some(_) => self.to_absolute(args[at], wrapped, request)?,
            None => PathChange::Unchanged,
        };
        let is_unchanged = matches!(change, PathChange::Unchanged);
        if names.is_empty() && !is_renamed && is_unchanged {
            return Ok((UserState::AlreadyInjected, None));
        }
        let adds = !wrapper.key_env_is_complete && (request.counts_environment)(&call);
        let option = wrapper::key_env_option(&names, adds);
        let mut expected = ExpectedExec { command: command.to_owned(), front: Vec::new(), skip: 0 };
        expected.front.extend(option.clone());
        if is_renamed {
            self.editor.check_one_line(entry.value)?;
            self.editor.write_command(exec, entry, request.program);
            expected.command = request.program.to_owned();
        }
        if !is_unchanged {
            self.editor.check_one_line(args[at])?;
            self.editor.change_argument(exec, args[at], wrapped, &change);
            let options = args[..at].iter().filter_map(|&arg| self.config.tree.string(arg));
            expected.front.extend(options.map(str::to_owned));
            expected.front.push(change.apply(wrapped));
            expected.skip = at + 1;
        }
        if let Some(option) = option {
            let style = yaml::quoting(&self.config.tree, args[at]);
            self.editor.insert_front(exec, entry, &|_, flow| vec![yaml::render(&option, style, flow)])?;
        }
        Ok((UserState::Updated, Some(expected)))
    }

    fn restore(&mut self, user: &User) -> Change {
        let tree = &self.config.tree;
        let Some(exec) = self.exec(user)? else {
            return Ok((UserState::LeftAlone(NO_EXEC), None));
        };
        let (Some(command), Some(entry)) = (self.config.command(&exec), exec.command) else {
            return Ok((UserState::NotInjected, None));
        };
        let args = self.config.args(&exec);
        if !(self.request.is_own)(command) {
            if self.config.args_run(&args, self.request.is_own) {
                return Err(Refusal::new(user.line, "another command wraps k8s-token-cache"));
            }
            return Ok((UserState::NotInjected, None));
        }
        let wrapper = WrapperArgs::read(self.config, &args, self.request.is_own);
        let (Some(at), Some(list)) = (wrapper.command, exec.args) else {
            return Err(no_wrapped_command(user));
        };
        self.editor.check_one_line(entry.value)?;
        self.editor.check_one_line(args[at])?;
        let wrapped = tree.string(args[at]).unwrap_or_default();
        let change = PathChange::to_original(wrapped, self.request.directory);
        let flow = yaml::is_flow(tree, exec.mapping);
        let text = self.editor.moved_command(args[at], wrapped, &change, flow);
        self.editor.replace(tree.range(entry.value), text);
        self.editor.remove_front(&exec, list, &args, at + 1)?;
        let expected = ExpectedExec { command: change.apply(wrapped), front: Vec::new(), skip: at + 1 };
        Ok((UserState::Restored, Some(expected)))
    }

    /// How a command changes when it moves to `args`; `id` is for the line of a refusal.
    fn to_absolute(&self, id: Id, command: &str, request: &InjectRequest<'_>) -> Result<PathChange, Refusal> {
        let (change, reason) = match request.plugin_directory {
            Some(find) if is_name(command) => {
                let directory = find(command);
                (directory.map(|directory| PathChange::found_in(&directory)), "the command is not on PATH")
            }
            _ => (
                PathChange::to_absolute(command, self.request.directory),
                "the command is relative to a directory whose name is not Unicode",
            ),
        };
        change.ok_or_else(|| Refusal::new(self.config.tree.line(id), reason))
    }

    /// A command and its arguments as words.
    fn call(&self, command: &str, args: &[Id]) -> Vec<OsString> {
        let mut call = vec![OsString::from(command)];
        for &arg in args {
            call.extend(self.config.tree.scalar(arg).map(OsString::from));
        }
        call
    }
}

fn no_wrapped_command(user: &User) -> Refusal {
    Refusal::new(user.line, "k8s-token-cache has no command to wrap")
}
