//! The environment of kubectl and of this program: where the kubeconfigs are, and which command is this
//! program.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::config::{self, KUBECTL_PLUGIN};
use crate::error::{Error, Result};
use crate::sys;

pub use crate::config::PROGRAM;

/// What kubectl and this program read from the environment.
#[derive(Clone, Debug, Default)]
pub struct ClientEnvironment {
    /// `$KUBECONFIG`, a path list.
    pub kubeconfig: Option<OsString>,
    /// `$KUBERC`: a path, or `off`.
    pub kuberc: Option<OsString>,
    /// `$KUBECTL_KUBERC`, which turns the kuberc off.
    pub kuberc_gate: Option<OsString>,
    pub path: Option<OsString>,
    pub home: Option<PathBuf>,
    /// The path by which this program was called, links not resolved.
    pub program: Option<PathBuf>,
    /// Whether a diff on stdout has colors.
    pub color: bool,
}

impl ClientEnvironment {
    /// `called_as` is the first of the process's arguments.
    pub fn of_process(called_as: &OsStr) -> Self {
        let variable = |name| sys::variable(name).filter(|value| !value.is_empty());
        ClientEnvironment {
            kubeconfig: variable("KUBECONFIG"),
            kuberc: variable("KUBERC"),
            kuberc_gate: variable("KUBECTL_KUBERC"),
            path: variable("PATH"),
            home: config::home_directory(&sys::variable),
            program: program_path(called_as),
            color: config::wants_color(&sys::variable),
        }
    }
}

impl ClientEnvironment {
    /// Returns what a user types to start this program, as it was called.
    pub fn command_name(&self) -> &'static str {
        config::command_name(self.program.as_deref().unwrap_or(Path::new("")).as_os_str())
    }

    /// A variable that says where the kuberc is.
    pub fn kuberc_variable(&self, name: &str) -> Option<OsString> {
        match name {
            "KUBERC" => self.kuberc.clone(),
            "KUBECTL_KUBERC" => self.kuberc_gate.clone(),
            _ => self.home.clone().map(PathBuf::into_os_string),
        }
    }
}

/// Returns the path that the program was called by, or that a shell found on PATH. Links are not
/// resolved, as `current_exe` does: krew's and Homebrew's lead to a folder that the next upgrade removes.
fn program_path(called_as: &OsStr) -> Option<PathBuf> {
    let name = Path::new(called_as);
    let has_directory = name.parent().is_some_and(|parent| !parent.as_os_str().is_empty());
    let path = if has_directory { Some(name.to_owned()) } else { sys::find_program(called_as) };
    let path = path.and_then(|path| sys::absolute(&path).ok()).filter(|path| path.is_file());
    path.or_else(|| std::env::current_exe().ok())
}

/// The kubeconfigs that kubectl reads, whether they exist or not.
pub fn default_files(environment: &ClientEnvironment) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for file in config::split_paths(environment.kubeconfig.as_deref()) {
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

/// Where PATH has this program: its path, links not resolved.
pub fn program_on_path(environment: &ClientEnvironment) -> Option<PathBuf> {
    let name = [PROGRAM, std::env::consts::EXE_SUFFIX].concat();
    for directory in config::split_paths(environment.path.as_deref()) {
        let path = directory.join(&name);
        if path.metadata().is_ok_and(|metadata| sys::is_executable(&metadata)) {
            return Some(path);
        }
    }
    None
}

/// The directory in which PATH has a program; `None` if it is not Unicode or not absolute.
pub fn directory_on_path(program: &str) -> Option<String> {
    let path = sys::find_program(OsStr::new(program)).filter(|path| path.is_absolute())?;
    path.parent()?.to_str().map(str::to_owned)
}

/// Whether a command is this program: one of its names with or without a directory and `.exe`, or
/// another name of the same file.
pub fn is_own(command: &str, environment: &ClientEnvironment) -> bool {
    let name = base_name(command);
    let stem = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
        Some((stem, suffix)) if suffix.eq_ignore_ascii_case(".exe") => stem,
        _ => name,
    };
    let path = Path::new(command);
    [PROGRAM, KUBECTL_PLUGIN].contains(&stem)
        || (path.is_absolute()
            && environment.program.as_ref().is_some_and(|own| sys::is_same_file(path, own)))
}

/// The last name of a path of any platform.
pub fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
