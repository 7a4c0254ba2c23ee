//! From a command line to rows of the table: which plugin runs in the end, and behind which wrappers.
//!
//! A command is followed inwards. Each plugin on the way adds its variables and files, and the whole call is
//! only as silent as its least silent part. If a part is not understood, everything counts that the command
//! could look at: a doubt costs a hit, never an identity.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::configuration::Configuration;
use super::expand::is_variable_name;
use super::interaction::Interaction;
use super::invocation::{Invocation, Overlay, is_without_change_time};
use super::mentions::Mentions;
use super::paths::{Mention, is_path_flag, named_by_words};
use super::program::program_name;
use super::project::{find_project, shim_files};
use super::shell;
use super::table::{PLUGINS, Plugin, Surroundings};
use super::variables::{AWS, Groups, IdentityVariable, MISE, ORACLE};
use super::words::words;
use super::wrapper::{self, Target};
use crate::config;

/// Programs nested deeper than this are not followed.
const MAX_DEPTH: u8 = 8;

/// What selects the identity of one command line.
pub struct Identity {
    /// The innermost plugin's name in the table. `None` if it is not known.
    pub family: Option<&'static str>,
    /// Whether a run may prompt, as far as the command line and the environment tell.
    pub interaction: Interaction,
    /// Whether the table describes every part of the command. If not, the whole environment counts.
    pub is_understood: bool,
    /// Whether the working directory counts.
    pub counts_directory: bool,
    /// Whether the terminal session counts.
    pub counts_session: bool,
    /// Whether the ssh agent counts.
    pub counts_agent: bool,
    /// Files that select the identity. They need not exist.
    pub files: Vec<PathBuf>,
    /// Those of `files` whose change time does not count.
    files_without_change_time: Vec<PathBuf>,
    /// Directories whose files select the identity.
    pub directories: Vec<PathBuf>,
    /// What the words of the command name, if it exists.
    pub mentions: Vec<Mention>,
    /// Programs of a command that is not understood: paths, or names that are looked up on PATH.
    pub programs: Vec<OsString>,
    /// Programs of a command that is understood, which are no part of the key.
    pub recorded_programs: Vec<OsString>,
    /// The PATH that the command sets for its programs.
    pub search_path: Option<OsString>,
    /// What a script reads that cannot be told, as it is written there: such a call is not cached.
    pub doubts: Vec<String>,
    /// Files that the command looks for in the working directory and above it: lists of words.
    pub project_files: Vec<&'static str>,
    /// Variables that the command line names (`sh -c 'plugin --user $WHO'`). They count as those of the
    /// table do; [`super::is_secret_variable`] tells which to hide.
    pub named_variables: Vec<String>,
    /// How to get the plugin if it is missing.
    pub install_hint: Option<&'static str>,
    groups: Groups,
    configuration: Configuration,
}

impl Identity {
    fn new() -> Identity {
        Identity {
            family: None,
            interaction: Interaction::Silent,
            is_understood: true,
            counts_directory: false,
            counts_session: false,
            counts_agent: false,
            files: Vec::new(),
            files_without_change_time: Vec::new(),
            directories: Vec::new(),
            mentions: Vec::new(),
            programs: Vec::new(),
            recorded_programs: Vec::new(),
            search_path: None,
            doubts: Vec::new(),
            project_files: Vec::new(),
            named_variables: Vec::new(),
            install_hint: None,
            groups: Groups::NONE,
            configuration: Configuration::default(),
        }
    }

    /// The variables of the table that count, always in the same order, none twice. All of the table if the
    /// command is not understood.
    pub fn variables(&self) -> impl Iterator<Item = IdentityVariable> {
        self.groups.variables()
    }

