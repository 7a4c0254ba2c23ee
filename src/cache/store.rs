//! The cache file: finds, inserts and removes lines by name.
//!
//! The file is JSON. A header and a sorted index of fixed width come first, then one entry a line:
//!
//! ```text
//! {"version":1,"generation":         7,"entries_at":         150,"index":[
//! ["<32 hex>",         150,    2391,  1700000840]
//! ],"entries":{
//! "<32 hex>":{...}
//! }}
//! ```
//!
//! A reader takes no lock and needs two `pread`s: index and line. A writer holds the store lock, reads
//! the file again, applies one change, drops expired lines, and renames a new file over the old one.
//! Damaged parts are misses to a reader, and the next write drops them. [`super::entry`] defines what a
//! line contains. A writer replaces nothing that is not ours: see [`FileContents::is_ours`].
//!
//! A store that began before a removal must not undo it. Clearing everything raises the generation, which
//! every store compares. Removing one entry leaves a line with the time (`{"removed":<ns>}`) for an
//! hour, so that only stores of that entry that began earlier are refused.

mod contents;
mod layout;
mod lookup;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::contents::CacheFile;
pub use self::contents::{Condition, FileContents};
use self::layout::is_removal;
pub use self::layout::{Name, number_after};
pub use self::lookup::LineSnapshot;
use self::lookup::lookup_in;
use super::folder::Folder;
use super::lock::{self, Attempt};
use super::lock_file;
use crate::error::{Error, Kind, Result, io_error, shown};
use crate::format::time;
use crate::sys::{self, Directory};

/// How long a writer waits for another one before it gives up storing.
const STORE_LOCK_LIMIT: Duration = Duration::from_secs(5);
/// How long a removal refuses stores that began before it: longer than a login takes.
const REMOVAL_MEMORY: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, PartialEq, Eq)]
pub enum Stored {
    Done,
    /// The entry was removed, or replaced by another process, in the meantime.
    TooLate,
}

/// A line to store.
pub struct NewLine<'a> {
    pub name: Name,
    /// A JSON object without line breaks.
    pub object: &'a str,
    pub expires_unix_s: u64,
}

/// Chooses from entries, each with its name and object, and returns names.
pub type Select<'a> = &'a mut dyn FnMut(&mut dyn Iterator<Item = (Name, &[u8])>) -> Vec<Name>;

/// One cache file.
pub struct Store {
    path: PathBuf,
    file_name: OsString,
}

