//! The programs and files that a shell script names, if it is more than one simple command.
//!
//! Follows quoting, variables, assignments, `cd`, substitutions, here-documents and patterns as far as the text
//! tells. No shell is run. A word that names a file which cannot be told, such as `"$(whoami)/token"`, is a doubt:
//! such a call is not cached. A word without a slash is a doubt only if a program like `cat` reads it, because
//! most of them are text (`echo "$TOKEN"`).

mod line;

use std::iter::Peekable;
use std::path::PathBuf;
use std::str::Chars;

use super::expand::{is_name_letter, is_variable_name};
use super::invocation::Overlay;
use super::paths::{Mention, is_written, may_take_path, names_path, without_mark};
use super::words::words;
use line::{Line, Role, UNKNOWN, Word, read_redirection, take_enclosed};

/// Substitutions nested deeper than this are a doubt.
const MAX_DEPTH: u8 = 8;

/// Values of variables may take this many bytes in all: `A=$A$A`, repeated, doubles without end.
const MOST_EXPANDED: usize = 1 << 16;

/// Words that come before a command (POSIX.1-2024, Shell Command Language, 2.4 and 2.9).
const KEYWORDS: &str = "if then else elif fi while until do done esac ! { }";
const DECLARATIONS: &str = "export local declare readonly typeset";
/// Commands whose arguments name variables that they set.
const ASSIGNING: &str = "read mapfile readarray getopts for select";
/// Commands whose arguments are text.
const PRINTING: &str = "echo printf : true false return exit shift set trap curl wget";
const TESTING: &str = "test [ [[";
/// Commands that run the command behind them as it is.
const PREFIXES: &str = "exec command builtin nohup setsid time env";
/// Commands that read every argument that is no option.
const READING: &str = "cat . source head tail tac base64";
/// Variables that shells set themselves.
const OF_SHELLS: &str = "UID EUID PPID GROUPS HOSTNAME HOSTTYPE OSTYPE MACHTYPE OLDPWD DIRSTACK RANDOM SRANDOM SECONDS \
    LINENO BASHPID EPOCHSECONDS";
/// Commands that look at the working directory.
const OF_DIRECTORY: &str = "pwd git hg svn";
/// Commands that list the working directory, unless an argument names another one.
const LISTING: &str = "ls dir find tree";
/// Programs that run the program among their arguments.
const RUNNERS: &str = "timeout nice stdbuf ionice unbuffer caffeinate xargs flock \
    lockf taskset chrt setpriv runuser sudo doas su pkexec chroot unshare nsenter prlimit choom systemd-run \
    dbus-run-session firejail bwrap faketime fakeroot proot script strace ltrace ssh-agent setarch linux32 linux64 \
    uclampset rlwrap torsocks proxychains proxychains4 tsocks chpst setuidgid s6-setuidgid su-exec gosu tini \
    dumb-init catatonit watch parallel numactl cgexec envdir envuidgid softlimit busybox arch perf valgrind sg \
    kubectl mise rtx asdf direnv op doppler infisical chamber aws-vault";

/// How many arguments of a runner may be the program: those before it may be values of options.
const MOST_CANDIDATES: usize = 3;

/// The words that may be the program which `program` runs.
pub(super) fn inner_programs<'w>(
    program: &str,
    arguments: impl Iterator<Item = &'w str>,
) -> impl Iterator<Item = &'w str> {
    let is_runner = words(RUNNERS).any(|runner| runner == program);
    let is_name = |word: &&str| {
        !word.contains(['/', '=', UNKNOWN]) && word.starts_with(|letter: char| letter.is_ascii_alphabetic())
    };
    arguments.filter(is_name).take(if is_runner { MOST_CANDIDATES } else { 0 })
}

/// What a script names.
#[derive(Default)]
pub(super) struct Named {
    pub programs: Vec<String>,
    pub paths: Vec<Mention>,
    /// What could not be told, as it is written: `$NAME`, `$(...)`.
    pub doubts: Vec<String>,
}

