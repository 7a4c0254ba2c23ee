//! How the edit of a file ends.

use crate::error::Error;
use crate::kubeconfig::plan::Plan;
use crate::kubeconfig::yaml::Refusal;

/// What to do about a file that is locked, or that another program wrote a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBusy {
    /// Wait until it is free and has not changed for a while.
    Wait,
    /// Leave it alone: `--quiet`.
    GiveUp,
}

/// How far an edit got.
#[derive(Debug)]
pub enum EditOutcome {
    /// The file is as planned, changed or not.
    Done(Plan),
    /// Another program is using the file; see [`OnBusy::GiveUp`].
    Busy,
}

/// Why a file was not edited.
#[derive(Debug)]
pub enum EditError {
    /// Because of its content.
    Refused(Refusal),
    /// It cannot be read or written.
    Failed(Error),
}

impl From<Refusal> for EditError {
    fn from(refusal: Refusal) -> Self {
        EditError::Refused(refusal)
    }
}

impl From<Error> for EditError {
    fn from(error: Error) -> Self {
        EditError::Failed(error)
    }
}
