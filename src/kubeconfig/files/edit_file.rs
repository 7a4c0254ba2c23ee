//! Edits a kubeconfig while other programs write it.
//!
//! Wait until the file has not changed for a moment, write the new one beside it, take kubectl's lock,
//! replace the file if it is still the one that was read, release the lock.
//!
//! Then watch for a moment, because another program may have opened or read the old file before it was
//! replaced. If it writes to the old file, which stays open here, its text is newer than ours: edit that
//! text and replace the file again. If it (kubectl, for example) writes what it had read to the new file,
//! our edit is lost: start again.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::lock;
use super::outcome::{EditError, EditOutcome, OnBusy};
use super::replace::{Replacement, replace};
use super::snapshot::{self, KubeconfigFile, read_settled};
use crate::error::{Error, Kind, shown};
use crate::kubeconfig::names::Names;
use crate::kubeconfig::plan::{Plan, UserState};
use crate::kubeconfig::yaml::Refusal;
use crate::sys::{self, FileStamp};

/// How long to go on with a file that keeps changing.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// How long to watch a file after the edit. kubectl takes 3 ms from reading to writing, the AWS CLI
/// somewhat more; a busy machine stretches it.
const WATCHED: Duration = Duration::from_millis(250);
/// How long to watch with [`OnBusy::GiveUp`].
const WATCHED_QUIET: Duration = Duration::from_millis(100);
const WATCH_POLL: Duration = Duration::from_millis(10);

/// Edits a file as `plan` says.
pub fn edit_file(
    path: &Path,
    on_busy: OnBusy,
    plan: &dyn Fn(&str) -> Result<Plan, Refusal>,
) -> Result<EditOutcome, EditError> {
    let deadline = sys::steady_clock() + MAX_WAIT;
    lock::remove_dead_lock(path);
    let mut written: Option<Plan> = None;
    let mut adopted: Option<KubeconfigFile> = None;
    loop {
        // A text that another program wrote to the replaced file is newer than the file at the path.
        let is_adopted = adopted.is_some();
        let snapshot = match adopted.take() {
            Some(snapshot) => snapshot,
            None => match read_settled(path, on_busy, deadline)? {
                Some(snapshot) => snapshot,
                None => return Ok(EditOutcome::Busy),
            },
        };
        let mut next = match plan(&snapshot.text) {
            // The text of the other program must not be lost, even if it cannot be edited.
            Err(refusal) if is_adopted => {
                replace(path, &snapshot, &snapshot.text, on_busy)?;
                return Err(refusal.into());
            }
            planned => planned?,
        };
        if let Some(earlier) = &written {
            keep_changes(earlier, &mut next);
        }
        if next.edits.is_empty() && !is_adopted {
            return Ok(EditOutcome::Done(next));
        }
        match replace(path, &snapshot, &next.apply(&snapshot.text), on_busy)? {
            Replacement::Locked => return Ok(EditOutcome::Busy),
            Replacement::Changed if on_busy == OnBusy::GiveUp => return Ok(EditOutcome::Busy),
            Replacement::Changed => {}
            Replacement::Done { ours, in_place } => match watch(path, &snapshot, ours, in_place, on_busy) {
                Later::Unchanged => return Ok(EditOutcome::Done(next)),
                Later::Overwritten if on_busy == OnBusy::GiveUp => return Ok(EditOutcome::Done(next)),
                Later::Overwritten => written = Some(next),
                Later::OldFileWritten => {
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

/// Reports a user that an earlier round changed as changed, even if the last round left it alone.
fn keep_changes(earlier: &Plan, plan: &mut Plan) {
    let names = Names::of(earlier.users.iter().map(|(name, _)| name.as_str()));
    for (name, state) in &mut plan.users {
        let before = names.first(name).map(|place| earlier.users[place].1);
        if let (UserState::AlreadyInjected | UserState::NotInjected, Some(before)) = (*state, before) {
            *state = before;
        }
    }
}

/// What happened to the files within a moment after the edit.
enum Later {
    Unchanged,
    /// The file at the path is not the one that we wrote.
    Overwritten,
    /// Another program wrote to the file that we replaced.
    OldFileWritten,
}

fn watch(path: &Path, replaced: &KubeconfigFile, ours: FileStamp, in_place: bool, on_busy: OnBusy) -> Later {
    let end = sys::steady_clock()
        + match on_busy {
            OnBusy::Wait => WATCHED,
            OnBusy::GiveUp => WATCHED_QUIET,
        };
    loop {
        if !in_place && replaced.was_written() {
            return Later::OldFileWritten;
        }
        if !snapshot::has_content(path, ours) {
            return Later::Overwritten;
        }
        if sys::steady_clock() > end {
            return Later::Unchanged;
        }
        sleep(WATCH_POLL);
    }
}

/// What another program wrote to the replaced file; `None` if the file at the path is newer.
fn adopt(
    path: &Path,
    replaced: KubeconfigFile,
    ours: FileStamp,
    deadline: Duration,
) -> Result<Option<KubeconfigFile>, EditError> {
    let failed = |error| Error::io(Kind::Failure, "read", path, &error);
    loop {
        let late = sys::open_file_stamp(&replaced.file).map_err(failed)?;
        let is_complete = late.size > 0 && snapshot::is_settled(&late);
        if is_complete || sys::steady_clock() > deadline {
            break;
        }
        sleep(WATCH_POLL);
    }
    if !snapshot::has_content(path, ours) {
        return Ok(None);
    }
    Ok(Some(KubeconfigFile { stamp: ours, ..KubeconfigFile::of(replaced.file, path)? }))
}
