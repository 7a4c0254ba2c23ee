//! `--list`: what is cached, for people as a table and for programs as JSON.
//!
//! The table has a line per credential, newest first; what tells two credentials of the same
//! command apart stands in parentheses behind it. The JSON is one line, and stable: members may be
//! added and keep their meaning. The README describes it.

use crate::sys;
use std::path::{Path, is_separator};
use std::time::Duration;

use nanoserde::SerJson;

use super::page::{self, Page, columns, shorten};
use super::parts;
use super::{Contents, KeyPlace, plural, print};
use crate::cache::entry::Entry;
use crate::cache::{self, Freshness, Reason};
use crate::config::{self, Config, Environment};
use crate::error::Result;
use crate::error::shown;
use crate::format::time::{self, Human};
use crate::identity;
use crate::key::PartKind;
use crate::keystore;
use crate::proxy::refresh;
use crate::sys::Stream;

/// Below this the command gets a line of its own.
const LEAST_ROOM: usize = 24;
const GAP: usize = 2;

/// Shows what is cached, newest first.
pub fn list(config: &Config, is_json: bool, environment: Environment<'_>) -> Result<u8> {
    let now = sys::now();
    let contents = Contents::read(config)?;
    let mut entries: Vec<&Entry> = Vec::new();
    for (_, entry) in &contents.entries {
        let at = entries.partition_point(|newer| newer.created_unix_s > entry.created_unix_s);
        entries.insert(at, entry);
    }
    let mut listed = Vec::new();
    for entry in &entries {
        listed.push(Listed::new(config, entry, environment, now));
    }
    if is_json {
        return print(&(Listing::new(config, &contents, listed).serialize_json() + "\n"));
    }
    let mut lines = Vec::new();
    for (entry, listed) in entries.iter().zip(listed) {
        lines.push(TableLine::new(listed, &marks(entry, &entries), environment));
    }
    let width = page::width(Stream::Output, environment);
    let mut text = String::new();
    if !lines.is_empty() {
        table(&mut text, &lines, width);
        text.push('\n');
    }
    let mut page = Page::new(width);
    summary(&mut page, config, &contents);
    print(&(text + &page.into_text()))
}

/// What `--json` prints.
#[derive(SerJson)]
struct Listing {
    /// Raised where a member goes or changes its meaning.
    version: u64,
    file: String,
    /// Where the encryption key lives, see [`KeyPlace::word`].
    key: String,
    /// Only where the key is in a file.
    key_file: Option<String>,
    /// Entries that cannot be opened with this key.
    unreadable: u64,
    entries: Vec<Listed>,
}

impl Listing {
    fn new(config: &Config, contents: &Contents, entries: Vec<Listed>) -> Listing {
        let key_file = match (&contents.key, &config.state_directory) {
            (KeyPlace::In(keystore::KeyOrigin::File), Some(directory)) => Some(keystore::key_file(directory)),
            _ => None,
        };
        Listing {
            version: 1,
            file: file_name(config),
            key: contents.key.word().to_owned(),
            key_file: key_file.map(|file| shown(&file).to_string()),
            unreadable: contents.unreadable as u64,
            entries,
        }
    }
}

/// A credential. What is secret in command and variables is `***`.
#[derive(SerJson)]
struct Listed {
    command: Vec<String>,
    /// Those that count for the key and are set.
    variables: Vec<ListedVariable>,
    /// What the client asked for; absent where no client called.
    api_version: Option<String>,
    /// That of the cluster that the client named, if it did.
    server: Option<String>,
    /// Identity files that are not what they were: nobody will ask for this credential again.
    changed_files: Vec<String>,
    created: String,
    expires: String,
    age_seconds: u64,
    left_seconds: u64,
    state: String,
}

#[derive(SerJson)]
struct ListedVariable {
    name: String,
    value: String,
}

impl Listed {
    fn new(config: &Config, entry: &Entry, environment: Environment<'_>, now: Duration) -> Listed {
        let command = parts::command(entry.parts());
        let mut listed = Listed {
            command: identity::mask_arguments(&command),
            variables: Vec::new(),
            api_version: None,
            server: None,
            changed_files: Vec::new(),
            created: time::format_rfc3339(entry.created_unix_s),
            expires: time::format_rfc3339(entry.expires_unix_s),
            age_seconds: entry.age(now).unwrap_or_default().as_secs(),
            left_seconds: entry.time_left(now).as_secs(),
            state: String::new(),
        };
        for item in parts::items(entry.parts()) {
            match item.part {
                PartKind::ApiVersion => listed.api_version = Some(item.text()),
                PartKind::Cluster => listed.server = Some(item.value()),
                _ if item.is_variable() => {
                    listed.variables.push(ListedVariable { name: item.name(), value: item.value() });
                }
                _ if item.has_changed() => listed.changed_files.push(item.name()),
                _ => {}
            }
        }
        let state = match cache::freshness(entry, config.refresh_margin, now) {
            Freshness::Over(Reason::Expired) => "expired",
            Freshness::Fresh if listed.changed_files.is_empty() => {
                let interaction = identity::identify(&command, environment).interaction;
                match refresh::ahead(config, interaction, entry) {
                    Some(ahead) if entry.time_left(now) < ahead => "refreshing soon",
                    _ => "fresh",
                }
            }
            _ => "stale",
        };
        listed.state = state.to_owned();
        listed
    }
}

