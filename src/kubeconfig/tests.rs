//! Property tests: kubeconfigs in many styles, whole and mutilated, checked with a second YAML
//! reader (libyaml's line, as kubectl's and PyYAML's are), which knows nothing of spans or edits.
//!
//! The corpus of real files and the built program are tested in `tests/kubeconfig`.

use std::ffi::OsString;
use std::path::{MAIN_SEPARATOR, Path};

use proptest::prelude::*;
use serde::Deserialize;
use serde_yaml_ng::Value;

use super::edit::{self, Injection, Plan, UserState, Wish};
#[cfg(unix)]
use super::files::Trouble;
use super::files::{self, Edited, Patience};
use super::yaml::{Id, Layout, NodeContent, Refusal, Style, Tree, parse_unchecked};
use super::{ClientEnvironment, diff, exec_users, kuberc};

const DIRECTORY: &str = "/home/u/.kube";

fn is_own(command: &str) -> bool {
    command.rsplit('/').next() == Some("k8s-token-cache")
}

fn known(_: &[OsString], name: &str) -> bool {
    name == "AWS_PROFILE"
}

fn wish(users: &[String]) -> Wish<'_> {
    Wish { users, directory: Some(DIRECTORY), is_own: &is_own }
}

fn inject_users(text: &str, users: &[String]) -> Result<Plan, Refusal> {
    let injection =
        Injection { wish: wish(users), program: "k8s-token-cache", program_is_chosen: false, known: &known };
    edit::inject(text, &injection)
}

fn inject(text: &str) -> Result<Plan, Refusal> {
    inject_users(text, &[])
}

fn restore(text: &str) -> Result<Plan, Refusal> {
    edit::restore(text, &wish(&[]))
}

/// All documents, or nothing where the second reader refuses.
fn documents(text: &str) -> Option<Vec<Value>> {
    // The second reader takes a BOM for content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).ok()).collect()
}

/// What injecting should make of a kubeconfig, written once more and by other means.
fn injected(mut documents: Vec<Value>) -> Vec<Value> {
    let users = documents.first_mut().and_then(|document| document.get_mut("users"));
    let users = users.and_then(Value::as_sequence_mut).map(Vec::as_mut_slice);
    for user in users.unwrap_or_default() {
        let exec = user.get_mut("user").and_then(|user| user.get_mut("exec"));
        if let Some(exec) = exec.and_then(Value::as_mapping_mut) {
            inject_exec(exec);
        }
    }
    documents
}

fn inject_exec(exec: &mut serde_yaml_ng::Mapping) {
    let Some(command) = exec.get("command").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    if command.is_empty() {
        return;
    }
    let args = exec.get("args").and_then(Value::as_sequence).cloned().unwrap_or_default();
    let env = exec.get("env").and_then(Value::as_sequence).cloned().unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for name in env.iter().filter_map(|item| item.get("name").and_then(Value::as_str)) {
        if name != "AWS_PROFILE" && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut words: Vec<Value> = Vec::new();
    if !names.is_empty() {
        words.push(format!("--key-env={}", names.join(",")).into());
    }
    if is_own(&command) {
        // Only a wrapped command can get more names, and the writer gives it none of its own.
        if matches!(args.first().and_then(Value::as_str), Some(arg) if !arg.is_empty() && !arg.starts_with('-'))
        {
            words.extend(args);
            exec.insert("args".into(), words.into());
        }
        return;
    }
    if command.starts_with('-') {
        words.push("--".into());
    }
    if command.contains(MAIN_SEPARATOR) && !Path::new(&command).is_absolute() {
        words.push(format!("{DIRECTORY}{MAIN_SEPARATOR}.{MAIN_SEPARATOR}{command}").into());
    } else {
        words.push(command.into());
    }
    words.extend(args);
    exec.insert("command".into(), "k8s-token-cache".into());
    exec.insert("args".into(), words.into());
}

/// Mappings compare without order in the second reader, null arguments and none are the same.
fn without_empty_args(mut documents: Vec<Value>) -> Vec<Value> {
    let users = documents.first_mut().and_then(|document| document.get_mut("users"));
    for user in users.and_then(Value::as_sequence_mut).into_iter().flatten() {
        let exec = user.get_mut("user").and_then(|user| user.get_mut("exec"));
        if let Some(exec) = exec.and_then(Value::as_mapping_mut)
            && exec
                .get("args")
                .is_some_and(|args| args.is_null() || args.as_sequence().is_some_and(Vec::is_empty))
        {
            exec.remove("args");
        }
    }
    documents
}

/// Choices that proptest makes and shrinks.
struct Dice<'d> {
    rolls: &'d [u8],
}

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        match self.rolls.split_first() {
            Some((&roll, rest)) => {
                self.rolls = rest;
                usize::from(roll) % sides
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn chance(&mut self) -> bool {
        self.roll(4) == 1
    }
}

const COMMANDS: [&str; 15] = [
    "aws",
    "/opt/bin/get-token",
    "./get-token",
    "bin/get-token",
    "../x",
    "my tool",
    "k8s-token-cache",
    "/usr/bin/k8s-token-cache",
    "a,b",
    "/o/[x]/{y}",
    "größe",
    "it's",
    "say \"x\"",
    "C:\\x\\y.exe",
    ".\\x.exe",
];
const ARGS: [&str; 10] =
    ["eks", "get-token", "--region", "eu-west-1", "a b", "x, y", "true", "#no", "", "ключ: 1"];
const NAMES: [&str; 4] = ["AWS_PROFILE", "TENANT", "REALM", "Ä"];

/// Writes a kubeconfig as a careless person would.
struct Writer<'d> {
    dice: Dice<'d>,
    text: String,
    eol: &'static str,
    json: bool,
    /// Whether the args of every command can come back byte for byte.
    exact: bool,
}

