//! Puts this program in front of the exec plugins of a kubeconfig, and takes it out again.
//!
//! Works on the text: every change replaces a few bytes, everything else stays as it was. The
//! command keeps its own spelling (quotes, anchor, tag) when it moves to `args`, so that restoring
//! gives the very bytes back. What stood in `args` when there was nothing to keep is told by the
//! form: a block list for no `args` at all, `[ x ]` for null, `[x]` for `[]`.
//!
//! Promises that a finished [`Plan`] was parsed again and means exactly what was asked for
//! (`verify`); otherwise there is a [`Refusal`]. Pure: reads no file and no environment.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{MAIN_SEPARATOR, Path, is_separator};

use super::scan::{Exec, Kubeconfig, User};
use super::verify::{self, ExpectedExec};
use super::yaml::{self, Id, Layout, MappingEntry, NodeContent, Refusal, Style};

const KEY_ENV: &str = "--key-env";
/// Ends the options of this program.
const END_OF_OPTIONS: &str = "--";
/// This program's own settings select no identity.
const OWN_VARIABLES: &str = "K8S_TOKEN_CACHE_";

/// Everything that decides what the text becomes.
pub struct Wish<'a> {
    /// The users to change; empty for all.
    pub users: &'a [String],
    /// Where the kubeconfig lies: client-go resolves a relative command against it. None where
    /// the directory's name is not Unicode and cannot be written down.
    pub directory: Option<&'a str>,
    /// Whether a command is this program.
    pub is_own: &'a dyn Fn(&str) -> bool,
}

/// What `--inject` needs on top.
pub struct Injection<'a> {
    pub wish: Wish<'a>,
    /// The command to write.
    pub program: &'a str,
    /// Whether the user asked for just this spelling, so that any other gives way to it.
    pub program_is_chosen: bool,
    /// Whether the key of `command` knows a variable already.
    pub known: &'a dyn Fn(&[OsString], &str) -> bool,
}

/// What becomes of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    Injected,
    /// Was injected, and gets another spelling of the command or further names to count.
    Updated,
    AlreadyInjected,
    Restored,
    NotInjected,
    /// There is nothing to do here, and why.
    LeftAlone(&'static str),
    /// The wanted state cannot be had, and why.
    Stuck(&'static str),
}

/// Replaces a range of bytes by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

/// What becomes of whom, and the edits for it: sorted, apart from each other, verified.
#[derive(Debug)]
pub struct Plan {
    pub users: Vec<(String, UserState)>,
    pub edits: Vec<Edit>,
}

impl Plan {
    /// The text with the edits in it.
    pub fn apply(&self, text: &str) -> String {
        apply(&self.edits, text, 0..text.len())
    }
}

pub fn inject(text: &str, injection: &Injection<'_>) -> Result<Plan, Refusal> {
    let config = Kubeconfig::scan(text)?;
    Draft::new(&config, &injection.wish).finish(&|draft, user| draft.inject(user, injection))
}

pub fn restore(text: &str, wish: &Wish<'_>) -> Result<Plan, Refusal> {
    let config = Kubeconfig::scan(text)?;
    Draft::new(&config, wish).finish(&Draft::restore)
}

/// What becomes of a user, and what its exec plugin is to be then; none: as it was.
type Change = Result<(UserState, Option<ExpectedExec>), Refusal>;

/// How this program stands in front of a command.
struct Front<'t> {
    /// The names that `--key-env` gives.
    names: Vec<&'t str>,
    /// The place of the wrapped command in `args`; none where there is none that we can tell.
    wrapped: Option<usize>,
}

/// What happens to the value of a command that moves.
enum Spelling {
    Same,
    /// Gets this before it.
    Absolute(String),
    /// Loses this.
    Relative(String),
}

impl Spelling {
    fn of(&self, command: &str) -> String {
        match self {
            Spelling::Same => command.to_owned(),
            Spelling::Absolute(marker) => [marker, command].concat(),
            Spelling::Relative(marker) => command.strip_prefix(marker).unwrap_or(command).to_owned(),
        }
    }
}

struct Draft<'c> {
    config: &'c Kubeconfig<'c>,
    wish: &'c Wish<'c>,
    edits: Vec<Edit>,
    /// For each user of the kubeconfig what its exec plugin is to be; none: as it was.
    expected: Vec<Option<ExpectedExec>>,
}

