//! Finds real clients and tools: those that `scripts/test-tools` installs, else those on PATH.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::skip;

/// A program and the PATH that it needs, because some are scripts that search for their interpreter.
pub struct Tool {
    pub program: PathBuf,
    pub path: OsString,
}

/// The pinned kubectl, else the one on PATH. `None` if there is none, which is reported.
pub fn kubectl() -> Option<Tool> {
    find("kubectl")
}

/// The pinned AWS CLI, else the one on PATH. `None` if there is none, which is reported.
pub fn aws() -> Option<Tool> {
    find("aws")
}

/// The Python interpreter itself, not a script that searches for one. `None` if there is none, which is
/// reported.
pub fn python() -> Option<Tool> {
    let mut python = tool("python3")?;
    let ask = Command::new(&python.program).args(["-c", "import sys; print(sys.executable)"]).output();
    python.program = String::from_utf8(ask.unwrap().stdout).unwrap().trim().into();
    Some(python)
}

/// A program on PATH. `None` if there is none, which is reported.
pub fn tool(name: &str) -> Option<Tool> {
    let found = search(name);
    if found.is_none() {
        skip(&format!("no '{name}' on PATH"));
    }
    found
}

fn find(name: &str) -> Option<Tool> {
    let found = search(name);
    if found.is_none() {
        skip(&format!("no '{name}': scripts/test-tools installs it"));
    }
    found
}

fn search(name: &str) -> Option<Tool> {
    let path = env::var_os("PATH").unwrap_or_default();
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/test/bin");
    let program = std::iter::once(pinned)
        .chain(env::split_paths(&path))
        .map(|directory| directory.join(name))
        .find(|program| program.is_file());
    program.map(|program| Tool { program, path })
}
