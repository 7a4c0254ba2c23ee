//! Documents agree with the program: the man page and the tables of the README have exactly the options
//! and variables of `--help`. Every file has the repository's address of `Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Sandbox, skip};

const MAN_PAGE: &str = "man/k8s-token-cache.1";
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

#[test]
fn the_man_page_names_the_options_of_help() {
    assert_eq!(items_of_man_page(".It Fl -"), without_dashes(&Help::read().options()));
}

#[test]
fn the_man_page_names_the_variables_of_help() {
    assert_eq!(items_of_man_page(".It Ev "), Help::read().variables());
}

#[test]
fn the_man_page_has_the_synopsis_of_help() {
    let page = read(MAN_PAGE);
    let synopsis = between(&page, ".Sh SYNOPSIS\n", ".Sh DESCRIPTION");
    let calls: Vec<Vec<&str>> = synopsis.split(".Nm\n").skip(1).map(flags).collect();
    let help = Help::read();
    let named: BTreeSet<&str> = calls.iter().flatten().copied().collect();
    assert_eq!(named, set(without_dashes(&help.options())));
    let verbs: BTreeSet<&str> = calls.iter().filter_map(|call| call.first().copied()).collect();
    let expected: Vec<&str> = help.verbs().into_iter().chain(["--key-env"]).collect();
    // The page names --help and --version in one line.
    assert_eq!(&verbs | &set(vec!["version"]), set(without_dashes(&expected)));
}

#[test]
fn the_man_page_is_clean() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(MAN_PAGE);
    match Command::new("mandoc").arg("-Tlint").arg(page).output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), ""),
        Err(_) => skip("no mandoc"),
    }
}

#[test]
fn the_readme_has_a_row_for_each_option_of_help() {
    let readme = read("README.md");
    let help = Help::read();
    // There are several tables, so the order says nothing.
    assert_eq!(set(first_cells(&readme, "--")), set(help.options()));
}

