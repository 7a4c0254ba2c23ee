//! Which identity a wrapped command acts as: what must differ in the cache key when the identity differs.
//!
//! Owns the table of plugins ([`table`]), how a command line is recognized in it, also behind `env`, `sh -c`,
//! `aws-vault exec` and the like ([`recognize`]), which files its words and variables name ([`paths`]), what a
//! command that is not understood could look at ([`mentions`], [`project`], [`session`]), and the masking of secrets in command lines that are shown
//! ([`mask`]). Promises: if the plugin would answer two calls for two identities, the calls differ in what is
//! named here; no file of a row is rewritten by the plugin at every run. Left to others: the values of the
//! variables, the `stat` of the files, and the key itself.
//!
//! A secret that is the whole identity counts (`DIGITALOCEAN_ACCESS_TOKEN`). A secret that only proves a
//! public name counts by its presence (`AWS_SECRET_ACCESS_KEY` proves `AWS_ACCESS_KEY_ID`), and only for the
//! plugins whose row says so: such a call can be cached with encryption off.

mod configuration;
mod expand;
mod interaction;
mod invocation;
mod mask;
mod mentions;
mod paths;
mod program;
mod project;
mod recognize;
mod script;
pub mod session;
mod shell;
mod shown;
mod table;
#[cfg(test)]
mod tests;
mod texts;
mod variables;
mod words;
mod wrapper;

use std::ffi::OsString;

use crate::config::Environment;

pub use interaction::Interaction;
pub use mask::{MASK, holds_secret, is_secret_variable, mask_arguments, secret_arguments};
pub use paths::{Mention, named_by_variable, names_path};
pub use recognize::Identity;
pub use shown::{Tag, show_address, show_arguments, show_variable};
pub use variables::IdentityVariable;

/// The identity that `command` acts as.
pub fn identify(command: &[OsString], environment: Environment<'_>) -> Identity {
    recognize::recognize(command, environment)
}

/// Whether `variable` needs no `--key-env` for `command`: its row covers it, or no command sees it.
pub fn covers(command: &[OsString], variable: &str) -> bool {
    // Clients set it last, so what a kubeconfig says about it has no effect.
    variable == "KUBERNETES_EXEC_INFO" || identify(command, &|_| None).covers(variable)
}

/// The identity of `command`, whose configuration names further programs: everything counts.
pub fn identify_with_programs(command: &[OsString], environment: Environment<'_>) -> Identity {
    recognize::recognize_with_programs(command, environment)
}

/// Whether the table describes every part of `command`.
pub fn is_understood(command: &[OsString]) -> bool {
    identify(command, &|_| None).is_understood
}

/// How to get the plugin if it is missing.
pub fn install_hint(command: &[OsString]) -> Option<&'static str> {
    identify(command, &|_| None).install_hint
}
