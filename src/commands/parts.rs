//! The parts of a key, for people: what they are called, what may be shown of them, and in what
//! two keys differ.
//!
//! The value of a secret is compared and never shown. A variable counts as secret where the table
//! of plugins or its name says so, whoever named it.

use std::ffi::OsString;
use std::path::Path;

use crate::format::time;
use crate::identity::{self, MASK};
use crate::key::{self, PartKind};
use crate::key::{exec_info, stamps};

/// A part that tells credentials of one command apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyPart<'a> {
    pub part: PartKind,
    /// What the part is about, where a key may have several of its kind: a variable, a path.
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> KeyPart<'a> {
    fn new(part: PartKind, content: &'a [u8]) -> KeyPart<'a> {
        let separator = match part {
            PartKind::Variable | PartKind::Secret => b'=',
            PartKind::File => 0,
            PartKind::Home => return KeyPart { part, name: b"HOME", value: content },
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

    /// Whether this is a file that has changed since it became part of the key. Nobody can tell
    /// where its name is no Unicode.
    pub fn has_changed(&self) -> bool {
        let name = std::str::from_utf8(self.name);
        self.part == PartKind::File && name.is_ok_and(|name| stamps::encode(Path::new(name)) != self.value)
    }

    /// The name of a variable, the path of a file.
    pub fn name(&self) -> String {
        lossy(self.name)
    }

    pub fn text(&self) -> String {
        lossy(self.value)
    }

    /// As much of the value as may be shown.
    pub fn value(&self) -> String {
        match self.part {
            PartKind::Secret => MASK.to_owned(),
            PartKind::Variable if identity::is_secret_variable(&self.name()) => MASK.to_owned(),
            PartKind::Cluster => masked(&exec_info::server(self.value).unwrap_or_default()),
            PartKind::File => file_state(self.value),
            // The group is the same for all of them.
            PartKind::ApiVersion => masked(self.text().rsplit('/').next().unwrap_or_default()),
            _ => masked(&self.text()),
        }
    }

    fn topic(&self) -> String {
        match self.part {
            PartKind::File => ["'", &masked(&self.name()), "'"].concat(),
            PartKind::ApiVersion => "apiVersion".to_owned(),
            PartKind::Cluster => "cluster".to_owned(),
            PartKind::WorkingDirectory => "directory".to_owned(),
            _ => self.name(),
        }
    }

    /// One line that says it all.
    pub fn describe(&self) -> String {
        let separator = match self.part {
            PartKind::File => ": ",
            _ if self.is_variable() => "=",
            _ => " ",
        };
        [&self.topic(), separator, &self.value()].concat()
    }
}

/// The parts besides the command.
pub fn items(parts: &[u8]) -> Vec<KeyPart<'_>> {
    let mut items = Vec::new();
    for (part, content) in key::parts(parts) {
        if part != PartKind::Argument {
            items.push(KeyPart::new(part, content));
        }
    }
    items
}

/// Whether a key has this very part. Asked of each pair of keys, so it allocates nothing.
pub fn has(parts: &[u8], item: &KeyPart<'_>) -> bool {
    key::parts(parts).any(|(part, content)| KeyPart::new(part, content) == *item)
}

/// The wrapped command and its arguments.
pub fn command(parts: &[u8]) -> Vec<OsString> {
    let mut command = Vec::new();
    for (part, content) in key::parts(parts) {
        if part == PartKind::Argument {
            command.push(lossy(content).into());
        }
    }
    command
}

/// Asked of each pair of keys, too.
pub fn is_same_command(one: &[u8], other: &[u8]) -> bool {
    let arguments = |parts| key::parts(parts).filter(|(part, _)| *part == PartKind::Argument);
    arguments(one).eq(arguments(other))
}

/// What differs between two keys of one command.
pub struct Difference {
    part: PartKind,
    /// For people: what it is in `there`, and what in `here`.
    pub text: String,
}

impl Difference {
    /// It is the client's doing, and not that of the user's surroundings.
    pub fn is_by_client(&self) -> bool {
        matches!(self.part, PartKind::ApiVersion | PartKind::Cluster)
    }

    /// An identity file is not what it was.
    pub fn is_by_file(&self) -> bool {
        self.part == PartKind::File
    }
}

/// In what `there` differs from `here`.
pub fn differences(there: &[u8], here: &[u8]) -> Vec<Difference> {
    let (there, here) = (items(there), items(here));
    let mut differences = Vec::new();
    for item in &there {
        match here.iter().find(|other| other.is_about(item)) {
            Some(other) if other == item => {}
            other => differences.push(difference(item, Some(item), other)),
        }
    }
    for item in &here {
        if !there.iter().any(|other| other.is_about(item)) {
            differences.push(difference(item, None, Some(item)));
        }
    }
    differences
}

fn difference(about: &KeyPart<'_>, there: Option<&KeyPart<'_>>, here: Option<&KeyPart<'_>>) -> Difference {
    let (topic, there, here) = (about.topic(), quoted(about, there), quoted(about, here));
    let text = match about.part {
        PartKind::Format => "it was made by another version of this program".to_owned(),
        PartKind::File => topic + " has changed since",
        _ if there == here => topic + " is another one",
        _ => [&topic, " is ", &there, ", not ", &here].concat(),
    };
    Difference { part: about.part, text }
}

fn quoted(about: &KeyPart<'_>, item: Option<&KeyPart<'_>>) -> String {
    match (item.map(KeyPart::value), about.is_variable()) {
        (Some(value), true) if value == MASK => "a secret".to_owned(),
        (Some(value), true) => ["'", &value, "'"].concat(),
        (Some(value), false) => value,
        (None, true) => "unset".to_owned(),
        (None, false) => "none".to_owned(),
    }
}

/// Hides what looks like a secret, and what a terminal would obey.
fn masked(word: &str) -> String {
    identity::mask_arguments(&[word.into()]).concat()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file_state(state: &[u8]) -> String {
    let Some(stamp) = stamps::decode(state) else { return "no such file".to_owned() };
    let changed_unix_s = u64::try_from(stamp.modified_ns / 1_000_000_000).unwrap_or_default();
    format!("{} bytes, changed {}", stamp.size, time::format_rfc3339(changed_unix_s))
}
