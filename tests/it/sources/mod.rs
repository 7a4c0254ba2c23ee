//! Rules of the sources that the compiler does not check: directions of imports, one type per name,
//! an opening paragraph per file, `unsafe` in two folders, plain words, no paths of a machine.
//!
//! [`code`] reads Rust, [`imports`] resolves its paths. Both know only what this project uses: no
//! nested block comments, no `use` in macros.

mod code;
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use code::{SourceFile, is_word, sources, words};

/// From top to bottom. A file imports from its own folder and from layers below it, never from its
/// own layer or from one above. `CONTRIBUTING.md` and `docs/DESIGN.md` describe the same order.
const LAYERS: [&[&str]; 11] = [
    &["main"],
    &["lib"],
    &["commands"],
    &["proxy"],
    &["cli", "cache", "kubeconfig"],
    &["key"],
    &["identity", "credential"],
    &["config", "log"],
    &["keystore"],
    &["secret", "sys"],
    &["error", "format"],
];

/// Words that `docs/STYLE.md` replaces by others.
const UNCLEAR_WORDS: [&str; 9] =
    ["stand", "stands", "somebody", "nobody", "whoever", "whatever", "anew", "mend", "mends"];
const UNCLEAR_PHRASES: [&str; 2] = ["be it", "in the place of"];

#[test]
fn every_file_of_the_sources_belongs_to_one_layer() {
    let listed: Vec<&str> = LAYERS.concat();
    let found: BTreeSet<String> = sources().iter().map(|file| file.top().to_owned()).collect();
    assert_eq!(listed.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>(), found);
    assert_eq!(listed.len(), found.len(), "a folder is in two layers");
}

#[test]
fn imports_point_from_upper_layers_to_lower_ones() {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name)).unwrap();
    let mut wrong = BTreeSet::new();
    for (from, to) in imports::edges(sources()) {
        let (upper, lower) = (imports::top(&from), imports::top(&to));
        if upper != lower && layer(upper) >= layer(lower) {
            wrong.insert(format!("{from} imports {to}"));
        }
    }
    assert_eq!(wrong, BTreeSet::new());
}

#[test]
fn files_of_one_folder_do_not_import_each_other_in_a_circle() {
    let circles = imports::circles(&imports::edges(sources()));
    assert_eq!(circles, Vec::<Vec<String>>::new());
}

#[test]
fn every_file_begins_with_a_paragraph_that_says_what_it_owns() {
    for file in sources() {
        let opening: Vec<&str> = file.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
        assert!(!opening.is_empty(), "{} begins with no paragraph", file.path);
    }
}

/// A platform may have types that another platform has under the same name.
#[test]
fn no_two_types_have_the_same_name() {
    let mut places = BTreeMap::<String, Vec<&str>>::new();
    for file in sources().iter().filter(|file| !file.is_test()) {
        for name in code::types_of(&file.code) {
            places.entry(name).or_default().push(&file.path);
        }
    }
    places.retain(|_, paths| paths.len() > 1 && !are_platforms(paths));
    assert_eq!(places, BTreeMap::new());
}

/// Whether each file is for a platform and no two of them are one file.
fn are_platforms(paths: &[&str]) -> bool {
    let is_platform = |path: &str| {
        let platforms = ["unix", "windows", "linux", "macos", "no_keyring"];
        let mut parts = path.trim_end_matches(".rs").split('/');
        matches!(parts.next(), Some("sys" | "keystore")) && parts.any(|part| platforms.contains(&part))
    };
    let different: BTreeSet<_> = paths.iter().collect();
    different.len() == paths.len() && paths.iter().all(|path| is_platform(path))
}

#[test]
fn unsafe_code_is_only_in_sys_and_keystore() {
    for file in sources() {
        let allowed = matches!(file.top(), "sys" | "keystore");
        assert!(allowed || !words(&file.code).any(|word| word == "unsafe"), "{}", file.path);
    }
}

