//! `--inject` and `--restore` as a user runs them, on kubeconfigs that real tools write.
//!
//! Real programs take part: kubectl and aws as `scripts/test-tools` installs them, and the shells of
//! the machine. Where one is missing a line on stderr says what was left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod corpus;
mod files;
mod messages;
mod race;
mod shells;
mod support;