    /// The variables that only prove another one: they count by whether they are set.
    pub fn proofs(&self) -> impl Iterator<Item = &'static str> {
        self.groups.proofs()
    }

    /// Whether the row of this command covers `variable`: it counts, or makes no difference.
    pub(super) fn covers(&self, variable: &str) -> bool {
        let is_known = self.variables().any(|known| known.name == variable)
            || self.named_variables.iter().any(|named| named == variable);
        let is_harmless = || self.proofs().chain(self.groups.switches()).any(|known| known == variable);
        is_known || self.is_understood && is_harmless()
    }

    /// Makes the recorded programs a part of the key.
    pub fn count_programs(&mut self) {
        self.programs.append(&mut self.recorded_programs);
    }

    /// Whether the change time of `file` counts, which is one of `files`.
    pub fn counts_change_time(&self, file: &Path) -> bool {
        !self.files_without_change_time.iter().any(|known| known.as_os_str() == file.as_os_str())
    }

    fn add_file(&mut self, place: &str, file: PathBuf) {
        if is_without_change_time(place) {
            push_once(&mut self.files_without_change_time, file.clone());
        }
        push_once(&mut self.files, file);
    }

    /// Adds the files of `row` for a call without flags, except those in the working directory.
    fn add_default_files(&mut self, row: &Plugin, environment: &Overlay<'_>) {
        let invocation = Invocation { arguments: &[], environment };
        for (place, file) in invocation.files(row.files(), |place| !place.starts_with("./")) {
            self.add_file(place, file);
        }
    }

    /// Adds the files that the AWS CLI looks at first and last, and all configurations of gcloud, of which a script
    /// may select one.
    fn add_further_files(&mut self, invocation: &Invocation) {
        let old = Configuration::old_aws_files(invocation);
        let aliases = Configuration::aws_aliases(invocation);
        old.into_iter().chain(aliases).for_each(|file| push_once(&mut self.files, file));
        for place in ["$CLOUDSDK_CONFIG/configurations", "@gcloud/configurations"] {
            let directories = invocation.resolve_place(place);
            self.directories.extend(directories);
        }
    }

    /// Whether the plugin's configuration makes it run programs that the table does not describe, whose
    /// variables and files select the identity, too. Reads files, so it is for calls that are no plain hit.
    pub fn runs_configured_programs(&self) -> bool {
        self.is_understood && self.configuration.runs_programs()
    }

    /// Whether a run now may prompt. Unlike `interaction` this reads the plugin's own configuration, so it is
    /// for calls that run the plugin or wait for it.
    pub fn interaction_now(&self) -> Interaction {
        match self.interaction {
            Interaction::Silent if self.configuration.may_prompt() => Interaction::MayPrompt,
            interaction => interaction,
        }
    }
}

pub(super) fn recognize(command: &[OsString], environment: config::Environment<'_>) -> Identity {
    let mut search = Search { environment: Overlay::new(environment), identity: Identity::new() };
    search.follow(command, 0);
    if search.environment.is_assigned("PATH") {
        // The program is found in another place.
        search.give_up();
    }
    if search.identity.is_understood {
        search.note_relative_words(command);
    } else {
        search.add_everything(command, &[], environment);
    }
    search.identity
}

/// Like [`recognize`], but everything counts that the command, and programs that its configuration names, could
/// look at.
pub(super) fn recognize_with_programs(
    command: &[OsString],
    environment: config::Environment<'_>,
) -> Identity {
    let mut search = Search { environment: Overlay::new(environment), identity: Identity::new() };
    search.follow(command, 0);
    search.identity.is_understood = false;
    let processes = search.identity.configuration.processes();
    search.add_everything(command, &processes, environment);
    search.identity
}

struct Search<'a> {
    environment: Overlay<'a>,
    identity: Identity,
}

