//! A directory of its own for every test, this program on its PATH, and nothing else around it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_k8s-token-cache");

/// A directory that is removed on drop.
pub struct Home(PathBuf);

impl Home {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("k8s-token-cache-kubeconfig-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        // On Windows that would be an extended-length path.
        Home(if cfg!(windows) { path } else { path.canonicalize().unwrap() })
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file that was written long ago.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        settle(&path);
        path
    }

    /// This program, found on PATH as `k8s-token-cache`, and nothing else in the environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", &self.0).env("USERPROFILE", &self.0);
        command.env("PATH", Path::new(PROGRAM).parent().unwrap());
        command.current_dir(&self.0).stdin(Stdio::null());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Answer {
        Answer::of(self.command().args(args).output().unwrap())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a file old, so that an edit does not wait.
pub fn settle(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

#[derive(Debug)]
pub struct Answer {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn of(output: Output) -> Self {
        Answer {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        self
    }

    #[track_caller]
    pub fn refused(self) -> Self {
        assert_eq!(self.status, Some(1), "{self:?}");
        self
    }
}

pub fn read(path: &Path) -> String {
    String::from_utf8(fs::read(path).unwrap()).unwrap()
}

/// An exec user of the usual form.
pub fn user(name: &str, command: &str) -> String {
    format!(
        "- name: {name}
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - get-token
      command: {command}
"
    )
}

pub fn kubeconfig(users: &[String]) -> String {
    format!("apiVersion: v1\nkind: Config\nusers:\n{}", users.concat())
}

/// Where a program is: the path in an environment variable, what `scripts/test-tools` installed, or what
/// PATH has. If there is none, a line says what is skipped.
pub fn find(variable: &str, name: &str, skipped: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/test/bin");
    let places = std::iter::once(pinned).chain(std::env::split_paths(&path));
    let file = [name, std::env::consts::EXE_SUFFIX].concat();
    let found = named.or_else(|| places.map(|directory| directory.join(&file)).find(|path| path.is_file()));
    if found.is_none() {
        skip(&format!("{skipped}: no {name} (set {variable})"));
    }
    found
}

/// Says what is skipped, past the test harness, which hides what passing tests print.
pub fn skip(what: &str) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {what}");
}
