//! What `--doctor` found, line by line.

use std::fmt::Display;

use crate::commands::output::plural;
use crate::commands::page::{Color, Page};
use crate::config::Environment;
use crate::error::Result;

/// What removes a problem.
pub enum Fix<'a> {
    /// A command for a shell, which is never wrapped, so that it can be copied.
    Command(&'a str),
    Advice(&'a str),
}

pub struct Findings {
    page: Page,
    problems: usize,
}

impl Findings {
    pub fn new(environment: Environment<'_>) -> Findings {
        Findings { page: Page::for_output(environment), problems: 0 }
    }

    pub fn count(&self) -> usize {
        self.problems
    }

    pub fn ok(&mut self, text: &dyn Display) {
        self.add(Color::Good, "ok", text);
    }

    pub fn note(&mut self, text: &dyn Display) {
        self.add(Color::Notable, "note", text);
    }

    pub fn problem(&mut self, text: &dyn Display, fix: &Fix<'_>) {
        self.problems += 1;
        self.add(Color::Bad, "problem", text);
        match fix {
            Fix::Command(command) => self.page.unwrapped_row("", &["fix: ", command].concat()),
            Fix::Advice(advice) => self.page.row("", &["fix: ", advice].concat()),
        }
    }

    /// Prints the report and returns the exit status.
    pub fn finish(mut self) -> Result<u8> {
        let summary = match self.problems {
            0 => self.page.paint(Color::Good, "no problems found"),
            count => self.page.paint(Color::Bad, &plural(count, "problem found", "problems found")),
        };
        self.page.heading(&summary);
        self.page.print()?;
        Ok(u8::from(self.problems > 0))
    }

    fn add(&mut self, color: Color, label: &str, text: &dyn Display) {
        let label = self.page.paint(color, label);
        self.page.row(&label, text);
    }
}
