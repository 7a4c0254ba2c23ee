//! This program's own arguments in a kubeconfig: options, then the wrapped command.
//!
//! Reads them back, and says which `--key-env` a command needs. Pure.

use std::ffi::OsString;

use super::names::Names;
use super::scan::{Exec, Kubeconfig};
use super::yaml::{Id, Refusal};

const KEY_ENV: &str = "--key-env";
/// Begins a list of names that only adds to what counts.
const ADDS: char = '+';
/// Ends the options of this program.
pub const END_OF_OPTIONS: &str = "--";
/// This program's own settings select no identity.
const OWN_VARIABLES: &str = "K8S_TOKEN_CACHE_";

/// What `args` of an injected user says.
pub struct WrapperArgs<'t> {
    /// The names that `--key-env` gives.
    pub key_env: Vec<&'t str>,
    /// Whether a list states all names that matter.
    pub key_env_is_complete: bool,
    /// The index of the wrapped command in `args`; `None` if there is none or it cannot be told.
    pub command: Option<usize>,
}

impl<'t> WrapperArgs<'t> {
    /// Reads this program's options. If it wraps itself, reads on behind that.
    pub fn read(config: &'t Kubeconfig<'_>, args: &[Id], is_own: &dyn Fn(&str) -> bool) -> Self {
        let word = |at: usize| args.get(at).and_then(|&arg| config.tree.string(arg));
        let mut wrapper = WrapperArgs { key_env: Vec::new(), key_env_is_complete: false, command: None };
        let mut at = 0;
        while let Some(arg) = word(at) {
            at += 1;
            if let Some(names) = arg.strip_prefix(KEY_ENV).and_then(|rest| rest.strip_prefix('=')) {
                wrapper.add_key_env(names);
            } else if arg == KEY_ENV {
                wrapper.add_key_env(word(at).unwrap_or_default());
                at += 1;
            } else if arg == END_OF_OPTIONS {
                wrapper.command = Some(at);
                break;
            } else if !is_own(arg) {
                wrapper.command = (!arg.starts_with('-')).then_some(at - 1);
                break;
            }
        }
        wrapper.command = wrapper.command.filter(|&at| word(at).is_some_and(|command| !command.is_empty()));
        wrapper
    }

    fn add_key_env(&mut self, names: &'t str) {
        self.key_env_is_complete |= !names.starts_with(ADDS);
        self.key_env.extend(names.split(',').map(|name| name.trim_start_matches(ADDS)));
    }
}

/// The option that names further variables; `None` for no names. `adds` says that other variables count too.
pub fn key_env_option(names: &[&str], adds: bool) -> Option<String> {
    let sign = if adds { "+" } else { "" };
    if names.is_empty() { None } else { Some([KEY_ENV, "=", sign, &names.join(",")].concat()) }
}

/// The names in `exec.env` that the cache key of `call` covers neither by itself nor by `given`.
/// `is_known(call, name)` says whether it covers one by itself.
pub fn uncovered_names<'t>(
    config: &'t Kubeconfig<'_>,
    exec: &Exec,
    call: &[OsString],
    given: &[&str],
    is_known: &dyn Fn(&[OsString], &str) -> bool,
) -> Result<Vec<&'t str>, Refusal> {
    let mut names: Vec<&str> = config.env(exec).into_iter().map(|(name, _)| name).collect();
    names.retain(|name| !name.is_empty() && !name.starts_with(OWN_VARIABLES));
    let (all, given) = (Names::of(names.iter().copied()), Names::of(given.iter().copied()));
    let mut place = 0..;
    names.retain(|name| {
        place.next() == all.first(name) && given.first(name).is_none() && !is_known(call, name)
    });
    if names.iter().any(|name| name.contains([',', '=', '\0', '\n'])) {
        let line = exec.env.map_or(0, |env| config.tree.line(env));
        let reason = "the name of a variable in 'env' contains ',', '=' or a line break";
        return Err(Refusal::new(line, reason));
    }
    Ok(names)
}
