//! What the documents show is what the program prints: every ```` ```console ```` block of the README and of
//! docs is run, in the order of the page, and its output compared. And links between documents work.
//!
//! A page has a home of its own with the kubeconfig and the plugin of `tests/data/console`. Time stamps and
//! durations may differ, and so may line breaks and the order of lines. With `UPDATE_GOLDEN=1` in its
//! environment the test writes into the documents what was printed.

#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::PROGRAM;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The home that the documents show. A test's home has a name of the same length, so that lines break alike.
const SHOWN_HOME: &str = "/home/sam";

#[test]
fn the_readme_shows_what_the_program_prints() {
    let home = Home::new();
    check(Path::new("README.md"), &home);
}

#[test]
fn the_other_documents_show_what_the_program_prints() {
    let docs = Path::new(ROOT).join("docs");
    for page in pages().iter().filter(|page| page.parent() == Some(&docs)) {
        let home = Home::new();
        home.run("k8s-token-cache --inject; k8s-token-cache --warm");
        check(page, &home);
    }
}

fn check(page: &Path, home: &Home) {
    let page = Path::new(ROOT).join(page);
    let text = fs::read_to_string(&page).unwrap();
    let mut changed = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\n```console\n") {
        let (block, after) = after.split_once("```").expect("the block ends");
        let shown = run_block(&page, block, home);
        changed.extend([before, "\n```console\n", &shown, "```"]);
        rest = after;
    }
    changed.push_str(rest);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&page, changed).unwrap();
    }
}

/// The block with the output of its commands, if that differs.
fn run_block(page: &Path, block: &str, home: &Home) -> String {
    let mut shown = String::new();
    for step in block.strip_prefix("$ ").expect("the block begins with a command").split("\n$ ") {
        let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
        let printed = home.run(command);
        let printed = if are_alike(expected, &printed) { expected.to_owned() } else { printed };
        if env::var_os("UPDATE_GOLDEN").is_none() {
            assert_eq!(expected.trim_end(), printed.trim_end(), "{}: $ {command}\n{printed}", page.display());
        }
        shown.push_str(&format!("$ {command}\n{}\n", printed.trim_end()));
    }
    shown.replace("\n\n$ ", "\n$ ").trim_end().to_owned() + "\n"
}

fn are_alike(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(steady).collect::<Vec<_>>().join(" ");
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(words).collect();
        lines.sort();
        lines
    };
    words(one) == words(other) || lines(one) == lines(other)
}

/// A word without what differs from run to run.
fn steady(word: &str) -> String {
    let core = word.trim_matches(['(', ')', ',', ':']);
    let is_stamp = core.len() == 20 && core.ends_with('Z') && core.contains('T');
    let is_duration = core.starts_with(|c: char| c.is_ascii_digit())
        && core.chars().all(|c| c.is_ascii_digit() || "dhms".contains(c))
        && core.ends_with(['d', 'h', 'm', 's']);
    match (is_stamp, is_duration) {
        (true, _) => word.replace(core, "STAMP"),
        (_, true) => word.replace(core, "DURATION"),
        _ => word.to_owned(),
    }
}

struct Home(TempDir);

impl Home {
    fn new() -> Home {
        let random = SHOWN_HOME.len() - "/tmp/".len();
        let home = Home(tempfile::Builder::new().prefix("").rand_bytes(random).tempdir_in("/tmp").unwrap());
        let data = Path::new(ROOT).join("tests/data/console");
        for folder in ["bin", ".kube", ".aws"] {
            fs::create_dir(home.path(folder)).unwrap();
        }
        symlink(PROGRAM, home.path("bin/k8s-token-cache")).unwrap();
        symlink(data.join("aws"), home.path("bin/aws")).unwrap();
        fs::copy(data.join("kubeconfig.yaml"), home.path(".kube/config")).unwrap();
        fs::write(home.path(".aws/config"), "[profile dev]\nregion = eu-central-1\n").unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a command prints, standard error included.
    fn run(&self, command: &str) -> String {
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("K8S_TOKEN_CACHE_ENCRYPTION", "file")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().replace(self.0.path().to_str().unwrap(), SHOWN_HOME)
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if !link.starts_with("http") && !leads_somewhere(&page, link) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

fn pages() -> Vec<PathBuf> {
    let folders = [Path::new(ROOT).to_owned(), Path::new(ROOT).join("docs")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// `link` is a path, a heading of this page (`#heading`), or a heading of another page.
fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { page.to_owned() } else { page.parent().unwrap().join(path) };
    target.exists() && (heading.is_empty() || headings(&target).iter().any(|anchor| anchor == heading))
}

/// The anchors that GitHub makes of the headings of a page.
fn headings(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let keep = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    lines
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().chars().filter(keep).collect())
        .map(|heading: String| heading.replace(' ', "-"))
        .collect()
}
