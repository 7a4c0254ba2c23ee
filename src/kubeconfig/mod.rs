//! `--inject` and `--restore`: the cache in front of the exec plugins of the kubeconfigs.
//!
//! Here stands which files are meant, which command is written, and what people are told. `scan`,
//! `edit`, `verify`, `diff` and `kuberc` work on texts; `file` reads and writes. Nothing is
//! printed: an [`Outcome`] holds what goes where, and no line of it holds a value from `env`, an
//! argument or a credential. The diff of `--dry-run` shows lines of the file as they are.

pub mod diff;
pub mod edit;
pub mod files;
mod kuberc;
mod plugins;
pub mod scan;
pub mod verify;
pub mod yaml;

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use files::read_named;
pub use plugins::{Cluster, ExecUser};

use crate::error::{Error, Result, shown};
use crate::sys::{self, Stream};
use files::Trouble;
use yaml::Refusal;

/// This program's name, and what kubeconfigs call it where PATH knows it.
pub const PROGRAM: &str = "k8s-token-cache";

/// What counts of the process's surroundings.
#[derive(Clone, Debug, Default)]
pub struct ClientEnvironment {
    /// `$KUBECONFIG`, a path list.
    pub kubeconfig: Option<OsString>,
    /// `$KUBERC`: a path, or `off`.
    pub kuberc: Option<OsString>,
    pub path: Option<OsString>,
    pub home: Option<PathBuf>,
    /// This program as it was called, links unresolved.
    pub program: Option<PathBuf>,
    /// Whether a diff on stdout is coloured.
    pub colour: bool,
}

impl ClientEnvironment {
    /// `called_as` is the first of the process's arguments.
    pub fn of_process(called_as: &OsStr) -> Self {
        let variable = |name| sys::variable(name).filter(|value| !value.is_empty());
        let home = if cfg!(windows) { variable("USERPROFILE") } else { variable("HOME") };
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        ClientEnvironment {
            kubeconfig: variable("KUBECONFIG"),
            kuberc: variable("KUBERC"),
            path: variable("PATH"),
            home: home.map(PathBuf::from),
            program: program_path(called_as),
            // https://no-color.org
            colour: sys::is_terminal(Stream::Output) && variable("NO_COLOR").is_none() && !is_dumb,
        }
    }
}

/// `current_exe` resolves links, and would name a directory that the next upgrade removes.
fn program_path(called_as: &OsStr) -> Option<PathBuf> {
    let name = Path::new(called_as);
    let has_directory = name.parent().is_some_and(|parent| !parent.as_os_str().is_empty());
    match sys::absolute(name) {
        Ok(path) if has_directory && path.is_file() => Some(path),
        _ => std::env::current_exe().ok(),
    }
}

/// The users of a kubeconfig that have an exec plugin.
pub fn exec_users(path: &Path, environment: &ClientEnvironment) -> Result<Vec<ExecUser>> {
    plugins::list(path, &|command| is_own(command, environment)).map_err(|trouble| match trouble {
        Trouble::Failed(error) => error,
        Trouble::Refused(refusal) => Error::failure(format!("cannot read {}", refused_text(path, &refusal))),
    })
}

/// The files that kubectl reads, as it names them; they need not exist.
pub fn default_files(environment: &ClientEnvironment) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for file in environment.kubeconfig.iter().flat_map(std::env::split_paths) {
        let is_known = files.iter().any(|known| known.as_os_str() == file.as_os_str());
        if !file.as_os_str().is_empty() && !is_known {
            files.push(file);
        }
    }
    if files.is_empty() {
        let home = environment.home.as_ref().ok_or_else(|| {
            Error::usage("cannot find a kubeconfig: neither KUBECONFIG nor the home directory is set")
        })?;
        files.push(home.join(".kube").join("config"));
    }
    Ok(files)
}

pub fn is_on_path(environment: &ClientEnvironment) -> bool {
    let name = [PROGRAM, std::env::consts::EXE_SUFFIX].concat();
    environment
        .path
        .iter()
        .flat_map(std::env::split_paths)
        .any(|directory| directory.join(&name).metadata().is_ok_and(|metadata| sys::is_executable(&metadata)))
}

/// Any spelling of this program: its name with or without a directory and `.exe`, or another name
/// of the same file.
pub fn is_own(command: &str, environment: &ClientEnvironment) -> bool {
    let name = kuberc::base_name(command);
    let stem = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
        Some((stem, suffix)) if suffix.eq_ignore_ascii_case(".exe") => stem,
        _ => name,
    };
    let path = Path::new(command);
    stem == PROGRAM
        || (path.is_absolute()
            && environment.program.as_ref().is_some_and(|own| sys::is_same_file(path, own)))
}

/// The user's kuberc and the lines that it lacks, where it forbids kubectl to run `program`.
pub fn missing_in_kuberc(environment: &ClientEnvironment, program: &str) -> Option<(PathBuf, String)> {
    let path = match &environment.kuberc {
        Some(off) if off == "off" => return None,
        Some(path) => PathBuf::from(path),
        None => environment.home.as_ref()?.join(".kube").join("kuberc"),
    };
    let text = String::from_utf8(read_named(&path).ok()?).ok()?;
    let lines = kuberc::hint(&text, program)?;
    Some((path, lines))
}

pub fn refused_text(path: &Path, refusal: &Refusal) -> String {
    format!("'{}', line {}: {}", shown(path), refusal.line, refusal.reason)
}
