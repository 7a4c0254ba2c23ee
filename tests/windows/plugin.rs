//! A fake exec plugin: a batch file, like `aws.cmd` and `gcloud.cmd`, that starts a program with the
//! arguments that it gets.
//!
//! That program is this test program itself, which runs only [`run_as_plugin`]: it records how it was
//! started and waits while the plugin is held. Files beside the batch file set the plugin's output and
//! exit status.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::await_that;

/// Variables that a run records.
const RECORDED: [&str; 2] = ["KUBERNETES_EXEC_INFO", "K8S_TOKEN_CACHE_ENCRYPTION_KEY"];

/// Arguments that make the test program run only the ignored test [`run_as_plugin`]. The batch file and
/// its arguments follow.
const ARGUMENTS: [&str; 5] = ["--exact", "--ignored", "--nocapture", "--", "plugin::run_as_plugin"];

pub struct Plugin(PathBuf);

impl Plugin {
    /// A plugin that prints nothing and exits with 0 until its behavior is set.
    pub fn new(file: PathBuf) -> Plugin {
        let script = format!(
            "@echo off\r\n\
             \"{}\" {} \"%~f0\" %* >nul\r\n\
             if exist \"%~f0.output\" type \"%~f0.output\"\r\n\
             if exist \"%~f0.exit.cmd\" call \"%~f0.exit.cmd\"\r\n",
            env::current_exe().unwrap().display(),
            ARGUMENTS.join(" ")
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

    /// Makes runs wait until `release`.
    pub fn hold(&self) -> &Self {
        self.put("hold", "")
    }

    pub fn release(&self) {
        fs::remove_file(self.beside("hold")).unwrap();
    }

    /// The records of all runs, oldest first.
    fn records(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.beside("runs")).unwrap_or_default();
        let whole = lines.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn runs(&self) -> usize {
        self.records().len()
    }

    pub fn await_runs(&self, count: usize) {
        await_that("the plugin runs", || self.runs() >= count);
        assert_eq!(self.runs(), count, "runs of the plugin");
    }

    /// The arguments of the last run.
    pub fn arguments(&self) -> Vec<String> {
        let record = self.records().pop().unwrap();
        record["arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    /// The value of a variable in the last run.
    pub fn variable(&self, name: &str) -> Option<String> {
        assert!(RECORDED.contains(&name));
        self.records().pop().unwrap()[name].as_str().map(str::to_owned)
    }

    fn beside(&self, what: &str) -> PathBuf {
        beside(&self.0, what)
    }

    fn put(&self, what: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.beside(what), content).unwrap();
        self
    }
}

/// The command line that runs the plugin `file` without its batch file.
pub fn words_of(file: &Path) -> Vec<OsString> {
    let program = env::current_exe().unwrap().into_os_string();
    let file = file.as_os_str().to_owned();
    [program].into_iter().chain(ARGUMENTS.map(OsString::from)).chain([file]).collect()
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

#[test]
#[ignore = "not a test: the fake plugin runs it"]
fn run_as_plugin() {
    let mut words = env::args_os().skip_while(|word| word != ARGUMENTS[ARGUMENTS.len() - 1]).skip(1);
    let Some(file) = words.next().map(PathBuf::from) else { return };
    let arguments: Vec<String> = words.map(|word| word.into_string().unwrap()).collect();
    let mut record = json!({ "arguments": arguments });
    for name in RECORDED {
        record[name] = env::var(name).ok().into();
    }
    let mut runs = File::options().append(true).create(true).open(beside(&file, "runs")).unwrap();
    runs.write_all(format!("{record}\n").as_bytes()).unwrap();
    drop(runs);
    await_that("the plugin is released", || !beside(&file, "hold").exists());
}
