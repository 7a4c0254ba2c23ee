//! The parts of a cache key, for people: what they are called, how much of them is shown, and how
//! two keys differ.
//!
//! Secret values are compared and never shown.

use std::ffi::OsString;
use std::path::Path;

use super::redactor::Redactor;
use crate::error::printable;
use crate::format::fnv::fnv1a_128;
use crate::format::time;
use crate::identity::MASK;
use crate::key::{self, PartKind};
use crate::key::{exec_info, stamps};

/// A part that distinguishes credentials of one command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPart<'a> {
    pub part: PartKind,
    /// The name of a variable, or the path of a file.
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> KeyPart<'a> {
    fn new(part: PartKind, content: &'a [u8]) -> KeyPart<'a> {
        let separator = match part {
            PartKind::Variable | PartKind::Secret | PartKind::Environment => b'=',
            PartKind::File | PartKind::Program => 0,
            PartKind::Home => return KeyPart { part, name: b"HOME", value: content },
            PartKind::Proof => return KeyPart { part, name: content, value: b"" },
            _ => return KeyPart { part, name: b"", value: content },
        };
        let end = content.iter().position(|byte| *byte == separator).unwrap_or(content.len());
        KeyPart { part, name: &content[..end], value: content.get(end + 1..).unwrap_or_default() }
    }

    fn is_about(&self, other: &KeyPart<'_>) -> bool {
        self.part == other.part && self.name == other.name
    }

    pub fn is_variable(&self) -> bool {
        matches!(self.part, PartKind::Variable | PartKind::Secret | PartKind::Home)
    }

    /// Whether this part is about one of several variables.
    fn has_variable_name(&self) -> bool {
        self.is_variable() || matches!(self.part, PartKind::Proof | PartKind::Environment)
    }

    /// Whether this part is about a file.
    pub fn is_file(&self) -> bool {
        matches!(self.part, PartKind::File | PartKind::Program)
    }

    /// Whether this is a file that has changed since it became part of the key. False for paths that are
    /// not Unicode.
    pub fn has_changed(&self) -> bool {
        let name = std::str::from_utf8(self.name);
        self.is_file() && name.is_ok_and(|name| stamps::differs(Path::new(name), self.value))
    }

    /// Returns the name of a variable, or the path of a file.
    pub fn name(&self) -> String {
        lossy(self.name)
    }

    pub fn text(&self) -> String {
        lossy(self.value)
    }

    /// Returns as much of the value as may be shown.
    pub fn value(&self, redactor: &Redactor) -> String {
        match self.part {
            PartKind::Variable | PartKind::Secret | PartKind::Environment => {
                redactor.variable(&self.name(), &self.text())
            }
            PartKind::Proof => MASK.to_owned(),
            PartKind::Cluster => redactor.address(&exec_info::server(self.value).unwrap_or_default()),
            PartKind::File | PartKind::Program => file_state(self.value),
            PartKind::Session => {
                self.value.first_chunk().map(|id| u32::from_le_bytes(*id)).unwrap_or_default().to_string()
            }
            // The group is always the same.
            PartKind::ApiVersion => printable(self.text().rsplit('/').next().unwrap_or_default()),
            _ => printable(&self.text()),
        }
    }

    fn topic(&self) -> String {
        match self.part {
            PartKind::File | PartKind::Program => ["'", &printable(&self.name()), "'"].concat(),
            PartKind::ApiVersion => "apiVersion".to_owned(),
            PartKind::Cluster => "cluster".to_owned(),
            PartKind::WorkingDirectory => "directory".to_owned(),
            PartKind::Session => "terminal session".to_owned(),
            _ => printable(&self.name()),
        }
    }

    /// Returns name and value in one line.
    pub fn describe(&self, redactor: &Redactor) -> String {
        let separator = match self.part {
            PartKind::File | PartKind::Program => ": ",
            _ if self.has_variable_name() => "=",
            _ => " ",
        };
        [&self.topic(), separator, &self.value(redactor)].concat()
    }
}

/// Returns a program that is no part of the key: path, zero byte, stamp.
pub fn program(found: &[u8]) -> KeyPart<'_> {
    KeyPart::new(PartKind::Program, found)
}

/// Returns the parts without the command.
pub fn items(parts: &[u8]) -> impl Iterator<Item = KeyPart<'_>> {
    let mut parts = key::parts(parts);
    // A chain of adapters would be compiled for each caller: 1 KB.
    std::iter::from_fn(move || {
        let (part, content) = parts.find(|(part, _)| *part != PartKind::Argument)?;
        Some(KeyPart::new(part, content))
    })
}

/// Whether a key has this part.
pub fn has_item(parts: &[u8], item: &KeyPart<'_>) -> bool {
    items(parts).any(|other| other == *item)
}

/// Returns the wrapped command and its arguments.
pub fn command(parts: &[u8]) -> Vec<OsString> {
    let mut command = Vec::new();
    for (part, content) in key::parts(parts) {
        if part == PartKind::Argument {
            command.push(lossy(content).into());
        }
    }
    command
}