/// What this entry has and another one of the same command has not.
fn marks(entry: &Entry, all: &[&Entry]) -> Vec<String> {
    let mut marks = Vec::new();
    for item in parts::items(entry.parts()) {
        let is_everywhere = all.iter().all(|other| {
            !parts::is_same_command(other.parts(), entry.parts()) || parts::has(other.parts(), &item)
        });
        if item.part != PartKind::File && !is_everywhere {
            marks.push(item.describe());
        }
    }
    marks
}

/// One credential in the table.
struct TableLine {
    age: String,
    left: String,
    state: String,
    command: String,
    /// What tells it from others of the same command, in parentheses, or nothing.
    marks: String,
}

impl TableLine {
    fn new(listed: Listed, marks: &[String], environment: Environment<'_>) -> TableLine {
        let mut all = Vec::new();
        for file in &listed.changed_files {
            all.push(below_home(file, environment) + " changed");
        }
        all.extend_from_slice(marks);
        TableLine {
            age: Human(Duration::from_secs(listed.age_seconds)).to_string(),
            left: Human(Duration::from_secs(listed.left_seconds)).to_string(),
            state: listed.state,
            command: listed.command.join(" "),
            marks: if all.is_empty() { String::new() } else { [" (", &all.join(", "), ")"].concat() },
        }
    }

    /// Command and marks in at most `room` columns; each gets what the other leaves, and half.
    fn cell(&self, room: usize) -> String {
        let marks = room.saturating_sub(columns(&self.command)).max(room / 2);
        let command = room.saturating_sub(columns(&self.marks)).max(room - room / 2);
        shorten(&self.command, command) + &shorten(&self.marks, marks)
    }
}

/// `~/...` for a file in the user's directory.
fn below_home(file: &str, environment: Environment<'_>) -> String {
    let home = config::home_directory(environment);
    let below = home.and_then(|home| {
        file.strip_prefix(home.to_str()?.trim_end_matches(is_separator))?.strip_prefix(is_separator)
    });
    match below {
        Some(below) => ["~/", below].concat(),
        None => file.to_owned(),
    }
}

fn table(text: &mut String, lines: &[TableLine], width: Option<usize>) {
    let titles = ["AGE", "LEFT", "STATE"];
    let mut widths = titles.map(|title| title.len() + GAP);
    for line in lines {
        for (width, cell) in widths.iter_mut().zip([&line.age, &line.left, &line.state]) {
            *width = (*width).max(cell.len() + GAP);
        }
    }
    let taken: usize = widths.iter().sum();
    let width = width.unwrap_or(usize::MAX);
    let beside = width >= taken + LEAST_ROOM;
    let room = width - if beside { taken } else { GAP.min(width) };
    let mut push = |cells: [&str; 3], command: &str| {
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.len()));
        }
        if !beside {
            text.truncate(text.trim_end_matches([' ', '\t']).len());
            text.push_str("\n  ");
        }
        text.push_str(command);
        text.push('\n');
    };
    push(titles, "COMMAND");
    for line in lines {
        push([&line.age, &line.left, &line.state], &line.cell(room));
    }
}

/// How much there is, and where.
fn summary(page: &mut Page, config: &Config, contents: &Contents) {
    let count = match contents.entries.len() {
        0 => "nothing is cached".to_owned(),
        count => plural(count, "credential", "credentials"),
    };
    page.line(&format_args!("{count} in '{}'; {}", file_name(config), contents.key.describe(config)));
    if contents.unreadable > 0 {
        let entries = plural(contents.unreadable, "entry", "entries");
        page.line(&format_args!("{entries} cannot be opened with this key"));
    }
}

fn file_name(config: &Config) -> String {
    shown(config.cache_file.as_deref().unwrap_or(Path::new(""))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line([age, left]: [&str; 2], state: &'static str, [command, marks]: [&str; 2]) -> TableLine {
        let [age, left, command, marks] = [age, left, command, marks].map(str::to_owned);
        TableLine { age, left, state: state.to_owned(), command, marks }
    }

    fn shown(width: Option<usize>) -> String {
        let eks = "aws --region eu-central-1 eks get-token --cluster-name production --output json";
        let lines = [
            line(["4s", "13m56s"], "fresh", [eks, " (AWS_PROFILE=admin)"]),
            line(["12m", "1m50s"], "refreshing soon", [eks, " (~/.aws/config changed, AWS_PROFILE=dev)"]),
            line(["59m", "11s"], "stale", ["kubelogin get-token", ""]),
        ];
        let mut text = String::new();
        table(&mut text, &lines, width);
        text
    }

    #[test]
    fn the_table_fills_a_terminal_of_80_columns() {
        let expected = "\
AGE  LEFT    STATE            COMMAND
4s   13m56s  fresh            aws --...duction --output json (AWS_PROFILE=admin)
12m  1m50s   refreshing soon  aws -...ion --output json (~/.... AWS_PROFILE=dev)
59m  11s     stale            kubelogin get-token
";
        assert_eq!(shown(Some(80)), expected);
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
        assert_eq!(shown(Some(40)), expected);
    }

    #[test]
    fn nothing_is_shortened_where_there_is_room_or_no_terminal() {
        for width in [Some(200), None] {
            let text = shown(width);
            assert!(text.contains("--cluster-name production --output json (AWS_PROFILE=admin)\n"), "{text}");
        }
    }
}
