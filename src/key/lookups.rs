//! What a command that is not understood could look at on the disk: its program, the files that it mentions,
//! identity files of every plugin, the project's files.
//!
//! A file that does not exist is no part: which files are looked for follows from other parts. Most identity
//! files do not exist, so the home directory and its configuration directory are listed once, and only files
//! below directories that exist are looked at.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::stamps;
use crate::config::Environment;
use crate::identity::Identity;
use crate::sys::{self, FileKind};

/// What was found.
#[derive(Default)]
pub struct Lookups {
    /// Each with its stamp, encoded.
    pub programs: Vec<(PathBuf, Vec<u8>)>,
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Whether a file was found by a relative path.
    pub is_relative: bool,
}

/// Looks for everything that `identity` names.
pub fn look(identity: &Identity, environment: Environment<'_>, directory: &dyn Fn() -> PathBuf) -> Lookups {
    let mut found = Lookups::default();
    for program in &identity.programs {
        if let Some((path, stamp)) = find_program(program, environment) {
            found.is_relative |= path.is_relative();
            found.programs.push((path, stamp));
        }
    }
    let listings = [environment("HOME"), config_directory(environment)]
        .map(|directory| directory.and_then(|directory| DirectoryNames::read(PathBuf::from(directory))));
    for file in &identity.files {
        if listings.iter().flatten().all(|listing| listing.may_have(file)) {
            found.add_file(file, identity.counts_change_time(file));
        }
    }
    found.add_mentioned(&identity.mentioned_files);
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
    /// Adds `file` if it is a regular file. Returns what it is.
    fn add_file(&mut self, file: &Path, counts_change_time: bool) -> Option<FileKind> {
        let (stamp, kind) = sys::inspect(file).ok()?;
        let is_new = || !self.files.iter().any(|(known, _)| known.as_os_str() == file.as_os_str());
        if kind != FileKind::Other && is_new() {
            self.files.push((file.to_owned(), stamps::encode(&stamps::counted(stamp, counts_change_time))));
        }
        Some(kind)
    }

    /// A relative word is also looked for in the directories that are mentioned: `cd DIR && ./login`,
    /// `make -C DIR`.
    pub fn add_mentioned(&mut self, words: &[PathBuf]) {
        let mut directories: Vec<&Path> = Vec::new();
        let mut relative: Vec<&Path> = Vec::new();
        for word in words {
            let is_relative = word.is_relative();
            match self.add_file(word, true) {
                Some(FileKind::Other) => directories.push(word),
                Some(_) => {}
                None if is_relative => {
                    relative.push(word);
                    continue;
                }
                None => continue,
            }
            self.is_relative |= is_relative;
            if is_relative {
                relative.push(word);
            }
        }
        for directory in directories {
            for word in &relative {
                self.add_file(&directory.join(word), true);
            }
        }
    }
}

/// The program that is started for `name`, with its stamp.
fn find_program(name: &OsStr, environment: Environment<'_>) -> Option<(PathBuf, Vec<u8>)> {
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
    let path = environment("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find_map(|path| is_program(&path).map(|stamp| (path, stamp)))
}

fn config_directory(environment: Environment<'_>) -> Option<OsString> {
    let set = environment("XDG_CONFIG_HOME").filter(|directory| !directory.is_empty());
    set.or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".config").into()))
}

/// The names in a directory, as a filter: it may take a name for another one, and never misses one.
struct DirectoryNames {
    /// The directory's path, with a separator at the end.
    prefix: Vec<u8>,
    /// A bit for the hash of each name, since a home directory has a hundred of them.
    filter: [u64; 64],
}

impl DirectoryNames {
    /// `None` if nothing is known: the directory cannot be read. A directory that does not exist has no names.
    fn read(directory: PathBuf) -> Option<DirectoryNames> {
        let mut filter = [0; 64];
        match std::fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    let (word, bit) = place_of(entry.ok()?.file_name().as_encoded_bytes());
                    filter[word] |= bit;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return None,
        }
        let mut prefix = directory.into_os_string().into_encoded_bytes();
        prefix.push(b'/');
        Some(DirectoryNames { prefix, filter })
    }

    /// Whether `file` may exist: it is elsewhere, or the directory may have the first name of its path.
    fn may_have(&self, file: &Path) -> bool {
        let Some(below) = file.as_os_str().as_encoded_bytes().strip_prefix(self.prefix.as_slice()) else {
            return true;
        };
        let (word, bit) = place_of(below.split(|byte| *byte == b'/').next().unwrap_or(below));
        self.filter[word] & bit != 0
    }
}

/// The place of a name in the filter: a word and a bit. Case is ignored, as some file systems do.
fn place_of(name: &[u8]) -> (usize, u64) {
    let hash =
        name.iter().fold(0_u32, |hash, byte| (hash ^ u32::from(byte | 0x20)).wrapping_mul(0x0100_0193));
    ((hash >> 26) as usize, 1 << (hash >> 20 & 63))
}
