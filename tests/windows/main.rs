//! The built program on Windows, as its clients run it: what differs from Unix, and the main path once
//! more. `scripts/test-windows` runs this under Wine on Linux; on Windows, `cargo test` does.
//!
//! What Wine does otherwise than Windows is tested on Windows alone; see `support::is_wine`.

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
