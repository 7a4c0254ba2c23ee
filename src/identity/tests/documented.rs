//! `docs/PLUGINS.md` says what the table says. `scripts/plugins` writes it.

use std::fmt::Write;
use std::fs;

use super::ONE_CALL_PER_ROW;
use crate::identity::Interaction;
use crate::identity::project::PROJECTS;
use crate::identity::session;
use crate::identity::table::{PluginRow, ROWS, Surroundings};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PLUGINS.md");
const BEGIN: &str = "<!-- scripts/plugins writes what follows -->\n";
const END: &str = "<!-- until here -->\n";

#[test]
fn the_document_lists_the_table() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (head, rest) = document.split_once(BEGIN).unwrap();
    let (listed, tail) = rest.split_once(END).unwrap();
    let expected = render();
    if std::env::var_os("WRITE_PLUGINS").is_some() {
        return fs::write(DOCUMENT, [head, BEGIN, &expected, END, tail].concat()).unwrap();
    }
    assert!(listed == expected, "docs/PLUGINS.md is out of date: run scripts/plugins");
}

fn render() -> String {
    let mut text = String::new();
    let comments = comments_above(include_str!("../table.rs"), "    PluginRow {");
    assert_eq!(comments.len(), ROWS.len());
    for ((row, (call, interaction)), comment) in ROWS.iter().zip(ONE_CALL_PER_ROW).zip(&comments) {
        render_row(&mut text, row, call, *interaction, comment);
    }
    text.push_str("\n## Programs that look for a project\n\n| programs | files, from the working directory upwards |\n|---|---|\n");
    for project in PROJECTS {
        writeln!(text, "| {} | {} |", code(project.commands), code(project.files)).unwrap();
    }
    let (names, prefixes) = session::listed();
    write!(
        text,
        "\n## Variables of sessions\n\n{}\n\nAll that begin with {}\n\n",
        code(&names.join(" ")),
        code(&prefixes.join(" "))
    )
    .unwrap();
    text
}

fn render_row(text: &mut String, row: &PluginRow, call: &str, interaction: Interaction, comment: &str) {
    let prompts = match interaction {
        Interaction::Silent => "never prompts",
        Interaction::Unknown => "it is not known whether it prompts",
        Interaction::MayPrompt => "may prompt",
    };
    write!(
        text,
        "\n### {}\n\n- Command: {}; `{}`: {prompts}\n",
        row.family,
        code(row.commands),
        call.replace('§', " ")
    )
    .unwrap();
    let variables: Vec<&str> = row.groups.variables().map(|variable| variable.name).collect();
    let proofs: Vec<&str> = row.groups.proofs().collect();
    let files: Vec<String> = row.files.split(';').map(code).filter(|places| !places.is_empty()).collect();
    for (label, list) in [
        ("Variables", code(&variables.join(" "))),
        ("Whether these are set", code(&proofs.join(" "))),
        ("Files", files.join("; ")),
        ("Also", also(row)),
        ("Source", comment.to_owned()),
    ] {
        if !list.is_empty() {
            writeln!(text, "- {label}: {list}").unwrap();
        }
    }
}

fn also(row: &PluginRow) -> String {
    let mut parts = Vec::new();
    for (part, name) in [
        (Surroundings::DIRECTORY, "the working directory"),
        (Surroundings::SESSION, "the terminal session"),
        (Surroundings::ENVIRONMENT, "the whole environment"),
    ] {
        if row.also.has(part) {
            parts.push(name);
        }
    }
    parts.join(", ")
}

fn code(list: &str) -> String {
    list.split_ascii_whitespace().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
}

/// The comment directly above each line that is `opening`, as one line.
fn comments_above(source: &str, opening: &str) -> Vec<String> {
    let mut comments = Vec::new();
    let mut comment = String::new();
    for line in source.lines() {
        match line.trim_start().strip_prefix("// ") {
            Some(words) => {
                comment.push_str(if comment.is_empty() || comment.ends_with('/') { "" } else { " " });
                comment.push_str(words);
            }
            None if line == opening => comments.push(std::mem::take(&mut comment)),
            None => comment.clear(),
        }
    }
    comments
}

#[test]
fn every_row_and_every_group_names_its_source() {
    for (row, comment) in ROWS.iter().zip(comments_above(include_str!("../table.rs"), "    PluginRow {")) {
        assert!(comment.contains('/'), "{}: {comment}", row.family);
    }
    let groups = include_str!("../variables.rs").split("const ROWS").nth(1).unwrap();
    let [one, other] =
        ["    GroupRow {", "    GroupRow { selects"].map(|opening| groups.matches(opening).count());
    let mut has_source = false;
    let mut with_source = 0;
    for line in groups.lines().map(str::trim_start) {
        if line.starts_with("GroupRow {") {
            assert!(has_source, "{line}");
            with_source += 1;
        }
        has_source = line.starts_with("//");
    }
    assert!(one >= other && with_source == one);
}
