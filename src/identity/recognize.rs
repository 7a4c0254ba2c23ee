//! From a command line to rows of the table: which plugin runs in the end, and behind which wrappers.
//!
//! A command is followed inwards. Each plugin on the way adds its variables and files, and the whole call is
//! only as silent as its least silent part. If a part is not understood, the variables of all rows count: a
//! doubt costs a hit, never an identity.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

use super::interaction::Interaction;
use super::invocation::{Invocation, Overlay, is_variable_name};
use super::program::program_name;
use super::shell;
use super::table::{PluginRow, ROWS};
use super::variables::{Groups, IdentityVariable};
use super::words::words;
use super::wrapper::{self, Target};
use crate::config;

/// Programs nested deeper than this are not followed.
const MAX_DEPTH: u8 = 8;

/// What the table says about one command line.
pub struct Identity {
    /// The innermost plugin's name in the table. `None` if it is not known.
    pub family: Option<&'static str>,
    pub interaction: Interaction,
    /// Files that select the identity. They need not exist.
    pub files: Vec<PathBuf>,
    /// Variables that the command line names (`sh -c 'plugin --user $WHO'`). They count as those of the
    /// table do; [`super::is_secret_variable`] tells which to hide.
    pub named_variables: Vec<String>,
    /// How to get the plugin if it is missing.
    pub install_hint: Option<&'static str>,
    groups: Groups,
}

impl Identity {
    /// The variables of the table that count, always in the same order, none twice.
    pub fn variables(&self) -> impl Iterator<Item = IdentityVariable> {
        self.groups.variables()
    }
}

pub(super) fn recognize(command: &[OsString], environment: config::Environment<'_>) -> Identity {
    let mut search = Search {
        environment: Overlay::new(environment),
        identity: Identity {
            family: None,
            interaction: Interaction::Silent,
            files: Vec::new(),
            named_variables: Vec::new(),
            install_hint: None,
            groups: Groups::NONE,
        },
    };
    search.follow(command, 0);
    search.identity
}

struct Search<'a> {
    environment: Overlay<'a>,
    identity: Identity,
}

impl Search<'_> {
    fn follow(&mut self, command: &[OsString], depth: u8) {
        let Some((program, arguments)) = command.split_first().filter(|_| depth < MAX_DEPTH) else {
            return self.count_everything();
        };
        let name = program_name(program);
        match wrapper::target_of(&name, arguments, &mut self.environment) {
            Target::Command(inner) => {
                self.add_wrapper(&name, arguments);
                self.follow(&inner, depth + 1);
            }
            Target::Script(script) => self.follow_script(script, depth),
            Target::Itself => self.add_plugin(&name, arguments),
        }
    }

    fn follow_script(&mut self, script: &str, depth: u8) {
        for name in shell::referenced_variables(script) {
            self.add_named_variable(name);
        }
        let Some(words) = shell::simple_command(script, &self.environment) else {
            return self.count_everything();
        };
        let assignments = words.iter().take_while(|word| self.environment.assign(word)).count();
        self.follow(&words[assignments..], depth + 1);
    }

    fn add_named_variable(&mut self, name: &str) {
        let names = &mut self.identity.named_variables;
        if is_variable_name(name) && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }

    fn add_wrapper(&mut self, name: &str, arguments: &[OsString]) {
        if let Some(row) = find_row(name, &self.invocation(arguments)) {
            self.add_row(row, arguments);
        }
    }

    fn add_plugin(&mut self, name: &str, arguments: &[OsString]) {
        let (name, arguments) = match kubectl_plugin(name, arguments) {
            Some((plugin, rest)) => (Cow::Owned(plugin), rest),
            None => (Cow::Borrowed(name), arguments),
        };
        let Some(row) = find_row(&name, &self.invocation(arguments)) else {
            if matches!(&*name, "sudo" | "doas" | "su") {
                // They ask for a password.
                self.raise_interaction(Interaction::MayPrompt);
            }
            return self.count_everything();
        };
        self.add_row(row, arguments);
        self.identity.family = Some(row.family);
        self.identity.install_hint = Some(row.install_hint);
        // `pinniped login static` (vmware-tanzu/pinniped cmd/pinniped/cmd/login_static.go).
        if let Some(name) = self.invocation(arguments).flag_value("--token-env").map(str::to_owned) {
            self.add_named_variable(&name);
        }
    }

    fn add_row(&mut self, row: &PluginRow, arguments: &[OsString]) {
        self.identity.groups = self.identity.groups.and(row.groups);
        let invocation = Invocation { arguments, environment: &self.environment };
        let interaction = (row.interaction)(&invocation);
        for places in row.files.split(';') {
            match words(places).find_map(|place| invocation.resolve_place(place)) {
                Some(file) if !self.identity.files.contains(&file) => {
                    self.identity.files.push(file);
                }
                _ => {}
            }
        }
        self.raise_interaction(interaction);
    }

    fn count_everything(&mut self) {
        self.identity.groups = Groups::ALL;
        self.raise_interaction(Interaction::Unknown);
    }

    fn raise_interaction(&mut self, interaction: Interaction) {
        self.identity.interaction = self.identity.interaction.max(interaction);
    }

    fn invocation<'b>(&'b self, arguments: &'b [OsString]) -> Invocation<'b> {
        Invocation { arguments, environment: &self.environment }
    }
}

fn find_row(name: &str, invocation: &Invocation) -> Option<&'static PluginRow> {
    ROWS.iter().find(|row| words(row.commands).any(|command| command == name) && (row.applies)(invocation))
}

/// kubectl runs `kubectl-some_thing` for `kubectl some-thing`
/// (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/).
fn kubectl_plugin<'a>(name: &str, arguments: &'a [OsString]) -> Option<(String, &'a [OsString])> {
    let (plugin, rest) = arguments.split_first().filter(|_| name == "kubectl")?;
    Some((["kubectl-", &plugin.to_str()?.replace('-', "_")].concat(), rest))
}
