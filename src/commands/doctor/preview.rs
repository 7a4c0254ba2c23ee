//! What `--inject` would do to a kubeconfig.

use std::path::{Path, PathBuf};

use crate::commands::inject;
use crate::error::Result;
use crate::kubeconfig::files::EditError;
use crate::kubeconfig::plan::{Plan, UserState};
use crate::kubeconfig::yaml::Refusal;
use crate::kubeconfig::{ClientEnvironment, check_writable};

/// The answer for one file.
pub struct Preview {
    pub file: PathBuf,
    /// Whether the file may be written.
    pub writable: Result<()>,
    plan: std::result::Result<Plan, EditError>,
    /// The index in the plan at which the next user is expected: users are checked in the order of the file.
    next: usize,
}

impl Preview {
    pub fn of(file: &Path, environment: &ClientEnvironment) -> Preview {
        let plan = inject::preview(file, environment);
        Preview { file: file.to_owned(), writable: check_writable(file), plan, next: 0 }
    }

    /// Returns why `--inject` would refuse a user, or its whole file.
    pub fn refusal(&mut self, user: &str) -> Option<Refusal> {
        match &self.plan {
            Ok(plan) => {
                let mut places = (self.next..plan.users.len()).chain(0..self.next);
                let place = places.find(|place| plan.users[*place].0 == user)?;
                self.next = place + 1;
                match plan.users[place].1 {
                    UserState::Refused(refusal) => Some(refusal),
                    _ => None,
                }
            }
            Err(EditError::Refused(refusal)) => Some(*refusal),
            // Its users were read a moment ago, so another program is changing the file.
            Err(EditError::Failed(_)) => None,
        }
    }
}
