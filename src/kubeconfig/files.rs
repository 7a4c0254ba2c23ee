//! Reads a kubeconfig, and writes it while others do the same.
//!
//! kubectl takes `<path as given>.lock`, created exclusively, then truncates and writes
//! (`lockFile` in `k8s.io/client-go/tools/clientcmd/loader.go`). The AWS CLI takes no lock and
//! truncates. So: wait until the file has been quiet for a moment, write the new one beside it,
//! take kubectl's lock, replace the file if it is still the one that was read, let the lock go.
//! kubectl gives up where it finds a lock, so it is held for microseconds only.
//!
//! Somebody who opened the old file just before it was replaced still writes to it. It stays open
//! here for a while; what arrives there is newer than what we wrote, and is taken over. The same
//! while shows whether kubectl put back what it had read before us.
//!
//! A crash leaves the old file or the new one, save where the file must be written in place: it
//! has several hard links, or nothing can be put beside it. The lock is a link to the new file, which
//! its writer has claimed: what a killed one left is so told from what is in use, and removed.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::edit::{Plan, UserState};
use super::yaml::Refusal;
use crate::error::{Error, Kind, Result, shown};
use crate::log;
use crate::sys::{self, FileStamp};

/// What is longer is no kubeconfig.
const MAX_BYTES: u64 = 8 << 20;
/// How long to wait for kubectl's lock, and for a file that keeps changing.
const WAIT: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(50);
/// The AWS CLI writes a file in pieces, some milliseconds apart.
const SETTLED: Duration = Duration::from_millis(300);
/// At a prompt nobody waits; a later prompt finds the file settled.
const SETTLED_UNWATCHED: Duration = Duration::from_secs(2);
/// kubectl takes 3 ms from reading to writing, the AWS CLI some more; a busy machine stretches it.
const AFTERMATH: Duration = Duration::from_millis(250);
const AFTERMATH_UNWATCHED: Duration = Duration::from_millis(100);
const AFTERMATH_POLL: Duration = Duration::from_millis(10);

/// Whether somebody is there to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Wait for a lock, and for a file to come to rest.
    Wait,
    /// Leave a file alone that is locked or fresh: `--quiet`.
    Never,
}

/// How far an edit got.
#[derive(Debug)]
pub enum Edited {
    /// The file is as the plan says, whether or not that took a change.
    Done(Plan),
    /// Somebody else is at it, and there was no patience.
    Busy,
}

/// Why a file was not edited.
#[derive(Debug)]
pub enum Trouble {
    Refused(Refusal),
    Failed(Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Failed(error)
    }
}

/// A file as it was at one moment. Stays open.
pub struct Snapshot {
    pub text: String,
    file: File,
    /// Of the open file when it was read.
    metadata: Metadata,
    read: FileStamp,
    /// What must stand at the path for the text to be the newest.
    stamp: FileStamp,
}

impl Snapshot {
    pub fn read(path: &Path) -> Result<Self, Trouble> {
        let failed = |error| Error::io(Kind::Failure, "read", path, &error);
        // Opening a pipe would wait for somebody to write to it.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            let text = format!("cannot read '{}': not a regular file", shown(path));
            return Err(Error::failure(text).into());
        }
        let file = sys::open(path).map_err(failed)?;
        Snapshot::of(file, path)
    }

    /// Whole, from the beginning.
    fn of(mut file: File, path: &Path) -> Result<Self, Trouble> {
        let failed = |error| Error::io(Kind::Failure, "read", path, &error);
        let metadata = file.metadata().map_err(failed)?;
        let read = sys::open_file_stamp(&file).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut bytes = Vec::with_capacity(metadata.len().min(MAX_BYTES) as usize + 1);
        sys::read_to_end(&file, MAX_BYTES as usize + 1, &mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Refusal::new(1, "the file has more than 8 MiB").into());
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
            Refusal::new(line, "the file is not UTF-8 text")
        })?;
        Ok(Snapshot { text, file, metadata, read, stamp: read })
    }

    fn is_still(&self, path: &Path) -> bool {
        holds(path, self.stamp)
    }

    /// Whether somebody wrote to this very file since, wherever its name went.
    fn was_written(&self) -> bool {
        sys::open_file_stamp(&self.file).map_or(true, |now| !now.has_same_content(&self.read))
    }
}

