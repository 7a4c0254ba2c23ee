//! A fake exec plugin: a test sets its behavior and reads its records.
//!
//! It is a symbolic link in the sandbox to one script, `plugin.sh`. A link writes no executable, so no
//! run can fail with "text file busy" while another test forks. Behavior and records are files in a
//! folder beside the link. Each file is renamed into place, so that a running plugin never reads half of
//! one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::await_that;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/plugin.sh");

pub struct Plugin {
    command: PathBuf,
    state: PathBuf,
}

impl Plugin {
    /// A plugin that prints nothing and exits with 0 until its behavior is set.
    pub fn new(directory: &Path, name: &str) -> Plugin {
        let command = directory.join(name);
        let state = directory.join(format!("{name}.d"));
        fs::create_dir_all(&state).unwrap();
        std::os::unix::fs::symlink(SCRIPT, &command).unwrap();
        Plugin { command, state }
    }

    /// The absolute path of the plugin.
    pub fn command(&self) -> &Path {
        &self.command
    }

    pub fn prints(&self, output: impl AsRef<[u8]>) -> &Self {
        self.put("output", output)
    }

    /// Sets what it prints on run number `run`, counted from 1. Replaces `prints`, so each run needs it.
    pub fn prints_on_run(&self, run: usize, output: impl AsRef<[u8]>) -> &Self {
        self.put("by-run", "").put(&format!("output.{run}"), output)
    }

    /// Makes each run exec the real plugin at that path with the same arguments. Runs are still counted.
    pub fn becomes(&self, program: &Path) -> &Self {
        self.put("real", program.as_os_str().as_encoded_bytes())
    }

    pub fn exits_with(&self, status: u8) -> &Self {
        self.put("status", status.to_string())
    }

    /// Makes it send itself a signal such as `TERM` after its output.
    pub fn dies_of(&self, signal: &str) -> &Self {
        self.put("signal", signal)
    }

    /// Makes it record a caught HUP, INT, QUIT or TERM and exit with this status.
    pub fn catches_signals_and_exits_with(&self, status: u8) -> &Self {
        self.put("trap", status.to_string())
    }

    /// Makes it ignore HUP, INT, QUIT and TERM and start a child that ignores them too.
    pub fn starts_a_child_and_ignores_signals(&self) -> &Self {
        self.put("ignore", "")
    }

    /// The process ids of the children that it has started.
    pub fn children(&self) -> Vec<u32> {
        self.numbers("children")
    }

    pub fn writes_to_stderr(&self, text: impl AsRef<[u8]>) -> &Self {
        self.put("stderr", text)
    }

    /// Makes it record its arguments, environment, descriptors and terminals.
    pub fn records(&self) -> &Self {
        self.put("record", "")
    }

    /// Makes it read its standard input to the end before it prints.
    pub fn reads_stdin(&self) -> &Self {
        self.put("read-stdin", "")
    }

    /// Makes it read one line of its standard input before it prints.
    pub fn reads_a_line(&self) -> &Self {
        self.put("read-line", "")
    }

    /// Makes runs wait until `release` or `release_run`.
    pub fn hold(&self) -> &Self {
        self.put("hold", "")
    }

    pub fn release(&self) {
        fs::remove_file(self.state.join("hold")).unwrap();
    }

    /// Releases one held run, by its process id.
    pub fn release_run(&self, pid: u32) {
        self.put(&format!("release.{pid}"), "");
    }

    /// The number of its runs.
    pub fn runs(&self) -> usize {
        self.pids().len()
    }

    pub fn await_runs(&self, count: usize) {
        await_that(&format!("the plugin runs {count} times"), || self.runs() >= count);
        assert_eq!(self.runs(), count, "runs of the plugin");
    }

    /// The process ids of its runs, oldest first.
    pub fn pids(&self) -> Vec<u32> {
        self.numbers("runs")
    }

    fn numbers(&self, name: &str) -> Vec<u32> {
        let lines = fs::read_to_string(self.state.join(name)).unwrap_or_default();
        lines.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Waits until a run has recorded everything that `records` promises.
    pub fn await_record(&self) {
        await_that("the plugin has recorded a run", || self.state.join("recorded").exists());
    }

    /// The arguments of the last recorded run, without the command.
    pub fn argv(&self) -> Vec<OsString> {
        let bytes = fs::read(self.state.join("argv")).unwrap();
        zero_terminated(&bytes).map(|part| OsString::from_vec(part.to_vec())).collect()
    }

    /// The environment of the last recorded run.
    pub fn environ(&self) -> BTreeMap<OsString, OsString> {
        let bytes = fs::read(self.state.join("environ")).unwrap();
        zero_terminated(&bytes)
            .filter_map(|line| {
                let sign = line.iter().position(|&byte| byte == b'=')?;
                let (name, value) = (line[..sign].to_vec(), line[sign + 1..].to_vec());
                Some((OsString::from_vec(name), OsString::from_vec(value)))
            })
            .collect()
    }

    pub fn environ_value(&self, name: &str) -> Option<OsString> {
        self.environ().remove(OsStr::new(name))
    }

    /// Which of the descriptors 0, 1 and 2 of the last recorded run were terminals.
    pub fn terminals(&self) -> Vec<u8> {
        let lines = fs::read_to_string(self.state.join("terminals")).unwrap();
        lines.lines().map(|descriptor| descriptor.parse().unwrap()).collect()
    }

    /// The open descriptors and the blocked and ignored signals of the last recorded run (Linux only).
    pub fn inheritance(&self) -> String {
        ["descriptors", "signal-masks"]
            .map(|name| fs::read_to_string(self.state.join(name)).unwrap())
            .concat()
    }

    /// The bytes that it read from its standard input.
    pub fn stdin(&self) -> Vec<u8> {
        fs::read(self.state.join("stdin")).unwrap()
    }

    /// The names of the signals that it caught.
    pub fn signals(&self) -> Vec<String> {
        let lines = fs::read_to_string(self.state.join("signals")).unwrap_or_default();
        lines.lines().map(str::to_owned).collect()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let new = self.state.join(format!("{name}.new"));
        fs::write(&new, content).unwrap();
        fs::rename(&new, self.state.join(name)).unwrap();
        self
    }
}

fn zero_terminated(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == 0).map(|part| part.strip_suffix(b"\0").unwrap_or(part))
}
