//! What became of each credential, and the summary.

use std::time::Duration;

use crate::commands::output::counts;
use crate::commands::page::{Color, paint};
use crate::error::printable;
use crate::format::time::Human;
use crate::secret::SecretBytes;

/// How many lines of a failed plugin's messages are shown.
const SHOWN_LINES: usize = 8;

pub enum Outcome {
    /// The credential was in the cache already. The remaining lifetime.
    Cached(Duration),
    /// The remaining lifetime, if it is known.
    Fetched(Option<Duration>),
    /// The plugin ran, and its output was not cached. The reason.
    NotCached(String),
    /// The reason, and the plugin's messages.
    Failed(String, SecretBytes),
}

/// The names of outcomes, in the order of the summary.
const NAMES: [&str; 4] = ["fetched", "already cached", "not cached", "failed"];
const FAILED: usize = 3;

impl Outcome {
    fn index(&self) -> usize {
        match self {
            Outcome::Fetched(_) => 0,
            Outcome::Cached(_) => 1,
            Outcome::NotCached(_) => 2,
            Outcome::Failed(..) => FAILED,
        }
    }

    pub fn describe(&self, color: Option<Color>) -> String {
        let name = paint(color, NAMES[self.index()]);
        match self {
            Outcome::Cached(left) | Outcome::Fetched(Some(left)) => {
                format!("{name}, expires in {}", Human(*left))
            }
            Outcome::Fetched(None) => name,
            Outcome::NotCached(why) => [&name, ": ", why].concat(),
            Outcome::Failed(why, messages) => [&name, ": ", why, &quoted(messages)].concat(),
        }
    }
}

/// Returns the last lines of a plugin's messages, harmless on a terminal.
fn quoted(messages: &SecretBytes) -> String {
    let text = String::from_utf8_lossy(messages.expose());
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_ascii().is_empty()).collect();
    let mut quoted = String::new();
    for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
        quoted.push_str("\n  ");
        quoted.push_str(&printable(line));
    }
    quoted
}

/// How often each outcome occurred.
#[derive(Default)]
pub struct Tally([usize; 4]);

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        self.0[outcome.index()] += 1;
    }

    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    pub fn has_failures(&self) -> bool {
        self.0[FAILED] > 0
    }

    /// Returns one line that names the outcomes that occurred.
    pub fn summary(&self, not_injected: usize) -> String {
        let mut outcomes = [(not_injected, "not injected (see --inject)"); NAMES.len() + 1];
        for (index, name) in NAMES.into_iter().enumerate() {
            outcomes[index] = (self.0[index], name);
        }
        let none = match (self.total(), not_injected) {
            (0, 0) => "no user goes through the cache",
            (0, _) => "no user goes through the cache, ",
            _ => "",
        };
        format!("{none}{}\n", counts(&outcomes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_omits_outcomes_that_did_not_occur() {
        assert_eq!(Tally([2, 0, 0, 1]).summary(0), "2 fetched, 1 failed\n");
        assert_eq!(
            Tally([1, 2, 3, 0]).summary(4),
            "1 fetched, 2 already cached, 3 not cached, 4 not injected (see --inject)\n"
        );
        assert_eq!(Tally::default().summary(0), "no user goes through the cache\n");
        assert_eq!(
            Tally::default().summary(1),
            "no user goes through the cache, 1 not injected (see --inject)\n"
        );
    }

    #[test]
    fn the_last_lines_of_messages_are_shown_without_control_characters() {
        let lines: Vec<String> = (0..20).map(|number| format!("line {number}\x1b[2J\r\n")).collect();
        let shown = quoted(&lines.concat().into_bytes().into());
        assert!(shown.starts_with("\n  line 12\u{fffd}[2J\n  line 13"), "{shown}");
        assert!(shown.ends_with("line 19\u{fffd}[2J"), "{shown}");
    }
}
