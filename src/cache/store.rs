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
//! line contains. A writer replaces nothing that is not ours: see [`Beginning::is_ours`].
//!
//! A store that began before a removal must not undo it. Clearing everything raises the generation, which
//! every store compares. Removing one entry leaves a line with the time (`{"removed":<ns>}`) for an
//! hour, so that only stores of that entry that began earlier are refused.

mod beginning;
mod cache_file;
mod layout;
mod lookup;
mod pieces;
mod window;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::beginning::Beginning;
pub use self::cache_file::CacheFile;
use self::layout::REMOVED;
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
pub struct NewLine {
    pub name: Name,
    /// A JSON object without line breaks.
    pub object: String,
    pub expires_unix_s: u64,
}

/// The condition for storing a line.
pub struct Condition<'a> {
    /// The snapshot from before the plugin ran, and when it was taken.
    pub snapshot: &'a LineSnapshot,
    pub taken: Duration,
    /// Store only if the name still has the object of the snapshot: a refresh must not replace an
    /// entry that another process has stored meanwhile.
    pub renews: bool,
}

impl Condition<'_> {
    /// Whether the line of this name may be stored in `file`.
    fn holds(&self, file: &CacheFile, name: &Name) -> io::Result<bool> {
        let object = file.object(name)?;
        let removed_ns = object.as_deref().and_then(|mut object| number_after(&mut object, REMOVED));
        let is_removed = removed_ns.is_some_and(|ns| u128::from(ns) >= self.taken.as_nanos());
        let is_unchanged = object == self.snapshot.object;
        Ok(file.generation == self.snapshot.generation && !is_removed && (is_unchanged || !self.renews))
    }
}

/// Whether the entry with this name and object is wanted.
pub type Select<'a> = &'a mut dyn FnMut(&Name, &[u8]) -> bool;

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
                self.own_beginning(&file)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.error("use", &error)),
        }
        Ok(directory)
    }

    /// Fails if the file is another program's.
    fn own_beginning(&self, file: &File) -> Result<Beginning> {
        let beginning = Beginning::read(file).map_err(|error| self.error("read", &error))?;
        if beginning.is_ours() {
            return Ok(beginning);
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

    /// Reads the index of the file. Fails if it is another program's.
    pub fn contents(&self) -> Result<CacheFile> {
        self.read(sys::open_own(&self.path))
    }

    /// Calls `visit` with name and object of every entry of [`Store::contents`], in the order of the names. Damaged
    /// lines are left out.
    pub fn visit(&self, contents: &CacheFile, visit: &mut dyn FnMut(&Name, &[u8])) -> Result<()> {
        contents.visit(visit).map_err(|error| self.error("read", &error))
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

    /// A missing file counts as empty, and so does one that other users could have written. A newer version is left
    /// alone, without regard to its mode.
    fn read(&self, opened: io::Result<File>) -> Result<CacheFile> {
        let file = match opened {
            Err(error) if is_missing(&error) => return Ok(CacheFile::default()),
            opened => opened.map_err(|error| self.error("use", &error))?,
        };
        if self.own_beginning(&file)?.is_newer() {
            return Ok(CacheFile::newer());
        }
        let contents = match sys::is_private(&file) {
            Ok(true) => CacheFile::read(file),
            Ok(false) => Ok(CacheFile::default()),
            Err(error) => Err(error),
        };
        contents.map_err(|error| self.error("read", &error))
    }

    /// Stores `line` if `condition` holds. `folder` may have been opened long ago.
    pub fn insert(
        &self,
        folder: &Folder,
        line: NewLine,
        condition: &Condition<'_>,
        now: Duration,
    ) -> Result<Stored> {
        let reopened = if folder.is_at(self.directory()) { None } else { Some(self.open_folder()?) };
        let NewLine { name, mut object, expires_unix_s } = line;
        let mut stored = Stored::TooLate;
        self.update(reopened.as_ref().unwrap_or(folder), now, &mut |file| {
            if condition.holds(file, &name)? {
                file.put(name, std::mem::take(&mut object), expires_unix_s);
                stored = Stored::Done;
            }
            Ok(stored == Stored::Done)
        })?;
        Ok(stored)
    }

    /// Removes the entries of `names`, and the other ones that `is_wanted` selects, whose names are added. Returns
    /// how many there were.
    pub fn remove(&self, now: Duration, names: &mut Vec<Name>, is_wanted: Select<'_>) -> Result<usize> {
        let removed_at = format!("{{\"removed\":{}}}", now.as_nanos() as u64);
        let given = names.len();
        let mut removed = 0;
        self.update(&self.open_folder()?, now, &mut |file| {
            file.visit(&mut |name, object| {
                let is_given = names[..given].contains(name);
                if !is_given && is_wanted(name, object) {
                    names.push(*name);
                }
                removed += usize::from(is_given);
            })?;
            removed += names.len() - given;
            for name in names.iter() {
                file.put(*name, removed_at.clone(), (now + REMOVAL_MEMORY).as_secs());
            }
            Ok(!names.is_empty())
        })?;
        Ok(removed)
    }

    /// Removes every entry and returns how many there were.
    pub fn clear(&self, now: Duration) -> Result<usize> {
        let mut removed = 0;
        self.update(&self.open_folder()?, now, &mut |file| {
            file.visit(&mut |_, _| removed += 1)?;
            file.lines.clear();
            file.generation = file.generation.wrapping_add(1);
            Ok(true)
        })?;
        Ok(removed)
    }

    /// Applies `change` to the file without what has expired, under the store lock; writes nothing if it returns
    /// false.
    fn update(
        &self,
        folder: &Folder,
        now: Duration,
        change: &mut dyn FnMut(&mut CacheFile) -> io::Result<bool>,
    ) -> Result<()> {
        let lock = self.lock(folder)?;
        let directory = &folder.directory;
        let mut file = self.contents_in(directory)?;
        file.lines.retain(|line| !time::time_left(line.expires_unix_s, now).is_zero());
        if !change(&mut file).map_err(|error| self.error("read", &error))? {
            return Ok(());
        }
        let temporary = self.temporary_name(lock.is_some());
        self.replace(directory, &temporary, file).map_err(|error| {
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
    fn contents_in(&self, directory: &Directory) -> Result<CacheFile> {
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

    fn replace(&self, directory: &Directory, temporary: &OsStr, mut content: CacheFile) -> io::Result<()> {
        let is_written = write(directory, temporary, &content)? || {
            content.drop_damaged()?;
            write(directory, temporary, &content)?
        };
        if !is_written {
            return Err(io_error(io::ErrorKind::InvalidData, "it changes while it is read"));
        }
        drop(content); // On Windows, a file that is open cannot be replaced.
        directory.replace(temporary, &self.file_name)
    }

    fn error(&self, verb: &str, error: &io::Error) -> Error {
        Error::io(Kind::Cache, verb, &self.path, error)
    }
}

/// Writes `content` to a new file. Returns false if that must not be used: see [`CacheFile::write`].
fn write(directory: &Directory, temporary: &OsStr, content: &CacheFile) -> io::Result<bool> {
    let mut file = match directory.create_new(temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_left_over(directory, temporary)?;
            directory.create_new(temporary)?
        }
        other => other?,
    };
    content.write(&mut file)
}

/// Removes what a killed writer left. Fails with `AlreadyExists` if it is another program's file.
fn remove_left_over(directory: &Directory, temporary: &OsStr) -> io::Result<()> {
    let beginning = directory.open_own(temporary).and_then(|file| Beginning::read(&file));
    if !beginning.is_ok_and(|beginning| beginning.is_ours()) {
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
