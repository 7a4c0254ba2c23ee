//! The parts of a key, for people: what they are called, what may be shown of them, and in what
//! two keys differ.
//!
//! The value of a secret is compared and never shown. A variable counts as secret where the table
//! of plugins or its name says so, whoever named it.

use std::ffi::OsString;
use std::path::Path;

use crate::key::{self, Part};
use crate::time;
use crate::{exec_info, identity};

/// A part that tells credentials of one command apart.
pub struct Item<'a> {
    pub part: Part,
    /// What the part is about, where a key may have several of its kind: a variable, a path.
    name: String,
    value: &'a [u8],
}

impl<'a> Item<'a> {
    fn new(part: Part, content: &'a [u8]) -> Item<'a> {
        let separator = match part {
            Part::Variable | Part::Secret => Some(b'='),
            Part::File => Some(0),
            _ => None,
        };
        let end = separator.and_then(|separator| content.iter().position(|byte| *byte == separator));
        match end {
            Some(end) => Item { part, name: lossy(&content[..end]), value: &content[end + 1..] },
            None => Item { part, name: String::new(), value: content },
        }
    }

    fn is_about(&self, other: &Item<'_>) -> bool {
        self.part == other.part && self.name == other.name
    }

    pub fn equals(&self, other: &Item<'_>) -> bool {
        self.is_about(other) && self.value == other.value
    }

    /// The name of a variable, and its value as far as it may be shown.
    pub fn variable(&self) -> Option<(&str, String)> {
        match self.part {
            Part::Secret => Some((&self.name, MASK.to_owned())),
            Part::Variable => Some((&self.name, masked_value(&self.name, self.value))),
            _ => None,
        }
    }

    /// The path of an identity file, if this is one.
    pub fn file(&self) -> Option<&str> {
        (self.part == Part::File).then_some(&*self.name)
    }

    /// Whether this is a file that has changed since it became part of the key. Nobody can tell
    /// where its name is no Unicode.
    pub fn has_changed(&self) -> bool {
        self.part == Part::File
            && !self.name.contains(char::REPLACEMENT_CHARACTER)
            && key::file_state(Path::new(&self.name)) != self.value
    }

    /// The server of the cluster that a client named, if this is one.
    pub fn server(&self) -> Option<String> {
        (self.part == Part::Cluster).then(|| masked_word(&exec_info::server(self.value).unwrap_or_default()))
    }

    pub fn text(&self) -> String {
        lossy(self.value)
    }

    /// One line that says it all.
    pub fn describe(&self) -> String {
        match self.part {
            Part::Variable | Part::Secret => {
                self.variable().map(|(name, value)| [name, "=", &value].concat()).unwrap_or_default()
            }
            Part::ApiVersion => format!("apiVersion {}", version(&printable(&self.text()))),
            Part::Cluster => format!("cluster {}", self.server().unwrap_or_default()),
            Part::Home => format!("HOME={}", printable(&self.text())),
            Part::WorkingDirectory => format!("working directory '{}'", printable(&self.text())),
            Part::File => format!("'{}': {}", printable(&self.name), file_state(self.value)),
            Part::Format | Part::Argument => String::new(),
        }
    }

    /// What two keys may differ in.
    fn topic(&self) -> String {
        match self.part {
            Part::Variable | Part::Secret => self.name.clone(),
            Part::File => format!("'{}'", printable(&self.name)),
            Part::ApiVersion => "apiVersion".to_owned(),
            Part::Cluster => "cluster".to_owned(),
            Part::Home => "HOME".to_owned(),
            Part::WorkingDirectory => "working directory".to_owned(),
            Part::Format => "format of the key".to_owned(),
            Part::Argument => "arguments".to_owned(),
        }
    }

    fn shown_value(&self) -> String {
        match (self.variable(), self.server()) {
            (Some((_, value)), _) if value == MASK => "a secret".to_owned(),
            (Some((_, value)), _) => format!("'{value}'"),
            (_, Some(server)) => server,
            _ if self.part == Part::ApiVersion => version(&printable(&self.text())).to_owned(),
            _ => printable(&self.text()),
        }
    }
}

/// The parts besides the command.
pub fn items(parts: &[u8]) -> Vec<Item<'_>> {
    key::parts(parts)
        .filter(|(part, _)| !matches!(part, Part::Argument))
        .map(|(part, content)| Item::new(part, content))
        .collect()
}

/// The wrapped command and its arguments.
pub fn command(parts: &[u8]) -> Vec<OsString> {
    arguments(parts).map(|argument| lossy(argument).into()).collect()
}

pub fn is_same_command(one: &[u8], other: &[u8]) -> bool {
    arguments(one).eq(arguments(other))
}

fn arguments(parts: &[u8]) -> impl Iterator<Item = &[u8]> {
    key::parts(parts).filter(|(part, _)| *part == Part::Argument).map(|(_, argument)| argument)
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
            Some(other) if other.equals(item) => {}
            other => differences.push(difference(item, Some(item), other)),
        }
    }
    for item in here.iter().filter(|item| !there.iter().any(|other| other.is_about(item))) {
        differences.push(difference(item, None, Some(item)));
    }
    differences
}

fn difference(topic: &Item<'_>, there: Option<&Item<'_>>, here: Option<&Item<'_>>) -> Difference {
    let text = match (topic.part, there, here) {
        (Part::Format, ..) => "it was made by another version of this program".to_owned(),
        (Part::File, Some(_), Some(_)) => format!("{} has changed since", topic.topic()),
        (Part::File, Some(_), None) => format!("{} counts for that one alone", topic.topic()),
        (Part::File, None, _) => format!("{} does not count for that one", topic.topic()),
        _ => {
            let none = if topic.variable().is_some() { "unset" } else { "none" };
            let shown = |item: Option<&Item<'_>>| item.map_or_else(|| none.to_owned(), Item::shown_value);
            match (shown(there), shown(here)) {
                (there, here) if there == here => format!("{} is another one", topic.topic()),
                (there, here) => format!("{} is {there}, not {here}", topic.topic()),
            }
        }
    };
    Difference { part: topic.part, text }
}

/// What stands in the place of a secret.
const MASK: &str = "***";

fn masked_value(name: &str, value: &[u8]) -> String {
    if identity::is_secret_variable(name) { MASK.to_owned() } else { masked_word(&lossy(value)) }
}

/// Hides what looks like a secret, and what a terminal would obey.
fn masked_word(word: &str) -> String {
    identity::mask_arguments(&[word.into()]).concat()
}

/// An apiVersion without the group that all of them share.
fn version(api_version: &str) -> &str {
    api_version.rsplit('/').next().unwrap_or_default()
}

fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file_state(state: &[u8]) -> String {
    match key::file_stamp(state) {
        Some(stamp) => {
            let changed_unix_s = u64::try_from(stamp.modified_ns / 1_000_000_000).unwrap_or_default();
            format!("{} bytes, changed {}", stamp.size, time::format_rfc3339(changed_unix_s))
        }
        None => "no such file".to_owned(),
    }
}
