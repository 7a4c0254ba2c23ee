//! The verbs: one file or folder each.
//!
//! `--list`, `--explain` and `--doctor` report, `--clear`, `--warm`, `--inject` and `--restore` act.
//! What several of them need is in `output` (printing), `page` (layout), `contents` (what is cached),
//! `parts` (cache keys for people), `redactor` (hiding secrets), `key_files` (paths that lead nowhere) and
//! `client` (kubeconfig users and what their clients run).
//!
//! No verb prints a credential or a secret. Reports run nothing and create no file. A hit uses nothing
//! of this folder.

mod clear;
mod client;
mod contents;
mod doctor;
mod explain;
mod inject;
mod key_files;
mod list;
mod output;
mod page;
mod parts;
mod redactor;
mod warm;

pub use clear::clear;
pub use doctor::doctor;
pub use explain::explain;
pub use inject::inject;
pub use list::list;
pub use output::print;
pub use warm::warm;