impl<'c> Draft<'c> {
    fn new(config: &'c Kubeconfig<'c>, wish: &'c Wish<'c>) -> Self {
        Draft { config, wish, edits: Vec::new(), expected: Vec::new() }
    }

    /// Runs `change` for the chosen users; then joins the edits and checks what they amount to.
    fn finish(mut self, change: &dyn Fn(&mut Self, &User) -> Change) -> Result<Plan, Refusal> {
        let mut users = Vec::new();
        for user in &self.config.users {
            let mut expected = None;
            if self.wish.users.is_empty() || self.wish.users.contains(&user.name) {
                let state;
                (state, expected) = change(&mut self, user)?;
                users.push((user.name.clone(), state));
            }
            self.expected.push(expected);
        }
        let edits = self.joined_edits()?;
        if !edits.is_empty() {
            let text = self.config.tree.text();
            let after = apply(&edits, text, 0..text.len());
            verify::check(self.config, &after, &self.expected)?;
        }
        Ok(Plan { users, edits })
    }

    /// Users that share a list or a command through an anchor ask for the same edit twice.
    fn joined_edits(&mut self) -> Result<Vec<Edit>, Refusal> {
        let mut edits: Vec<Edit> = Vec::new();
        for edit in self.edits.drain(..) {
            let place = (edit.range.start, edit.range.end);
            let at = edits.partition_point(|other| (other.range.start, other.range.end) <= place);
            edits.insert(at, edit);
        }
        let mut joined: Vec<Edit> = Vec::new();
        for edit in edits {
            match joined.last() {
                Some(last) if *last == edit => {}
                Some(Edit { range, .. })
                    if range.end > edit.range.start || range.start == edit.range.start =>
                {
                    let line = line_of(self.config.tree.text(), edit.range.start);
                    let reason = "users share this through an anchor and need it different";
                    return Err(Refusal::new(line, reason));
                }
                _ => joined.push(edit),
            }
        }
        Ok(joined)
    }

    fn inject(&mut self, user: &User, injection: &Injection<'_>) -> Change {
        let Some(exec) = user.exec else {
            return Ok((UserState::LeftAlone("no exec plugin"), None));
        };
        let Some((entry, command)) = self.command(&exec)? else {
            return Ok((UserState::LeftAlone("its exec plugin has no command"), None));
        };
        let args = self.config.args(&exec);
        if (self.wish.is_own)(command) {
            return self.update(&exec, entry, command, &args, injection);
        }
        if self.config.has_further_in(&args, self.wish.is_own) {
            return Ok((UserState::AlreadyInjected, None));
        }
        self.check_one_line(entry.value)?;
        let names = self.unknown_names(&exec, command, &args, &[], injection)?;
        let spelling = self.to_absolute(entry, command)?;
        let style = yaml::quoting(&self.config.tree, entry.value);
        let mut front = key_env(&names);
        if command.starts_with('-') {
            front.push(END_OF_OPTIONS.to_owned());
        }
        self.insert_front(&exec, entry, &|draft, flow| {
            let mut items = Vec::new();
            for option in &front {
                items.push(yaml::render(option, style, flow));
            }
            items.push(draft.moved(entry.value, command, &spelling, flow));
            items
        })?;
        self.write_command(&exec, entry, injection.program);
        front.push(spelling.of(command));
        let expected = ExpectedExec { command: injection.program.to_owned(), front, skip: 0 };
        Ok((UserState::Injected, Some(expected)))
    }

    /// Completes what is injected already.
    fn update(
        &mut self,
        exec: &Exec,
        entry: MappingEntry,
        command: &str,
        args: &[Id],
        injection: &Injection<'_>,
    ) -> Change {
        let front = self.front(args);
        let Some(place) = front.wrapped else {
            return Ok((UserState::Stuck("k8s-token-cache stands there without a command"), None));
        };
        let wrapped = self.config.tree.string(args[place]).unwrap_or_default();
        let names = self.unknown_names(exec, wrapped, &args[place + 1..], &front.names, injection)?;
        let renamed = injection.program_is_chosen && command != injection.program;
        if names.is_empty() && !renamed {
            return Ok((UserState::AlreadyInjected, None));
        }
        let mut expected = ExpectedExec { command: command.to_owned(), front: key_env(&names), skip: 0 };
        if renamed {
            self.check_one_line(entry.value)?;
            self.write_command(exec, entry, injection.program);
            expected.command = injection.program.to_owned();
        }
        if !names.is_empty() {
            let style = yaml::quoting(&self.config.tree, args[place]);
            let option = expected.front.concat();
            self.insert_front(exec, entry, &|_, flow| vec![yaml::render(&option, style, flow)])?;
        }
        Ok((UserState::Updated, Some(expected)))
    }

