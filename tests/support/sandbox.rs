//! A separate user for every test: home directory, environment, cache and plugins.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{Call, Clock, Plugin, await_that};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_k8s-token-cache");

/// What client-go puts into `KUBERNETES_EXEC_INFO`, with its newline.
pub const EXEC_INFO: &str = "{\"kind\":\"ExecCredential\",\
    \"apiVersion\":\"client.authentication.k8s.io/v1\",\"spec\":{\"interactive\":false}}\n";

pub struct Sandbox {
    home: TempDir,
    env: RefCell<BTreeMap<OsString, OsString>>,
    paths: Cell<u32>,
}

impl Sandbox {
    /// An empty home directory with mode 0700. Encryption keys go into a file there, because all tests
    /// on a machine would share the kernel's keyring.
    pub fn new() -> Sandbox {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("k8s-token-cache-test-");
        let home = builder.permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
        let sandbox = Sandbox { home, env: RefCell::default(), paths: Cell::new(0) };
        sandbox.set_env("HOME", sandbox.home());
        sandbox.set_env("PATH", "/usr/bin:/bin");
        sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "file");
        sandbox
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A new path in the home directory; nothing exists there.
    pub fn new_path(&self, name: &str) -> PathBuf {
        let number = self.paths.get();
        self.paths.set(number + 1);
        self.home().join(format!("{name}-{number}"))
    }

    /// Sets a variable for every later call.
    pub fn set_env(&self, name: &str, value: impl AsRef<OsStr>) {
        self.env.borrow_mut().insert(name.into(), value.as_ref().into());
    }

    /// A movable clock for every later call; `None` if the machine does not support it.
    pub fn clock(&self) -> Option<Clock> {
        let clock = Clock::new(self.home())?;
        for (name, value) in clock.environment() {
            self.set_env(name, value);
        }
        Some(clock)
    }

    /// A plugin called `name`, in a folder that is not on PATH.
    pub fn plugin(&self, name: &str) -> Plugin {
        let directory = self.home().join("plugins");
        fs::create_dir_all(&directory).unwrap();
        Plugin::new(&directory, name)
    }

    /// The program without arguments, in this user's environment, as from a shell.
    pub fn program(&self) -> Call {
        self.tool(PROGRAM)
    }

    /// Another program in this user's environment.
    pub fn tool(&self, program: impl AsRef<OsStr>) -> Call {
        let call = Call::new(program).current_dir(self.home());
        self.env.borrow().iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    /// The program with the plugin as its command, as a Kubernetes client runs it.
    pub fn cache(&self, plugin: &Plugin) -> Call {
        self.shell(plugin).env("KUBERNETES_EXEC_INFO", EXEC_INFO).by_new("kubectl")
    }

    /// The program with the plugin as its command, as a person runs it in a shell.
    pub fn shell(&self, plugin: &Plugin) -> Call {
        self.program().arg(plugin.command()).by_new("make")
    }

    /// The default directory of the cache file.
    pub fn cache_directory(&self) -> PathBuf {
        let caches = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        self.home().join(caches).join("k8s-token-cache")
    }

    pub fn cache_file(&self) -> PathBuf {
        self.cache_directory().join("token.json")
    }

    pub fn lock_file(&self) -> PathBuf {
        self.cache_directory().join("token.json.lock")
    }

    /// The number of entries in the cache file, 0 if there is no file. Checks that it is valid JSON.
    pub fn entries(&self) -> usize {
        entries_of(&self.cache_file())
    }

    /// The processes that run with this sandbox as HOME.
    #[cfg(target_os = "linux")]
    pub fn processes(&self) -> Vec<u32> {
        let home = format!("HOME={}", self.home().display());
        let in_home = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|variable| variable == home.as_bytes())
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(in_home).collect()
    }

    /// Waits until no process of this user is left, so that nothing can happen later.
    #[cfg(target_os = "linux")]
    pub fn await_quiet(&self) {
        await_that("no process is left", || self.processes().is_empty());
    }

    /// Waits until the process waits for the plugin of another one, which means that it has opened the
    /// lock file. Other systems than Linux do not show that, so there the test continues at once.
    pub fn await_waiting(&self, pid: u32) {
        if cfg!(target_os = "linux") {
            await_that("the process has opened the lock file", || self.has_lock_file(pid));
        }
    }

    /// The number of this user's processes that have opened the lock file.
    #[cfg(target_os = "linux")]
    pub fn waiting(&self) -> usize {
        self.processes().into_iter().filter(|&pid| self.has_lock_file(pid)).count()
    }

    fn has_lock_file(&self, pid: u32) -> bool {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|mut entries| {
            entries.any(|entry| {
                let target = entry.and_then(|entry| fs::read_link(entry.path()));
                target.is_ok_and(|target| target == self.lock_file())
            })
        })
    }
}

/// The number of entries in a cache file, 0 if there is no file. Checks that it is valid JSON.
pub fn entries_of(path: &Path) -> usize {
    let Ok(bytes) = fs::read(path) else { return 0 };
    let document: Value = serde_json::from_slice(&bytes).expect("the cache file is JSON");
    let lines = document["entries"].as_object().expect("entries is an object");
    assert_eq!(document["index"].as_array().expect("index is an array").len(), lines.len());
    // A removed entry leaves a line that only says when.
    lines.values().filter(|line| line.get("removed").is_none()).count()
}
