//! Which file the name of a program means.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::environment::variable;
use super::files::has_access;

/// The directories in which shells and the C library look if PATH is not set.
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// The file that `program` names. A name without a slash is searched for on PATH.
pub fn find_program(program: &OsStr) -> Option<PathBuf> {
    candidates(program).into_iter().find(|path| path.exists())
}

/// The files that `program` may mean, in the order of the search. An empty or relative element of PATH never
/// starts a program, as in Go (<https://pkg.go.dev/os/exec#hdr-Executables_in_the_current_directory>).
pub fn candidates(program: &OsStr) -> Vec<PathBuf> {
    if program.is_empty() || program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program)];
    }
    let directories = variable("PATH").unwrap_or_else(|| OsString::from(DEFAULT_PATH));
    let absolute = env::split_paths(&directories).filter(|directory| directory.is_absolute());
    absolute.map(|directory| directory.join(program)).collect()
}

/// Whether `path` is a file that this user may execute.
pub fn may_execute(path: &Path) -> bool {
    path.is_file() && has_access(path, libc::X_OK)
}