impl Writer<'_> {
    fn kubeconfig(rolls: &[u8]) -> (String, bool) {
        let mut dice = Dice { rolls };
        let eol = dice.pick(&["\n", "\n", "\r\n"]);
        let json = dice.chance();
        let mut writer = Writer { dice, text: String::new(), eol, json, exact: true };
        if writer.dice.chance() {
            writer.text.push('\u{feff}');
        }
        if json {
            writer.braces()
        } else {
            writer.block()
        }
        (writer.text, writer.exact)
    }

    fn block(&mut self) {
        if self.dice.chance() {
            self.line("---");
        }
        self.line("apiVersion: v1");
        self.comment("");
        self.line("kind: Config");
        self.line("users:");
        let indent = self.dice.pick(&["", "  "]);
        for name in 0..self.dice.roll(4) {
            self.comment(indent);
            self.line(&format!("{indent}- name: user-{name}"));
            self.line(&format!("{indent}  user:"));
            match self.dice.roll(6) {
                0 => self.line(&format!("{indent}    token: not-a-secret")),
                1 => {
                    let exec = self.flow_exec();
                    self.line(&format!("{indent}    exec: {exec}"));
                }
                _ => self.block_exec(&format!("{indent}    ")),
            }
        }
        if self.dice.chance() {
            self.line("preferences: {}");
        }
        if self.dice.chance() {
            self.line("---");
            self.line("users: [{name: x, user: {exec: {command: left-alone}}}]");
        }
        if self.dice.chance() {
            self.text.truncate(self.text.trim_end().len());
        }
    }

    fn block_exec(&mut self, indent: &str) {
        self.line(&format!("{indent}exec:"));
        let indent = format!("{indent}{}", self.dice.pick(&["  ", " ", "    "]));
        let order = self.dice.pick(&[[0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 0, 1], [1, 0, 3, 2]]);
        for part in order {
            self.comment(&indent);
            match part {
                0 => self.line(&format!("{indent}apiVersion: client.authentication.k8s.io/v1")),
                1 => self.block_args(&indent),
                2 => {
                    let command = self.dice.pick(&COMMANDS);
                    let command = self.scalar(command, false);
                    let tail = self.dice.pick(&["", " ", "   # it", "\t# it"]);
                    self.line(&format!("{indent}command: {command}{tail}"));
                }
                _ => self.env(&indent),
            }
        }
    }

    fn block_args(&mut self, indent: &str) {
        match self.dice.roll(8) {
            0 => self.exact = false,
            1 => {
                let nothing = self.dice.pick(&["", " null", " ~", " []", " [ ]"]);
                self.exact = false;
                self.line(&format!("{indent}args:{nothing}"));
            }
            2 => {
                let list = self.flow_list(1 + self.dice.rolls.len() % 3);
                self.line(&format!("{indent}args: {list}"));
            }
            _ => {
                let tail = self.dice.pick(&["", " # arguments"]);
                self.line(&format!("{indent}args:{tail}"));
                let deeper = self.dice.pick(&["", "  ", "    "]);
                let gap = self.dice.pick(&[" ", " ", "   "]);
                for _ in 0..1 + self.dice.roll(4) {
                    self.comment(indent);
                    let arg = self.dice.pick(&ARGS);
                    let arg = self.scalar(arg, false);
                    let tail = self.dice.pick(&["", "", " # one"]);
                    self.line(&format!("{indent}{deeper}-{gap}{arg}{tail}"));
                }
            }
        }
    }

    fn env(&mut self, indent: &str) {
        match self.dice.roll(5) {
            0 => self.line(&format!("{indent}env: null")),
            1 => {
                let name = self.dice.pick(&NAMES);
                self.line(&format!("{indent}env: [{{name: {name}, value: \"1\"}}]"));
            }
            2 => {
                self.line(&format!("{indent}env:"));
                for _ in 0..1 + self.dice.roll(2) {
                    let name = self.dice.pick(&NAMES);
                    self.line(&format!("{indent}- name: {name}"));
                    self.line(&format!("{indent}  value: x"));
                }
            }
            _ => {}
        }
    }

    fn braces(&mut self) {
        let space = self.dice.pick(&["", " ", "\n  "]).replace('\n', self.eol);
        self.text.push_str(&format!("{{\"kind\":\"Config\",{space}\"users\":{space}["));
        for name in 0..self.dice.roll(4) {
            let exec = self.flow_exec();
            let comma = if name == 0 { "" } else { "," };
            let user = format!("{comma}{{\"name\":\"user-{name}\",{space}\"user\":{{\"exec\":{exec}}}}}");
            self.text.push_str(&user);
        }
        self.text.push_str("]}");
        self.text.push_str(self.dice.pick(&["", "\n"]));
    }

    fn flow_exec(&mut self) -> String {
        let quote = if self.json { "\"" } else { "" };
        let colon = if self.json { self.dice.pick(&[":", ": "]) } else { ": " };
        let command = self.dice.pick(&COMMANDS);
        let command = self.scalar(command, true);
        let args = match self.dice.roll(6) {
            0 => None,
            1 => Some("null".to_owned()),
            2 => Some("[]".to_owned()),
            _ => Some(self.flow_list(1 + self.dice.rolls.len() % 3)),
        };
        self.exact &= args.as_ref().is_some_and(|args| args.len() > 4);
        let command = format!("{quote}command{quote}{colon}{command}");
        let args = args.map(|args| format!("{quote}args{quote}{colon}{args}"));
        let parts = match (args, self.dice.chance()) {
            (None, _) => vec![command],
            (Some(args), true) => vec![args, command],
            (Some(args), false) => vec![command, args],
        };
        format!("{{{}}}", parts.join(self.dice.pick(&[", ", ", ", ","])))
    }

    fn flow_list(&mut self, count: usize) -> String {
        let items: Vec<String> = (0..count)
            .map(|_| {
                let arg = self.dice.pick(&ARGS);
                self.scalar(arg, true)
            })
            .collect();
        let gap = if self.json { self.dice.pick(&[",", ", "]) } else { self.dice.pick(&[", ", " , "]) };
        let inner = items.join(gap);
        match self.dice.pick(&["", " "]) {
            "" => format!("[{inner}]"),
            pad => format!("[{pad}{inner}{pad}]"),
        }
    }

    fn scalar(&mut self, value: &str, flow: bool) -> String {
        let is_odd = |c: char| !c.is_ascii_alphanumeric() && !"-./ß".contains(c);
        let in_block = |c: char| "ö, []{}\\:".contains(c);
        let can_be_plain = !value.is_empty()
            && value != "true"
            && !value.ends_with(": 1")
            && !value.chars().any(|c| is_odd(c) && (flow || !in_block(c)));
        match self.dice.roll(4) {
            _ if self.json => serde_json::to_string(value).unwrap(),
            0 => format!("'{}'", value.replace('\'', "''")),
            1 => serde_json::to_string(value).unwrap(),
            _ if can_be_plain => value.to_owned(),
            _ => serde_json::to_string(value).unwrap(),
        }
    }

    fn comment(&mut self, indent: &str) {
        if self.dice.chance() {
            let comment = self.dice.pick(&["# args: []", "", "#\ttab"]);
            self.line(&format!("{indent}{comment}"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push_str(self.eol);
    }
}

/// One change of the kind that an editor, a merge or a bad disk makes.
fn mutate(text: &mut String, dice: &mut Dice<'_>) {
    const BITS: [&str; 22] = [
        " ", "  ", "\t", "\n", "\r", "-", ":", ": ", "#", " #", "'", "\"", "[", "]", "{", "}", ",", "&a ",
        "*a", "!!str ", "<<: *a", "|",
    ];
    let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
    if places.is_empty() {
        return;
    }
    let place = places[(dice.roll(256) * 256 + dice.roll(256)) % places.len()];
    match dice.roll(4) {
        0 => text.insert_str(place, dice.pick(&BITS)),
        1 => {
            text.remove(place);
        }
        2 => text.truncate(place),
        _ => {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let (from, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
            let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
            let line = lines[from].clone();
            lines.insert(to, line);
            *text = lines.concat();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_style_is_injected_once_and_comes_back(
        rolls in prop::collection::vec(any::<u8>(), 0..160)
    ) {
        let (before, exact) = Writer::kubeconfig(&rolls);
        let Some(meaning) = documents(&before) else { panic!("the writer writes YAML: {before}") };
        let has_own = before.contains("k8s-token-cache");

        let plan = inject(&before).unwrap();
        let after = plan.apply(&before);
        prop_assert_eq!(documents(&after).unwrap(), injected(meaning.clone()), "{}", &after);
        prop_assert!(inject(&after).unwrap().edits.is_empty(), "{}", after);

        let Ok(back) = restore(&after) else { panic!("not restored: {after}") };
        let back = back.apply(&after);
        if exact && !has_own {
            prop_assert_eq!(&back, &before);
        } else if !has_own {
            let meaning = without_empty_args(meaning);
            prop_assert_eq!(without_empty_args(documents(&back).unwrap()), meaning, "{}", back);
        }
    }

    #[test]
    fn a_mutilated_file_is_refused_or_edited_as_another_reader_wants_it(
        rolls in prop::collection::vec(any::<u8>(), 0..160),
        changes in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        let (mut before, _) = Writer::kubeconfig(&rolls);
        let mut dice = Dice { rolls: &changes };
        for _ in 0..changes.len() / 4 {
            mutate(&mut before, &mut dice);
        }
        if let (Ok(plan), Some(meaning)) = (inject(&before), documents(&before)) {
            let after = plan.apply(&before);
            prop_assert_eq!(documents(&after), Some(injected(meaning)), "{}", &after);
            prop_assert!(inject(&after).unwrap().edits.is_empty(), "{}", after);
        }
        let _ = restore(&before);
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(text in "[ -~\\n\\t\\r:\\-\\[\\]{}&*!|>'\"#%@`é\u{feff}]{0,200}") {
        let _ = inject(&text);
        let _ = restore(&["users:\n", &text].concat());
        let _ = kuberc::hint(&text, "k8s-token-cache");
    }

    #[test]
    fn what_is_read_is_read_alike_by_a_parser_of_all_yaml(
        text in "(?s)([\\[\\]{}?:,\\-&*!|>'\"#%a\n ]|- |: |\\? |, |&a |\\*a|!!str |\n  |---\n|\\.\\.\\.\n|%YAML 1.1\n|a: ){0,24}",
        scalar in "(- )?(k: |- )?([|>][+\\-]?[1-3]?[+\\-]?( #c)?\r?\n|'|\"|a)( {0,4}(a|\t|#| b|''|\\\\|\\\\x41|: |- )?\r?\n){0,6} {0,3}('|\"|a|z: ')?\n?",
        rolls in prop::collection::vec(any::<u8>(), 0..160),
        changes in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        check_grammar(&text);
        check_grammar(&scalar);
        let (mut text, _) = Writer::kubeconfig(&rolls);
        let mut dice = Dice { rolls: &changes };
        for _ in 0..changes.len() / 4 {
            mutate(&mut text, &mut dice);
        }
        check_grammar(&text);
    }

    #[test]
    fn the_diff_of_an_edit_is_one_that_patch_would_take(
        rolls in prop::collection::vec(any::<u8>(), 0..160)
    ) {
        let (before, _) = Writer::kubeconfig(&rolls);
        let plan = inject(&before).unwrap();
        let diff = diff::unified("config", &before, &plan.edits, false);
        prop_assert_eq!(patched(&before, &diff), plan.apply(&before), "{}", diff);
    }
}

/// Whatever is read, `granit-parser` reads the same nodes at the same places. What it reads and we
/// do not is of the kinds that `parse` names.
fn check_grammar(text: &str) {
    let outlined = |tree: Tree<'_>| {
        let mut lines = Vec::new();
        for &document in tree.documents() {
            outline(&tree, document, &mut lines);
        }
        lines
    };
    let own = parse_unchecked(text).map(outlined);
    let reference = reference_outline(text);
    match own {
        Ok(own) => assert_eq!(Some(own), reference.map(|(lines, _)| lines), "{text:?}"),
        Err(refusal) => assert!(
            reference.as_ref().is_none_or(|(_, is_exotic)| *is_exotic),
            "{text:?} {refusal:?} {reference:?}"
        ),
    }
}

fn outline(tree: &Tree<'_>, id: Id, lines: &mut Vec<String>) {
    let tag = tree.tag(id).unwrap_or_default();
    let place = tree.body(id);
    let line = match tree.content(id) {
        NodeContent::Scalar(value, style) if value.is_empty() && *style == Style::Plain => format!("{tag} -"),
        NodeContent::Scalar(value, style @ (Style::Literal | Style::Folded)) => {
            format!("{tag} {style:?} {value:?}")
        }
        NodeContent::Scalar(value, style) => {
            format!("{place}-{} {tag} {style:?} {value:?}", tree.range(id).end)
        }
        NodeContent::Sequence(Layout::Flow) => format!("{place} {tag} ["),
        NodeContent::Mapping(Layout::Flow) => format!("{place} {tag} {{"),
        NodeContent::Sequence(_) => format!("{tag} -"),
        NodeContent::Mapping(_) => format!("{tag} :"),
        NodeContent::Alias(target) => format!("{place} *{}", tree.line(*target)),
    };
    let is_collection = matches!(tree.content(id), NodeContent::Sequence(_) | NodeContent::Mapping(_));
    lines.push(line);
    for child in tree.children(id) {
        outline(tree, child, lines);
    }
    if is_collection {
        lines.push("end".to_owned());
    }
}

/// And whether there is something that a kubeconfig never has.
fn reference_outline(text: &str) -> Option<(Vec<String>, bool)> {
    use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};
    let joined = |tag: Option<std::borrow::Cow<'_, Tag>>| {
        tag.map(|tag| [tag.handle(), tag.suffix()].concat()).unwrap_or_default()
    };
    let (mut lines, mut anchors) = (Vec::new(), vec![0; 64]);
    // For each open collection whether it is a mapping, and how many nodes it has.
    let mut open: Vec<(bool, usize)> = vec![(false, 0)];
    let lone_returns = text.matches('\r').count() > text.matches("\r\n").count();
    let begins_oddly = |line: &str| line.trim_start().starts_with([':', '!', '&']);
    let mut is_exotic = lone_returns
        || text.rfind('\u{feff}').is_some_and(|at| at > 0)
        || ["%", "? ", "?\n"].iter().any(|odd| text.contains(odd))
        || text
            .lines()
            .any(|line| begins_oddly(line) || line.trim_start_matches([' ', '\u{feff}']).starts_with('\t'));
    let options = granit_parser::options! { block_scalar_eof_without_line_feed: true };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        let place = span.byte_range().unwrap();
        let (start, end) = (place.start, place.end);
        let mut anchor = 0;
        let source = &text[start..end];
        let is_block_scalar =
            matches!(event, Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..));
        let is_node = matches!(
            event,
            Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..)
        );
        let depth = open.len();
        if is_node && let Some((is_mapping, count)) = open.last_mut() {
            let is_key = *is_mapping && *count % 2 == 0;
            let is_single_line =
                matches!(event, Event::Scalar(..) | Event::Alias(_)) && !source.contains('\n');
            let is_pair_in_list =
                matches!(event, Event::MappingStart(StructureStyle::Flow, ..)) && !source.starts_with('{');
            let is_complex = !is_single_line
                || source.is_empty()
                || text[..start].trim_end().ends_with('?')
                || source.starts_with(['"', '\'']) && !text[..start].trim_end().ends_with(['{', ',']);
            let is_block_document = depth == 1 && is_block_scalar;
            is_exotic |= is_key && is_complex || is_pair_in_list || is_block_document;
            *count += 1;
        }
        match event {
            Event::SequenceStart(..) => open.push((false, 0)),
            Event::MappingStart(..) => open.push((true, 0)),
            Event::SequenceEnd | Event::MappingEnd => drop(open.pop()),
            _ => {}
        }
        let line = match event {
            Event::Scalar(value, style, id, tag) => {
                anchor = id;
                let tag = joined(tag);
                match style {
                    ScalarStyle::Plain if start == end => format!("{tag} -"),
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        format!("{tag} {style:?} {value:?}")
                    }
                    _ => format!("{start}-{end} {tag} {style:?} {value:?}"),
                }
            }
            Event::SequenceStart(layout, id, tag) => {
                anchor = id;
                match layout {
                    StructureStyle::Flow => format!("{start} {} [", joined(tag)),
                    StructureStyle::Block => format!("{} -", joined(tag)),
                }
            }
            Event::MappingStart(layout, id, tag) => {
                anchor = id;
                match layout {
                    StructureStyle::Flow => format!("{start} {} {{", joined(tag)),
                    StructureStyle::Block => format!("{} :", joined(tag)),
                }
            }
            Event::SequenceEnd | Event::MappingEnd => "end".to_owned(),
            Event::Alias(id) => format!("{start} *{}", anchors[id]),
            _ => continue,
        };
        anchors[anchor] = span.start.line();
        lines.push(line);
    }
    Some((lines, is_exotic))
}

