//! Dispatch, and the one place where an error becomes text and an exit status.

mod error;
mod kubeconfig;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Stands in for `cli` and `identity` until they are there.
fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let action = match args.next().as_ref().and_then(|arg| arg.to_str()) {
        Some("--inject") => kubeconfig::Action::Inject,
        Some("--restore") => kubeconfig::Action::Restore,
        _ => return ExitCode::from(2),
    };
    let mut options = kubeconfig::Options {
        action,
        dry_run: false,
        quiet: false,
        users: Vec::new(),
        command: None,
        files: Vec::new(),
    };
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--dry-run") => options.dry_run = true,
            Some("--quiet") => options.quiet = true,
            Some("--user") => options
                .users
                .extend(args.next().and_then(|name| name.into_string().ok())),
            Some("--command") => options.command = args.next(),
            _ => options.files.push(arg.into()),
        }
    }
    let known = |_: &[OsString], name: &str| name.starts_with("AWS_");
    let environment = kubeconfig::Environment::of_process();
    match kubeconfig::run(&options, &environment, &known) {
        Ok(outcome) => {
            let _ = std::io::stdout().write_all(outcome.stdout.as_bytes());
            let _ = std::io::stderr().write_all(outcome.stderr.as_bytes());
            ExitCode::from(outcome.exit_status())
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "k8s-token-cache: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
