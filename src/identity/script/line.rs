//! The command of a script that is being read: its words, quoting, redirections.

use std::iter::Peekable;
use std::str::Chars;

/// Replaces in a word what cannot be told.
pub(super) const UNKNOWN: char = '\0';

/// A word of a script.
#[derive(Default)]
pub(super) struct Word {
    pub text: String,
    /// How the first part that cannot be told is written.
    pub doubt: Option<String>,
    /// The offset of the first pattern: `*`, `?`, `[`, `{a,b}`.
    pub pattern: Option<usize>,
    pub role: Role,
}

/// How the shell uses a word.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    Argument,
    /// Behind `<`.
    Input,
    /// Behind `>` or `<<<`.
    NoFile,
}

/// The command that is being read.
#[derive(Default)]
pub(super) struct Line {
    pub words: Vec<Word>,
    pub current: Option<Word>,
    pub quote: Option<char>,
    next_role: Role,
    /// The words that end here-documents which begin on the next line.
    documents: Vec<String>,
    expects_document: bool,
}

impl Line {
    pub fn word(&mut self) -> &mut Word {
        let role = self.next_role;
        self.current.get_or_insert_with(|| Word { role, ..Word::default() })
    }

    pub fn end_word(&mut self) {
        let Some(word) = self.current.take() else { return };
        self.next_role = Role::Argument;
        if std::mem::take(&mut self.expects_document) {
            self.documents.push(word.text);
        } else {
            self.words.push(word);
        }
    }

    pub fn push_unknown(&mut self, written: &str) {
        let word = self.word();
        word.text.push(UNKNOWN);
        word.doubt.get_or_insert_with(|| written.to_owned());
    }

    pub fn push_pattern(&mut self, letter: char) {
        let word = self.word();
        // `[` and `{` alone are commands, and `{}` is an argument of xargs.
        if !word.text.is_empty() || !matches!(letter, '[' | '{') {
            word.pattern.get_or_insert(word.text.len());
        }
        word.text.push(letter);
    }

    /// Skips the here-documents that begin here. They are text.
    pub fn skip_documents(&mut self, letters: &mut Peekable<Chars<'_>>) {
        for end in std::mem::take(&mut self.documents) {
            while letters.peek().is_some() {
                let line: String = letters.by_ref().take_while(|letter| *letter != '\n').collect();
                if line.trim_start_matches('\t') == end {
                    break;
                }
            }
        }
    }
}

pub(super) fn read_redirection(letter: char, letters: &mut Peekable<Chars<'_>>, line: &mut Line) {
    // The number of a descriptor belongs to it.
    if line.current.as_ref().is_some_and(|word| word.text.chars().all(|letter| letter.is_ascii_digit())) {
        line.current = None;
    }
    line.end_word();
    let mut operator = String::from(letter);
    while let Some(next) = letters.next_if(|next| matches!(next, '<' | '>' | '&' | '|' | '-')) {
        operator.push(next);
    }
    line.expects_document = matches!(operator.as_str(), "<<" | "<<-");
    line.next_role = if operator == "<" { Role::Input } else { Role::NoFile };
}

/// Takes what is between the next letter, which is `open`, and its `close`, quoting aside.
pub(super) fn take_enclosed(letters: &mut Peekable<Chars<'_>>, open: char, close: char) -> String {
    let mut inner = String::new();
    let mut depth = 0;
    let mut quote = None;
    letters.next();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => {
                inner.push(letter);
                inner.extend(letters.next());
                continue;
            }
            (_, Some(mark)) if mark == letter => quote = None,
            ('\'' | '"', None) => quote = Some(letter),
            _ if quote.is_none() && letter == open => depth += 1,
            _ if quote.is_none() && letter == close && depth == 0 => break,
            _ if quote.is_none() && letter == close => depth -= 1,
            _ => {}
        }
        inner.push(letter);
    }
    inner
}