/// What `patch` does, strictly: every line of context must be there.
fn patched(before: &str, diff: &str) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let mut new = String::new();
    let mut at = 0;
    let lines: Vec<&str> = diff.split_inclusive('\n').collect();
    for (place, line) in lines.iter().enumerate().skip(2) {
        let no_newline = lines.get(place + 1).is_some_and(|next| next.starts_with('\\'));
        let text = if no_newline { line[1..].trim_end_matches('\n') } else { &line[1..] };
        match &line[..1] {
            "@" => {
                let start = line[4..].split([',', ' ']).next().unwrap().parse::<usize>().unwrap();
                let count = line[4..].split([',', ' ']).nth(1).unwrap();
                let start = if count == "0" { start } else { start - 1 };
                new.extend(old[at..start].iter().copied());
                at = start;
            }
            "+" => new.push_str(text),
            " " | "-" => {
                assert_eq!(old[at], text);
                if line.starts_with(' ') {
                    new.push_str(text);
                }
                at += 1;
            }
            _ => assert!(line.starts_with('\\')),
        }
    }
    new.extend(old[at..].iter().copied());
    new
}

#[test]
fn aliases_that_stand_for_more_values_than_there_are_atoms_are_refused_soon() {
    let mut text = String::from("users:\n- name: a\n  user:\n    exec: {command: aws, args: [x]}\n");
    text.push_str("x0: &x0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    for level in 1..40 {
        let below = vec![format!("*x{}", level - 1); 9].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{below}]\n"));
    }
    assert!(inject(&text).is_err());
}

