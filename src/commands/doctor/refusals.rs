//! Why `--inject` would refuse users.

use std::path::{Path, PathBuf};

use crate::commands::inject;
use crate::kubeconfig::ClientEnvironment;
use crate::kubeconfig::files::EditError;
use crate::kubeconfig::plan::{Plan, UserState};
use crate::kubeconfig::yaml::Refusal;

/// The plan of `--inject` for the latest file. One is enough, because users are checked file by file.
#[derive(Default)]
pub struct Refusals(Option<(PathBuf, Result<Plan, EditError>)>);

impl Refusals {
    /// Returns why `--inject` would refuse a user, or its whole file.
    pub fn of(&mut self, file: &Path, user: &str, environment: &ClientEnvironment) -> Option<Refusal> {
        if self.0.as_ref().is_none_or(|(known, _)| known != file) {
            self.0 = Some((file.to_owned(), inject::preview(file, environment)));
        }
        match &self.0.as_ref()?.1 {
            Ok(plan) => plan.users.iter().find_map(|(name, state)| match state {
                UserState::Refused(refusal) if name == user => Some(*refusal),
                _ => None,
            }),
            Err(EditError::Refused(refusal)) => Some(*refusal),
            // Its users were read a moment ago, so another program is changing the file.
            Err(EditError::Failed(_)) => None,
        }
    }
}
