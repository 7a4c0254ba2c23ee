//! Which module uses which: `use` items and paths in the code, followed through re-exports to the
//! file that defines the name.
//!
//! A `pub use` of a module's own child is not a use: it only makes the child's name public.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{SourceFile, is_word, types_of, words};

/// Pairs of modules such as `("proxy::flight", "cache::lock")`: the first uses the second.
pub type Edges = BTreeSet<(String, String)>;

/// A path as segments, without `as`; `*` ends a glob import.
type Segments = Vec<String>;

struct Module {
    uses: Vec<Import>,
    /// The code without its `use` items.
    body: String,
    /// Names of its types, functions, constants and statics.
    defined: BTreeSet<String>,
}

struct Import {
    path: Segments,
    /// What the path is called here; `*` for a glob import.
    name: String,
    is_public: bool,
}

/// The folder or file right below `src` that a module belongs to.
pub fn top(module: &str) -> &str {
    module.split("::").next().unwrap()
}

pub fn edges(sources: &[SourceFile]) -> Edges {
    let files = sources.iter().filter(|file| !file.is_test() && file.path != "main.rs");
    let modules = Modules(files.map(|file| (module_of(&file.path), Module::new(file))).collect());
    let mut edges = Edges::new();
    for (from, module) in &modules.0 {
        let imports = module.uses.iter().filter(|import| !modules.is_facade(from, import));
        let used = imports.map(|import| import.path.clone()).chain(paths_in(&module.body));
        for path in used {
            if let Some(to) = modules.resolve(from, &path).filter(|to| to != from) {
                edges.insert((shown(from), shown(&to)));
            }
        }
    }
    edges
}

/// Groups of modules below one folder that all reach each other, sorted.
pub fn circles(edges: &Edges) -> Vec<Vec<String>> {
    let mut reached = edges.clone();
    reached.retain(|(from, to)| top(from) == top(to));
    let names: BTreeSet<String> = reached.iter().flat_map(|(from, to)| [from.clone(), to.clone()]).collect();
    for middle in &names {
        let into: Vec<_> =
            reached.iter().filter(|edge| edge.1 == *middle).map(|edge| edge.0.clone()).collect();
        let out: Vec<_> =
            reached.iter().filter(|edge| edge.0 == *middle).map(|edge| edge.1.clone()).collect();
        for from in &into {
            reached.extend(out.iter().map(|to| (from.clone(), to.clone())));
        }
    }
    let is_mutual = |one: &String, other: &String| {
        reached.contains(&(one.clone(), other.clone())) && reached.contains(&(other.clone(), one.clone()))
    };
    let group = |name| names.iter().filter(|other| is_mutual(name, other)).cloned().collect::<Vec<_>>();
    let groups: BTreeSet<Vec<String>> = names.iter().map(group).collect();
    groups.into_iter().filter(|group| group.len() > 1).collect()
}

fn shown(module: &Segments) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

/// `proxy/mod.rs` is `proxy`, `proxy/call.rs` is `proxy::call`, `lib.rs` is the empty path.
fn module_of(path: &str) -> Segments {
    let name = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let name = if name == "lib" { "" } else { name };
    name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl Module {
    fn new(file: &SourceFile) -> Module {
        let (mut uses, mut body) = (Vec::new(), String::new());
        let mut rest = file.code.as_str();
        while let Some((before, after)) = split_at_use(rest) {
            let (tree, next) = after.split_once(';').expect("a use item ends with a semicolon");
            let line = before.rsplit('\n').next().unwrap_or_default();
            body.push_str(before);
            flatten(tree, &[], line.trim_start().starts_with("pub"), &mut uses);
            rest = next;
        }
        body.push_str(rest);
        let defined = defined_in(&body);
        Module { uses, body, defined }
    }

    fn defines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }
}

fn defined_in(code: &str) -> BTreeSet<String> {
    let words: Vec<&str> = words(code).collect();
    let named = words.windows(2).filter(|pair| ["fn", "const", "static"].contains(&pair[0]));
    named.map(|pair| pair[1].to_owned()).chain(types_of(code)).collect()
}

/// The code before and after the next `use` keyword.
fn split_at_use(code: &str) -> Option<(&str, &str)> {
    let is_keyword = |at: usize| !code[..at].ends_with(is_word) && code[at + 3..].starts_with(' ');
    let at = code.match_indices("use").map(|(at, _)| at).find(|&at| is_keyword(at))?;
    // `impl Trait + use<'_>` has no blank behind it.
    Some((&code[..at], &code[at + 4..]))
}

