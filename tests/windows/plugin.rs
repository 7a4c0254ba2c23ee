//! A fake exec plugin: a batch file, as `aws.cmd` and `gcloud.cmd` are, which starts a real program
//! with the arguments that it got.
//!
//! That program is this very test program, told to run [`run_as_plugin`] alone: it notes what it was
//! started with, and waits where it is to be held. What the plugin prints and how it ends stands in
//! files beside the batch file.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::await_that;

/// Variables that a run notes.
const NOTED: [&str; 2] = ["KUBERNETES_EXEC_INFO", "K8S_TOKEN_CACHE_ENCRYPTION_KEY"];

/// Behind it come the batch file and its arguments; before it, what makes a test program run one test
/// that it otherwise leaves out.
const PART: [&str; 5] = ["--exact", "--ignored", "--nocapture", "--", "plugin::run_as_plugin"];

pub struct Plugin(PathBuf);

impl Plugin {
    /// Prints nothing and ends with status 0 until it is told otherwise.
    pub fn new(file: PathBuf) -> Plugin {
        let script = format!(
            "@echo off\r\n\
             \"{}\" {} \"%~f0\" %* >nul\r\n\
             if exist \"%~f0.output\" type \"%~f0.output\"\r\n\
             if exist \"%~f0.exit.cmd\" call \"%~f0.exit.cmd\"\r\n",
            env::current_exe().unwrap().display(),
            PART.join(" ")
        );
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, script).unwrap();
        Plugin(file)
    }

    pub fn file(&self) -> &Path {
        &self.0
    }

    pub fn prints(&self, output: impl AsRef<[u8]>) -> &Self {
        self.put("output", output)
    }

    pub fn exits_with(&self, status: u32) -> &Self {
        self.put("exit.cmd", format!("@exit {status}\r\n"))
    }

    /// Runs do not end until `release`.
    pub fn hold(&self) -> &Self {
        self.put("hold", "")
    }

    pub fn release(&self) {
        fs::remove_file(self.beside("hold")).unwrap();
    }

    /// What every run noted, oldest first.
    fn notes(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.beside("runs")).unwrap_or_default();
        let whole = lines.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn runs(&self) -> usize {
        self.notes().len()
    }

    pub fn await_runs(&self, count: usize) {
        await_that("the plugin runs", || self.runs() >= count);
        assert_eq!(self.runs(), count, "runs of the plugin");
    }

    /// The arguments of the last run.
    pub fn arguments(&self) -> Vec<String> {
        let note = self.notes().pop().unwrap();
        note["arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    /// The value that a variable had in the last run.
    pub fn variable(&self, name: &str) -> Option<String> {
        assert!(NOTED.contains(&name));
        self.notes().pop().unwrap()[name].as_str().map(str::to_owned)
    }

    fn beside(&self, what: &str) -> PathBuf {
        beside(&self.0, what)
    }

    fn put(&self, what: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.beside(what), content).unwrap();
        self
    }
}

/// The words that make this test program play the plugin `file`, without a batch file in between.
pub fn words_of(file: &Path) -> Vec<OsString> {
    let program = env::current_exe().unwrap().into_os_string();
    let file = file.as_os_str().to_owned();
    [program].into_iter().chain(PART.map(OsString::from)).chain([file]).collect()
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

#[test]
#[ignore = "no test: what the fake plugin starts"]
fn run_as_plugin() {
    let mut words = env::args_os().skip_while(|word| word != PART[PART.len() - 1]).skip(1);
    let Some(file) = words.next().map(PathBuf::from) else { return };
    let arguments: Vec<String> = words.map(|word| word.into_string().unwrap()).collect();
    let mut note = json!({ "arguments": arguments });
    for name in NOTED {
        note[name] = env::var(name).ok().into();
    }
    let mut runs = File::options().append(true).create(true).open(beside(&file, "runs")).unwrap();
    runs.write_all(format!("{note}\n").as_bytes()).unwrap();
    drop(runs);
    await_that("the plugin is released", || !beside(&file, "hold").exists());
}
