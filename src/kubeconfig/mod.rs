//! kubeconfigs: which ones kubectl reads, who has an exec plugin, and the edits of `--inject` and
//! `--restore`.
//!
//! `scan` finds the users of a text, `plan` decides which are edited, `edit`, `args` and `command` make
//! the edits, `verify` checks them, `redacted` hides secrets, `shortened` cuts long lines, and `diff`
//! shows the result; all of these are pure. `files` reads and writes. `merge` merges several files as kubectl does. Nothing is printed or
//! logged here. No message holds a value of `env`, an argument or a credential.

mod args;
mod cluster;
mod command;
pub mod diff;
pub mod edit;
mod environment;
pub mod files;
pub mod kuberc;
mod lines;
mod merge;
mod names;
pub mod plan;
pub mod redacted;
mod refused;
mod scan;
pub mod shortened;
mod users;
mod verify;
mod wrapper;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use cluster::Cluster;
pub use environment::{
    ClientEnvironment, PROGRAM, base_name, default_files, directory_on_path, is_own, program_on_path,
};
pub use files::{check_writable, read_named};
pub use merge::{MergedKubeconfig, exec_users, merge};
pub use refused::refused_text;
pub use scan::Kubeconfig;
pub use users::ExecUser;
