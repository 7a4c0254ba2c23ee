//! One program of a command line: its arguments, and the environment that it gets.
//!
//! Owns the reading of flags and the places of identity files, in the notation of the table. The only file
//! that it reads is the one that names gcloud's active configuration.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::expand::{expand, is_variable_name};
use super::texts::Words;
use super::words::{split_at_byte, words};
use crate::config;
use crate::sys::{self, FileKind};

/// Whether `place` is that of a file whose change time does not count.
pub(super) fn is_without_change_time(place: &str) -> bool {
    place.as_bytes().first() == Some(&b'!')
}

fn as_option(argument: &OsString) -> Option<&str> {
    argument.to_str().filter(|text| text.starts_with('-'))
}

/// A program's arguments, and its environment.
pub(super) struct Invocation<'a> {
    pub arguments: &'a [OsString],
    pub environment: &'a Overlay<'a>,
}

impl Invocation<'_> {
    /// Whether the arguments contain these words in this order. Other arguments may be between them.
    pub fn has_words(&self, wanted: &'static str) -> bool {
        let mut wanted = words(wanted);
        let mut next = wanted.next();
        for argument in self.arguments {
            if next.is_some_and(|word| argument == word) {
                next = wanted.next();
            }
        }
        next.is_none()
    }

    /// Whether one of `flags` is given, and not as `--flag=false`.
    pub fn has_flag(&self, flags: &'static str) -> bool {
        self.arguments.iter().filter_map(as_option).any(|argument| {
            let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
            words(flags).any(|flag| flag == name) && value != "false"
        })
    }

    /// The value of the first of `flags`: `--flag value`, `--flag=value`, `-f value`, `-fvalue`.
    pub fn flag_value(&self, flags: &'static str) -> Option<&str> {
        self.flag_values(flags).next()
    }

    /// The values of all of `flags`, in the order of the arguments. Empty ones are left out.
    fn flag_values(&self, flags: &'static str) -> impl Iterator<Item = &str> {
        let mut arguments = self.arguments.iter();
        let values = std::iter::from_fn(move || {
            loop {
                let Some(argument) = as_option(arguments.next()?) else { continue };
                for flag in words(flags) {
                    match argument.strip_prefix(flag) {
                        Some("") => return Some(arguments.next()?.to_str().unwrap_or_default()),
                        Some(rest) if rest.starts_with('=') => return Some(&rest[1..]),
                        Some(rest) if !flag.starts_with("--") => return Some(rest),
                        _ => {}
                    }
                }
            }
        });
        values.filter(|value| !value.is_empty())
    }

    /// Whether `name` is set and not empty.
    pub fn has_variable(&self, name: &str) -> bool {
        self.path_variable(name).is_some()
    }

    pub fn variable(&self, name: &str) -> Option<OsString> {
        self.environment.get(name)
    }

    /// The identity files of this call, each with its place. For each file of `places`, which are those of a
    /// plugin, the first wanted place counts that this call has.
    pub fn files(&self, places: Words, is_wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, PathBuf)> {
        let mut files = Vec::new();
        let mut is_found = false;
        for place in places {
            if place.is_empty() {
                is_found = false;
            } else if !is_found && is_wanted(place) {
                let found = self.resolve_place(place);
                is_found = !found.is_empty();
                files.extend(found.into_iter().map(|file| (place, file)));
            }
        }
        files
    }

    /// The files of `place`, which is written as `PluginRow::files` describes: none if this call does not have
    /// that flag, variable or directory, several if it has the flag several times.
    pub fn resolve_place(&self, place: &'static str) -> Vec<PathBuf> {
        let place = if is_without_change_time(place) { &place[1..] } else { place };
        let (source, below) = split_at_byte(place, b'/');
        let directory = match source.as_bytes() {
            [b'-', ..] => {
                let values = self.flag_values(source).map(|value| self.environment.expand(value.as_ref()));
                return values.map(|directory| self.file_below(directory, below)).collect();
            }
            [b'$', ..] => self.path_variable(&source[1..]).map(|path| self.environment.expand(path.as_ref())),
            _ => self.base_directory(source),
        };
        directory.map(|directory| self.file_below(directory, below)).into_iter().collect()
    }

    fn file_below(&self, mut directory: PathBuf, below: &str) -> PathBuf {
        match below.as_bytes() {
            [] => {}
            [.., b'*'] => {
                let mut file = OsString::from(&below[..below.len() - 1]);
                file.push(self.gcloud_configuration(&directory));
                directory.push(file);
            }
            _ => directory.push(below),
        }
        directory
    }

    /// The directory that the table calls `name`.
    fn base_directory(&self, name: &str) -> Option<PathBuf> {
        let directory = |variable| self.environment.get_directory(variable);
        let home = || directory(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let below_home = |path: &str| Some(home()?.join(path));
        match name {
            "@gcloud" if cfg!(windows) => Some(directory("APPDATA")?.join("gcloud")),
            "@gcloud" => below_home(".config/gcloud"),
            "@go" if cfg!(windows) => directory("APPDATA"),
            "@go" if cfg!(target_os = "macos") => below_home("Library/Application Support"),
            "." => Some(PathBuf::new()),
            "@go" | "@xdg" => directory("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            _ => home(),
        }
    }

    /// The name of gcloud's active configuration: from the flag, the variable or the file.
    fn gcloud_configuration(&self, directory: &Path) -> OsString {
        match self.flag_value("--configuration") {
            Some(name) => name.into(),
            None => self
                .variable("CLOUDSDK_ACTIVE_CONFIG_NAME")
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| read_active_configuration(&directory.join("active_config")).into()),
        }
    }

    pub fn path_variable(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }
}

