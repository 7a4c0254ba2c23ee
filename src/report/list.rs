//! `--list`: what is cached, for people as a table and for programs as JSON.
//!
//! The table has a line per credential, newest first; what tells two credentials of the same
//! command apart stands in parentheses behind it. The JSON is one line, and stable: members may be
//! added and keep their meaning. The README describes it.

use std::time::Duration;

use super::page::{self, Page};
use super::parts::{self, Item};
use super::{Contents, command_line, plural, print};
use crate::cache::{self, State};
use crate::config::{Config, Environment};
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
    let mut text = table(&lines(config, &contents, environment, now), width);
    let mut page = Page::new(width);
    for line in summary(config, &contents) {
        page.line(&line);
    }
    text.push_str(&page.into_text());
    print(&text)
}

/// Whether an entry will be served, for people and programs.
fn state(config: &Config, entry: &Entry, environment: Environment<'_>, now: Duration) -> &'static str {
    match cache::state(entry, config.refresh_margin, now) {
        State::Over(cache::Reason::Expired) => "expired",
        State::Over(_) | State::Stale => "stale",
        State::Fresh => {
            let command = parts::command(entry.parts());
            let interaction = identity::identify(&command, environment).interaction;
            let ahead = refresh::ahead(config, interaction, entry);
            if ahead.is_some_and(|ahead| entry.time_left(now) < ahead) { "refreshing soon" } else { "fresh" }
        }
    }
}

/// One credential in the table.
struct Line {
    age: String,
    left: String,
    state: &'static str,
    command: String,
}

fn lines(config: &Config, contents: &Contents, environment: Environment<'_>, now: Duration) -> Vec<Line> {
    let line = |(_, entry): &(_, Entry)| Line {
        age: Human(entry.age(now).unwrap_or_default()).to_string(),
        left: Human(entry.time_left(now)).to_string(),
        state: state(config, entry, environment, now),
        command: command_line(&parts::command(entry.parts())) + &set_apart(entry, contents),
    };
    contents.entries.iter().map(line).collect()
}

/// What this entry has and another one of the same command has not, and which of its files have
/// changed, so that nobody will ask for it again.
fn set_apart(entry: &Entry, contents: &Contents) -> String {
    let alike = |other: &&Entry| {
        parts::is_same_command(other.parts(), entry.parts()) && other.parts() != entry.parts()
    };
    let others: Vec<&Entry> = contents.entries.iter().map(|(_, other)| other).filter(alike).collect();
    let has = |other: &&Entry, item: &Item<'_>| parts::items(other.parts()).iter().any(|same| same.equals(item));
    let mut marks = Vec::new();
    for item in parts::items(entry.parts()) {
        if item.has_changed() {
            marks.push(format!("'{}' has changed since", item.file().unwrap_or_default()));
        } else if item.file().is_none() && !others.iter().all(|other| has(other, &item)) {
            marks.push(item.describe());
        }
    }
    if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) }
}

fn table(lines: &[Line], width: Option<usize>) -> String {
    if lines.is_empty() {
        return "nothing is cached\n".to_owned();
    }
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
        push([&line.age, &line.left, line.state], &page::shorten(&line.command, room));
    }
    text
}

/// Where all of it is.
fn summary(config: &Config, contents: &Contents) -> Vec<String> {
    let file = config.cache_file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
    let key = contents.key.describe(config);
    let count = plural(contents.entries.len(), "credential", "credentials");
    let mut lines = vec![String::new(), format!("{count} in '{file}'; {key}")];
    if contents.unreadable > 0 {
        let entries = plural(contents.unreadable, "entry", "entries");
        lines.push(format!("{entries} cannot be opened with this key"));
    }
    lines
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
        self.member("command").push('[');
        for (number, argument) in identity::mask_arguments(&parts::command(entry.parts())).iter().enumerate() {
            self.0.push_str(if number == 0 { "" } else { "," });
            json::push_string(&mut self.0, argument);
        }
        self.0.push(']');
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

    fn line(age: &str, left: &str, state: &'static str, command: &str) -> Line {
        Line { age: age.to_owned(), left: left.to_owned(), state, command: command.to_owned() }
    }

    fn lines() -> Vec<Line> {
        let eks = "aws --region eu-central-1 eks get-token --cluster-name production --output json";
        vec![
            line("4s", "13m56s", "fresh", &format!("{eks} (AWS_PROFILE=admin)")),
            line("12m", "1m50s", "refreshing soon", &format!("{eks} (AWS_PROFILE=dev)")),
            line("59m", "11s", "stale", "kubelogin get-token"),
        ]
    }

    #[test]
    fn the_table_fills_a_terminal_of_80_columns() {
        let expected = "\
AGE  LEFT    STATE            COMMAND
4s   13m56s  fresh            aws --region eu-central-1...n (AWS_PROFILE=admin)
12m  1m50s   refreshing soon  aws --region eu-central-1...son (AWS_PROFILE=dev)
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
  aws --region eu-cen...S_PROFILE=admin)
12m  1m50s   refreshing soon
  aws --region eu-cen...AWS_PROFILE=dev)
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
    fn an_empty_cache_says_so() {
        assert_eq!(table(&[], Some(80)), "nothing is cached\n");
    }

    #[test]
    fn members_are_separated_and_escaped() {
        let mut json = Json("{".to_owned());
        json.text("a", "x\"\n{");
        json.member("b").push('[');
        json.0.push_str("{");
        json.text("c", "");
        assert_eq!(json.0, r#"{"a":"x\"\n{","b":[{"c":"""#);
    }
}