/// What stands in a file that a kubeconfig or the environment names, as far as anybody would write
/// it by hand. A pipe might never end.
pub fn read_named(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if fs::metadata(path)?.is_file() {
        sys::read_to_end(&sys::open(path)?, MAX_BYTES as usize, &mut bytes)?;
    }
    Ok(bytes)
}

/// Brings a file to the state that `plan` wants.
pub fn edit(
    path: &Path,
    patience: Patience,
    plan: &dyn Fn(&str) -> Result<Plan, Refusal>,
) -> Result<Edited, Trouble> {
    let deadline = sys::steady_clock() + WAIT;
    remove_dead_lock(path);
    let mut written: Option<Plan> = None;
    let mut adopted: Option<Snapshot> = None;
    loop {
        // What was written to the replaced file is newer than what stands there now.
        let is_adopted = adopted.is_some();
        let snapshot = match adopted.take() {
            Some(snapshot) => snapshot,
            None => match settled(path, patience, deadline)? {
                Some(snapshot) => snapshot,
                None => return Ok(Edited::Busy),
            },
        };
        let mut next = match plan(&snapshot.text) {
            // Refused or not, it must not be lost.
            Err(refusal) if is_adopted => {
                replace(path, &snapshot, &snapshot.text, patience)?;
                return Err(refusal.into());
            }
            planned => planned?,
        };
        if let Some(earlier) = &written {
            remember(earlier, &mut next);
        }
        if next.edits.is_empty() && !is_adopted {
            return Ok(Edited::Done(next));
        }
        match replace(path, &snapshot, &next.apply(&snapshot.text), patience)? {
            Replaced::Locked => return Ok(Edited::Busy),
            Replaced::Changed if patience == Patience::Never => return Ok(Edited::Busy),
            Replaced::Changed => {}
            Replaced::Done { ours, in_place } => match aftermath(path, &snapshot, ours, in_place, patience) {
                Aftermath::Peace => return Ok(Edited::Done(next)),
                Aftermath::Rewritten if patience == Patience::Never => {
                    return Ok(Edited::Done(next));
                }
                Aftermath::Rewritten => written = Some(next),
                Aftermath::LateWriter => {
                    adopted = adopt(path, snapshot, ours, deadline)?;
                    written = Some(next);
                }
            },
        }
        if sys::steady_clock() > deadline {
            let text = format!("cannot write '{}': other programs keep changing it", shown(path));
            return Err(Error::failure(text).into());
        }
    }
}

/// A user that an earlier round changed is not called unchanged by a later one.
fn remember(earlier: &Plan, plan: &mut Plan) {
    for (name, state) in &mut plan.users {
        let before = earlier.users.iter().find(|(user, _)| user == name);
        if let (UserState::AlreadyInjected | UserState::NotInjected, Some((_, before))) = (*state, before) {
            *state = *before;
        }
    }
}

/// The file once nobody has written to it for a while.
pub fn settled(path: &Path, patience: Patience, deadline: Duration) -> Result<Option<Snapshot>, Trouble> {
    let rest = match patience {
        Patience::Wait => SETTLED,
        Patience::Never => SETTLED_UNWATCHED,
    };
    loop {
        let before = stamp(path);
        let snapshot = Snapshot::read(path);
        let Some(after) = stamp(path) else {
            return snapshot.map(Some);
        };
        let age = age(&after);
        let is_whole = age >= rest && before == Some(after);
        match patience {
            _ if is_whole => return snapshot.map(Some),
            Patience::Never => return Ok(None),
            Patience::Wait if sys::steady_clock() > deadline => return snapshot.map(Some),
            Patience::Wait => sleep(rest.saturating_sub(age)),
        }
    }
}

/// How long ago a file was written. A time in the future is long ago: clocks differ.
fn age(stamp: &FileStamp) -> Duration {
    stamp.modified().and_then(|modified| sys::now().checked_sub(modified)).unwrap_or(Duration::MAX)
}

