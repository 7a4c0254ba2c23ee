//! Shared by the black-box tests: a sandbox with its own home directory, fake plugins, credentials, a
//! movable clock, a fake API server, and the real clients.

// Some tests run on Linux only; what only they use is dead code elsewhere.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

mod api_server;
mod caller;
mod clock;
mod credential;
mod kubeconfig;
mod mount;
mod os;
mod plugin;
mod process;
mod sandbox;
mod screen;
mod setting;
mod shared;
mod tools;

pub use api_server::{ApiServer, Identity};
pub use caller::Caller;
pub use clock::Clock;
pub use credential::{Authority, Credential, HOUR, MINUTE, V1, V1BETA1, jwt, jwt_of, now_unix_s, rfc3339};
pub use kubeconfig::Kubeconfig;
pub use mount::Mount;
pub use os::{OTHER_USER, Signal, Terminal, is_alive, is_root, kill, make_fifo, make_null_device};
#[cfg(target_os = "linux")]
pub use os::{collects_orphans, exchange, forbid_keyring, inherit_as, remove_keyrings_of};
pub use plugin::Plugin;
pub use process::{Call, Run, Running, renamed};
pub use sandbox::{EXEC_INFO, PROGRAM, Sandbox, entries_of};
pub use screen::Screen;
pub use setting::{Setting, after};
pub use shared::{await_that, skip};
pub use tools::{Tool, aws, kubectl, python, tool};
