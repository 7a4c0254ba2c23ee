//! Dispatch, and the one place where an error becomes text and an exit status.
//!
//! On Unix the C runtime calls `sys`, which calls [`start`]; elsewhere std's start does.

#![cfg_attr(all(unix, not(test)), no_main)]

mod base64;
mod cache;
mod callers;
mod cli;
mod config;
mod credential;
mod entry;
mod error;
mod exec_info;
mod flight;
mod fnv;
mod identity;
mod json;
mod key;
mod keystore;
mod kubeconfig;
mod lock;
mod log;
mod plugin;
mod proxy;
mod refresh;
mod report;
mod seal;
mod secret;
mod store;
mod sys;
mod time;
mod x509;

use std::env;
use std::ffi::OsString;

use cli::{Command, Wrapped};
use config::Config;
use error::Result;
use log::Log;
use proxy::Call;

#[cfg(not(unix))]
fn main() -> std::process::ExitCode {
    start(env::args_os().collect()).into()
}

#[cfg_attr(test, allow(dead_code))] // Nothing starts a test build but its harness.
/// Does what the arguments ask for; the exit status. The first argument is the program's name.
pub fn start(arguments: Vec<OsString>) -> u8 {
    run(arguments).unwrap_or_else(|error| {
        log::say(&error);
        error.exit_status()
    })
}

fn run(arguments: Vec<OsString>) -> Result<u8> {
    match cli::parse(arguments.into_iter().skip(1))? {
        Command::Proxy(wrapped) => proxy(&wrapped),
        Command::List { json } => report::list(&read_config()?, json),
        Command::Clear(None) => report::clear_all(&read_config()?),
        Command::Clear(Some(wrapped)) => with_call(&wrapped, &|call| report::clear(call)),
        Command::Help => report::print(cli::USAGE),
        Command::Version => report::print(concat!("k8s-token-cache ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

fn proxy(wrapped: &Wrapped) -> Result<u8> {
    with_call(wrapped, &|call| proxy::run(call))
}

fn read_config() -> Result<Config> {
    Config::read(&|name| env::var_os(name))
}

/// Puts together what the environment says of a call of `wrapped`.
fn with_call(wrapped: &Wrapped, act: &dyn Fn(&Call<'_>) -> Result<u8>) -> Result<u8> {
    let environment = |name: &str| env::var_os(name);
    let mut config = Config::read(&environment)?;
    config.key_env.extend(wrapped.key_env.iter().cloned());
    let identity = identity::identify(&wrapped.command, &environment);
    act(&Call {
        config: &config,
        identity: &identity,
        source: key::Source {
            command: &wrapped.command,
            identity: &identity,
            key_env: &config.key_env,
            key_files: &config.key_files,
            environment: &environment,
        },
        log: Log::new(config.log.clone(), &wrapped.command),
    })
}
