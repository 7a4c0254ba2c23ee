//! Black-box tests: they run the built program as its clients do. One module per topic, one test per
//! promise. All modules are one test program, because linking a TLS server a dozen times is slow.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod cache_file;
mod completions;
mod console;
mod crash;
mod design;
mod documents;
mod doubt;

mod encryption;
mod exit_status;
mod floods;
mod healing;
mod hostile;
mod identity;
mod install;
mod keep_warm;
mod key;
mod krew;
mod kubectl;
#[cfg(target_os = "linux")]
mod many_entries;
mod packages;
mod passthrough;
mod paths;
mod permissions;
mod places;
mod plugin_output;
mod policy;
mod proxy;
mod real_plugins;
mod refresh;
mod release;
mod report;
mod single_flight;
mod sources;
mod surroundings;
mod test_tools;
