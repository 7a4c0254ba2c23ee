//! The words of a command line that may name files and programs.
//!
//! For a command that is not understood, each file that it mentions counts: an argument, the value behind
//! `=`, an element of a list, a word of a script. Words are found by splitting alone, so some name nothing;
//! the caller looks which of them exist. Scripts are also read as a shell does ([`super::script`]).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::expand::{is_name_letter, is_variable_name};
use super::invocation::Overlay;
use super::paths::{Mention, is_about_identity, is_written, without_mark};
use super::program::program_name;
use super::script::{self, inner_programs};
use super::texts::{Words, list};

/// What ends a command of a script.
const COMMAND_ENDS: &[char] = &['`', ';', '|', '&', '(', ')', '\n', '{', '}'];
/// Words that come before a command (POSIX.1-2024, Shell Command Language, 2.4 and 2.9; env(1), time(1)).
const BEFORE_COMMANDS: fn() -> Words =
    list!["if then else elif while until do ! exec command env time nohup"];

/// What a command line mentions.
#[derive(Default)]
pub(super) struct Mentions {
    /// Words that may be paths.
    pub files: Vec<Mention>,
    /// Names that are looked up on PATH.
    pub programs: Vec<OsString>,
    /// Whether a word is certainly relative to the working directory.
    pub is_relative: bool,
    /// Whether an ssh agent may select the identity.
    pub runs_ssh: bool,
    /// What a script reads that cannot be told.
    pub doubts: Vec<String>,
    /// Whether the files in directories count that are added now.
    lists: bool,
}

impl Mentions {
    /// Adds what the arguments of a command mention.
    pub fn add_arguments(&mut self, arguments: &[OsString], environment: &mut Overlay<'_>) {
        for (at, argument) in arguments.iter().enumerate() {
            let before =
                at.checked_sub(1).map_or("", |before| arguments[before].to_str().unwrap_or_default());
            let script = argument.to_str().filter(|text| is_script_flag(before) && is_script(text));
            if let Some(text) = script {
                environment.set_positional(&arguments[at + 1..]);
                self.add_script(text, environment);
            }
            self.lists = script.is_none() && !is_written(before);
            if at > 0 {
                self.add_argument(argument, environment);
            }
            if before == "--" {
                self.add_name(argument);
            }
            if self.programs.contains(argument) {
                let after = arguments[at + 1..].iter().filter_map(|word| word.to_str());
                let name = program_name(argument);
                inner_programs(&name, after).for_each(|program| self.add_program(program.as_ref()));
            }
        }
    }

    /// Adds what a line of a configuration mentions, which is a command. No shell runs it, but its words are quoted
    /// in the same way.
    pub fn add_line(&mut self, line: &str, environment: &mut Overlay<'_>) {
        self.lists = false;
        line.split_ascii_whitespace().take(1).for_each(|program| self.add_program(program.as_ref()));
        self.add_argument(line.as_ref(), environment);
        for Mention { path, lists } in script::read(line, environment).paths {
            self.add_file(path, lists);
        }
    }

    fn add_script(&mut self, script: &str, environment: &mut Overlay<'_>) {
        let named = script::read(script, environment);
        named.programs.iter().for_each(|program| self.add_program(program.as_ref()));
        for Mention { path, lists } in named.paths {
            self.is_relative |= path.as_os_str().as_encoded_bytes().starts_with(b".");
            self.add_file(path, lists);
        }
        self.doubts.extend(named.doubts);
    }

    /// Adds what one argument mentions.
    pub fn add_argument(&mut self, argument: &OsStr, environment: &Overlay<'_>) {
        let Some(text) = argument.to_str() else {
            return self.add_file(argument.into(), self.lists);
        };
        self.add_word(text, environment);
        if !is_script(text) {
            return;
        }
        self.lists = false;
        let script = expand_variables(text, environment);
        for command in script.split(COMMAND_ENDS) {
            let mut words = command.split(ends_word);
            let is_program = |word: &&str| {
                !word.is_empty()
                    && !is_assignment(word)
                    && !BEFORE_COMMANDS().has(word)
                    && !word.starts_with('-')
            };
            if let Some(program) = words.clone().find(is_program) {
                self.add_program(program.as_ref());
            }
            words.by_ref().for_each(|word| self.add_word(word, environment));
        }
    }

