//! Everything that the program does. `main.rs` starts it; tests and fuzz targets use it as a library.
//!
//! This is not a public API: it changes with every version. What a hit does begins in [`proxy`]. Imports
//! point one way; `docs/DESIGN.md` lists the layers and a test checks them.

pub mod cache;
pub mod cli;
pub mod commands;
pub mod config;
pub mod credential;
pub mod error;
pub mod format;
pub mod identity;
pub mod key;
pub mod keystore;
pub mod kubeconfig;
pub mod log;
pub mod proxy;
pub mod secret;
pub mod sys;

use std::ffi::{OsStr, OsString};

use cli::Command;
use config::Config;
use error::Result;
use proxy::Call;

/// Does what `arguments` ask for and returns the exit status. The first argument is the name of the
/// program.
pub fn run(mut arguments: Vec<OsString>) -> u8 {
    let called_as = if arguments.is_empty() { OsString::new() } else { arguments.remove(0) };
    dispatch(&called_as, arguments).unwrap_or_else(|error| {
        let error = error.map_hint(|hint| cli::with_command_name(hint, config::command_name(&called_as)));
        log::write_message(&error);
        error.exit_status()
    })
}

fn dispatch(called_as: &OsStr, arguments: Vec<OsString>) -> Result<u8> {
    let kubeconfigs = || kubeconfig::ClientEnvironment::of_process(called_as);
    match cli::parse(arguments)? {
        Command::Proxy(wrapped) => proxy::run(&mut Call::new(wrapped, &sys::variable)?),
        Command::Kubeconfig(options) => commands::inject(&options, &kubeconfigs()),
        Command::List { json } => commands::list(&read_config()?, json, &sys::variable, &kubeconfigs()),
        Command::Explain(subject) => commands::explain(subject, &sys::variable, &kubeconfigs()),
        Command::Clear(subject) => commands::clear(subject, &sys::variable, &kubeconfigs()),
        Command::Warm(files) => commands::warm(files, &sys::variable, &kubeconfigs()),
        Command::Doctor => commands::doctor(&variable_names(), &sys::variable, &kubeconfigs()),
        #[cfg(windows)]
        Command::Refresh(wrapped) => {
            proxy::background::run(&Call::new(wrapped, &sys::variable)?.with_configuration())
        }
        Command::Help => {
            commands::print(&cli::with_command_name(cli::USAGE, config::command_name(called_as)))
        }
        Command::Version => commands::print(concat!("k8s-token-cache ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

fn variable_names() -> Vec<String> {
    sys::variables().iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
}

fn read_config() -> Result<Config> {
    Config::read(&sys::variable)
}
