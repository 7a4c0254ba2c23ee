//! The parts of a key, for people: what they are called, what may be shown of them, and in what
//! two keys differ.
//!
//! The value of a secret is compared and never shown. A variable counts as secret where the table
//! of plugins or its name says so, whoever named it.

use std::ffi::OsString;
use std::path::Path;

use crate::format::time;
use crate::identity;
use crate::key::exec_info;
use crate::key::{self, Part};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// A part that tells credentials of one command apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub part: Part,
    /// What the part is about, where a key may have several of its kind: a variable, a path.
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Item<'a> {
    fn new(part: Part, content: &'a [u8]) -> Item<'a> {
        let separator = match part {
            Part::Variable | Part::Secret => b'=',
            Part::File => 0,
            Part::Home => return Item { part, name: b"HOME", value: content },
            _ => return Item { part, name: b"", value: content },
        };
        let end = content.iter().position(|byte| *byte == separator).unwrap_or(content.len());
        Item { part, name: &content[..end], value: content.get(end + 1..).unwrap_or_default() }
    }

    fn is_about(&self, other: &Item<'_>) -> bool {
        self.part == other.part && self.name == other.name
    }

    pub fn is_variable(&self) -> bool {
        matches!(self.part, Part::Variable | Part::Secret | Part::Home)
    }

    /// Whether this is a file that has changed since it became part of the key. Nobody can tell
    /// where its name is no Unicode.
    pub fn has_changed(&self) -> bool {
        let name = std::str::from_utf8(self.name);
        self.part == Part::File && name.is_ok_and(|name| key::file_state(Path::new(name)) != self.value)
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
            Part::Secret => MASK.to_owned(),
            Part::Variable if identity::is_secret_variable(&self.name()) => MASK.to_owned(),
            Part::Cluster => masked(&exec_info::server(self.value).unwrap_or_default()),
            Part::File => file_state(self.value),
            // The group is the same for all of them.
            Part::ApiVersion => masked(self.text().rsplit('/').next().unwrap_or_default()),
            _ => masked(&self.text()),
        }
    }

    fn topic(&self) -> String {
        match self.part {
            Part::File => ["'", &masked(&self.name()), "'"].concat(),
            Part::ApiVersion => "apiVersion".to_owned(),
            Part::Cluster => "cluster".to_owned(),
            Part::WorkingDirectory => "directory".to_owned(),
            _ => self.name(),
        }
    }

    /// One line that says it all.
    pub fn describe(&self) -> String {
        let separator = match self.part {
            Part::File => ": ",
            _ if self.is_variable() => "=",
            _ => " ",
        };
        [&self.topic(), separator, &self.value()].concat()
    }
}

/// The parts besides the command.
pub fn items(parts: &[u8]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for (part, content) in key::parts(parts) {
        if part != Part::Argument {
            items.push(Item::new(part, content));
        }
    }
    items
}

/// Whether a key has this very part. Asked of each pair of keys, so it allocates nothing.
pub fn has(parts: &[u8], item: &Item<'_>) -> bool {
    key::parts(parts).any(|(part, content)| Item::new(part, content) == *item)
}

/// The wrapped command and its arguments.
pub fn command(parts: &[u8]) -> Vec<OsString> {
    let mut command = Vec::new();
    for (part, content) in key::parts(parts) {
        if part == Part::Argument {
            command.push(lossy(content).into());
        }
    }
    command
}

/// Asked of each pair of keys, too.
pub fn is_same_command(one: &[u8], other: &[u8]) -> bool {
    let arguments = |parts| key::parts(parts).filter(|(part, _)| *part == Part::Argument);
    arguments(one).eq(arguments(other))
}

/// What differs between two keys of one command.
pub struct Difference {
    part: Part,
    /// For people: what it is in `there`, and what in `here`.
    pub text: String,
}

impl Difference {
    /// It is the client's doing, and not that of the user's surroundings.
    pub fn is_by_client(&self) -> bool {
        matches!(self.part, Part::ApiVersion | Part::Cluster)
    }

    /// An identity file is not what it was.
    pub fn is_by_file(&self) -> bool {
        self.part == Part::File
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

fn difference(about: &Item<'_>, there: Option<&Item<'_>>, here: Option<&Item<'_>>) -> Difference {
    let (topic, there, here) = (about.topic(), quoted(about, there), quoted(about, here));
    let text = match about.part {
        Part::Format => "it was made by another version of this program".to_owned(),
        Part::File => topic + " has changed since",
        _ if there == here => topic + " is another one",
        _ => [&topic, " is ", &there, ", not ", &here].concat(),
    };
    Difference { part: about.part, text }
}

fn quoted(about: &Item<'_>, item: Option<&Item<'_>>) -> String {
    match (item.map(Item::value), about.is_variable()) {
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
    let Some(stamp) = key::file_stamp(state) else { return "no such file".to_owned() };
    let changed_unix_s = u64::try_from(stamp.modified_ns / 1_000_000_000).unwrap_or_default();
    format!("{} bytes, changed {}", stamp.size, time::format_rfc3339(changed_unix_s))
}