#[test]
fn comments_use_plain_words() {
    let mut unclear = Vec::new();
    for file in sources() {
        for (number, comment) in file.comments() {
            let comment = comment.to_lowercase();
            let has_word = words(&comment).any(|word| UNCLEAR_WORDS.contains(&word));
            let has_phrase = UNCLEAR_PHRASES.iter().any(|phrase| contains_phrase(&comment, phrase));
            if has_word || has_phrase {
                unclear.push(format!("{}:{number}: {}", file.path, comment.trim()));
            }
        }
    }
    assert!(unclear.is_empty(), "{}", unclear.join("\n"));
}

fn contains_phrase(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let after = text[at + phrase.len()..].chars().next();
        !text[..at].ends_with(is_word) && !after.is_some_and(is_word)
    })
}

/// `scripts/order.ld` names modules as symbols do: `8commands`, `5proxy4miss`.
#[test]
fn every_module_that_the_linker_places_last_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(root.join("scripts/order.ld")).unwrap();
    let cold = script.split(".text.cold").nth(1).unwrap().split('}').next().unwrap();
    let patterns = cold.split("*(.text.*").skip(1).map(|pattern| pattern.split('*').next().unwrap());
    let mut count = 0;
    for pattern in patterns {
        let mut module = root.join("src");
        let mut rest = pattern;
        while !rest.is_empty() {
            let name = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            let length: usize = rest[..rest.len() - name.len()].parse().unwrap();
            module.push(&name[..length]);
            rest = &name[length..];
        }
        assert!(module.is_dir() || module.with_extension("rs").is_file(), "{pattern}: {}", module.display());
        count += 1;
    }
    assert!(count > 5, "{count}");
}

/// A file must not contain the path of the checkout or of the home directory.
#[test]
fn no_file_of_the_project_contains_a_path_of_this_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = env::var("HOME").unwrap_or_default();
    let paths: Vec<String> = [root.display().to_string(), format!("{home}/"), target_directory()]
        .into_iter()
        .filter(|path| path.len() > "/root/".len())
        .collect();
    for file in files_below(root) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for path in &paths {
            assert!(!text.contains(path), "{} names {path}", file.display());
        }
    }
}

fn target_directory() -> String {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().display().to_string()
}

/// Every file of the project, without what was built, downloaded or recorded by git.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if ["target", "dist", ".git", ".tools"].iter().any(|skipped| name == *skipped) {
            continue;
        }
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_below(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

/// The rules above prove nothing if the reader of the sources misses what it looks for.
#[test]
fn the_reader_of_sources_sees_imports_types_and_comments() {
    let file = |path: &str, text: &str| SourceFile::new(path.to_owned(), text.to_owned());
    let sources = [
        file("lib.rs", "mod one;\nmod two;\nuse one::Deep;"),
        file("one/mod.rs", "mod leaf;\npub use leaf::Deep;\nfn f() { leaf::g() }\npub struct Own;"),
        file("one/leaf.rs", "use super::Own; // use crate::two::X\nconst S: &str = \"crate::two\";"),
        file(
            "two.rs",
            "use crate::one::{Deep as D, Own};\n#[cfg(test)]\nmod tests {\n use crate::three;\n}\n",
        ),
    ];
    let edges = imports::edges(&sources);
    let expected = [
        ("lib", "one::leaf"),
        ("one", "one::leaf"),
        ("one::leaf", "one"),
        ("two", "one"),
        ("two", "one::leaf"),
    ];
    assert_eq!(edges, expected.map(|(from, to)| (from.to_owned(), to.to_owned())).into());
    assert_eq!(imports::circles(&edges), [["one", "one::leaf"]]);

    let text =
        "struct A; pub(super) enum B {}\ntype C = u8;\nimpl I for A {\n    type Item = u8;\n}\n// struct D\n";
    assert_eq!(code::types_of(&file("a.rs", text).code), ["A", "B", "C"]);
    let comments = file("a.rs", "let a = \"// no\"; // yes\n/// also\n").comments();
    assert_eq!(comments, [(1, "// yes".to_owned()), (2, "/// also".to_owned())]);
}
