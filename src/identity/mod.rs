//! Which identity a wrapped command acts as: what must differ in the cache key when the identity differs.
//!
//! Owns the table of plugins ([`table`]), how a command line is recognized in it, also behind `env`, `sh -c`,
//! `aws-vault exec` and the like ([`recognize`]), and the masking of secrets in command lines that are shown
//! ([`mask`]). Promises: if the plugin would answer two calls for two identities, the calls differ in a
//! variable, a file or an argument, as far as the plugin's own source or documentation says; no file is named
//! that the plugin rewrites at every run. Left to others: the values of the variables, the `stat` of the
//! files, and the key itself.
//!
//! A secret that is the whole identity counts (`DIGITALOCEAN_ACCESS_TOKEN`). A secret that only proves a
//! public name does not (`AWS_SECRET_ACCESS_KEY` proves `AWS_ACCESS_KEY_ID`; a session token comes with an
//! access key id of its own): the name already tells the identities apart, and without the secret the call
//! can be cached with encryption off.

mod interaction;
mod invocation;
mod mask;
mod program;
mod recognize;
mod shell;
mod table;
#[cfg(test)]
mod tests;
mod variables;
mod words;
mod wrapper;

use std::ffi::OsString;

use crate::config::Environment;

pub use interaction::Interaction;
pub use mask::{MASK, holds_secret, is_secret_variable, mask_arguments};
pub use recognize::Identity;
pub use variables::IdentityVariable;

/// The identity that `command` acts as. If the plugin is not in the table, all variables of all rows count,
/// and no file.
pub fn identify(command: &[OsString], environment: Environment<'_>) -> Identity {
    recognize::recognize(command, environment)
}

/// Whether `variable` needs no `--key-env`: it counts for this command anyway, or only proves another one.
pub fn covers(command: &[OsString], variable: &str) -> bool {
    let identity = identify(command, &|_| None);
    identity.variables().any(|known| known.name == variable)
        || identity.named_variables.iter().any(|named| named == variable)
        || words::words(variables::PROOFS).any(|proof| proof == variable)
}

/// How to get the plugin if it is missing.
pub fn install_hint(command: &[OsString]) -> Option<&'static str> {
    identify(command, &|_| None).install_hint
}
