//! From a command line to rows of the table: what runs in the end, and behind what.
//!
//! Owns the programs that only run another one (`env`, `timeout`, `sh -c`, `aws-vault exec`) and
//! the reading of flags. A command is followed inwards; every plugin met on the way adds its
//! variables and files, and the call is as silent as its least silent part. Whatever is not
//! understood ends the search: then all variables count, so that a doubt costs a hit and never
//! gives another identity's credential. Plain splitting of words, no shell is run.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf, is_separator};

use super::table::{Groups, PluginRow, ROWS, words};
use super::{Identity, Interaction};
use crate::config;
use crate::sys;

/// Programs inside programs beyond this are not followed.
const DEPTH_LIMIT: u8 = 8;

pub(super) fn recognize(command: &[OsString], environment: config::Environment<'_>) -> Identity {
    let mut search = Search {
        environment: Overlay { outer: environment, cleared: false, assigned: Vec::new() },
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

/// One program with its arguments, in the environment that it will have.
pub(super) struct Invocation<'a> {
    arguments: &'a [OsString],
    environment: &'a Overlay<'a>,
}

impl Invocation<'_> {
    /// Whether these words stand in this order, with anything between them.
    pub fn says(&self, wanted: &'static str) -> bool {
        let mut wanted = words(wanted);
        let mut next = wanted.next();
        for argument in self.arguments {
            if next.is_some_and(|word| argument == word) {
                next = wanted.next();
            }
        }
        next.is_none()
    }

    /// Whether one of these flags is given, and not as `--flag=false`.
    pub fn has(&self, flags: &'static str) -> bool {
        self.arguments.iter().filter_map(|argument| argument.to_str()).any(|argument| {
            let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
            words(flags).any(|flag| flag == name) && value != "false"
        })
    }

    /// The value of the first of these flags: `--flag value`, `--flag=value`, `-f value`, `-fvalue`.
    pub fn value(&self, flags: &'static str) -> Option<&str> {
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(argument) = argument.to_str() else { continue };
            for flag in words(flags) {
                match argument.strip_prefix(flag) {
                    Some("") => return arguments.next()?.to_str(),
                    Some(rest) if rest.starts_with('=') => return Some(&rest[1..]),
                    Some(rest) if !flag.starts_with("--") => return Some(rest),
                    _ => {}
                }
            }
        }
        None
    }

    pub fn variable(&self, name: &str) -> Option<OsString> {
        self.environment.get(name)
    }

    /// One of the places that the table writes.
    fn find(&self, place: &'static str) -> Option<PathBuf> {
        let (source, below) = place.split_once('/').unwrap_or((place, ""));
        let directory = match source.strip_prefix('$') {
            Some(variable) => self.without_tilde(self.path_of(variable)?),
            None if source.starts_with('-') => self.without_tilde(self.value(source)?.into()),
            None => self.directory(source)?,
        };
        Some(match below.strip_suffix('*') {
            Some(below) => {
                let mut file = OsString::from(below);
                file.push(self.gcloud_configuration(&directory));
                directory.join(file)
            }
            None if below.is_empty() => directory,
            None => directory.join(below),
        })
    }

    /// A directory as the table writes it.
    fn directory(&self, name: &str) -> Option<PathBuf> {
        let home = || self.path_of(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let below_home = |path: &str| Some(home()?.join(path));
        match name {
            "@gcloud" if cfg!(windows) => Some(self.path_of("APPDATA")?.join("gcloud")),
            "@gcloud" => below_home(".config/gcloud"),
            "@go" if cfg!(windows) => self.path_of("APPDATA"),
            "@go" if cfg!(target_os = "macos") => below_home("Library/Application Support"),
            "@go" | "@xdg" => self.path_of("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            _ => home(),
        }
    }

    /// The name of the active configuration: of the flag, the variable, or the file.
    fn gcloud_configuration(&self, directory: &Path) -> OsString {
        match self.value("--configuration") {
            Some(name) => name.into(),
            None => self
                .variable("CLOUDSDK_ACTIVE_CONFIG_NAME")
                .unwrap_or_else(|| active_configuration(&directory.join("active_config")).into()),
        }
    }

    fn path_of(&self, variable: &str) -> Option<PathBuf> {
        self.variable(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Python's plugins expand a leading `~` themselves, and a file of that name is not to be
    /// expected of the others.
    fn without_tilde(&self, path: PathBuf) -> PathBuf {
        let mut parts = path.components();
        match parts.next() {
            Some(Component::Normal(first)) if first == "~" => {
                self.directory("~").map(|home| home.join(parts.as_path())).unwrap_or(path)
            }
            _ => path,
        }
    }
}

/// The one file that this module reads: a name of few bytes. Without it gcloud takes `default`.
fn active_configuration(file: &Path) -> String {
    let mut bytes = [0; 128];
    let length = sys::open(file).and_then(|file| sys::read_at(&file, &mut bytes, 0)).unwrap_or(0);
    let name = std::str::from_utf8(&bytes[..length]).unwrap_or("").trim_ascii();
    if name.is_empty() { "default" } else { name }.to_owned()
}

/// The caller's environment with what `env` and its like change on the way.
struct Overlay<'a> {
    outer: config::Environment<'a>,
    cleared: bool,
    assigned: Vec<(OsString, Option<OsString>)>,
}

impl Overlay<'_> {
    #[inline(never)] // 500 bytes.
    fn get(&self, name: &str) -> Option<OsString> {
        match self.assigned.iter().rev().find(|(assigned, _)| assigned == name) {
            Some((_, value)) => value.clone(),
            None if self.cleared => None,
            None => (self.outer)(name),
        }
    }

    /// Takes `NAME=value`, and says whether it was one.
    fn assign(&mut self, word: &OsStr) -> bool {
        let Some((name, value)) = word.to_str().and_then(|word| word.split_once('=')) else {
            return false;
        };
        let named = is_name(name);
        if named {
            self.assigned.push((name.into(), Some(value.into())));
        }
        named
    }
}

/// What a program does with its arguments.
enum Runs<'a> {
    /// Nothing but these, as a command line.
    Command(Cow<'a, [OsString]>),
    /// A script for a shell.
    Script(&'a str),
    /// Itself.
    Itself,
}

struct Search<'a> {
    environment: Overlay<'a>,
    identity: Identity,
}

impl Search<'_> {
    fn follow(&mut self, command: &[OsString], depth: u8) {
        let Some((program, arguments)) = command.split_first() else {
            return self.give_up();
        };
        if depth == DEPTH_LIMIT {
            return self.give_up();
        }
        let name = program_name(program);
        match self.what_runs(&name, arguments) {
            Runs::Command(inner) => {
                self.add_wrapper(&name, arguments);
                self.follow(&inner, depth + 1);
            }
            Runs::Script(script) => self.follow_script(script, depth),
            Runs::Itself => self.add_plugin(&name, arguments),
        }
    }

    /// Programs that run another; each by its own manual page. One that surely does, but not how
    /// it is known here, runs the empty command: nobody knows what.
    fn what_runs<'a>(&mut self, name: &str, arguments: &'a [OsString]) -> Runs<'a> {
        let rest = match name {
            "env" => self.after_env(arguments),
            "timeout" => {
                after_options(arguments, "-k -s --kill-after --signal").and_then(|rest| rest.get(1..))
            }
            "nice" => after_options(arguments, "-n --adjustment"),
            "exec" => after_options(arguments, "-a"),
            "command" | "nohup" | "setsid" => after_options(arguments, ""),
            "aws-vault" if contains(arguments, "exec") => after_profile(arguments).or(Some(&[])),
            "chamber" if contains(arguments, "exec") => after_dashes(arguments).or(Some(&[])),
            "op" if contains(arguments, "run") => after_dashes(arguments).or(Some(&[])),
            "assume" | "assumego" => return after_exec_flag(arguments).map_or(Runs::Itself, Runs::Command),
            "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" => {
                return script_of(arguments).map_or(Runs::Itself, Runs::Script);
            }
            _ => None,
        };
        rest.map_or(Runs::Itself, |rest| Runs::Command(Cow::Borrowed(rest)))
    }

    /// `env [-i] [-u NAME] [NAME=VALUE]... COMMAND`; what it changes counts for the files.
    fn after_env<'a>(&mut self, mut arguments: &'a [OsString]) -> Option<&'a [OsString]> {
        while let Some((first, rest)) = arguments.split_first() {
            let word = first.to_str()?;
            arguments = match word {
                "-i" | "-" | "--ignore-environment" => {
                    self.environment.cleared = true;
                    self.environment.assigned.clear();
                    rest
                }
                "-u" | "--unset" => {
                    self.environment.assigned.push((rest.first()?.clone(), None));
                    rest.get(1..)?
                }
                "--" => rest,
                _ if word.starts_with("--unset=") => {
                    self.environment.assigned.push((word["--unset=".len()..].into(), None));
                    rest
                }
                // -S splits a string, -C changes the directory: seldom enough to give up on.
                _ if word.starts_with('-') => return None,
                _ if self.environment.assign(first) => rest,
                _ => return Some(arguments),
            };
        }
        None
    }

    fn follow_script(&mut self, script: &str, depth: u8) {
        self.note_referenced_variables(script);
        let Some(words) = split_script(script, &self.environment) else {
            return self.give_up();
        };
        let assignments = words.iter().take_while(|word| self.environment.assign(word)).count();
        self.follow(&words[assignments..], depth + 1);
    }

    /// The value of `$NAME` and `${NAME...` can be all that tells two calls apart.
    fn note_referenced_variables(&mut self, script: &str) {
        for after_dollar in script.split('$').skip(1) {
            let text = after_dollar.strip_prefix('{').unwrap_or(after_dollar);
            let end = text.find(|c: char| !is_name_letter(c)).unwrap_or(text.len());
            self.note_named_variable(&text[..end]);
        }
    }

    fn note_named_variable(&mut self, name: &str) {
        let names = &mut self.identity.named_variables;
        if is_name(name) && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }

    fn add_wrapper(&mut self, name: &str, arguments: &[OsString]) {
        if let Some(row) = find_row(name, &self.call(arguments)) {
            self.add_row(row, arguments);
        }
    }

    fn add_plugin(&mut self, name: &str, arguments: &[OsString]) {
        let (name, arguments) = match plugin_of_kubectl(name, arguments) {
            Some((plugin, rest)) => (Cow::Owned(plugin), rest),
            None => (Cow::Borrowed(name), arguments),
        };
        let Some(row) = find_row(&name, &self.call(arguments)) else {
            if matches!(&*name, "sudo" | "doas" | "su") {
                // They ask for a password, and change the user whose files count.
                self.at_least(Interaction::MayPrompt);
            }
            return self.give_up();
        };
        self.add_row(row, arguments);
        self.identity.family = Some(row.family);
        self.identity.install_hint = Some(row.install_hint);
        // `pinniped login static` (vmware-tanzu/pinniped cmd/pinniped/cmd/login_static.go).
        if let Some(named) = self.call(arguments).value("--token-env").map(str::to_owned) {
            self.note_named_variable(&named);
        }
    }

    fn add_row(&mut self, row: &PluginRow, arguments: &[OsString]) {
        self.identity.groups = self.identity.groups.and(row.groups);
        let call = Invocation { arguments, environment: &self.environment };
        let interaction = (row.interaction)(&call);
        for places in row.files.split(';') {
            match words(places).find_map(|place| call.find(place)) {
                Some(file) if !self.identity.files.contains(&file) => {
                    self.identity.files.push(file);
                }
                _ => {}
            }
        }
        self.at_least(interaction);
    }

    fn give_up(&mut self) {
        self.identity.groups = Groups::ALL;
        self.at_least(Interaction::Unknown);
    }

    fn at_least(&mut self, interaction: Interaction) {
        self.identity.interaction = self.identity.interaction.max(interaction);
    }

    fn call<'b>(&'b self, arguments: &'b [OsString]) -> Invocation<'b> {
        Invocation { arguments, environment: &self.environment }
    }
}