enum Replaced {
    /// What stands at the path now, and whether it is the same file as before.
    Done { ours: FileStamp, in_place: bool },
    /// The file is no longer the one that was read.
    Changed,
    /// Somebody holds the lock, and there was no patience.
    Locked,
}

fn replace(path: &Path, snapshot: &Snapshot, text: &str, patience: Patience) -> Result<Replaced, Trouble> {
    let failed = |error| Error::io(Kind::Failure, "write", path, &error);
    let target = sys::follow_links(path).map_err(failed)?;
    // Before the new file of a killed one goes, by which its lock is known.
    remove_dead_lock(path);
    let mut prepared = if sys::has_several_links(&snapshot.file).map_err(failed)? {
        None
    } else {
        prepare(&target, &snapshot.metadata, text).map_err(failed)?
    };
    let _lock = match lock(path, prepared.as_ref(), patience)? {
        Locked::Held(lock) => Some(lock),
        Locked::Impossible => None,
        Locked::Busy => return Ok(Replaced::Locked),
    };
    if !snapshot.is_still(path) {
        return Ok(Replaced::Changed);
    }
    // Claimed for longer than the lock is there: `prepared` goes last.
    let renamed = prepared.as_mut().map(|temporary| temporary.rename_to(&target));
    let in_place = match renamed {
        Some(Ok(())) => false,
        Some(Err(error)) if !needs_writing_in_place(&error) => return Err(failed(error).into()),
        _ => true,
    };
    if in_place {
        write_in_place(&target, text).map_err(failed)?;
    }
    Ok(stamp(path).map_or(Replaced::Changed, |ours| Replaced::Done { ours, in_place }))
}

/// A file beside the target that has everything but its name; none where that cannot be.
fn prepare(target: &Path, like: &Metadata, text: &str) -> io::Result<Option<Temporary>> {
    let mut temporary = match Temporary::beside(target) {
        Err(error) if needs_writing_in_place(&error) => return Ok(None),
        created => created?,
    };
    match sys::copy_owner_and_mode(like, &temporary.file) {
        Err(error) if needs_writing_in_place(&error) => return Ok(None),
        copied => copied?,
    }
    temporary.file.write_all(text.as_bytes())?;
    temporary.file.sync_all()?;
    Ok(Some(temporary))
}

/// A read-only or sticky directory, a foreign owner, a file that is itself a mount point.
fn needs_writing_in_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
    )
}

