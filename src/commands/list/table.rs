//! The table of `--list`.

use std::path::is_separator;

use super::listed::Listed;
use crate::commands::page::{Color, Page};
use crate::config::{self, Environment};
use crate::format::time::Human;

/// With less room than this for the command, it gets lines of its own.
const LEAST_ROOM: usize = 24;
const GAP: usize = 2;
const TITLES: [&str; 3] = ["AGE", "LEFT", "STATE"];

/// One entry.
pub struct TableRow {
    age: String,
    left: String,
    state: &'static str,
    /// The command, and in parentheses what distinguishes the entry.
    command: String,
}

impl TableRow {
    pub fn new(listed: Listed<'_>, distinctions: &[String], environment: Environment<'_>) -> TableRow {
        let mut remarks = Vec::new();
        for file in &listed.changed_files {
            remarks.push(below_home(file, environment) + " changed");
        }
        remarks.extend_from_slice(distinctions);
        remarks.extend(listed.users.iter().map(|user| ["user ", user].concat()));
        remarks.extend(listed.kept_warm_until.as_ref().map(|until| ["kept warm until ", until].concat()));
        let mut command = listed.command.join(" ");
        if !remarks.is_empty() {
            command.extend([" (", &remarks.join(", "), ")"]);
        }
        TableRow {
            age: Human(listed.age).to_string(),
            left: Human(listed.left).to_string(),
            state: listed.state,
            command,
        }
    }

    fn cells(&self) -> [&str; 3] {
        [&self.age, &self.left, self.state]
    }

    fn color(&self) -> Color {
        match self.state {
            "fresh" | "refreshing soon" => Color::Good,
            "stale" => Color::Notable,
            _ => Color::Bad,
        }
    }
}

/// Returns `~/...` for a file in the home directory.
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

/// Adds a line per row, or more if the command is long.
pub fn add(page: &mut Page, rows: &[TableRow]) {
    let mut widths = TITLES.map(|title| title.len() + GAP);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.cells()) {
            *width = (*width).max(cell.len() + GAP);
        }
    }
    add_line(page, TITLES, widths, "COMMAND");
    for row in rows {
        let [age, left, state] = row.cells();
        let state = page.paint(row.color(), state) + &" ".repeat(widths[2] - state.len());
        add_line(page, [age, left, &state], widths, &row.command);
    }
}

fn add_line(page: &mut Page, cells: [&str; 3], widths: [usize; 3], command: &str) {
    let [age, left, state] = widths;
    let label = format!("{:age$}{:left$}{:state$}", cells[0], cells[1], cells[2]);
    let taken = age + left + state;
    if page.room(taken) >= LEAST_ROOM {
        page.hanging(&label, taken, &command);
    } else {
        page.line(&label);
        page.hanging("", GAP, &command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row([age, left, state]: [&'static str; 3], command: &str) -> TableRow {
        TableRow { age: age.to_owned(), left: left.to_owned(), state, command: command.to_owned() }
    }

    fn table(width: Option<usize>, has_colors: bool) -> String {
        let eks = "aws --region eu-central-1 eks get-token --cluster-name production --output json";
        let rows = [
            row(["4s", "13m56s", "fresh"], &[eks, " (AWS_PROFILE=admin)"].concat()),
            row(["12m", "1m50s", "refreshing soon"], &[eks, " (~/.aws/config changed)"].concat()),
            row(["59m", "11s", "stale"], "kubelogin get-token"),
        ];
        let mut page = Page::new(width, has_colors);
        add(&mut page, &rows);
        page.into_text()
    }

    #[test]
    fn no_word_is_broken_in_80_columns() {
        let expected = "\
AGE  LEFT    STATE            COMMAND
4s   13m56s  fresh            aws --region eu-central-1 eks get-token
                              --cluster-name production --output json
                              (AWS_PROFILE=admin)
12m  1m50s   refreshing soon  aws --region eu-central-1 eks get-token
                              --cluster-name production --output json
                              (~/.aws/config changed)
59m  11s     stale            kubelogin get-token
";
        assert_eq!(table(Some(80), false), expected);
    }

    #[test]
    fn on_a_narrow_terminal_the_command_gets_lines_of_its_own() {
        let expected = "\
AGE  LEFT    STATE
  COMMAND
4s   13m56s  fresh
  aws --region eu-central-1 eks
  get-token --cluster-name production
  --output json (AWS_PROFILE=admin)
";
        assert!(table(Some(40), false).starts_with(expected), "{}", table(Some(40), false));
    }

    #[test]
    fn with_room_or_without_a_terminal_an_entry_is_one_line() {
        for width in [Some(200), None] {
            let text = table(width, false);
            assert!(text.contains("--cluster-name production --output json (AWS_PROFILE=admin)\n"), "{text}");
        }
    }

    #[test]
    fn colors_change_no_column() {
        let colored = table(Some(80), true);
        assert!(colored.contains("\x1b[32mfresh\x1b[0m            aws"), "{colored:?}");
        assert!(colored.contains("\x1b[33mstale\x1b[0m            kubelogin"), "{colored:?}");
        let plain =
            ["\x1b[32m", "\x1b[33m", "\x1b[0m"].iter().fold(colored, |text, code| text.replace(code, ""));
        assert_eq!(plain, table(Some(80), false));
    }
}