#[test]
fn brackets_without_end_are_refused() {
    for (open, count) in [("[", 100_000), ("{a: ", 100_000), ("- ", 100_000), ("? ", 100_000)] {
        assert!(inject(&["users: ", &open.repeat(count)].concat()).is_err(), "{open}");
        assert!(inject(&["users:\n", &open.repeat(count)].concat()).is_err(), "{open}");
    }
}

#[test]
fn many_anchors_and_aliases_take_no_longer_than_as_many_words() {
    let anchors: String = (0..1000).map(|n| format!("- &{}{n} 1\n", "x".repeat(40))).collect();
    let aliases = format!("- *{}0\n", "x".repeat(40)).repeat(100_000);
    assert!(parse_unchecked(&["users: 1\nall:\n", &anchors, &aliases].concat()).is_ok());
    let too_many: String = (0..5000).map(|n| format!("- &{n} 1\n")).collect();
    assert!(parse_unchecked(&too_many).is_err());
}

#[test]
fn a_user_that_is_not_meant_does_not_change_with_another() {
    let shared = "users:\n- name: a\n  user: &u\n    exec:\n      command: aws\n      args: [x]\n- name: b\n  user: *u\n";
    let refusal = inject_users(shared, &["a".to_owned()]).unwrap_err();
    assert_eq!(
        (refusal.line, refusal.reason),
        (7, "this user shares its exec plugin with one that is to change")
    );
    let both = inject_users(shared, &["a".to_owned(), "b".to_owned()]).unwrap();
    assert_eq!(both.edits.len(), 2);
}