/// What both texts begin with is not written again: a crash can spoil the rest only.
fn write_in_place(target: &Path, text: &str) -> io::Result<()> {
    let mut file = sys::open_for_update(target)?;
    let mut old = Vec::new();
    sys::read_to_end(&file, MAX_BYTES as usize, &mut old)?;
    let same = old.iter().zip(text.as_bytes()).take_while(|(old, new)| old == new).count();
    file.seek(SeekFrom::Start(same as u64))?;
    file.write_all(&text.as_bytes()[same..])?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// A file that goes away again unless it gets its final name.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// The name begins with a dot and has no suffix of YAML: some tools read every file of
    /// `~/.kube`. All use the same, so that the next one finds what a killed one left; only while
    /// it is in use another is taken.
    fn beside(target: &Path) -> io::Result<Self> {
        let mut path = temporary_path(target);
        remove_if_dead(&path);
        let mut created = sys::create_private(&path);
        if matches!(&created, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            path.as_mut_os_string().push(format!(".{}", std::process::id()));
            // Left by a process of the same number that was killed.
            let _ = fs::remove_file(&path);
            created = sys::create_private(&path);
        }
        let file = created?;
        sys::claim(&file);
        Ok(Temporary { path, file })
    }

    fn rename_to(&mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn temporary_path(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".k8s-token-cache");
    target.with_file_name(name)
}

/// Removes a file of ours whose writer was killed. What is no plain file is not ours, and opening a
/// pipe would wait.
fn remove_if_dead(path: &Path) {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if is_file && sys::open(path).is_ok_and(|file| sys::claim(&file)) {
        let _ = fs::remove_file(path);
    }
}

/// kubectl's lock. The file goes when this does.
struct Lock(PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            log::write_message(&Error::io(Kind::Failure, "remove", &self.0, &error));
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// A lock of ours is a second name of the new file, which is beside the old one or in its place by
/// now. Any other lock is kubectl's or somebody else's, dead or not.
fn remove_dead_lock(path: &Path) {
    let Ok(target) = sys::follow_links(path) else { return };
    let lock = lock_path(path);
    if [temporary_path(&target), target].iter().any(|ours| sys::is_same_file(ours, &lock)) {
        remove_if_dead(&lock);
    }
}

/// A second name for the new file; a file of its own where there is none, or no links.
fn create_lock(lock: &Path, prepared: Option<&Temporary>) -> io::Result<()> {
    match prepared.map(|temporary| fs::hard_link(&temporary.path, lock)) {
        Some(Ok(())) => Ok(()),
        _ => sys::create_private(lock).map(drop),
    }
}

enum Locked {
    Held(Lock),
    /// A directory where nothing can be created: kubectl cannot lock there either.
    Impossible,
    Busy,
}

fn lock(path: &Path, prepared: Option<&Temporary>, patience: Patience) -> Result<Locked> {
    let lock = lock_path(path);
    let deadline = sys::steady_clock() + WAIT;
    loop {
        match create_lock(&lock, prepared) {
            Ok(()) => return Ok(Locked::Held(Lock(lock))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if needs_writing_in_place(&error) => return Ok(Locked::Impossible),
            Err(error) => return Err(Error::io(Kind::Failure, "create", &lock, &error)),
        }
        remove_dead_lock(path);
        if patience == Patience::Never {
            return Ok(Locked::Busy);
        }
        if sys::steady_clock() > deadline {
            let text = format!("cannot write '{}': '{}' exists", shown(path), shown(&lock));
            let hint = "another program is writing, or was killed: if none is, remove that file";
            return Err(Error::failure(text).with_hint(hint));
        }
        sleep(LOCK_POLL);
    }
}

enum Aftermath {
    Peace,
    /// The file is not the one that we wrote.
    Rewritten,
    /// Somebody wrote to the file that we replaced.
    LateWriter,
}

fn aftermath(
    path: &Path,
    replaced: &Snapshot,
    ours: FileStamp,
    in_place: bool,
    patience: Patience,
) -> Aftermath {
    let end = sys::steady_clock()
        + match patience {
            Patience::Wait => AFTERMATH,
            Patience::Never => AFTERMATH_UNWATCHED,
        };
    loop {
        if !in_place && replaced.was_written() {
            return Aftermath::LateWriter;
        }
        if !holds(path, ours) {
            return Aftermath::Rewritten;
        }
        if sys::steady_clock() > end {
            return Aftermath::Peace;
        }
        sleep(AFTERMATH_POLL);
    }
}

/// What a late writer wrote to the replaced file, to be put where it belongs; none if meanwhile
/// something newer stands there.
fn adopt(
    path: &Path,
    replaced: Snapshot,
    ours: FileStamp,
    deadline: Duration,
) -> Result<Option<Snapshot>, Trouble> {
    let failed = |error| Error::io(Kind::Failure, "read", path, &error);
    loop {
        let late = sys::open_file_stamp(&replaced.file).map_err(failed)?;
        let settled = late.size > 0 && age(&late) >= SETTLED;
        if settled || sys::steady_clock() > deadline {
            break;
        }
        sleep(AFTERMATH_POLL);
    }
    if !holds(path, ours) {
        return Ok(None);
    }
    Ok(Some(Snapshot { stamp: ours, ..Snapshot::of(replaced.file, path)? }))
}

/// Whether the file at `path` still has the content of which `stamp` was taken. The change time does
/// not count: removing the lock, which may be a second name of the new file, changes it.
fn holds(path: &Path, stamp: FileStamp) -> bool {
    sys::file_stamp(path).is_ok_and(|now| now.has_same_content(&stamp))
}

fn stamp(path: &Path) -> Option<FileStamp> {
    sys::file_stamp(path).ok()
}
