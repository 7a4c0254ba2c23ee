//! `--list`: what is cached, for people as a table and for programs as JSON.
//!
//! The table has a line per credential, newest first; what tells two credentials of the same
//! command apart stands in parentheses behind it. The JSON is one line, and stable: members may be
//! added and keep their meaning. The README describes it.

use std::path::Path;
use std::time::Duration;

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
use crate::{identity, json, refresh};

/// Below this the command gets a line of its own.
const LEAST_ROOM: usize = 24;
const GAP: usize = 2;

/// Shows what is cached, newest first.
pub fn list(config: &Config, is_json: bool, environment: Environment<'_>) -> Result<u8> {
    let now = time::now();
    let mut contents = Contents::read(config)?;
    contents.entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.created_unix_s));
    if is_json {
        return print(&to_json(config, &contents, environment, now));
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
        let mut marks = marks(entry, contents);
        marks.extend(changed_files(entry).map(|file| below_home(&file, environment) + " changed"));
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
    let has = |other: &&Entry, item: &Item<'_>| parts::items(other.parts()).iter().any(|same| same.equals(item));
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

fn to_json(config: &Config, contents: &Contents, environment: Environment<'_>, now: Duration) -> String {
    let mut json = Json(String::from("{\"version\":1"));
    json.text("file", &config.cache_file.as_deref().map(|file| file.display().to_string()).unwrap_or_default());
    json.text("key", contents.key.word());
    if let ("file", Some(directory)) = (contents.key.word(), &config.state_directory) {
        json.text("key_file", &keystore::key_file(directory).display().to_string());
    }
    json.member("unreadable").push_str(&contents.unreadable.to_string());
    json.member("entries").push('[');
    for (number, (_, entry)) in contents.entries.iter().enumerate() {
        json.0.push_str(if number == 0 { "{" } else { ",{" });
        json.entry(entry, state(config, entry, environment, now), now);
        json.0.push('}');
    }
    json.0 + "]}\n"
}

/// JSON that grows member by member.
struct Json(String);

impl Json {
    fn entry(&mut self, entry: &Entry, state: &str, now: Duration) {
        self.texts("command", identity::mask_arguments(&parts::command(entry.parts())));
        let items = parts::items(entry.parts());
        self.member("variables").push('{');
        for (name, value) in items.iter().filter_map(Item::variable) {
            self.text(name, &value);
        }
        self.0.push('}');
        for item in &items {
            match item.part {
                Part::ApiVersion => self.text("api_version", &item.text()),
                Part::Cluster => self.text("server", &item.server().unwrap_or_default()),
                _ => {}
            }
        }
        self.texts("changed_files", changed_files(entry));
        self.text("created", &time::format_rfc3339(entry.created_unix_s));
        self.text("expires", &time::format_rfc3339(entry.expires_unix_s));
        let age = entry.age(now).unwrap_or_default();
        self.member("age_seconds").push_str(&age.as_secs().to_string());
        self.member("left_seconds").push_str(&entry.time_left(now).as_secs().to_string());
        self.text("state", state);
    }

    fn text(&mut self, name: &str, value: &str) {
        json::push_string(self.member(name), value);
    }

    fn texts(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        self.member(name).push('[');
        for (number, value) in values.into_iter().enumerate() {
            self.0.push_str(if number == 0 { "" } else { "," });
            json::push_string(&mut self.0, &value);
        }
        self.0.push(']');
    }

    /// The text, up to where the member's value belongs.
    fn member(&mut self, name: &str) -> &mut String {
        if !self.0.ends_with(['{', '[']) {
            self.0.push(',');
        }
        json::push_string(&mut self.0, name);
        self.0.push(':');
        &mut self.0
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
            line(["12m", "1m50s"], "refreshing soon", [eks, " (AWS_PROFILE=dev, ~/.aws/config changed)"]),
            line(["59m", "11s"], "stale", ["kubelogin get-token", ""]),
        ]
    }

    #[test]
    fn the_table_fills_a_terminal_of_80_columns() {
        let expected = "\
AGE  LEFT    STATE            COMMAND
4s   13m56s  fresh            aws --region e...--output json (AWS_PROFILE=admin)
12m  1m50s   refreshing soon  aws --regio...output json (AWS_PROFI...ig changed)
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
  aws --re...put json (AWS_PR...E=admin)
12m  1m50s   refreshing soon
  aws --re...put json (AWS_PR...changed)
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

    #[test]
    fn members_are_separated_and_escaped() {
        let mut json = Json("{".to_owned());
        json.text("a", "x\"\n{");
        json.member("b").push('[');
        json.0.push('{');
        json.text("c", "");
        json.texts("d", ["e".to_owned(), "f".to_owned()]);
        json.texts("g", []);
        assert_eq!(json.0, r#"{"a":"x\"\n{","b":[{"c":"","d":["e","f"],"g":[]"#);
    }
}