#[test]
fn a_variable_that_came_later_is_added_to_what_is_injected() {
    let text = "users:\n- name: a\n  user:\n    exec:\n      command: k8s-token-cache\n      args:\n      - --key-env=TENANT\n      - aws\n      env: [{name: TENANT, value: a}, {name: REALM, value: b}]\n";
    let plan = inject(text).unwrap();
    assert_eq!(plan.users, [("a".to_owned(), UserState::Updated)]);
    let after = plan.apply(text);
    assert!(after.contains("      - --key-env=REALM\n      - --key-env=TENANT\n      - aws\n"));
    assert!(inject(&after).unwrap().edits.is_empty());
    let back = restore(&after).unwrap().apply(&after);
    assert!(back.contains("command: aws\n      env:"), "{back}");
}

#[test]
fn an_allowlist_that_lacks_this_program_gets_the_lines_to_add() {
    let list =
        |entries: &str| format!("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n{entries}");
    let hint = |text: &str, command| kuberc::hint(text, command);
    let added = |key: &str| Some(format!("credentialPluginAllowlist:\n- {key}: k8s-token-cache\n"));
    assert_eq!(hint(&list("- name: aws\n"), "k8s-token-cache"), added("name"));
    assert_eq!(hint(&list("- command: aws\n"), "k8s-token-cache"), added("command"));
    assert_eq!(hint("credentialPluginPolicy: Allowlist\n", "k8s-token-cache"), added("name"));
    assert_eq!(hint(&list("- name: k8s-token-cache\n"), "k8s-token-cache"), None);
    assert_eq!(hint(&list("- command: /usr/bin/k8s-token-cache\n"), "k8s-token-cache"), None);
    assert_eq!(hint(&list("- name: k8s-token-cache\n"), "/usr/bin/k8s-token-cache"), None);
    assert!(hint(&list("- name: /opt/k8s-token-cache\n"), "/usr/bin/k8s-token-cache").is_some());
    assert_eq!(hint("credentialPluginPolicy: AllowAll\n", "k8s-token-cache"), None);
    assert_eq!(hint("credentialPluginPolicy: [", "k8s-token-cache"), None);
    assert_eq!(hint("", "k8s-token-cache"), None);
}