#[test]
fn the_readme_has_a_row_for_each_variable_of_help() {
    let readme = read("README.md");
    let help = Help::read();
    assert_eq!(set(first_cells(&readme, "K8S_TOKEN_CACHE_")), set(help.variables()));
    for (variable, default) in help.defaults() {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{variable}` |"))).unwrap();
        assert_eq!(row.split('|').nth(2).unwrap().trim(), format!("`{default}`"), "{variable}");
    }
}

/// `--help` names every variable; man page, README and completions are compared with it.
#[test]
fn help_names_every_variable_of_the_sources() {
    let found = std::cell::RefCell::new(BTreeSet::new());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for_each_file(&sources, &|path| {
        let below = path.strip_prefix(&sources).unwrap();
        let is_test =
            path.ends_with("tests.rs") || below.components().any(|part| part.as_os_str() == "tests");
        let text = fs::read_to_string(path).unwrap();
        for (place, _) in text.match_indices("K8S_TOKEN_CACHE_").filter(|_| !is_test) {
            let is_end = |character: char| !(character.is_ascii_uppercase() || "_8".contains(character));
            found.borrow_mut().insert(text[place..].split(is_end).next().unwrap().to_owned());
        }
    });
    let mut found = found.into_inner();
    // What all of them begin with, and the old name of the encryption key, which is an error.
    for expected in ["K8S_TOKEN_CACHE_", "K8S_TOKEN_CACHE_KEY"] {
        assert!(found.remove(expected), "{expected}");
    }
    let help = Help::read();
    assert_eq!(found, help.variables().into_iter().map(str::to_owned).collect());
}

#[test]
fn the_readme_shows_what_was_measured() {
    let page = read("docs/benchmark.md");
    let summary = between(&page, "# Benchmark\n\n", "\n\n");
    assert!(read("README.md").contains(summary), "run scripts/bench/report.py docs");
}

/// What keeps a promise is a test's name, the path of tests, or a target of the Makefile.
#[test]
fn every_promise_of_security_is_kept_by_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = std::cell::RefCell::new(String::new());
    for folder in ["src", "tests/it", "tests/kubeconfig"] {
        for_each_file(&root.join(folder), &|path| {
            sources.borrow_mut().push_str(&fs::read_to_string(path).unwrap_or_default());
        });
    }
    let page = read("SECURITY.md");
    let (_, table) = page.split_once("| promise | kept by |").unwrap();
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert!(rows.len() > 20);
    for row in rows {
        let keepers: Vec<&str> = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!keepers.is_empty(), "{row}");
        for keeper in keepers {
            let exists = match keeper.strip_prefix("make ") {
                Some(target) => read("Makefile").contains(&format!("\n{target}: ")),
                None => root.join(keeper).exists() || sources.borrow().contains(&format!("fn {keeper}(")),
            };
            assert!(exists, "{keeper}");
        }
    }
}

/// To move the repository, change Cargo.toml and the pages that people read; programs and
/// workflows read it there.
#[test]
fn every_file_has_the_address_of_the_repository_from_cargo_toml() {
    let address = REPOSITORY.strip_prefix("https://").unwrap();
    let name = address.split_once('/').unwrap().1;
    for page in ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/INSTALL.md"] {
        let text = read(page);
        for (place, _) in text.match_indices("github.com/").filter(|(place, _)| names_us(&text[*place..])) {
            assert!(text[place..].starts_with(address), "{page}: {}", line_at(&text, place));
        }
        for (place, _) in text.match_indices("--repo ") {
            assert!(text[place + 7..].starts_with(name), "{page}: {}", line_at(&text, place));
        }
    }
    for folder in ["scripts", "packaging", "man", "completions", ".github"] {
        for_each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &|path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            assert!(!text.contains(address), "{} names {address}", path.display());
        });
    }
}

/// Whether the address is that of a repository of this program's name.
fn names_us(address: &str) -> bool {
    let name = address.split('/').nth(2).unwrap_or_default();
    name.strip_prefix(env!("CARGO_PKG_NAME")).is_some_and(|rest| !rest.starts_with('-'))
}

fn line_at(text: &str, place: usize) -> &str {
    text[place..].lines().next().unwrap_or_default()
}

/// The usage text, as the program prints it.
pub struct Help(String);

impl Help {
    pub fn read() -> Help {
        Help(String::from_utf8(Sandbox::new().program().arg("--help").run().stdout).unwrap())
    }

    /// The options that have a line, verbs among them, each once.
    pub fn options(&self) -> Vec<&str> {
        let lines = self.0.lines().map(str::trim_start).filter(|line| line.starts_with("--"));
        let mut options: Vec<&str> = Vec::new();
        for option in lines.filter_map(|line| options_in(line).next()) {
            if !options.contains(&option) {
                options.push(option);
            }
        }
        options
    }

    /// The options that are indented like a verb, in the sections of verbs.
    fn verbs(&self) -> Vec<&str> {
        let sections = self.0.split("\n\n").filter(|section| section.contains("erbs"));
        let lines = sections.flat_map(|section| section.lines().filter(|line| line.starts_with("  --")));
        lines.filter_map(|line| options_in(line).next()).collect()
    }

    fn variables(&self) -> Vec<&str> {
        self.environment().map(|(name, _)| name).collect()
    }

    /// The variables whose description ends with a default in parentheses.
    fn defaults(&self) -> Vec<(&str, String)> {
        let default = |text: &str| Some(text.rsplit_once("(default ")?.1.strip_suffix(')')?.to_owned());
        self.environment().filter_map(|(name, text)| Some((name, default(&text)?))).collect()
    }

    /// Each variable, and its description in one line.
    fn environment(&self) -> impl Iterator<Item = (&str, String)> {
        let section = between(&self.0, "Environment:\n  ", "\n\n");
        section.split("\n  K8S").map(|item| {
            let (name, text) = item.split_once(' ').unwrap();
            let name = self.0.split_whitespace().find(|word| word.ends_with(name) && word.starts_with("K8S"));
            (name.unwrap(), text.split_whitespace().collect::<Vec<_>>().join(" "))
        })
    }
}

/// Every `--name` in the text, without a value.
fn options_in(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |character: char| !(character.is_ascii_lowercase() || character == '-');
    text.split([' ', '[', ']'])
        .filter(|word| word.starts_with("--"))
        .map(move |word| word.split(is_end).next().unwrap())
}

fn without_dashes<'a>(options: &[&'a str]) -> Vec<&'a str> {
    options.iter().map(|option| &option[2..]).collect()
}

/// The first words of the items in the page's lists that begin so.
fn items_of_man_page(begin: &str) -> Vec<String> {
    let page = read(MAN_PAGE);
    let items = page.lines().filter_map(|line| line.strip_prefix(begin));
    items.map(|item| item.split(' ').next().unwrap().to_owned()).collect()
}

/// The flags of mdoc macros, without their first dash.
fn flags(text: &str) -> Vec<&str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_flag = |word: &&str| word.len() > 2 && word.starts_with('-');
    words.into_iter().filter(is_flag).map(|word| &word[1..]).collect()
}

/// The words in backticks in the first cell of table rows that begin so, without values.
fn first_cells<'a>(page: &'a str, begin: &str) -> Vec<&'a str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').step_by(2)).filter(|name| name.starts_with(begin));
    names.map(|name| name.split([' ', '=']).next().unwrap()).collect()
}

fn set(names: Vec<&str>) -> BTreeSet<&str> {
    names.into_iter().collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no '{begin}'"));
    rest.split_once(end).map_or(rest, |(wanted, _)| wanted)
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn for_each_file(folder: &Path, look: &dyn Fn(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for_each_file(&path, look);
        } else {
            look(&path);
        }
    }
}
