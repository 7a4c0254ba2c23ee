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
mod text;
mod time;
mod x509;

use std::env;
use std::ffi::OsString;

use cli::{Command, Wrapped};
use config::Config;
use error::Result;
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

fn run(mut arguments: Vec<OsString>) -> Result<u8> {
    let called_as = if arguments.is_empty() { OsString::new() } else { arguments.remove(0) };
    let kubeconfigs = || kubeconfig::Environment::of_process(&called_as);
    match cli::parse(arguments)? {
        Command::Proxy(wrapped) => with_call(&wrapped, &mut proxy::run),
        Command::Kubeconfig(options) => edit_kubeconfigs(&options, &kubeconfigs()),
        Command::List { json } => report::list(&read_config()?, json, &variable),
        Command::Explain(wrapped) => report::explain(&wrapped, &variable, &kubeconfigs()),
        Command::Clear(None) => report::clear_all(&read_config()?),
        Command::Clear(Some(wrapped)) => with_call(&wrapped, &mut report::clear),
        Command::Warm(files) => report::warm(files, &variable, &kubeconfigs()),
        Command::Doctor => report::doctor(&read_config()?, &variable, &kubeconfigs()),
        #[cfg(windows)]
        Command::Refresh(wrapped) => with_call(&wrapped, &mut refresh::run),
        Command::Help => report::print(cli::USAGE),
        Command::Version => report::print(concat!("k8s-token-cache ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

fn with_call(wrapped: &Wrapped, act: &mut dyn FnMut(&Call<'_>) -> Result<u8>) -> Result<u8> {
    proxy::with_call(wrapped, &variable, act)
}

fn read_config() -> Result<Config> {
    Config::read(&variable)
}

fn variable(name: &str) -> Option<OsString> {
    sys::variable(name)
}

fn edit_kubeconfigs(options: &kubeconfig::Options, environment: &kubeconfig::Environment) -> Result<u8> {
    let outcome = kubeconfig::run(options, environment, &identity::knows)?;
    log::write_error(&outcome.stderr);
    report::print(&outcome.stdout)?;
    Ok(outcome.exit_status())
}