/// A directory that goes away with this.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("k8s-token-cache-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const ONE_USER: &str = "users:
- name: a
  user:
    exec:
      args:
      - get-token
      command: aws
";

/// Edits a file that somebody opened before it is replaced, and writes to after.
#[cfg(unix)]
fn edit_while_late(name: &str, newer: &str) -> (Result<Edited, Trouble>, String) {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    let directory = Directory::new(name);
    let path = directory.0.join("config");
    std::fs::write(&path, ONE_USER).unwrap();
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let old = inode();
    let mut late = std::fs::File::options().write(true).open(&path).unwrap();
    let edited = std::thread::scope(|scope| {
        let edit = scope.spawn(|| files::edit(&path, Patience::Wait, &inject));
        while inode() == old {
            std::thread::yield_now();
        }
        late.set_len(0).unwrap();
        late.write_all(newer.as_bytes()).unwrap();
        edit.join().unwrap()
    });
    (edited, std::fs::read_to_string(&path).unwrap())
}

#[cfg(unix)]
#[test]
fn what_a_late_writer_writes_to_the_replaced_file_is_taken_over() {
    let newer = format!("{ONE_USER}- name: newer\n  user:\n    token: not-a-secret\n");
    let (edited, text) = edit_while_late("late", &newer);
    let Ok(Edited::Done(plan)) = edited else { panic!("not edited") };
    assert_eq!(plan.users[0], ("a".to_owned(), UserState::Injected));
    assert_eq!(text, inject(&newer).unwrap().apply(&newer));
}

