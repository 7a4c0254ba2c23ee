//! Source files, taken apart into code and comments.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

pub struct SourceFile {
    /// Below `src`, with slashes.
    pub path: String,
    pub text: String,
    /// The text without comments, the content of strings, and test modules; as many lines.
    pub code: String,
    comments: String,
}

impl SourceFile {
    pub fn new(path: String, text: String) -> SourceFile {
        let (code, comments) = split(&text);
        SourceFile { path, text, code: without_test_modules(&code), comments }
    }

    /// The folder or file right below `src` that this file belongs to, without extension.
    pub fn top(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Every comment, with the number of its line.
    pub fn comments(&self) -> Vec<(usize, String)> {
        let lines = self.comments.lines().map(str::trim).enumerate();
        lines.filter(|(_, line)| !line.is_empty()).map(|(at, line)| (at + 1, line.to_owned())).collect()
    }
}

/// Every file below `src`, read once.
pub fn sources() -> &'static [SourceFile] {
    static SOURCES: LazyLock<Vec<SourceFile>> = LazyLock::new(read_sources);
    &SOURCES
}

fn read_sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    super::files_below(&root)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            SourceFile::new(name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

/// Names of the structs, enums, unions, traits and type aliases that the code defines. An indented
/// `type` is an associated one and does not count.
pub fn types_of(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in code.lines() {
        let words: Vec<&str> = words(line).collect();
        for pair in words.windows(2) {
            let defines = match pair[0] {
                "struct" | "enum" | "union" | "trait" => true,
                "type" => !line.starts_with(' '),
                _ => false,
            };
            if defines && pair[1].starts_with(char::is_uppercase) {
                names.push(pair[1].to_owned());
            }
        }
    }
    names
}

/// Where a character of a source file is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Code,
    Comment,
    /// Ended by a quote and this many `#`.
    RawString(usize),
    Quoted(char),
}

/// Code and comments, each with blanks in place of the other and of the content of strings.
fn split(text: &str) -> (String, String) {
    let characters: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let (mut place, mut at) = (Place::Code, 0);
    while at < characters.len() {
        let (next, length) = step(place, &characters[at..], &code);
        for &character in &characters[at..at + length] {
            let is_code = place == Place::Code && next == Place::Code;
            let is_comment = place == Place::Comment || next == Place::Comment;
            let shown = |show: bool| if show || character == '\n' { character } else { ' ' };
            code.push(shown(is_code));
            comments.push(shown(is_comment));
        }
        (place, at) = (next, at + length);
    }
    (code, comments)
}

/// The place after the next characters, and how many these are.
fn step(place: Place, rest: &[char], code: &str) -> (Place, usize) {
    let starts_with =
        |prefix: &str| prefix.chars().zip(rest).filter(|(a, b)| a == *b).count() == prefix.len();
    match place {
        Place::Comment => (if rest[0] == '\n' { Place::Code } else { place }, 1),
        Place::Quoted(_) if rest[0] == '\\' => (place, rest.len().min(2)),
        Place::Quoted(quote) => (if rest[0] == quote { Place::Code } else { place }, 1),
        Place::RawString(signs) => {
            let ends = starts_with(&format!("\"{}", "#".repeat(signs)));
            if ends { (Place::Code, 1 + signs) } else { (place, 1) }
        }
        Place::Code if starts_with("//") => (Place::Comment, 2),
        Place::Code if rest[0] == 'r' && !code.ends_with(|before| is_word(before) && before != 'b') => {
            let signs = rest[1..].iter().take_while(|&&character| character == '#').count();
            let opens = rest.get(1 + signs) == Some(&'"');
            if opens { (Place::RawString(signs), 2 + signs) } else { (place, 1) }
        }
        Place::Code if rest[0] == '"' => (Place::Quoted('"'), 1),
        // A lifetime has no second quote.
        Place::Code if rest[0] == '\'' && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'')) => {
            (Place::Quoted('\''), 1)
        }
        Place::Code => (place, 1),
    }
}

/// Blanks `#[cfg(test)] mod tests { ... }`, which ends with a brace in the first column.
fn without_test_modules(code: &str) -> String {
    let mut kept = String::new();
    let (mut in_tests, mut after_attribute) = (false, false);
    for line in code.split_inclusive('\n') {
        in_tests |= after_attribute && line.contains("mod ") && line.trim_end().ends_with('{');
        after_attribute = line.trim() == "#[cfg(test)]";
        kept.push_str(if in_tests { "\n" } else { line });
        in_tests &= !line.starts_with('}');
    }
    kept
}
