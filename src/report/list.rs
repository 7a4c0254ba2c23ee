//! `--list`: what is cached, for people as a table and for programs as JSON.
//!
//! The table has a line per credential, newest first; what tells two credentials of the same
//! command apart stands in parentheses behind it. The JSON is one line, and stable: members may be
//! added and keep their meaning. The README describes it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nanoserde::SerJson;

use super::page::{self, Page};
use super::parts::{self, Item};
use super::{Contents, command_line, plural, print};
use crate::cache::{self, State};
use crate::config::{self, Config, Environment};
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Part;
use crate::keystore;
use crate::sys::Stream;
use crate::time::{self, Human};
use crate::{identity, refresh};

/// Below this the command gets a line of its own.
const LEAST_ROOM: usize = 24;
const GAP: usize = 2;

/// Shows what is cached, newest first.
pub fn list(config: &Config, is_json: bool, environment: Environment<'_>) -> Result<u8> {
    let now = time::now();
    let mut contents = Contents::read(config)?;
    contents.entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.created_unix_s));
    if is_json {
        let listing = Listing::new(config, &contents, environment, now);
        return print(&(listing.serialize_json() + "\n"));
    }
    let width = page::width(Stream::Output, environment);
    let mut text = String::new();
    if !contents.entries.is_empty() {
        text = table(&lines(config, &contents, environment, now), width) + "\n";
    }
    let mut page = Page::new(width);
    page.line(&summary(config, &contents));
    print(&(text + &page.into_text()))
}

/// Whether an entry will be served, for people and programs.
fn state(config: &Config, entry: &Entry, environment: Environment<'_>, now: Duration) -> &'static str {
    match cache::state(entry, config.refresh_margin, now) {
        State::Over(cache::Reason::Expired) => "expired",
        State::Over(_) | State::Stale => "stale",
        State::Fresh if changed_files(entry).next().is_some() => "stale",
        State::Fresh => {
            let command = parts::command(entry.parts());
            let interaction = identity::identify(&command, environment).interaction;
            let ahead = refresh::ahead(config, interaction, entry);
            if ahead.is_some_and(|ahead| entry.time_left(now) < ahead) { "refreshing soon" } else { "fresh" }
        }
    }
}

/// The identity files that are not what they were, so that nobody will ask for this entry again.
fn changed_files(entry: &Entry) -> impl Iterator<Item = String> {
    let items = parts::items(entry.parts()).into_iter().filter(Item::has_changed);
    items.filter_map(|item| item.file().map(str::to_owned))
}

/// One credential in the table.
struct Line {
    age: String,
    left: String,
    state: &'static str,
    command: String,
    /// What tells it from others of the same command, in parentheses, or nothing.
    marks: String,
}

impl Line {
    /// Command and marks in at most `room` columns; each gets what the other leaves, and half.
    fn cell(&self, room: usize) -> String {
        let lengths = [self.command.chars().count(), self.marks.chars().count()];
        let marks = page::shorten(&self.marks, room.saturating_sub(lengths[0]).max(room / 2));
        let command = page::shorten(&self.command, room.saturating_sub(lengths[1]).max(room - room / 2));
        [command, marks].concat()
    }
}

fn lines(config: &Config, contents: &Contents, environment: Environment<'_>, now: Duration) -> Vec<Line> {
    let line = |(_, entry): &(_, Entry)| {
        let changed = changed_files(entry).map(|file| below_home(&file, environment) + " changed");
        let marks: Vec<String> = changed.chain(marks(entry, contents)).collect();
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        Line {
            age: Human(entry.age(now).unwrap_or_default()).to_string(),
            left: Human(entry.time_left(now)).to_string(),
            state: state(config, entry, environment, now),
            command: command_line(&parts::command(entry.parts())),
            marks,
        }
    };
    contents.entries.iter().map(line).collect()
}

/// `~/...` for a file in the user's directory.
fn below_home(file: &str, environment: Environment<'_>) -> String {
    let home = config::home(environment);
    let below = home.and_then(|home| Path::new(file).strip_prefix(home).ok().map(Path::to_owned));
    below.map_or_else(|| file.to_owned(), |below| Path::new("~").join(below).display().to_string())
}

/// What this entry has and another one of the same command has not.
fn marks(entry: &Entry, contents: &Contents) -> Vec<String> {
    let alike = |other: &&Entry| {
        parts::is_same_command(other.parts(), entry.parts()) && other.parts() != entry.parts()
    };
    let others: Vec<&Entry> = contents.entries.iter().map(|(_, other)| other).filter(alike).collect();
    let has =
        |other: &&Entry, item: &Item<'_>| parts::items(other.parts()).iter().any(|same| same.equals(item));
    parts::items(entry.parts())
        .iter()
        .filter(|item| item.file().is_none() && !others.iter().all(|other| has(other, item)))
        .map(Item::describe)
        .collect()
}

fn table(lines: &[Line], width: Option<usize>) -> String {
    let longest = |title: &str, cell: &dyn Fn(&Line) -> usize| {
        lines.iter().map(cell).max().unwrap_or_default().max(title.len()) + GAP
    };
    let columns = [
        longest("AGE", &|line| line.age.len()),
        longest("LEFT", &|line| line.left.len()),
        longest("STATE", &|line| line.state.len()),
    ];
    let taken: usize = columns.iter().sum();
    let beside = width.is_none_or(|width| width >= taken + LEAST_ROOM);
    let room = match (width, beside) {
        (None, _) => usize::MAX,
        (Some(width), true) => width - taken,
        (Some(width), false) => width.saturating_sub(GAP),
    };
    let before_command = if beside { String::new() } else { ["\n", &" ".repeat(GAP)].concat() };
    let mut text = String::new();
    let mut push = |cells: [&str; 3], command: &str| {
        for (cell, column) in cells.iter().zip(columns) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', column - cell.len()));
        }
        if !beside {
            text.truncate(text.trim_end().len());
        }
        text.extend([before_command.as_str(), command, "\n"]);
    };
    push(["AGE", "LEFT", "STATE"], "COMMAND");
    for line in lines {
        push([&line.age, &line.left, line.state], &line.cell(room));
    }
    text
}

