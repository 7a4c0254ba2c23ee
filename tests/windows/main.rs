//! Black-box tests on Windows: everything that differs from Unix, and the main path once more.
//! `scripts/test-windows` runs them under Wine on Linux; on Windows, `cargo test` does.
//!
//! Where Wine differs from Windows, tests run on Windows only; see `support::is_wine`.

#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod arguments;
mod cache_file;
mod kubeconfig;
mod miss_and_hit;
mod plugin;
mod programs;
mod refresh;
#[path = "../support/shared.rs"]
mod shared;
mod support;
