//! Which words of a command line, and which values of variables, name files.
//!
//! Decided from the text alone, so that a hit makes no system call for a word that cannot be a path of interest.
//! Whether such a file exists is looked up by the cache key.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::expand::expand;
use super::invocation::Overlay;
use super::texts::{Words, list};
use crate::config::Environment;

/// A path that a command line or a variable names.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub path: PathBuf,
    /// Whether the files in it count if it is a directory.
    pub lists: bool,
}

impl Mention {
    /// Adds a path to `mentions`, unless it is there.
    pub(super) fn push(mentions: &mut Vec<Mention>, path: PathBuf, lists: bool) {
        // Comparing paths component by component is slow.
        match mentions.iter_mut().find(|known| known.path.as_os_str() == path.as_os_str()) {
            Some(known) => known.lists |= lists,
            None => mentions.push(Mention { path, lists }),
        }
    }
}

/// The last word of a flag whose value is a path: `--client-certificate`, `--token-file`.
const FLAG_ENDINGS: fn() -> Words = list!["file path dir directory certificate cert config credentials"];
/// The last word of a flag whose value may be a path.
const OTHER_FLAG_ENDINGS: fn() -> Words =
    list!["files folder kubeconfig conf configfile override identity key"];
/// Flags of one letter whose value is a path in many programs.
const SHORT_FLAGS: fn() -> Words = list!["-c -C -f"];
/// The last word of a variable whose value is a path.
const VARIABLE_ENDINGS: fn() -> Words =
    list!["FILE CONFIGFILE PATH DIR DIRECTORY CONFIG KUBECONFIG CONF CREDENTIALS FOLDER"];
/// The last word of a variable whose value is a directory.
const DIRECTORY_ENDINGS: fn() -> Words = list!["HOME DIR DIRECTORY ROOT PREFIX CELLAR REPOSITORY FOLDER"];
/// A variable with one of these words in its name is about an identity.
const IDENTITY_WORDS: fn() -> Words = list![
    "CONFIG CONF CREDENTIAL CREDENTIALS SECRET SECRETS TOKEN TOKENS KEY KEYS AUTH IDENTITY \
    PROFILE PROFILES CERT CERTS ACCOUNT"
];
/// Variables whose files are not looked at: the client's, which it writes itself, the shell, directories of
/// libraries, and directories of everything.
const OF_NO_IDENTITY: fn() -> Words = list![
    "KUBECONFIG PATH SHELL LD_LIBRARY_PATH DYLD_LIBRARY_PATH PKG_CONFIG_PATH GOPATH PYTHONPATH NODE_PATH \
    PERL5LIB RUBYLIB GEM_PATH CLASSPATH CDPATH FPATH XDG_CONFIG_HOME XDG_CONFIG_DIRS"
];
/// Words of the names of what servers are checked with (`SSL_CERT_DIR`), and of a compiler's configuration
/// (`PKG_CONFIG_LIBDIR`). Such directories have hundreds of files, and say nothing of who the client is.
const OF_OTHERS: fn() -> Words = list!["SSL CA CAS CACERT CACERTS CAINFO CAPATH TRUST TRUSTED PKG"];
/// Words of the names of what plugins write at each run.
const WRITTEN: fn() -> Words = list!["cache caches log logs logfile history output out"];

/// Whether the value of `flag`, which has two dashes, is a path.
pub(super) fn is_path_flag(flag: &str) -> bool {
    flag.starts_with("--") && ends_with_word(flag, FLAG_ENDINGS)
}

/// Whether the value of `flag` may be a path though it has no slash.
pub(super) fn may_take_path(flag: &str) -> bool {
    SHORT_FLAGS().has(flag)
        || flag.starts_with('-')
            && (ends_with_word(flag, FLAG_ENDINGS) || ends_with_word(flag, OTHER_FLAG_ENDINGS))
}

fn ends_with_word(flag: &str, endings: fn() -> Words) -> bool {
    let last = flag.rsplit(['-', '_']).next().unwrap_or(flag);
    endings().has(last)
}

/// Whether the flag or path `text` is about what a plugin writes at each run.
pub(super) fn is_written(text: &str) -> bool {
    let is_written_word = |word: &[u8]| WRITTEN().bytes().any(|written| word.eq_ignore_ascii_case(written));
    text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric()).any(is_written_word)
}

