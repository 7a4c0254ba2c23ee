//! What a command could look at on the disk besides the files of its row: those that its words and variables
//! name, and if it is not understood, also its program, identity files of every plugin, the project's files.
//!
//! A file that does not exist is no part: which files are looked for follows from other parts. Most identity
//! files do not exist, so the home directory and its configuration directory are listed once, and only files
//! below directories that exist are looked at.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::inputs::KeyInputs;
use super::stamps;
use crate::config::Environment;
use crate::identity::{Identity, Mention};
use crate::sys::{self, FileKind, NameFilter};

/// If more files are in a directory, a command that may read any of them is not cached.
const MOST_ENTRIES: usize = 256;

/// What was found.
#[derive(Default)]
pub struct Lookups {
    /// Each with its stamp, encoded.
    pub programs: Vec<(PathBuf, Vec<u8>)>,
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Whether a file was found by a relative path.
    pub is_relative: bool,
    /// A directory with so many files that they are not looked at.
    pub too_large: Option<PathBuf>,
}

/// Looks for everything that the command of `inputs` names.
pub fn look(inputs: &KeyInputs<'_>, directory: &dyn Fn() -> PathBuf) -> Lookups {
    let (identity, environment) = (inputs.identity, inputs.environment);
    let mut found = Lookups::default();
    let search_path = environment("PATH").unwrap_or_default();
    for program in &identity.programs {
        for path in [Some(&search_path), identity.search_path.as_ref()].into_iter().flatten() {
            found.add_program(program, path);
        }
    }
    if !identity.is_understood {
        found.add_identity_files(identity, environment);
    }
    found.add_mentions(&identity.mentions, inputs);
    if !identity.project_files.is_empty() {
        for directory in directory().ancestors() {
            for list in &identity.project_files {
                list.split_ascii_whitespace()
                    .for_each(|name| _ = found.add_file(&directory.join(name), true));
            }
        }
    }
    found
}

impl Lookups {
    fn add_program(&mut self, name: &OsStr, search_path: &OsStr) {
        if let Some((path, stamp)) = find_program(name, search_path)
            && !self.programs.iter().any(|(known, _)| *known == path)
        {
            self.is_relative |= path.is_relative();
            self.programs.push((path, stamp));
        }
    }

    /// Adds those of the identity files of all plugins that exist.
    fn add_identity_files(&mut self, identity: &Identity, environment: Environment<'_>) {
        let listings = [environment("HOME"), config_directory(environment)]
            .map(|directory| directory.and_then(|directory| DirectoryNames::read(PathBuf::from(directory))));
        for directory in &identity.directories {
            if listings.iter().flatten().all(|listing| listing.may_have(directory)) {
                self.add_entries(directory, environment);
            }
        }
        for file in &identity.files {
            if listings.iter().flatten().all(|listing| listing.may_have(file)) {
                self.add_file(file, identity.counts_change_time(file));
            }
        }
    }

    /// Adds `file` if it is a regular file. Returns what it is.
    fn add_file(&mut self, file: &Path, counts_change_time: bool) -> Option<FileKind> {
        let (stamp, kind) = sys::inspect(file).ok()?;
        let is_new = || !self.files.iter().any(|(known, _)| known.as_os_str() == file.as_os_str());
        if kind != FileKind::Other && is_new() {
            self.files.push((file.to_owned(), stamps::encode(&stamps::counted(stamp, counts_change_time))));
        }
        Some(kind)
    }

    /// Adds the files of `mentions`. A relative one is also looked for in the directories among them:
    /// `cd DIR && ./login`, `make -C DIR`.
    pub fn add_mentions(&mut self, mentions: &[Mention], inputs: &KeyInputs<'_>) {
        let identity = inputs.identity;
        let is_file_of_row = |path: &Path| {
            identity.is_understood && identity.files.iter().any(|file| file.as_os_str() == path.as_os_str())
        };
        let mut directories: Vec<&Path> = Vec::new();
        let mut relative: Vec<&Path> = Vec::new();
        for Mention { path, lists } in mentions {
            if is_file_of_row(path) {
                continue;
            }
            let kind = self.add_file(path, true);
            self.is_relative |= kind.is_some() && path.is_relative();
            if path.is_relative() && kind != Some(FileKind::Other) {
                relative.push(path);
            }
            if kind == Some(FileKind::Other) {
                directories.push(path);
                if *lists {
                    self.add_entries(path, inputs.environment);
                }
            }
        }
        for directory in directories {
            for word in &relative {
                self.add_file(&directory.join(word), true);
            }
        }
    }

    /// Adds the files in a directory. Adds none for the root and the home directory, because their files change all
    /// the time.
    pub fn add_entries(&mut self, directory: &Path, environment: Environment<'_>) {
        let home = environment("HOME").map(PathBuf::from);
        if directory.parent().is_none() || home.is_some_and(|home| home == directory) {
            return;
        }
        let Ok(entries) = std::fs::read_dir(directory) else { return };
        let is_file = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_dir());
        let mut names: Vec<OsString> =
            entries.flatten().filter(is_file).map(|entry| entry.file_name()).take(MOST_ENTRIES + 1).collect();
        if names.len() > MOST_ENTRIES {
            self.too_large = Some(directory.to_owned());
            return;
        }
        names.sort_unstable();
        names.iter().for_each(|name| _ = self.add_file(&directory.join(name), true));
    }
}

/// The program that is started for `name`, with its stamp.
pub(super) fn find_program(name: &OsStr, search_path: &OsStr) -> Option<(PathBuf, Vec<u8>)> {
    let is_program = |path: &Path| {
        let (stamp, kind) = sys::inspect(path).ok()?;
        (kind == FileKind::Program).then(|| stamps::encode(&stamp))
    };
    if Path::new(name).components().nth(1).is_some() || Path::new(name).is_absolute() {
        let path = PathBuf::from(name);
        return is_program(&path).map(|stamp| (path, stamp));
    }
    if cfg!(windows) {
        let path = sys::find_program(name)?;
        return sys::file_stamp(&path).ok().map(|stamp| (path, stamps::encode(&stamp)));
    }
    std::env::split_paths(search_path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find_map(|path| is_program(&path).map(|stamp| (path, stamp)))
}

fn config_directory(environment: Environment<'_>) -> Option<OsString> {
    let set = environment("XDG_CONFIG_HOME").filter(|directory| !directory.is_empty());
    set.or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".config").into()))
}

/// The names in a directory.
struct DirectoryNames {
    /// The directory's path, with a separator at the end.
    prefix: Vec<u8>,
    names: NameFilter<64>,
}

impl DirectoryNames {
    /// `None` if nothing is known: the directory cannot be read. A directory that does not exist has no names.
    fn read(directory: PathBuf) -> Option<DirectoryNames> {
        let names = NameFilter::new();
        match std::fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    names.add(entry.ok()?.file_name().as_encoded_bytes());
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return None,
        }
        let mut prefix = directory.into_os_string().into_encoded_bytes();
        prefix.push(b'/');
        Some(DirectoryNames { prefix, names })
    }

    /// Whether `file` may exist: it is elsewhere, or the directory may have the first name of its path.
    fn may_have(&self, file: &Path) -> bool {
        let Some(below) = file.as_os_str().as_encoded_bytes().strip_prefix(self.prefix.as_slice()) else {
            return true;
        };
        self.names.may_have(below.split(|byte| *byte == b'/').next().unwrap_or(below))
    }
}