/// How much there is, and where.
fn summary(config: &Config, contents: &Contents) -> String {
    let file = config.cache_file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
    let key = contents.key.describe(config);
    let mut text = match contents.entries.len() {
        0 => format!("nothing is cached in '{file}'; {key}"),
        count => format!("{} in '{file}'; {key}", plural(count, "credential", "credentials")),
    };
    if contents.unreadable > 0 {
        let entries = plural(contents.unreadable, "entry", "entries");
        text.push_str(&format!("\n{entries} cannot be opened with this key"));
    }
    text
}

/// What `--json` prints.
#[derive(SerJson)]
struct Listing {
    /// Raised where a member goes or changes its meaning.
    version: u32,
    file: String,
    /// Where the encryption key lives, see [`KeyPlace::word`].
    key: &'static str,
    /// Only where the key is in a file.
    key_file: Option<String>,
    /// Entries that cannot be opened with this key.
    unreadable: usize,
    entries: Vec<Listed>,
}

/// A credential in [`Listing`]. What is secret in command and variables is `***`.
#[derive(SerJson)]
struct Listed {
    command: Vec<String>,
    /// Those that count for the key and are set.
    variables: BTreeMap<String, String>,
    /// What the client asked for; absent where no client called.
    api_version: Option<String>,
    /// That of the cluster that the client named, if it did.
    server: Option<String>,
    /// Identity files that are not what they were.
    changed_files: Vec<String>,
    created: String,
    expires: String,
    age_seconds: u64,
    left_seconds: u64,
    state: &'static str,
}

impl Listing {
    fn new(config: &Config, contents: &Contents, environment: Environment<'_>, now: Duration) -> Listing {
        let directory = config.state_directory.as_deref();
        let key_file = directory.filter(|_| contents.key.is_file()).map(keystore::key_file);
        let listed =
            |(_, entry): &(_, Entry)| Listed::new(entry, state(config, entry, environment, now), now);
        Listing {
            version: 1,
            file: config.cache_file.as_deref().map(|file| file.display().to_string()).unwrap_or_default(),
            key: contents.key.word(),
            key_file: key_file.map(|file| file.display().to_string()),
            unreadable: contents.unreadable,
            entries: contents.entries.iter().map(listed).collect(),
        }
    }
}

impl Listed {
    fn new(entry: &Entry, state: &'static str, now: Duration) -> Listed {
        let items = parts::items(entry.parts());
        let variable = |item: &Item<'_>| item.variable().map(|(name, value)| (name.to_owned(), value));
        Listed {
            command: identity::mask_arguments(&parts::command(entry.parts())),
            variables: items.iter().filter_map(variable).collect(),
            api_version: items.iter().find(|item| item.part == Part::ApiVersion).map(Item::text),
            server: items.iter().find_map(Item::server),
            changed_files: changed_files(entry).collect(),
            created: time::format_rfc3339(entry.created_unix_s),
            expires: time::format_rfc3339(entry.expires_unix_s),
            age_seconds: entry.age(now).unwrap_or_default().as_secs(),
            left_seconds: entry.time_left(now).as_secs(),
            state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line([age, left]: [&str; 2], state: &'static str, [command, marks]: [&str; 2]) -> Line {
        let [age, left, command, marks] = [age, left, command, marks].map(str::to_owned);
        Line { age, left, state, command, marks }
    }

    fn lines() -> Vec<Line> {
        let eks = "aws --region eu-central-1 eks get-token --cluster-name production --output json";
        vec![
            line(["4s", "13m56s"], "fresh", [eks, " (AWS_PROFILE=admin)"]),
            line(["12m", "1m50s"], "refreshing soon", [eks, " (~/.aws/config changed, AWS_PROFILE=dev)"]),
            line(["59m", "11s"], "stale", ["kubelogin get-token", ""]),
        ]
    }

    #[test]
    fn the_table_fills_a_terminal_of_80_columns() {
        let expected = "\
AGE  LEFT    STATE            COMMAND
4s   13m56s  fresh            aws --...duction --output json (AWS_PROFILE=admin)
12m  1m50s   refreshing soon  aws -...ion --output json (~/.... AWS_PROFILE=dev)
59m  11s     stale            kubelogin get-token
";
        assert_eq!(table(&lines(), Some(80)), expected);
        assert!(expected.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn on_a_narrow_terminal_the_command_gets_a_line_of_its_own() {
        let expected = "\
AGE  LEFT    STATE
  COMMAND
4s   13m56s  fresh
  aws ...-output json (AW...OFILE=admin)
12m  1m50s   refreshing soon
  aws ...-output json (~/...PROFILE=dev)
59m  11s     stale
  kubelogin get-token
";
        assert_eq!(table(&lines(), Some(40)), expected);
    }

    #[test]
    fn nothing_is_shortened_where_there_is_room_or_no_terminal() {
        for width in [Some(200), None] {
            let text = table(&lines(), width);
            assert!(text.contains("--cluster-name production --output json (AWS_PROFILE=admin)\n"), "{text}");
        }
    }
}
