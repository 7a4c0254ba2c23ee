//! Which identity a wrapped command acts as: what must differ in the key when the user differs.
//!
//! Owns the table of plugins ([`table`]) and how a command line is recognised in it, also behind
//! `env`, `sh -c`, `aws-vault exec` and their like ([`recognise`]), and hides secrets in command
//! lines that are shown ([`mask`]). Promises: two calls that the plugin would answer for two
//! identities differ in a variable, a file or an argument, as far as the plugin's own source or
//! documentation says; no file is named that the plugin rewrites at every run. Nothing here prints
//! or fails; but for the name of gcloud's active configuration it reads no file.
//! Left to others: the values of the variables, the `stat` of the files, and the key itself.
//!
//! Which secrets count: one that is the whole identity does (`DIGITALOCEAN_ACCESS_TOKEN`). One that
//! only proves a public name beside it does not (`AWS_SECRET_ACCESS_KEY` proves
//! `AWS_ACCESS_KEY_ID`; a session token comes with an access key id of its own): the name tells the
//! identities apart already, and without the secret the call can be cached with encryption off.

mod mask;
mod recognize;
mod table;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Environment;

pub use mask::{holds_secret, is_secret_variable, mask_arguments};

/// Whether the plugin may turn to the person in front of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interaction {
    /// Known never to prompt nor to open a browser: may be run unasked, in the background.
    Silent,
    /// Nobody knows.
    Unknown,
    /// Known to ask for passwords, codes or a login in the browser.
    MayPrompt,
}

/// An environment variable that takes part in choosing the identity.
#[derive(Clone, Copy, Debug)]
pub struct IdentityVariable {
    pub name: &'static str,
    /// The value must not be shown, and counts only where the entry's name is keyed.
    pub secret: bool,
}

/// What the table knows of one command line.
pub struct Identity {
    /// The innermost plugin's name in the table.
    pub family: Option<&'static str>,
    pub interaction: Interaction,
    /// Files that select the identity. They need not exist.
    pub files: Vec<PathBuf>,
    /// Variables that only the command line names (`sh -c 'plugin --user $WHO'`). They count like
    /// those of the table; [`is_secret_variable`] tells which to hide.
    pub named_variables: Vec<String>,
    /// How to get the plugin where it is missing.
    pub install_hint: Option<&'static str>,
    groups: table::Groups,
}

impl Identity {
    /// The variables that count, always in the same order, none twice.
    pub fn variables(&self) -> impl Iterator<Item = IdentityVariable> {
        self.groups.variables()
    }
}

/// The identity that `command` acts as. The union of all variables, and no file, for a plugin that
/// is not in the table.
pub fn identify(command: &[OsString], environment: Environment<'_>) -> Identity {
    recognize::recognize(command, environment)
}

/// Whether `variable` needs no `--key-env`: it counts for this command anyway, or is known to make
/// no difference.
pub fn knows(command: &[OsString], variable: &str) -> bool {
    let identity = identify(command, &|_| None);
    identity.variables().any(|known| known.name == variable)
        || identity.named_variables.iter().any(|named| named == variable)
        || table::words(table::MAKES_NO_DIFFERENCE).any(|known| known == variable)
}

/// How to get the plugin where it is missing.
pub fn install_hint(command: &[OsString]) -> Option<&'static str> {
    identify(command, &|_| None).install_hint
}
