//! The script of `sh -c SCRIPT`, as far as it is one simple command.
//!
//! Splits the words as a POSIX shell does and replaces variables. Anything more (a pipe, a list, a
//! redirection, another substitution) is not understood. No shell is run.

use std::ffi::OsString;

use super::expand::{is_name_letter, is_variable_name};
use super::invocation::Overlay;

/// The script among a shell's arguments: `-c SCRIPT`, `-lc SCRIPT`, `-o pipefail -c SCRIPT`.
pub(super) fn script_of(arguments: &[OsString]) -> Option<&str> {
    let mut has_c = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let argument = argument.to_str()?;
        match argument.strip_prefix('-') {
            Some(options) if !options.starts_with('-') => {
                has_c |= options.as_bytes().contains(&b'c');
                if options.ends_with('o') {
                    arguments.next();
                }
            }
            Some(_) => {}
            None => return has_c.then_some(argument),
        }
    }
    None
}

/// The files that shells run first (bash(1), "INVOCATION"; zsh(1), "STARTUP/SHUTDOWN FILES").
pub(super) const START_FILES: &str = "~/.bash_profile ~/.bash_login ~/.profile ~/.bashrc ~/.kshrc ~/.zshenv \
    ~/.zprofile ~/.zshrc ~/.zlogin $BASH_ENV $ENV";

/// Whether the shell `name` runs files of the user first: as a login shell, an interactive one, or because of
/// a variable.
pub(super) fn runs_start_files(name: &str, arguments: &[OsString], environment: &Overlay) -> bool {
    let is_such_flag = |argument: &OsString| match argument.to_string_lossy().strip_prefix('-') {
        Some("-login" | "-init-file" | "-rcfile" | "-interactive") => true,
        Some(options) => !options.starts_with('-') && options.contains(['l', 'i']),
        None => false,
    };
    let is_flag = |argument: &&OsString| argument.as_encoded_bytes().starts_with(b"-");
    arguments.iter().take_while(is_flag).any(is_such_flag)
        || ["BASH_ENV", "ENV"].iter().any(|variable| environment.get(variable).is_some())
        || name == "zsh" && environment.get("ZDOTDIR").is_some()
}

/// The names in `$NAME` and `${NAME...}`.
pub(super) fn referenced_variables(script: &str) -> impl Iterator<Item = &str> {
    script.split('$').skip(1).filter_map(|after_dollar| {
        let rest = after_dollar.strip_prefix('{').unwrap_or(after_dollar);
        let end = rest.find(|letter| !is_name_letter(letter)).unwrap_or(rest.len());
        is_variable_name(&rest[..end]).then_some(&rest[..end])
    })
}

/// The words of `script` if it is one simple command, with variables replaced. `None` for anything more, and
/// if a variable names the program.
pub(super) fn simple_command(script: &str, environment: &Overlay) -> Option<Vec<OsString>> {
    let mut words = WordSplitter::default();
    let mut quote = None;
    let mut letters = script.trim_ascii().chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(mark)) if letter == mark => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                words.current().push_str("");
            }
            ('$', None | Some('"')) => {
                let value = environment.get(&take_variable_name(&mut letters)?).unwrap_or_default();
                words.push_value(value.to_str()?, quote.is_some())?;
            }
            (' ' | '\t', None) => words.end_word()?,
            ('`' | '\\', None | Some('"')) => return None,
            ('|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '#' | '~' | '!' | '\n', None) => {
                return None;
            }
            _ => words.current().push(letter),
        }
    }
    words.end_word()?;
    quote.is_none().then_some(words.done)
}

#[derive(Default)]
struct WordSplitter {
    done: Vec<OsString>,
    current: Option<String>,
    current_has_value: bool,
    has_program: bool,
}

impl WordSplitter {
    /// The word that is being read; begins one if there is none.
    fn current(&mut self) -> &mut String {
        self.current.get_or_insert_default()
    }

    /// Appends the value of a variable. `None` if the shell would split or expand it again.
    fn push_value(&mut self, value: &str, quoted: bool) -> Option<()> {
        if !quoted && value.contains(|c: char| c.is_ascii_whitespace() || matches!(c, '*' | '?' | '[')) {
            return None;
        }
        self.current_has_value = true;
        if quoted || !value.is_empty() {
            self.current().push_str(value);
        }
        Some(())
    }

    /// `None` if a variable is part of the program's name.
    fn end_word(&mut self) -> Option<()> {
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

/// Reads `NAME` or `{NAME}` after a `$`.
fn take_variable_name(letters: &mut std::iter::Peekable<std::str::Chars>) -> Option<String> {
    let in_braces = letters.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(letter) = letters.next_if(|&letter| is_name_letter(letter)) {
        name.push(letter);
    }
    let is_closed = !in_braces || letters.next() == Some('}');
    (is_closed && is_variable_name(&name)).then_some(name)
}
