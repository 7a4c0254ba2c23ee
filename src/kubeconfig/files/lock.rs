//! kubectl's lock of a kubeconfig: the file `<path as given>.lock`.
//!
//! Our lock is a hard link to the temporary file, and its writer holds a lock on that file's content. So a
//! lock file that a killed run left behind is recognized and removed. Any other lock file is left alone.
//! kubectl gives up if it finds a lock file, so ours exists for microseconds only.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::outcome::OnBusy;
use super::temporary::{Temporary, remove_if_dead, temporary_path};
use crate::error::{Error, Kind, Result, shown};
use crate::sys;

/// How long to wait for the lock.
const MAX_WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// A lock that is held. Dropping it removes the file, if it can be removed.
pub struct KubectlLock(PathBuf);

impl KubectlLock {
    /// Removes the file, and says if that failed: kubectl could not write the kubeconfig any more.
    pub fn release(mut self) -> Result<()> {
        let path = std::mem::take(&mut self.0);
        fs::remove_file(&path).map_err(|error| Error::io(Kind::Failure, "remove", &path, &error))
    }
}

impl Drop for KubectlLock {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}

pub enum Locking {
    Held(KubectlLock),
    /// Nothing can be created in the directory: kubectl cannot lock there either.
    Impossible,
    /// Another program holds it; see [`OnBusy::GiveUp`].
    Busy,
}

/// Takes the lock of the kubeconfig `path`.
pub fn lock(path: &Path, temporary: Option<&Temporary>, on_busy: OnBusy) -> Result<Locking> {
    let lock = lock_path(path);
    let deadline = sys::steady_clock() + MAX_WAIT;
    loop {
        match create(&lock, temporary) {
            Ok(()) => return Ok(Locking::Held(KubectlLock(lock))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if is_read_only(&error) => return Ok(Locking::Impossible),
            Err(error) => return Err(Error::io(Kind::Failure, "create", &lock, &error)),
        }
        remove_dead_lock(path);
        if on_busy == OnBusy::GiveUp {
            return Ok(Locking::Busy);
        }
        if sys::steady_clock() > deadline {
            let text = format!("cannot write '{}': '{}' exists", shown(path), shown(&lock));
            let hint = "another program is writing, or was killed: if none is running, remove that file";
            return Err(Error::failure(text).with_hint(hint));
        }
        sleep(POLL);
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Removes a lock of ours whose holder was killed: a second name of the temporary file, which may have
/// taken the kubeconfig's place by now.
pub fn remove_dead_lock(path: &Path) {
    let Ok(target) = sys::follow_links(path) else { return };
    let lock = lock_path(path);
    if [temporary_path(&target), target].iter().any(|ours| sys::is_same_file(ours, &lock)) {
        remove_if_dead(&lock);
    }
}

/// A second name of the temporary file; a new file if there is none, or no hard links.
fn create(lock: &Path, temporary: Option<&Temporary>) -> io::Result<()> {
    match temporary.map(|temporary| fs::hard_link(&temporary.path, lock)) {
        Some(Ok(())) => Ok(()),
        _ => sys::create_private(lock).map(drop),
    }
}

/// Whether nothing can be created or replaced in a directory, or a file cannot be replaced: a read-only
/// or sticky directory, another owner, a file that is a mount point.
pub fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
    )
}
