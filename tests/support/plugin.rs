//! A fake exec plugin whose behaviour the test decides, and which tells what was done to it.
//!
//! It is a symbolic link in the sandbox to one script, `plugin.sh`: linking writes no executable,
//! so that no run can fail with "text file busy" while another test forks. Behaviour and records
//! are files in a folder beside the link; every one is put in place by a rename, so that a plugin
//! that is running never reads half of it.

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
    /// A plugin that prints nothing and ends with status 0 until it is told otherwise.
    pub fn new(directory: &Path, name: &str) -> Plugin {
        let command = directory.join(name);
        let state = directory.join(format!("{name}.d"));
        fs::create_dir_all(&state).unwrap();
        std::os::unix::fs::symlink(SCRIPT, &command).unwrap();
        Plugin { command, state }
    }

    /// The absolute path to start it by.
    pub fn command(&self) -> &Path {
        &self.command
    }

    pub fn prints(&self, output: impl AsRef<[u8]>) -> &Self {
        self.put("output", output)
    }

    /// What it prints on its run number `run`, counted from one, in place of `prints`; to be said
    /// for every run.
    pub fn prints_on_run(&self, run: usize, output: impl AsRef<[u8]>) -> &Self {
        self.put("by-run", "").put(&format!("output.{run}"), output)
    }

    /// Becomes the real plugin of that path, with the same arguments; its runs are still counted.
    pub fn becomes(&self, program: &Path) -> &Self {
        self.put("real", program.as_os_str().as_encoded_bytes())
    }

    pub fn exits_with(&self, status: u8) -> &Self {
        self.put("status", status.to_string())
    }

    /// Ends by sending itself that signal (`TERM`, `KILL`), after its output.
    pub fn dies_of(&self, signal: &str) -> &Self {
        self.put("signal", signal)
    }

    /// Notes a caught HUP, INT, QUIT or TERM and ends with this status.
    pub fn catches_signals_and_exits_with(&self, status: u8) -> &Self {
        self.put("trap", status.to_string())
    }

    /// Ignores every signal that can be ignored, and so does a child that it starts.
    pub fn starts_a_child_and_ignores_signals(&self) -> &Self {
        self.put("ignore", "")
    }

    /// The process ids of the children that it started.
    pub fn children(&self) -> Vec<u32> {
        self.numbers("children")
    }

    pub fn writes_to_stderr(&self, text: impl AsRef<[u8]>) -> &Self {
        self.put("stderr", text)
    }

    /// From now on notes its arguments, environment and terminals.
    pub fn records(&self) -> &Self {
        self.put("record", "")
    }

    /// Reads its standard input to the end before it goes on.
    pub fn reads_stdin(&self) -> &Self {
        self.put("read-stdin", "")
    }

    /// Reads one line of its standard input before it goes on.
    pub fn reads_a_line(&self) -> &Self {
        self.put("read-line", "")
    }

    /// Runs do not end until `release` or `release_run`.
    pub fn hold(&self) -> &Self {
        self.put("hold", "")
    }

    pub fn release(&self) {
        fs::remove_file(self.state.join("hold")).unwrap();
    }

    /// Lets go one held run, by its process id.
    pub fn release_run(&self, pid: u32) {
        self.put(&format!("release.{pid}"), "");
    }

    /// How often it was started.
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

    /// Waits until a run has noted everything that `records` promises.
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

    /// What the last recorded run had open, blocked and ignored, as Linux tells it.
    pub fn inheritance(&self) -> String {
        ["descriptors", "signal-masks"]
            .map(|name| fs::read_to_string(self.state.join(name)).unwrap())
            .concat()
    }

    /// What it read from its standard input.
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