fn find_row(name: &str, call: &Invocation) -> Option<&'static PluginRow> {
    ROWS.iter().find(|row| words(row.commands).any(|command| command == name) && (row.applies)(call))
}

/// kubectl runs `kubectl-some_thing` for `kubectl some-thing`
/// (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/).
fn plugin_of_kubectl<'a>(name: &str, arguments: &'a [OsString]) -> Option<(String, &'a [OsString])> {
    let (plugin, rest) = arguments.split_first().filter(|_| name == "kubectl")?;
    Some((["kubectl-", &plugin.to_str()?.replace('-', "_")].concat(), rest))
}

/// The file name without directory and without an extension for programs. Empty if it is no UTF-8:
/// no plugin of the table is called so.
pub(super) fn program_name(program: &OsStr) -> Cow<'_, str> {
    let path = program.to_str().unwrap_or("");
    let file_name = path.rsplit(is_separator).next().unwrap_or(path);
    let name = match file_name.rsplit_once('.') {
        Some((stem, extension)) if is_program_extension(extension) => stem,
        _ => file_name,
    };
    if cfg!(windows) { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) }
}

fn is_program_extension(extension: &str) -> bool {
    ["exe", "cmd", "bat", "ps1"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn contains(arguments: &[OsString], word: &str) -> bool {
    arguments.iter().any(|argument| argument == word)
}

/// What follows the options. Those of `with_value` take the next argument too.
fn after_options<'a>(mut arguments: &'a [OsString], with_value: &'static str) -> Option<&'a [OsString]> {
    while let Some((first, rest)) = arguments.split_first() {
        arguments = match first.to_str()? {
            "--" => return Some(rest),
            option if words(with_value).any(|flag| flag == option) => rest.get(1..)?,
            option if option.starts_with('-') => rest,
            _ => return Some(arguments),
        };
    }
    None
}

fn after_dashes(arguments: &[OsString]) -> Option<&[OsString]> {
    let position = arguments.iter().position(|argument| argument == "--")?;
    arguments.get(position + 1..)
}

/// `aws-vault [FLAG]... exec [FLAG]... PROFILE [FLAG]... [--] COMMAND` (99designs/aws-vault
/// cli/exec.go, cli/global.go).
fn after_profile(arguments: &[OsString]) -> Option<&[OsString]> {
    const WITH_VALUE: &str = "-d --duration --region -t --mfa-token --backend --prompt --keychain \
         --secret-service-collection --pass-dir --pass-cmd --pass-prefix --file-dir";
    after_dashes(arguments).or_else(|| {
        let from_exec = after_options(arguments, WITH_VALUE)?;
        let from_profile = after_options(from_exec.get(1..)?, WITH_VALUE)?;
        after_options(from_profile.get(1..)?, WITH_VALUE)
    })
}

/// `assume PROFILE --exec -- COMMAND`, or all of it in one argument, split at the blanks
/// (common-fate/granted pkg/assume/assume.go).
fn after_exec_flag(arguments: &[OsString]) -> Option<Cow<'_, [OsString]>> {
    let position = arguments.iter().position(|argument| argument == "--exec" || argument == "-exec")?;
    let Some(value) = arguments.get(position + 1) else {
        return Some(Cow::Borrowed(&[]));
    };
    if value == "--" {
        return arguments.get(position + 2..).map(Cow::Borrowed);
    }
    Some(Cow::Owned(value.to_str()?.split_ascii_whitespace().map(OsString::from).collect()))
}

/// The string of `sh -c STRING`, `bash -lc STRING`, `bash -o pipefail -c STRING`.
fn script_of(arguments: &[OsString]) -> Option<&str> {
    let mut is_string = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let argument = argument.to_str()?;
        match argument.strip_prefix('-') {
            Some(options) if !options.starts_with('-') => {
                is_string |= options.as_bytes().contains(&b'c');
                if options.ends_with('o') {
                    arguments.next();
                }
            }
            Some(_) => {}
            None => return is_string.then_some(argument),
        }
    }
    None
}