#[cfg(unix)]
#[test]
fn what_a_late_writer_writes_is_kept_even_if_it_is_refused() {
    let (edited, text) = edit_while_late("late-refused", "users: {}\n");
    assert!(matches!(edited, Err(Trouble::Refused(_))));
    assert_eq!(text, "users: {}\n");
}

#[test]
fn an_edit_that_another_program_undoes_is_made_again() {
    let directory = Directory::new("undone");
    let [path, lock] = ["config", "config.lock"].map(|name| directory.0.join(name));
    std::fs::write(&path, ONE_USER).unwrap();
    std::thread::scope(|scope| {
        let edit = scope.spawn(|| files::edit(&path, Patience::Wait, &inject));
        // Where it had to be written in place, it is whole once nobody has the lock any more.
        while std::fs::read_to_string(&path).unwrap() == ONE_USER || lock.exists() {
            std::thread::yield_now();
        }
        std::fs::write(&path, ONE_USER).unwrap();
        let Ok(Edited::Done(plan)) = edit.join().unwrap() else { panic!("not edited") };
        assert_eq!(plan.users, [("a".to_owned(), UserState::Injected)]);
    });
    let expected = inject(ONE_USER).unwrap().apply(ONE_USER);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn exec_users_are_listed_with_what_a_plugin_would_be_told() {
    let text = r#"apiVersion: v1
clusters:
- name: demo
  cluster:
    server: https://demo.example.com
    certificate-authority-data: ZmFrZQ==
    tls-server-name: demo
    insecure-skip-tls-verify: false
    proxy-url: null
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: {audience: 06e3fbd1, depth: [1, 2.50, 007, true, ~, "x\ny"], "1": {}}
contexts:
- name: other
  context: {cluster: gone, user: nobody}
- name: demo
  context: {cluster: demo, user: a}
users:
- name: token
  user: {token: not-a-secret}
- name: a
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: k8s-token-cache
      args: [aws, eks]
      env: [{name: AWS_PROFILE, value: prod}]
      interactiveMode: Never
      provideClusterInfo: true
- name: b
  user: {exec: {command: aws-vault, args: [exec, prod, --, k8s-token-cache, aws]}}
- name: c
  user: {exec: {command: aws}}
"#;
    let directory = Directory::new("list");
    let path = directory.0.join("config");
    std::fs::write(&path, text).unwrap();
    let users = exec_users(&path, &ClientEnvironment::default()).unwrap();
    let told: Vec<_> = users.iter().map(|user| (&user.name[..], user.line, user.injected)).collect();
    assert_eq!(told, [("a", 21, true), ("b", 30, true), ("c", 32, false)]);
    let a = &users[0];
    assert_eq!((&a.command[..], a.args.join(" ")), ("k8s-token-cache", "aws eks".to_owned()));
    assert_eq!(a.env, [("AWS_PROFILE".to_owned(), "prod".to_owned())]);
    assert_eq!(a.api_version, "client.authentication.k8s.io/v1");
    assert_eq!((&a.interactive_mode[..], a.provide_cluster_info), ("Never", true));
    let [cluster] = &a.clusters[..] else { panic!("{} clusters", a.clusters.len()) };
    assert_eq!((&cluster.name[..], &cluster.server[..]), ("demo", "https://demo.example.com"));
    assert_eq!(cluster.certificate_authority_data, "ZmFrZQ==");
    assert_eq!((&cluster.tls_server_name[..], &cluster.proxy_url[..]), ("demo", ""));
    assert!(!cluster.insecure_skip_tls_verify && !cluster.disable_compression);
    assert_eq!(
        cluster.config.as_deref(),
        Some(r#"{"audience":"06e3fbd1","depth":[1,2.50,"007",true,null,"x\u000ay"],"1":{}}"#)
    );
    assert!(users[1].clusters.is_empty() && !users[1].provide_cluster_info);
}