/// Reads `script`, and applies its assignments to `environment`.
pub(super) fn read(script: &str, environment: &mut Overlay<'_>) -> Named {
    let mut reader = Reader { environment, unknown: Vec::new(), expanded: 0, named: Named::default() };
    reader.read(script, 0);
    reader.named
}

struct Reader<'r, 'e> {
    environment: &'r mut Overlay<'e>,
    /// Variables whose values cannot be told.
    unknown: Vec<String>,
    /// How many bytes the values of variables took.
    expanded: usize,
    named: Named,
}

impl Reader<'_, '_> {
    fn read(&mut self, script: &str, depth: u8) {
        if depth > MAX_DEPTH {
            return self.named.doubts.push("$(...)".to_owned());
        }
        let mut letters = script.chars().peekable();
        let mut line = Line::default();
        while let Some(letter) = letters.next() {
            match (letter, line.quote) {
                ('"', Some('"')) | ('\'', Some('\'')) => line.quote = None,
                (_, Some('\'')) => line.word().text.push(letter),
                ('\'' | '"', None) => {
                    line.quote = Some(letter);
                    line.word();
                }
                ('$', _) => self.read_dollar(&mut letters, &mut line, depth),
                ('`', _) => {
                    let inner: String = letters.by_ref().take_while(|letter| *letter != '`').collect();
                    self.read(&inner, depth + 1);
                    line.push_unknown("`...`");
                }
                ('\\', _) => line.word().text.extend(letters.next().filter(|letter| *letter != '\n')),
                (_, Some(_)) => line.word().text.push(letter),
                ('#', None) if line.current.is_none() => {
                    while letters.next_if(|letter| *letter != '\n').is_some() {}
                }
                (' ' | '\t' | '\r', None) => line.end_word(),
                ('\n', None) => {
                    line.end_word();
                    self.end_command(&mut line);
                    line.skip_documents(&mut letters);
                }
                (';' | '|' | '&' | '(' | ')', None) => {
                    line.end_word();
                    self.end_command(&mut line);
                }
                ('<' | '>', None) => read_redirection(letter, &mut letters, &mut line),
                ('~', None) if line.current.is_none() || line.word().text.ends_with('=') => {
                    self.read_tilde(&mut letters, &mut line);
                }
                ('*' | '?' | '[' | '{', None) => line.push_pattern(letter),
                _ => line.word().text.push(letter),
            }
        }
        line.end_word();
        self.end_command(&mut line);
    }

    /// Reads what follows `$`.
    fn read_dollar(&mut self, letters: &mut Peekable<Chars<'_>>, line: &mut Line, depth: u8) {
        match letters.peek() {
            Some('(') => {
                let inner = take_enclosed(letters, '(', ')');
                if !inner.starts_with('(') {
                    self.read(&inner, depth + 1);
                }
                line.push_unknown("$(...)");
            }
            Some('{') => {
                let inner = take_enclosed(letters, '{', '}');
                self.push_value(&inner, line);
            }
            Some(letter) if is_name_letter(*letter) => {
                let mut name = String::new();
                let is_digit = letter.is_ascii_digit();
                while let Some(letter) = letters.next_if(|letter| is_name_letter(*letter)) {
                    name.push(letter);
                    if is_digit {
                        break;
                    }
                }
                self.push_value(&name, line);
            }
            Some('@' | '*' | '#' | '?' | '$' | '!' | '-') => {
                let name = letters.next().unwrap_or_default();
                line.push_unknown(&format!("${name}"));
            }
            _ => line.word().text.push('$'),
        }
    }