    fn restore(&mut self, user: &User) -> Change {
        let tree = &self.config.tree;
        let Some(exec) = user.exec else {
            return Ok((UserState::LeftAlone("no exec plugin"), None));
        };
        let (Some(command), Some(entry)) = (self.config.command(&exec), exec.command) else {
            return Ok((UserState::NotInjected, None));
        };
        let args = self.config.args(&exec);
        if !(self.wish.is_own)(command) {
            let inside = self.config.has_further_in(&args, self.wish.is_own);
            let stuck = UserState::Stuck("another command stands in front of k8s-token-cache");
            return Ok((if inside { stuck } else { UserState::NotInjected }, None));
        }
        let (Some(place), Some(list)) = (self.front(&args).wrapped, exec.args) else {
            return Ok((UserState::Stuck("k8s-token-cache stands there without a command"), None));
        };
        self.check_one_line(entry.value)?;
        self.check_one_line(args[place])?;
        let wrapped = tree.string(args[place]).unwrap_or_default();
        let spelling = self.to_relative(wrapped);
        let flow = yaml::is_flow(tree, exec.mapping);
        let text = self.moved(args[place], wrapped, &spelling, flow);
        let expected = ExpectedExec { command: spelling.of(wrapped), front: Vec::new(), skip: place + 1 };
        self.replace(tree.range(entry.value), text);
        self.remove_front(list, &args, place + 1)?;
        Ok((UserState::Restored, Some(expected)))
    }

    /// The entry and the value of the command; none where there is nothing to wrap.
    fn command(&self, exec: &Exec) -> Result<Option<(MappingEntry, &'c str)>, Refusal> {
        let config = self.config;
        let Some(entry) = exec.command else {
            return Ok(None);
        };
        match config.command(exec) {
            Some(command) => Ok(Some((entry, command))),
            None if config.tree.is_null(entry.value) => Ok(None),
            None if config.tree.scalar(entry.value) == Some("") => Ok(None),
            None => Err(Refusal::new(config.tree.line(entry.key), "the command is not a string")),
        }
    }

