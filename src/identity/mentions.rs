//! The words of a command line that may name files and programs.
//!
//! For a command that is not understood, each file that it mentions counts: an argument, the value behind
//! `=`, an element of a list, a word of a script. Words are found by splitting alone, so some name nothing;
//! the caller looks which of them exist.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::invocation::{Overlay, is_name_letter, is_variable_name};

/// What ends a word of a script.
const WORD_ENDS: &[char] = &['\'', '"', '`', ';', '|', '&', '(', ')', '<', '>', '{', '}'];
/// What ends a command of a script.
const COMMAND_ENDS: &[char] = &['`', ';', '|', '&', '(', ')', '\n', '{', '}'];
/// Words that come before a command (POSIX.1-2024, Shell Command Language, 2.4 and 2.9; env(1), time(1)).
const BEFORE_COMMANDS: &[&str] =
    &["if", "then", "else", "elif", "while", "until", "do", "!", "exec", "command", "env", "time", "nohup"];

/// What a command line mentions.
#[derive(Default)]
pub(super) struct Mentions {
    /// Words that may be paths.
    pub files: Vec<PathBuf>,
    /// Names that are looked up on PATH.
    pub programs: Vec<OsString>,
    /// Whether a word is certainly relative to the working directory.
    pub is_relative: bool,
    /// Whether an ssh agent may select the identity.
    pub runs_ssh: bool,
}

impl Mentions {
    /// Adds what one argument mentions.
    pub fn add_argument(&mut self, argument: &OsStr, environment: &Overlay<'_>) {
        let Some(text) = argument.to_str() else {
            return self.add_file(argument.into());
        };
        if !is_script(text) {
            return self.add_word(text, environment);
        }
        self.add_file(argument.into());
        let script = expand_variables(text, environment);
        for command in script.split(COMMAND_ENDS) {
            let mut words =
                command.split(|letter: char| letter.is_whitespace() || WORD_ENDS.contains(&letter));
            let is_program = |word: &&str| {
                !word.is_empty()
                    && !is_assignment(word)
                    && !BEFORE_COMMANDS.contains(word)
                    && !word.starts_with('-')
            };
            if let Some(program) = words.clone().find(is_program) {
                self.add_program(program.as_ref());
            }
            words.by_ref().for_each(|word| self.add_word(word, environment));
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
        let value = value.strip_prefix('@').unwrap_or(value);
        let value = value.strip_prefix("file://").unwrap_or(value);
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
        let below_home = text.strip_prefix("~/").and_then(|below| Some((environment.get("HOME")?, below)));
        match below_home {
            Some((home, below)) => self.add_file(PathBuf::from(home).join(below)),
            None => self.add_file(text.into()),
        }
    }

    fn add_file(&mut self, file: PathBuf) {
        if !self.files.contains(&file) {
            self.files.push(file);
        }
    }
}

/// Whether an argument consists of several words.
fn is_script(text: &str) -> bool {
    text.contains(char::is_whitespace) || text.contains(WORD_ENDS) || text.contains('$')
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