/// Opens nothing but a regular file: a FIFO would block, and lose what its writer has for the plugin.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    match sys::inspect(path)? {
        (_, FileKind::Other) => Err(io::ErrorKind::InvalidInput.into()),
        _ => sys::open(path),
    }
}

/// The name in gcloud's file `active_config`; `default`, as for gcloud, if there is none.
fn read_active_configuration(file: &Path) -> String {
    let mut bytes = [0; 128];
    let length = open_regular(file).and_then(|file| sys::read_at(&file, &mut bytes, 0)).unwrap_or(0);
    let name = std::str::from_utf8(&bytes[..length]).unwrap_or("").trim_ascii();
    if name.is_empty() { "default" } else { name }.to_owned()
}

/// The caller's environment with the changes that `env` and other wrappers make.
pub(super) struct Overlay<'a> {
    outer: config::Environment<'a>,
    cleared: bool,
    /// The last assignment of a name wins; `None` unsets it.
    assigned: Vec<(OsString, Option<OsString>)>,
    /// `$0`, `$1`, ... of a script.
    positional: Vec<OsString>,
    /// Variables that many places need, each looked up once.
    directories: RefCell<Vec<(&'static str, Option<OsString>)>>,
}

impl<'a> Overlay<'a> {
    pub fn new(outer: config::Environment<'a>) -> Overlay<'a> {
        Overlay {
            outer,
            cleared: false,
            assigned: Vec::new(),
            positional: Vec::new(),
            directories: RefCell::default(),
        }
    }

    #[inline(never)] // Saves 500 bytes.
    pub fn get(&self, name: &str) -> Option<OsString> {
        match self.assigned.iter().rev().find(|(assigned, _)| assigned == name) {
            Some((_, value)) => value.clone(),
            None if self.cleared => None,
            None => (self.outer)(name),
        }
    }

    /// `path` as plugins written in Python read it: with the values of variables, and the home directory for a
    /// leading `~`. For other plugins a file whose name has these letters is unlikely enough.
    pub fn expand(&self, path: &OsStr) -> PathBuf {
        if !path.as_encoded_bytes().iter().any(|byte| matches!(byte, b'$' | b'~')) {
            return path.into();
        }
        expand(path, &|name| self.get(name))
    }

    /// Like [`Overlay::get`], but looks each name up once.
    fn get_directory(&self, name: &'static str) -> Option<PathBuf> {
        let mut directories = self.directories.borrow_mut();
        let value = match directories.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => value.clone(),
            None => {
                let value = self.get(name).filter(|value| !value.is_empty());
                directories.push((name, value.clone()));
                value
            }
        };
        value.map(PathBuf::from)
    }

    /// Whether `name` was assigned another value than `value`.
    pub fn is_assigned_otherwise(&self, name: &str, value: &str) -> bool {
        self.assigned
            .iter()
            .any(|(assigned, known)| assigned == name && known.as_ref().is_none_or(|known| known != value))
    }

    pub fn is_assigned(&self, name: &str) -> bool {
        self.assigned.iter().any(|(assigned, _)| assigned == name)
    }

    pub fn set_positional(&mut self, words: &[OsString]) {
        self.positional = words.to_vec();
    }

    /// The value of a positional parameter; `None` if `name` is no number, or is not set.
    pub fn positional(&self, name: &str) -> Option<OsString> {
        self.positional.get(name.parse::<usize>().ok()?).cloned()
    }

    /// Whether any variable differs from the caller's.
    pub fn is_changed(&self) -> bool {
        self.cleared || !self.assigned.is_empty()
    }

    /// Unsets every variable.
    pub fn clear(&mut self) {
        self.cleared = true;
        self.assigned.clear();
        self.directories.borrow_mut().clear();
    }

    pub fn unset(&mut self, name: OsString) {
        self.assigned.push((name, None));
        self.directories.borrow_mut().clear();
    }

    /// Applies `word` if it is `NAME=value`. Returns whether it was.
    pub fn assign(&mut self, word: &OsStr) -> bool {
        let Some((name, value)) = word.to_str().and_then(|word| word.split_once('=')) else {
            return false;
        };
        let is_assignment = is_variable_name(name);
        if is_assignment {
            self.assigned.push((name.into(), Some(value.into())));
            self.directories.borrow_mut().clear();
        }
        is_assignment
    }
}