    fn check_one_line(&self, command: Id) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let line = tree.line(command);
        match tree.content(command) {
            NodeContent::Scalar(_, Style::Literal | Style::Folded) => {
                Err(Refusal::new(line, "the command is a block scalar"))
            }
            _ if tree.source(command).contains(['\n', '\r']) => {
                Err(Refusal::new(line, "the command runs over several lines"))
            }
            _ => Ok(()),
        }
    }

    /// Reads over this program's own options, and over itself where it wraps itself.
    fn front(&self, args: &[Id]) -> Front<'c> {
        let tree = &self.config.tree;
        let mut front = Front { names: Vec::new(), wrapped: None };
        let mut place = 0;
        while let Some(arg) = args.get(place).and_then(|&arg| tree.string(arg)) {
            place += 1;
            if let Some(names) = arg.strip_prefix(KEY_ENV).and_then(|rest| rest.strip_prefix('=')) {
                front.names.extend(names.split(','));
            } else if arg == KEY_ENV {
                let names = args.get(place).and_then(|&names| tree.string(names));
                front.names.extend(names.unwrap_or_default().split(','));
                place += 1;
            } else if arg == END_OF_OPTIONS {
                front.wrapped = args.get(place).map(|_| place);
                break;
            } else if (self.wish.is_own)(arg) {
                continue;
            } else {
                front.wrapped = (!arg.starts_with('-')).then_some(place - 1);
                break;
            }
        }
        let is_command = |&place: &usize| tree.string(args[place]).is_some_and(|c| !c.is_empty());
        front.wrapped = front.wrapped.filter(is_command);
        front
    }

    /// The names in `exec.env` that neither the key of this command nor `given` covers.
    fn unknown_names(
        &self,
        exec: &Exec,
        command: &str,
        args: &[Id],
        given: &[&str],
        injection: &Injection<'_>,
    ) -> Result<Vec<&'c str>, Refusal> {
        let config = self.config;
        let env = config.env(exec);
        if env.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = vec![OsString::from(command)];
        for &arg in args {
            call.extend(config.tree.scalar(arg).map(OsString::from));
        }
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in env {
            let covered = name.is_empty()
                || name.starts_with(OWN_VARIABLES)
                || given.contains(&name)
                || names.contains(&name)
                || (injection.known)(&call, name);
            if !covered {
                names.push(name);
            }
        }
        match names.iter().find(|name| name.contains([',', '=', '\0', '\n'])) {
            Some(_) => {
                let line = exec.env.map_or(0, |env| config.tree.line(env));
                Err(Refusal::new(line, "the name of a variable in 'env' cannot be passed on"))
            }
            None => Ok(names),
        }
    }

    /// A relative command with a separator becomes absolute when it moves to `args`, where nobody
    /// resolves it any more. The "/./" marks what was relative, as it does for rsync. On Windows a
    /// slash is no separator to client-go (`GetAuthInfoFileReferences` in `clientcmd/loader.go`).
    fn to_absolute(&self, entry: MappingEntry, command: &str) -> Result<Spelling, Refusal> {
        if !command.contains(MAIN_SEPARATOR) || Path::new(command).is_absolute() {
            return Ok(Spelling::Same);
        }
        match self.wish.directory {
            Some(directory) => Ok(Spelling::Absolute(marker(directory))),
            None => {
                let line = self.config.tree.line(entry.key);
                let reason = "the command is relative to a directory whose name is not Unicode";
                Err(Refusal::new(line, reason))
            }
        }
    }

    fn to_relative(&self, command: &str) -> Spelling {
        match self.wish.directory.map(marker) {
            Some(marker) if command.starts_with(&marker) => Spelling::Relative(marker),
            _ => Spelling::Same,
        }
    }

    /// The text of a command in its new place: its own with anchor and tag, as far as that means
    /// the same there.
    fn moved(&self, id: Id, value: &str, spelling: &Spelling, flow: bool) -> String {
        let tree = &self.config.tree;
        let body = tree.body(id);
        let (properties, source) = tree.source(id).split_at(body - tree.range(id).start);
        let style = yaml::quoting(tree, id);
        let new = spelling.of(value);
        let is_safe = |plain: &str| !flow || yaml::is_flow_safe(plain);
        let text = match (spelling, style) {
            (Spelling::Same, Style::Plain) if is_safe(source) => source.to_owned(),
            (Spelling::Relative(_), Style::Plain) if is_safe(&new) => new,
            (Spelling::Absolute(marker), Style::Plain)
                if yaml::can_be_plain(marker, flow) && is_safe(&new) =>
            {
                new
            }
            (_, Style::Plain) => yaml::disguised(&new),
            _ if yaml::is_disguised(source) && is_safe(&new) => new,
            (Spelling::Same, _) => source.to_owned(),
            (Spelling::Absolute(marker), _) => yaml::with_prefix(source, style, marker),
            (Spelling::Relative(marker), _) => {
                yaml::without_prefix(source, style, marker).unwrap_or_else(|| yaml::render(&new, style, flow))
            }
        };
        [properties, &text].concat()
    }

    fn write_command(&mut self, exec: &Exec, entry: MappingEntry, program: &str) {
        let tree = &self.config.tree;
        let flow = yaml::is_flow(tree, exec.mapping);
        let text = yaml::render(program, yaml::quoting(tree, entry.value), flow);
        self.replace(tree.range(entry.value), text);
    }

    /// Puts items before the first of `args`. `render` gives their texts, between brackets or not.
    fn insert_front(
        &mut self,
        exec: &Exec,
        command: MappingEntry,
        render: &dyn Fn(&Self, bool) -> Vec<String>,
    ) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let Some(args) = exec.args else {
            let flow = yaml::is_flow(tree, exec.mapping);
            let items = render(self, flow);
            return if flow {
                self.new_flow_args(command, &items);
                Ok(())
            } else {
                self.new_block_args(command, &items)
            };
        };
        let list = tree.resolve(args.value);
        let first = tree.children(list).next();
        match (tree.content(list), first) {
            (NodeContent::Sequence(Layout::Block), Some(first)) => {
                let (start, lead) = self.item_line(first)?;
                let eol = eol(tree.text(), start);
                let items = render(self, false);
                self.replace(start..start, lines(lead, &items, eol));
            }
            (NodeContent::Sequence(Layout::Flow), Some(first)) => {
                let items = render(self, true);
                let gap = self.gap(tree.range(first).start, tree.children(list).nth(1));
                let at = tree.range(first).start;
                self.replace(at..at, items.join(&gap) + &gap);
            }
            (NodeContent::Sequence(_), None) => {
                let at = self.inside_empty(list)?;
                let items = render(self, true);
                self.replace(at..at, items.join(", "));
            }
            _ if tree.is_null(list) => {
                let list = ["[ ", &render(self, true).join(", "), " ]"].concat();
                self.replace_null(args, list)?;
            }
            _ => return Err(Refusal::new(tree.line(args.key), "'args' is not a list")),
        }
        Ok(())
    }

    fn new_block_args(&mut self, command: MappingEntry, items: &[String]) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let (start, lead) = self.line_lead(tree.range(command.key).start);
        if !is_blank(lead) {
            let reason = "the command does not begin its own line";
            return Err(Refusal::new(tree.line(command.key), reason));
        }
        let eol = eol(tree.text(), start);
        let text = [lead, "args:", eol, &lines(&[lead, "- "].concat(), items, eol)].concat();
        self.replace(start..start, text);
        Ok(())
    }

    fn new_flow_args(&mut self, command: MappingEntry, items: &[String]) {
        let tree = &self.config.tree;
        let key = yaml::render("args", yaml::quoting(tree, command.key), true);
        let between = tree.range(command.key).end..tree.range(command.value).start;
        let colon = tree.text().get(between).filter(|text| text.trim_ascii() == ":").unwrap_or(": ");
        let (start, lead) = self.line_lead(tree.range(command.key).start);
        let gap = if is_blank(lead) {
            [",", eol(tree.text(), start), lead].concat()
        } else {
            (if colon == ":" { "," } else { ", " }).to_owned()
        };
        let at = tree.range(command.key).start;
        let item_gap = if colon == ":" { "," } else { ", " };
        let text = [&key, colon, "[", &items.join(item_gap), "]", &gap].concat();
        self.replace(at..at, text);
    }

    /// What stands between the items of a list in brackets: a line break where the first begins
    /// a line, else what the list has already.
    fn gap(&self, first: usize, second: Option<Id>) -> String {
        let text = self.config.tree.text();
        let (start, lead) = self.line_lead(first);
        if is_blank(lead) && !lead.is_empty() {
            return [",", eol(text, start), lead].concat();
        }
        let before_second = second.and_then(|second| text.get(first..self.config.tree.range(second).start));
        let own = before_second
            .map(|text| &text[text.trim_end_matches([' ', '\t', ',']).len()..])
            .filter(|gap| gap.trim_ascii() == ",");
        let tight = text[..first].ends_with(":[");
        own.unwrap_or(if tight { "," } else { ", " }).to_owned()
    }

    /// The place behind the bracket of a list that has nothing in it.
    fn inside_empty(&self, list: Id) -> Result<usize, Refusal> {
        let tree = &self.config.tree;
        let inside = tree.body(list) + 1..tree.range(list).end.saturating_sub(1);
        match tree.text().get(inside.clone()) {
            Some(text) if text.trim_ascii().is_empty() => Ok(inside.start),
            _ => Err(Refusal::new(tree.line(list), "a comment stands in an empty list")),
        }
    }

    fn replace_null(&mut self, args: MappingEntry, list: String) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let range = tree.range(args.value);
        if !range.is_empty() {
            self.replace(range, list);
            return Ok(());
        }
        let key_end = tree.range(args.key).end;
        let rest = tree.text().get(key_end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if !rest[blanks..].starts_with(':') {
            return Err(Refusal::new(tree.line(args.key), "'args' has neither value nor colon"));
        }
        let at = key_end + blanks + 1;
        self.replace(at..at, [" ", &list].concat());
        Ok(())
    }

    /// Takes the first `count` items out of `args`.
    fn remove_front(&mut self, args: MappingEntry, items: &[Id], count: usize) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let list = tree.resolve(args.value);
        let (gone, rest) = items.split_at(count);
        let Some(&first) = gone.first() else {
            return Ok(());
        };
        match (yaml::is_flow(tree, list), rest.first()) {
            (true, Some(&next)) => {
                self.replace(tree.range(first).start..tree.range(next).start, String::new());
            }
            (true, None) => self.empty_brackets(list, first),
            (false, next) => {
                for &item in gone {
                    let (start, _) = self.item_line(item)?;
                    let end = line_end(tree.text(), tree.range(item).end);
                    self.replace(start..end, String::new());
                }
                if next.is_none() {
                    self.remove_bare_key(args.key, first)?;
                }
            }
        }
        Ok(())
    }

    fn empty_brackets(&mut self, list: Id, first: Id) {
        let tree = &self.config.tree;
        let (open, end) = (tree.body(list), tree.range(list).end);
        if tree.text().get(open..tree.range(first).start) == Some("[ ") {
            self.replace(open..end, "null".to_owned());
        } else {
            self.replace(open + 1..end.saturating_sub(1), String::new());
        }
    }

    /// Takes `args:` away if nothing but its list stands below it.
    fn remove_bare_key(&mut self, key: Id, first: Id) -> Result<(), Refusal> {
        let tree = &self.config.tree;
        let (start, lead) = self.line_lead(tree.range(key).start);
        let (list_start, _) = self.item_line(first)?;
        let line = tree.text().get(tree.range(key).end..list_start);
        if is_blank(lead) && line.is_some_and(|line| line.trim_ascii() == ":") {
            self.replace(start..list_start, String::new());
        }
        Ok(())
    }

    /// Where the line of a block list's item begins, and what stands before the item: blanks, the
    /// dash, blanks.
    fn item_line(&self, item: Id) -> Result<(usize, &'c str), Refusal> {
        let tree = &self.config.tree;
        let (start, lead) = self.line_lead(tree.range(item).start);
        match lead.trim_end_matches([' ', '\t']).strip_suffix('-') {
            Some(blanks) if is_blank(blanks) => Ok((start, lead)),
            _ => {
                let reason = "an argument does not stand beside its dash";
                Err(Refusal::new(tree.line(item), reason))
            }
        }
    }

    /// Where the line of a place begins, and what stands on it before the place.
    fn line_lead(&self, place: usize) -> (usize, &'c str) {
        let text = self.config.tree.text();
        let before = text.get(..place).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (start, &before[start..])
    }

    fn replace(&mut self, range: Range<usize>, text: String) {
        self.edits.push(Edit { range, text });
    }
}