/// The paths that the arguments of a known plugin name: a word with a slash or a dot, and the value of a flag
/// that takes a path.
pub(super) fn named_by_words(
    arguments: &[OsString],
    environment: &Overlay<'_>,
    mut add: impl FnMut(PathBuf),
) {
    let mut add =
        |value: &str, is_path| add_value(value, is_path, &mut |path| add(environment.expand(path.as_ref())));
    let mut flag = "";
    for argument in arguments {
        let text = argument.to_str().unwrap_or_default();
        let (name, value, is_path) = match text.split_once('=') {
            Some((name, value)) if text.starts_with('-') => (name, value, may_take_path(name)),
            // `-fVALUE`.
            None if text.starts_with('-') => (text, text.get(2..).unwrap_or_default(), false),
            _ => (flag, text, may_take_path(flag)),
        };
        if !is_written(name) {
            add(value, is_path);
        }
        flag = if text.starts_with('-') && !text.contains('=') { text } else { "" };
    }
}

/// Adds a value, the elements of a list, and what follows `=`.
fn add_value(value: &str, is_path: bool, add: &mut dyn FnMut(&str)) {
    let marked = without_mark(value);
    let is_path = is_path || marked.len() < value.len();
    if marked.is_empty() || !is_path && !may_be_path(marked) {
        return;
    }
    add(marked);
    for piece in marked.split([',', '=']).filter(|piece| piece.len() < marked.len()) {
        if may_be_path(piece) {
            add(piece);
        }
    }
}

/// `value` without what says that a path follows: `@`, `file://`, `fileb://`.
pub(super) fn without_mark(value: &str) -> &str {
    let value = value.strip_prefix('@').unwrap_or(value);
    ["file://", "fileb://"].iter().find_map(|scheme| value.strip_prefix(scheme)).unwrap_or(value)
}

/// Whether a word without a flag may be a path. No address, ARN, API version or number is one.
fn may_be_path(text: &str) -> bool {
    let separates = |byte| matches!(byte, b'/' | b'.') || cfg!(windows) && byte == b'\\';
    text.bytes().any(separates)
        && !text.starts_with("arn:")
        && !text.starts_with("client.authentication.k8s.io/")
        && !text.contains("://")
        && !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'/'))
}

/// Whether a variable of this name holds paths. `PATH` itself never starts a program from a relative element.
pub fn names_path(name: &OsStr) -> bool {
    name != "PATH" && last_word(name).is_some_and(|last| VARIABLE_ENDINGS().has(last))
}

fn last_word(name: &OsStr) -> Option<&str> {
    let last = name.as_encoded_bytes().rsplit(|byte| *byte == b'_').next()?;
    std::str::from_utf8(last).ok()
}

/// Whether a variable of this name is about an identity, so that all files of a directory count that it names.
pub(super) fn is_about_identity(name: &str) -> bool {
    let has_word = |list: fn() -> Words| name.split('_').any(|word| list().has(word));
    has_word(IDENTITY_WORDS) && !has_word(OF_OTHERS)
}

/// The paths that the value of a variable names.
pub fn named_by_variable(name: &OsStr, value: &OsStr, environment: Environment<'_>) -> Vec<Mention> {
    let (Some(name), Some(text)) = (name.to_str(), value.to_str()) else {
        return vec![Mention { path: value.into(), lists: false }];
    };
    let names_path = names_path(name.as_ref());
    if !names_path && !text.contains('/') || OF_NO_IDENTITY().has(name) || is_written(name) {
        return Vec::new();
    }
    let is_identity = is_about_identity(name);
    let last = last_word(name.as_ref()).unwrap_or_default();
    if !is_identity && DIRECTORY_ENDINGS().has(last) {
        return Vec::new();
    }
    let mut mentions: Vec<Mention> = Vec::new();
    let mut add = |piece: &str| {
        let piece = without_mark(piece);
        let path = expand(piece.as_ref(), environment);
        let is_path = path.is_absolute() || piece.starts_with('.') || names_path;
        let is_address = piece.contains("://") || piece.starts_with("//");
        if is_path && !is_address && !matches!(piece, "" | "/") {
            Mention::push(&mut mentions, path, is_identity);
        }
    };
    add(text);
    for piece in text.split(SEPARATORS).filter(|piece| piece.len() < text.len()) {
        add(piece);
    }
    if cfg!(unix) {
        // A list of paths.
        let lists = text.split(SEPARATORS).filter(|piece| piece.contains(':') && !piece.contains("://"));
        lists.flat_map(|piece| piece.split(':')).for_each(add);
    }
    mentions
}

/// What separates the words in a value.
const SEPARATORS: &[char] = &[' ', ',', ';', '=', '"', '\''];