/// Returns a hash of the command and its arguments.
pub fn command_hash(parts: &[u8]) -> u128 {
    let arguments = key::parts(parts).filter(|(part, _)| *part == PartKind::Argument);
    hash_contents(arguments.map(|(_, content)| content))
}

/// Returns the [`command_hash`] of keys of this command.
pub fn hash_words(command: &[OsString]) -> u128 {
    hash_contents(command.iter().map(|word| word.as_encoded_bytes()))
}

fn hash_contents<'a>(contents: impl Iterator<Item = &'a [u8]>) -> u128 {
    let mut bytes = Vec::new();
    for content in contents {
        bytes.extend_from_slice(&content.len().to_le_bytes());
        bytes.extend_from_slice(content);
    }
    fnv1a_128(&bytes)
}

/// Whether two keys have the same command. Allocates nothing.
pub fn is_same_command(one: &[u8], other: &[u8]) -> bool {
    let arguments = |parts| key::parts(parts).filter(|(part, _)| *part == PartKind::Argument);
    arguments(one).eq(arguments(other))
}

/// Whether two keys differ only in what clients say and in files. Allocates nothing.
pub fn is_same_but_for_client_and_files(one: &[u8], other: &[u8]) -> bool {
    let counts =
        |part| !matches!(part, PartKind::ApiVersion | PartKind::Cluster | PartKind::File | PartKind::Program);
    let compared = |parts| key::parts(parts).filter(move |(part, _)| counts(*part));
    compared(one).eq(compared(other))
}

/// A part in which two keys of one command differ.
pub struct Difference<'a> {
    about: KeyPart<'a>,
    there: Option<KeyPart<'a>>,
    here: Option<KeyPart<'a>>,
}

impl Difference<'_> {
    /// Whether the client, not the user's environment, decides this part.
    pub fn is_from_client(&self) -> bool {
        matches!(self.about.part, PartKind::ApiVersion | PartKind::Cluster)
    }

    /// Returns the name of the variable if it counts only because the plugin is not known.
    pub fn environment_name(&self) -> Option<String> {
        (self.about.part == PartKind::Environment).then(|| printable(&self.about.name()))
    }

    /// Names the part, with its value there and here.
    pub fn text(&self, redactor: &Redactor) -> String {
        let topic = self.about.topic();
        let (there, here) = (self.quoted(self.there, redactor), self.quoted(self.here, redactor));
        match (self.about.part, self.there, self.here) {
            (PartKind::Format, ..) => "it was made by another version of this program".to_owned(),
            (PartKind::File | PartKind::Program, ..) => topic + " has changed since",
            (PartKind::Session, ..) => "another terminal session".to_owned(),
            (PartKind::Environment | PartKind::Proof, Some(_), Some(_)) => topic + " has another value",
            (PartKind::Environment | PartKind::Proof, None, _) => topic + " is set here",
            (PartKind::Environment | PartKind::Proof, _, None) => topic + " is not set here",
            _ if there == here => topic + " differs",
            _ => [&topic, " is ", &there, ", not ", &here].concat(),
        }
    }

    fn quoted(&self, part: Option<KeyPart<'_>>, redactor: &Redactor) -> String {
        match (part.map(|part| part.value(redactor)), self.about.has_variable_name()) {
            (Some(value), true) if !value.starts_with(MASK) => ["'", &value, "'"].concat(),
            (Some(value), _) => value,
            (None, true) => "unset".to_owned(),
            (None, false) => "none".to_owned(),
        }
    }
}

/// Returns how `there` differs from `here`.
pub fn differences<'a>(there: &'a [u8], here: &'a [u8]) -> Vec<Difference<'a>> {
    let mut differences = Vec::new();
    each_difference(there, here, &mut |difference| differences.push(difference));
    differences
}

/// Counts the differences, and those of them that the client decides. Allocates nothing, since each entry may be
/// compared with many keys.
pub fn count_differences(there: &[u8], here: &[u8]) -> (usize, usize) {
    let (mut all, mut from_client) = (0, 0);
    each_difference(there, here, &mut |difference| {
        all += 1;
        from_client += usize::from(difference.is_from_client());
    });
    (all, from_client)
}

fn each_difference<'a>(there: &'a [u8], here: &'a [u8], add: &mut dyn FnMut(Difference<'a>)) {
    for part in items(there) {
        let other = items(here).find(|other| other.is_about(&part));
        if other != Some(part) {
            add(Difference { about: part, there: Some(part), here: other });
        }
    }
    for part in items(here) {
        if !items(there).any(|other| other.is_about(&part)) {
            add(Difference { about: part, there: None, here: Some(part) });
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file_state(state: &[u8]) -> String {
    let Some(stamp) = stamps::decode(state) else { return "no such file".to_owned() };
    let changed_unix_s = u64::try_from(stamp.modified_ns / 1_000_000_000).unwrap_or_default();
    format!("{} bytes, changed {}", stamp.size, time::format_rfc3339(changed_unix_s))
}