    /// Adds a word that may be the name of a program.
    fn add_name(&mut self, word: &OsStr) {
        if Path::new(word).components().count() == 1 {
            self.add_program(word);
        }
    }

    pub fn add_program(&mut self, program: &OsStr) {
        let program = program.to_owned();
        if !self.programs.contains(&program) {
            self.programs.push(program);
        }
    }

    fn add_word(&mut self, word: &str, environment: &Overlay<'_>) {
        self.runs_ssh |= runs_ssh(word);
        let lists = self.lists;
        if let Some((name, _)) = word.split_once('=') {
            self.lists &= !is_written(name) && (!is_variable_name(name) || is_about_identity(name));
        }
        self.add_word_of_text(word, environment);
        self.lists = lists;
    }

    fn add_word_of_text(&mut self, word: &str, environment: &Overlay<'_>) {
        if let Some(flag) = word.strip_prefix('-') {
            match word.split_once('=') {
                Some((_, value)) => self.add_value(value, environment),
                // `-fVALUE`.
                None if !flag.starts_with('-') && flag.len() > 1 => {
                    self.add_value(flag.get(1..).unwrap_or_default(), environment);
                }
                None => {}
            }
            return;
        }
        self.add_value(word, environment);
        if let Some((_, value)) = word.split_once('=') {
            self.add_value(value, environment);
        }
    }

    /// A value, and the elements of a list of values.
    fn add_value(&mut self, value: &str, environment: &Overlay<'_>) {
        let value = without_mark(value);
        self.add_path(value, environment);
        if value.contains([',', ':']) && !value.contains("://") {
            value.split([',', ':']).for_each(|element| self.add_path(element, environment));
        }
    }

    fn add_path(&mut self, text: &str, environment: &Overlay<'_>) {
        if text.is_empty() || text.contains('\0') {
            return;
        }
        self.is_relative |= text.starts_with('.');
        self.add_file(environment.expand(text.as_ref()), self.lists);
    }

    fn add_file(&mut self, path: PathBuf, lists: bool) {
        Mention::push(&mut self.files, path, lists);
    }
}

/// Whether the argument behind `flag` is a script: `-c`, `-lc`, `-S` of env.
fn is_script_flag(flag: &str) -> bool {
    let letters = flag.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    letters.is_some_and(|letters| letters.ends_with(['c', 'S']))
        || matches!(flag, "--command" | "--split-string" | "eval")
}

/// Whether an argument consists of several words.
fn is_script(text: &str) -> bool {
    text.contains(|letter| ends_word(letter) || letter == '$')
}

/// Whether `letter` ends a word of a script.
fn ends_word(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '\'' | '"' | '`' | ';' | '|' | '&' | '(' | ')' | '<' | '>' | '{' | '}')
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_variable_name(name))
}

fn runs_ssh(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    ["ssh", "scp", "sftp", "git", "mosh", "step"].contains(&name)
}

/// `script` with each `$NAME` and `${NAME}` replaced by its value.
fn expand_variables(script: &str, environment: &Overlay<'_>) -> String {
    let mut parts = script.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let in_braces = part.starts_with('{');
        let name = part.strip_prefix('{').unwrap_or(part);
        let end = name.find(|letter| !is_name_letter(letter)).unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        let rest = if in_braces { rest.strip_prefix('}').unwrap_or(rest) } else { rest };
        match environment.get(name).filter(|_| is_variable_name(name)) {
            Some(value) => expanded.push_str(&value.to_string_lossy()),
            None => expanded.push(' '),
        }
        expanded.push_str(rest);
    }
    expanded
}
