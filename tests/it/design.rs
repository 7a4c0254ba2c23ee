//! `docs/DESIGN.md` names functions (`module::function`, `Type::method`), constants and files that exist.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_design_names_functions_and_files_that_exist() {
    let design = fs::read_to_string(Path::new(ROOT).join("docs/DESIGN.md")).unwrap();
    let folders = ["src", "tests"].map(|folder| sources_below(&Path::new(ROOT).join(folder)));
    let sources = folders.concat();
    let exists = |name: &&str| match name.rsplit_once("::") {
        Some((owner, item)) => {
            let owner = owner.rsplit("::").next().unwrap();
            sources.iter().any(|(path, text)| owns(path, text, owner) && defines(text, item))
        }
        None => !name.ends_with(".rs") || sources.iter().any(|(path, _)| path.ends_with(name)),
    };
    let missing: Vec<&str> = design.split('`').skip(1).step_by(2).filter(|name| !exists(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

fn sources_below(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(sources_below(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            sources.push((path, text));
        }
    }
    sources
}

/// Whether the file is the module `owner`, belongs to the folder `owner`, or has methods of the type `owner`.
fn owns(path: &Path, text: &str, owner: &str) -> bool {
    let is_module = path.file_stem().is_some_and(|stem| stem == owner);
    let is_below = path.parent().unwrap().iter().any(|folder| folder == owner);
    let has_methods = |line: &str| line.starts_with("impl") && line.contains(&format!(" {owner}"));
    is_module || is_below || text.lines().any(has_methods)
}

fn defines(text: &str, item: &str) -> bool {
    ["fn", "struct", "enum", "const"].iter().any(|kind| {
        let definition = format!("{kind} {item}");
        let mut found = text.match_indices(&definition).map(|(at, _)| &text[at + definition.len()..]);
        found.any(|rest| rest.starts_with(['(', '<', ' ', ':']))
    })
}