impl Search<'_> {
    fn follow(&mut self, command: &[OsString], depth: u8) {
        let Some((program, arguments)) = command.split_first().filter(|_| depth < MAX_DEPTH) else {
            return self.give_up();
        };
        self.identity.programs.push(program.clone());
        let name = program_name(program);
        match wrapper::target_of(&name, arguments, &mut self.environment) {
            Target::Command(inner) => {
                self.add_wrapper(&name, arguments);
                self.add_words(arguments);
                self.follow(&inner, depth + 1);
            }
            Target::Script(script) => {
                self.add_wrapper(&name, arguments);
                if shell::runs_start_files(&name, arguments, &self.environment) {
                    self.add_start_files();
                }
                self.follow_script(script, depth);
            }
            Target::Itself => self.add_plugin(program, &name, arguments),
        }
    }

    /// What the start files of a shell set could be anything.
    fn add_start_files(&mut self) {
        self.identity.is_understood = false;
        let invocation = Invocation { arguments: &[], environment: &self.environment };
        let files: Vec<PathBuf> =
            words(shell::START_FILES).flat_map(|place| invocation.resolve_place(place)).collect();
        for file in files {
            push_once(&mut self.identity.files, file);
        }
    }

    fn follow_script(&mut self, script: &str, depth: u8) {
        for name in shell::referenced_variables(script) {
            self.add_named_variable(name);
        }
        let Some(words) = shell::simple_command(script, &self.environment) else {
            return self.give_up();
        };
        let assignments = words.iter().take_while(|word| self.environment.assign(word)).count();
        let has_function = |name: &OsString| {
            // bash(1), "Functions".
            self.environment.get(&["BASH_FUNC_", &name.to_string_lossy(), "%%"].concat()).is_some()
        };
        if words.get(assignments).is_some_and(has_function) {
            self.give_up();
        }
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

    fn add_plugin(&mut self, program: &OsStr, name: &str, arguments: &[OsString]) {
        let (name, arguments) = match kubectl_plugin(name, arguments) {
            Some((plugin, rest)) => (Cow::Owned(plugin), rest),
            None => (Cow::Borrowed(name), arguments),
        };
        let shim = shim_files(program, &self.invocation(arguments));
        if let Some(files) = shim {
            self.add_project(files);
            self.identity.groups = self.identity.groups.and(MISE);
        }
        let Some(row) = find_row(&name, &self.invocation(arguments)) else {
            if let Some(project) = find_project(&name, &self.invocation(arguments)) {
                self.add_project(project.files);
            }
            if matches!(&*name, "sudo" | "doas" | "su") {
                // They ask for a password.
                self.raise_interaction(Interaction::MayPrompt);
            }
            return self.give_up();
        };
        self.add_row(row, arguments);
        self.add_words(arguments);
        self.identity.family = Some(row.family());
        self.identity.install_hint = Some(row.install_hint());
        // `pinniped login static` (vmware-tanzu/pinniped cmd/pinniped/cmd/login_static.go).
        if let Some(name) = self.invocation(arguments).flag_value("--token-env").map(str::to_owned) {
            self.add_named_variable(&name);
        }
    }

    fn add_row(&mut self, row: &Plugin, arguments: &[OsString]) {
        let invocation = Invocation { arguments, environment: &self.environment };
        let identity = &mut self.identity;
        identity.groups = identity.groups.and(row.groups);
        identity.is_understood &= !row.also.has(Surroundings::ENVIRONMENT);
        identity.counts_directory |= row.also.has(Surroundings::DIRECTORY);
        identity.counts_session |= row.also.has(Surroundings::SESSION);
        for (place, file) in invocation.files(row.files(), |_| true) {
            // A row that names `./file` needs no more than its stamp.
            identity.counts_directory |= file.is_relative() && !place.starts_with("./");
            identity.add_file(place, file);
        }
        let interaction = (row.interaction)(&invocation);
        if row.groups.has(AWS) {
            identity.configuration.check_aws(&invocation, interaction == Interaction::Silent);
        }
        if row.groups.has(ORACLE) && interaction == Interaction::Silent {
            identity.configuration.check_oci(&invocation);
        }
        self.raise_interaction(interaction);
    }

    /// Adds the files that the words of a known program name.
    fn add_words(&mut self, arguments: &[OsString]) {
        let mentions = &mut self.identity.mentions;
        named_by_words(arguments, &self.environment, |path| Mention::push(mentions, path, false));
    }

    fn add_project(&mut self, files: &'static str) {
        self.identity.is_understood = false;
        self.identity.counts_directory = true;
        self.identity.project_files.push(files);
    }

    fn give_up(&mut self) {
        self.identity.is_understood = false;
        self.raise_interaction(Interaction::Unknown);
    }

    fn raise_interaction(&mut self, interaction: Interaction) {
        self.identity.interaction = self.identity.interaction.max(interaction);
    }

    /// Whether a word of a command that is understood is relative to the working directory. Nothing is looked
    /// up, so a bare name counts only if a row names its flag, or later, if there is such a file.
    fn note_relative_words(&mut self, command: &[OsString]) {
        let mut mentions = Mentions::default();
        for argument in command {
            mentions.add_argument(argument, &self.environment);
        }
        let is_relative_flag = |pair: &[OsString]| {
            pair[0].to_str().is_some_and(is_path_flag)
                && Path::new(&pair[1]).is_relative()
                && !is_option(&pair[1])
        };
        self.identity.counts_directory |= mentions.is_relative
            || command.iter().any(|word| word.as_encoded_bytes().starts_with(b"."))
            || command.windows(2).any(is_relative_flag)
            || command.iter().any(has_relative_path_value);
        self.identity.recorded_programs = std::mem::take(&mut self.identity.programs);
        self.identity.recorded_programs.retain(|program| !wrapper::is_of_system(&program_name(program)));
    }

    /// Everything that a command which is not understood, and `processes`, could look at, except the environment.
    fn add_everything(
        &mut self,
        command: &[OsString],
        processes: &[String],
        environment: config::Environment<'_>,
    ) {
        let outer = Overlay::new(environment);
        let identity = &mut self.identity;
        identity.groups = Groups::ALL;
        let mut mentions = Mentions::default();
        for program in &identity.programs {
            let path = Path::new(program);
            mentions.is_relative |= path.is_relative() && path.components().count() > 1;
            mentions.is_relative |= program.as_encoded_bytes().starts_with(b".");
            mentions.add_program(program);
        }
        mentions.add_arguments(command, &mut self.environment);
        for (at, row) in PLUGINS.iter().enumerate() {
            // Rows share lists, and resolving a list takes a while.
            if !PLUGINS[..at].iter().any(|earlier| earlier.shares_files(row)) {
                identity.add_default_files(row, &outer);
                if self.environment.is_changed() {
                    identity.add_default_files(row, &self.environment);
                }
            }
        }
        for process in processes {
            mentions.add_line(process, &mut self.environment);
        }
        identity.add_further_files(&Invocation { arguments: &[], environment: &outer });
        identity.search_path = self.environment.get("PATH").filter(|_| self.environment.is_assigned("PATH"));
        identity.doubts = mentions.doubts;
        identity.counts_directory |= mentions.is_relative;
        identity.counts_agent = mentions.runs_ssh;
        for Mention { path, lists } in mentions.files {
            Mention::push(&mut identity.mentions, path, lists);
        }
        identity.programs = mentions.programs;
    }

    fn invocation<'b>(&'b self, arguments: &'b [OsString]) -> Invocation<'b> {
        Invocation { arguments, environment: &self.environment }
    }
}

fn push_once(files: &mut Vec<PathBuf>, file: PathBuf) {
    // Comparing paths component by component is slow.
    if !files.iter().any(|known| known.as_os_str() == file.as_os_str()) {
        files.push(file);
    }
}

fn has_relative_path_value(word: &OsString) -> bool {
    let Some((flag, value)) = word.to_str().and_then(|word| word.split_once('=')) else { return false };
    is_path_flag(flag) && !value.is_empty() && Path::new(value).is_relative()
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn find_row(name: &str, invocation: &Invocation) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|row| row.commands().any(|command| command == name) && (row.applies)(invocation))
}

/// kubectl runs `kubectl-some_thing` for `kubectl some-thing`
/// (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/).
fn kubectl_plugin<'a>(name: &str, arguments: &'a [OsString]) -> Option<(String, &'a [OsString])> {
    let (plugin, rest) = arguments.split_first().filter(|_| name == "kubectl")?;
    Some((["kubectl-", &plugin.to_str()?.replace('-', "_")].concat(), rest))
}