    fn push_value(&mut self, name: &str, line: &mut Line) {
        let (name, default) = match name.split_once(":-") {
            Some((name, default)) if !default.contains(['$', '`']) => (name, default),
            _ => (name, ""),
        };
        let is_unknown = self.unknown.iter().any(|unknown| unknown == name)
            || words(OF_SHELLS).any(|known| known == name) && self.environment.get(name).is_none();
        let is_known = is_variable_name(name) && !is_unknown;
        let value = match is_known {
            true => self.environment.get(name).filter(|value| default.is_empty() || !value.is_empty()),
            false => self.environment.positional(name),
        };
        let Some(value) = value.or_else(|| is_known.then(|| default.into())) else {
            return line.push_unknown(&format!("${name}"));
        };
        let value = value.to_string_lossy();
        self.expanded = self.expanded.saturating_add(value.len());
        if self.expanded > MOST_EXPANDED {
            self.named.doubts.push(format!("${name}"));
            return line.push_unknown(&format!("${name}"));
        }
        if line.quote.is_some() {
            return line.word().text.push_str(&value);
        }
        for (at, word) in value.split_ascii_whitespace().enumerate() {
            if at > 0 {
                line.end_word();
            }
            line.word().text.push_str(word);
        }
    }

    fn read_tilde(&mut self, letters: &mut Peekable<Chars<'_>>, line: &mut Line) {
        match (letters.peek(), self.environment.get("HOME")) {
            (None | Some('/' | ' ' | '\t' | '\n' | ';' | '&' | '|' | ')'), Some(home)) => {
                line.word().text.push_str(&home.to_string_lossy());
            }
            (Some(letter), _) if is_name_letter(*letter) => line.push_unknown("~"),
            _ => line.word().text.push('~'),
        }
    }

    fn end_command(&mut self, line: &mut Line) {
        let mut command = std::mem::take(&mut line.words);
        command.retain(|word| match word.role {
            Role::Argument => true,
            Role::NoFile => false,
            Role::Input => {
                self.add_word(word, true);
                false
            }
        });
        let mut rest = command.as_slice();
        let mut has_prefix = false;
        while let Some((first, after)) = rest.split_first() {
            let is_prefix = words(PREFIXES).any(|prefix| prefix == first.text);
            let is_keyword = words(KEYWORDS).any(|keyword| keyword == first.text);
            let is_option = has_prefix && first.text.starts_with('-');
            if !is_prefix && !is_keyword && !is_option && !self.assign(first) {
                break;
            }
            has_prefix |= is_prefix;
            rest = after;
        }
        let Some((program, arguments)) = rest.split_first() else { return };
        self.add_program(program);
        let is = |list: &'static str| words(list).any(|name| name == program.text);
        if is(OF_DIRECTORY) || is(LISTING) && arguments.iter().all(|word| word.text.starts_with('-')) {
            self.add_path(".", false);
        }
        if is("cd") || is("pushd") {
            arguments.iter().for_each(|word| self.change_directory(word));
        } else if is(DECLARATIONS) {
            arguments.iter().for_each(|word| _ = self.assign(word));
        } else if is(ASSIGNING) {
            self.unknown.extend(arguments.iter().map(|word| word.text.clone()));
            arguments.iter().for_each(|word| self.add_word(word, false));
        } else if is("eval") {
            self.named.doubts.extend(arguments.iter().filter_map(|word| word.doubt.clone()));
        } else if is(TESTING) {
            let is_plain = |word: &&Word| word.doubt.is_none() && word.pattern.is_none();
            arguments.iter().filter(is_plain).for_each(|word| self.add_path(&word.text, false));
        } else if is(PRINTING) {
            arguments
                .iter()
                .filter(|word| word.text.starts_with('@'))
                .for_each(|word| self.add_word(word, true));
        } else {
            let words = arguments.iter().map(|word| word.text.as_str());
            self.named.programs.extend(inner_programs(&program.text, words).map(str::to_owned));
            self.add_arguments(arguments, is(READING));
        }
    }