impl Store {
    /// Touches nothing; the file need not exist.
    pub fn at(path: &Path) -> Result<Store> {
        match path.file_name() {
            Some(name) => Ok(Store { path: path.to_owned(), file_name: name.to_owned() }),
            None => Err(Error::new(Kind::Cache, format!("'{}' is not the name of a file", shown(path)))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the folder of the file for a writer, and creates it and the lock file if they are missing. Fails if
    /// another program's file is at the path of the cache file or of the lock file.
    pub fn open_folder(&self) -> Result<Folder> {
        let directory = self.checked_directory()?;
        Folder::open(directory, self.lock_name()).map_err(|error| self.lock_error(&error))
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Creates nothing beside a file that is not ours.
    fn checked_directory(&self) -> Result<Directory> {
        let directory = Directory::make(self.directory()).map_err(|error| self.error("use", &error))?;
        match directory.open_own(&self.file_name) {
            Ok(file) => {
                let start = FileContents::read_start(&file).map_err(|error| self.error("read", &error))?;
                self.require_ours(&start)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.error("use", &error)),
        }
        Ok(directory)
    }

    fn require_ours(&self, contents: &FileContents) -> Result<()> {
        if contents.is_ours() {
            return Ok(());
        }
        let error = io_error(io::ErrorKind::InvalidData, "it is not a cache file of this program");
        Err(self.error("use", &error))
    }

    fn lock_error(&self, error: &io::Error) -> Error {
        Error::io(Kind::Cache, "use", &self.path.with_file_name(self.lock_name()), error)
    }

    pub fn lock_name(&self) -> OsString {
        lock::file_name(&self.file_name)
    }

    /// Finds the object of `name`. A missing or damaged file counts as empty; a file that must not be
    /// used (another owner, readable by others) is an error.
    pub fn lookup(&self, name: &Name) -> Result<LineSnapshot> {
        match sys::open_private(&self.path) {
            Ok(file) => {
                let mut snapshot = lookup_in(&file, name).unwrap_or_default();
                // On Windows, a file that is open cannot be replaced.
                snapshot.file = if cfg!(windows) { None } else { Some(file) };
                Ok(snapshot)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(self.error("read", &error)),
            Err(_) => Ok(LineSnapshot::default()),
        }
    }

    /// Reads the whole file, for [`FileContents::entries`]. Fails if it is another program's.
    pub fn contents(&self) -> Result<FileContents> {
        self.read(sys::open_own(&self.path))
    }

    /// Reads the lock file. Fails if it is another program's.
    pub fn check_lock_file(&self) -> Result<()> {
        match sys::open_own(&self.path.with_file_name(self.lock_name())) {
            Err(error) if is_missing(&error) => Ok(()),
            opened => {
                opened.and_then(|file| lock_file::check(&file)).map_err(|error| self.lock_error(&error))
            }
        }
    }

    /// A missing file counts as empty, and so does one that other users could have written.
    fn read(&self, opened: io::Result<File>) -> Result<FileContents> {
        let file = match opened {
            Err(error) if is_missing(&error) => return Ok(FileContents::default()),
            opened => opened.map_err(|error| self.error("use", &error))?,
        };
        let contents = FileContents::read(&file).map_err(|error| self.error("read", &error))?;
        self.require_ours(&contents)?;
        let is_private = sys::is_private(&file).map_err(|error| self.error("read", &error))?;
        // A newer version is left alone, without regard to its mode.
        Ok(if is_private || contents.is_newer() { contents } else { FileContents::default() })
    }

    /// Stores `line` if `condition` holds. `folder` may have been opened long ago.
    pub fn insert(
        &self,
        folder: &Folder,
        line: &NewLine<'_>,
        condition: &Condition<'_>,
        now: Duration,
    ) -> Result<Stored> {
        let reopened = if folder.is_at(self.directory()) { None } else { Some(self.open_folder()?) };
        let mut stored = Stored::TooLate;
        self.update(reopened.as_ref().unwrap_or(folder), now, &mut |file| {
            if file.allows(&line.name, condition) {
                file.put(line.name, line.object, line.expires_unix_s);
                stored = Stored::Done;
            }
            stored == Stored::Done
        })?;
        Ok(stored)
    }

    /// Removes the entries whose names `select` returns, and returns how many there were. `select` sees every
    /// entry of the file.
    pub fn remove(&self, now: Duration, select: Select<'_>) -> Result<usize> {
        let removed_at = format!("{{\"removed\":{}}}", now.as_nanos() as u64);
        let mut removed = 0;
        self.update(&self.open_folder()?, now, &mut |file| {
            let names = select(&mut file.entries());
            for name in &names {
                removed += usize::from(file.find(name).is_some_and(|line| !is_removal(&line.object)));
                file.put(*name, &removed_at, (now + REMOVAL_MEMORY).as_secs());
            }
            !names.is_empty()
        })?;
        Ok(removed)
    }

    /// Removes every entry and returns how many there were.
    pub fn clear(&self, now: Duration) -> Result<usize> {
        let mut removed = 0;
        self.update(&self.open_folder()?, now, &mut |file| {
            removed = file.lines.iter().filter(|line| !is_removal(&line.object)).count();
            file.lines.clear();
            file.generation = file.generation.wrapping_add(1);
            true
        })?;
        Ok(removed)
    }

    /// Applies `change` to the file under the store lock; writes nothing if it returns false.
    fn update(
        &self,
        folder: &Folder,
        now: Duration,
        change: &mut dyn FnMut(&mut CacheFile<'_>) -> bool,
    ) -> Result<()> {
        let lock = self.lock(folder)?;
        let directory = &folder.directory;
        let contents = self.contents_in(directory)?;
        let mut file = contents.parse();
        file.lines.retain(|line| !time::time_left(line.expires_unix_s, now).is_zero());
        if !change(&mut file) {
            return Ok(());
        }
        let temporary = self.temporary_name(lock.is_some());
        self.replace(directory, &temporary, &file).map_err(|error| {
            // An error is ignored: the next writer removes the file.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = directory.remove(&temporary);
            }
            self.error("write", &error)
        })
    }

    /// Takes the store lock. `None` if the file system has no locks: then one of two concurrent writers
    /// may lose its entry, which costs a miss.
    fn lock(&self, folder: &Folder) -> Result<Option<lock::Guard>> {
        match lock::wait(folder, lock::Range::Store, STORE_LOCK_LIMIT) {
            Ok(Attempt::Held(guard)) => Ok(Some(guard)),
            Ok(Attempt::Unavailable) => Ok(None),
            Ok(Attempt::Busy) => Err(self.error("write", &io::ErrorKind::TimedOut.into())),
            Err(error) => Err(self.lock_error(&error)),
        }
    }

    /// Reads what a writer starts from. A file that exists but cannot be read now is left alone:
    /// replacing it would lose every entry and the generation.
    fn contents_in(&self, directory: &Directory) -> Result<FileContents> {
        let contents = self.read(directory.open_own(&self.file_name))?;
        if contents.is_newer() {
            let text = format!(
                "'{}' was written by a newer version of this program; nothing is stored",
                shown(&self.path)
            );
            return Err(Error::new(Kind::Cache, text));
        }
        Ok(contents)
    }

    /// The lock's holder always uses the same name, so that the next writer removes the file of a
    /// killed one. Without the lock, each writer needs a name of its own.
    fn temporary_name(&self, is_locked: bool) -> OsString {
        let mut name = self.file_name.clone();
        name.push(".new");
        if !is_locked {
            name.push(std::process::id().to_string());
        }
        name
    }

    fn replace(&self, directory: &Directory, temporary: &OsStr, content: &CacheFile<'_>) -> io::Result<()> {
        let mut file = match directory.create_new(temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_left_over(directory, temporary)?;
                directory.create_new(temporary)?
            }
            other => other?,
        };
        content.write(&mut file)?;
        drop(file);
        directory.replace(temporary, &self.file_name)
    }

    fn error(&self, verb: &str, error: &io::Error) -> Error {
        Error::io(Kind::Cache, verb, &self.path, error)
    }
}

/// Removes what a killed writer left. Fails with `AlreadyExists` if it is another program's file.
fn remove_left_over(directory: &Directory, temporary: &OsStr) -> io::Result<()> {
    let contents = directory.open_own(temporary).and_then(|file| FileContents::read(&file));
    if !contents.is_ok_and(|contents| contents.is_ours()) {
        let text = ["'", &shown(temporary).to_string(), "' beside it is not a file of this program"].concat();
        return Err(io_error(io::ErrorKind::AlreadyExists, text));
    }
    directory.remove(temporary)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