/// Adds every path of a `use` tree.
fn flatten(tree: &str, prefix: &[String], is_public: bool, uses: &mut Vec<Import>) {
    let tree = tree.trim();
    if let Some((head, branches)) = tree.split_once('{') {
        let prefix = [prefix, &segments(head)].concat();
        let branches = branches.strip_suffix('}').expect("braces are closed");
        for branch in split_at_commas(branches) {
            flatten(branch, &prefix, is_public, uses);
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (path, alias) =
        tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
    let mut path = [prefix, &segments(path)].concat();
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let name = alias.map(str::to_owned).unwrap_or_else(|| path.last().unwrap().clone());
    uses.push(Import { path, name, is_public });
}

fn segments(path: &str) -> Segments {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Splits at the commas that are in no inner braces.
fn split_at_commas(branches: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in branches.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&branches[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&branches[start..]);
    parts
}

/// Every path of at least two segments. `$crate` in a macro is not followed.
fn paths_in(code: &str) -> Vec<Segments> {
    let is_path = |character: char| is_word(character) || matches!(character, ':' | '$');
    let paths = code.split(|character| !is_path(character)).filter(|path| path.contains("::"));
    paths.filter(|path| !path.starts_with(['$', ':'])).map(segments).collect()
}

/// Imports that are followed one after the other; more are a circle of re-exports.
const MOST_STEPS: usize = 8;

struct Modules(BTreeMap<Segments, Module>);

impl Modules {
    /// Whether an import only makes a child's name public.
    fn is_facade(&self, module: &Segments, import: &Import) -> bool {
        let path = match import.path.first().map(String::as_str) {
            Some("self") => &import.path[1..],
            _ => &import.path[..],
        };
        import.is_public && path.first().is_some_and(|first| self.child(module, first).is_some())
    }

    fn child(&self, module: &Segments, name: &str) -> Option<Segments> {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        // A module whose file is chosen by the platform: `calls` is `calls_linux.rs` or another one.
        let by_platform = [module.as_slice(), &[format!("{name}_linux")]].concat();
        [child, by_platform].into_iter().find(|module| self.0.contains_key(module))
    }

    /// The module that defines what a path names; `None` if it is of another crate.
    fn resolve(&self, from: &Segments, path: &[String]) -> Option<Segments> {
        self.follow(from, path, MOST_STEPS)
    }

    fn follow(&self, from: &Segments, path: &[String], steps: usize) -> Option<Segments> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        if supers > 0 {
            let module = from[..from.len() - supers].to_vec();
            return self.descend(module, &path[supers..], steps);
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(Segments::new(), rest, steps),
            "self" => self.descend(from.clone(), rest, steps),
            _ => match self.child(from, first) {
                Some(child) => self.descend(child, rest, steps),
                None => self.follow_imported(from, path, steps),
            },
        }
    }

    /// The first segment may be another name for a module, as in `use linux as system`.
    fn follow_imported(&self, from: &Segments, path: &[String], steps: usize) -> Option<Segments> {
        let (first, rest) = path.split_first().filter(|_| steps > 0)?;
        let import = self.0[from].uses.iter().find(|import| import.name == *first)?;
        // Otherwise the import is a name of another crate, such as `use std::fs`.
        (import.path != path).then(|| self.follow_alias(from, import, rest, steps - 1)).flatten()
    }

    /// As far down as `path` names child modules, then through the import that brings its next name.
    fn descend(&self, module: Segments, path: &[String], steps: usize) -> Option<Segments> {
        let Some((first, rest)) = path.split_first() else { return Some(module) };
        if let Some(child) = self.child(&module, first) {
            return self.descend(child, rest, steps);
        }
        if steps == 0 || self.0[&module].defines(first) {
            return Some(module);
        }
        let imported = self.0[&module].uses.iter().find_map(|import| {
            if import.name == "*" {
                let target = self.follow(&module, &import.path[..import.path.len() - 1], steps - 1)?;
                let found = self.descend(target, &path[..1], steps - 1)?;
                self.0[&found].defines(first).then_some(found)
            } else {
                (import.name == *first).then(|| self.follow_alias(&module, import, rest, steps - 1)).flatten()
            }
        });
        imported.or(Some(module))
    }

    /// The import may be another name for a module, of which `rest` names something.
    fn follow_alias(
        &self,
        module: &Segments,
        import: &Import,
        rest: &[String],
        steps: usize,
    ) -> Option<Segments> {
        let target = self.follow(module, &import.path, steps)?;
        if import.path.last() == target.last() { self.descend(target, rest, steps) } else { Some(target) }
    }
}