/// The words of one simple command with its variables replaced. `None` for anything that is more
/// (a pipe, a list, a redirection, another substitution) and for a program that a variable names.
fn split_script(script: &str, environment: &Overlay) -> Option<Vec<OsString>> {
    let mut words = Words::default();
    let mut quote = None;
    let mut letters = script.trim_ascii().chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(mark)) if letter == mark => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                words.open().push_str("");
            }
            ('$', None | Some('"')) => {
                let value = environment.get(&variable_name(&mut letters)?).unwrap_or_default();
                words.push_value(value.to_str()?, quote.is_some())?;
            }
            (' ' | '\t', None) => words.end()?,
            ('`' | '\\', None | Some('"')) => return None,
            ('|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '#' | '~' | '!' | '\n', None) => {
                return None;
            }
            _ => words.open().push(letter),
        }
    }
    words.end()?;
    quote.is_none().then_some(words.done)
}

#[derive(Default)]
struct Words {
    done: Vec<OsString>,
    current: Option<String>,
    current_has_value: bool,
    has_program: bool,
}

impl Words {
    fn open(&mut self) -> &mut String {
        self.current.get_or_insert_default()
    }

    /// A value outside quotes would be split again by the shell.
    fn push_value(&mut self, value: &str, quoted: bool) -> Option<()> {
        if !quoted && value.contains(|c: char| c.is_ascii_whitespace() || matches!(c, '*' | '?' | '[')) {
            return None;
        }
        self.current_has_value = true;
        if quoted || !value.is_empty() {
            self.open().push_str(value);
        }
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let has_value = std::mem::take(&mut self.current_has_value);
        if let Some(word) = self.current.take() {
            let is_program = !self.has_program && !word.as_bytes().contains(&b'=');
            if is_program && has_value {
                return None;
            }
            self.has_program |= is_program;
            self.done.push(word.into());
        }
        Some(())
    }
}

/// Takes `NAME` or `{NAME}` after a `$`.
fn variable_name(letters: &mut std::iter::Peekable<std::str::Chars>) -> Option<String> {
    let in_braces = letters.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(letter) = letters.next_if(|&letter| is_name_letter(letter)) {
        name.push(letter);
    }
    let ends_well = !in_braces || letters.next() == Some('}');
    (ends_well && is_name(&name)).then_some(name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_name_letter)
}

fn is_name_letter(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphanumeric()
}
