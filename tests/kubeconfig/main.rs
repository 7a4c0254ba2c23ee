//! `--inject` and `--restore` as a user runs them, on kubeconfigs that real tools write.
//!
//! The tests use kubectl and aws, as `scripts/test-tools` installs them, and the shells of the machine. If
//! one is missing, a line on stderr says what was skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod corpus;
mod files;
mod messages;
mod race;
mod shells;
mod support;