/// A range of the text with those edits in it that lie there.
pub fn apply(edits: &[Edit], text: &str, range: Range<usize>) -> String {
    let mut result = String::with_capacity(range.len() + 256);
    let mut done = range.start;
    for edit in edits {
        result.push_str(text.get(done..edit.range.start).unwrap_or_default());
        result.push_str(&edit.text);
        done = edit.range.end;
    }
    result.push_str(text.get(done..range.end).unwrap_or_default());
    result
}

/// The option that names further variables; nothing for no names.
fn key_env(names: &[&str]) -> Vec<String> {
    if names.is_empty() { Vec::new() } else { vec![[KEY_ENV, "=", &names.join(",")].concat()] }
}

fn marker(directory: &str) -> String {
    let mut path = directory.trim_end_matches(is_separator).to_owned();
    path.extend([MAIN_SEPARATOR, '.', MAIN_SEPARATOR]);
    path
}

fn lines(lead: &str, items: &[String], eol: &str) -> String {
    items.iter().flat_map(|item| [lead, item, eol]).collect()
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte == b'\t')
}

/// The line break that the line at `place` ends with, or the text's last one.
fn eol(text: &str, place: usize) -> &'static str {
    let (before, rest) = text.split_at(place);
    let line = match rest.find('\n') {
        Some(end) => &rest[..end],
        None => before.strip_suffix('\n').unwrap_or_default(),
    };
    if line.ends_with('\r') { "\r\n" } else { "\n" }
}

/// The place behind the line break of the line at `place`.
fn line_end(text: &str, place: usize) -> usize {
    match text.get(place..).unwrap_or_default().find('\n') {
        Some(newline) => place + newline + 1,
        None => text.len(),
    }
}

fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|&byte| byte == b'\n').count() + 1
}