    fn add_arguments(&mut self, arguments: &[Word], reads_all: bool) {
        let mut is_path = false;
        for word in arguments {
            let flag = word.text.split('=').next().unwrap_or_default();
            let is_flag = flag.starts_with('-');
            let is_read = if is_flag {
                flag.len() < word.text.len() && may_take_path(flag)
            } else {
                is_path || reads_all
            };
            self.add_word(word, is_read);
            is_path = is_flag && may_take_path(&word.text);
        }
    }

    /// Applies `NAME=value`. Returns whether `word` is one.
    fn assign(&mut self, word: &Word) -> bool {
        let Some((name, value)) = word.text.split_once('=') else { return false };
        if !is_variable_name(name) {
            return false;
        }
        self.unknown.retain(|unknown| unknown != name);
        // Identity files depend on it.
        let leads_to_files = name == "HOME" || name == "PATH" || names_path(name.as_ref());
        if leads_to_files && (word.doubt.is_some() || self.environment.is_assigned_otherwise(name, value)) {
            self.named.doubts.push(name.to_owned());
        }
        if word.doubt.is_some() {
            self.unknown.push(name.to_owned());
        } else {
            self.environment.assign(word.text.as_ref());
            self.add_path(value, false);
        }
        true
    }

    fn add_program(&mut self, word: &Word) {
        match &word.doubt {
            Some(doubt) => self.named.doubts.push(doubt.clone()),
            None => self.named.programs.push(word.text.clone()),
        }
    }

    /// Adds the directory that `cd` changes to. A second relative `cd` is a doubt, because it starts in the directory
    /// of the first, and words are looked up in the directory of each `cd` alone.
    fn change_directory(&mut self, word: &Word) {
        let is_second = self.unknown.iter().any(|unknown| unknown == "PWD");
        match &word.doubt {
            Some(doubt) => self.named.doubts.push(doubt.clone()),
            None if is_second && !word.text.starts_with('/') => self.named.doubts.push(word.text.clone()),
            None => self.add_path(&word.text, false),
        }
        if !is_second {
            self.unknown.extend(["PWD", "OLDPWD"].map(str::to_owned));
        }
    }

    /// Adds the file that `word` names. `is_read` says that it certainly names one.
    fn add_word(&mut self, word: &Word, is_read: bool) {
        let text = match word.text.strip_prefix('-') {
            Some(flag) => match flag.split_once('=') {
                Some((_, value)) => value,
                None => word.text.get(2..).unwrap_or_default(),
            },
            None => &word.text,
        };
        if let Some(doubt) = &word.doubt {
            if is_read || is_unknown_path(text) {
                self.named.doubts.push(doubt.clone());
            }
            return;
        }
        match word.pattern.filter(|_| text.contains('/') || is_read) {
            None => self.add_path(text, !is_written(&word.text)),
            Some(at) => self.add_pattern(&word.text[..at], &word.text[at..]),
        }
    }

    /// A pattern counts all files of the directory that it is about. `fixed` is what comes before it.
    fn add_pattern(&mut self, fixed: &str, pattern: &str) {
        let fixed = fixed.rsplit('=').next().unwrap_or(fixed);
        match fixed.rfind('/') {
            Some(end) if !pattern.contains('/') => self.add_path(&fixed[..end.max(1)], true),
            _ => self.named.doubts.push(pattern.to_owned()),
        }
    }

    fn add_path(&mut self, text: &str, lists: bool) {
        let text = without_mark(text);
        if text.is_empty() || text.contains(UNKNOWN) || text.contains("://") {
            return;
        }
        Mention::push(&mut self.named.paths, PathBuf::from(text), lists);
    }
}

/// Whether an unknown part is a part of a path: no text around it that is none has a slash.
fn is_unknown_path(text: &str) -> bool {
    let ends: &[char] =
        &[' ', '\t', '\n', '"', '\'', '{', '}', '[', ']', '(', ')', ',', ';', '=', '@', '<', '>'];
    text.split(ends).any(|piece| piece.contains(UNKNOWN) && piece.contains('/') && !piece.contains("://"))
}
