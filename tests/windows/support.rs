//! A separate user for every test: profile, environment, cache and plugins.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::plugin::Plugin;
pub use crate::shared::await_that;
use crate::shared::skip;

pub const HOUR: u64 = 3600;

/// What client-go puts into `KUBERNETES_EXEC_INFO`, with its newline.
pub const EXEC_INFO: &str = "{\"kind\":\"ExecCredential\",\
    \"apiVersion\":\"client.authentication.k8s.io/v1\",\"spec\":{\"interactive\":true}}\n";

pub struct Sandbox {
    profile: TempDir,
    environment: RefCell<BTreeMap<OsString, OsString>>,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let profile = tempfile::Builder::new().prefix("k8s-token-cache-test-").tempdir().unwrap();
        let sandbox = Sandbox { profile, environment: RefCell::default() };
        // Every Windows program needs these.
        for name in ["SystemRoot", "SystemDrive", "ComSpec", "TEMP", "TMP"] {
            sandbox.environment.borrow_mut().extend(std::env::var_os(name).map(|value| (name.into(), value)));
        }
        sandbox.set("USERPROFILE", sandbox.profile());
        sandbox.set("APPDATA", sandbox.roaming());
        sandbox.set("LOCALAPPDATA", sandbox.local());
        sandbox.set("PATH", sandbox.programs());
        sandbox.set("K8S_TOKEN_CACHE_LOG", sandbox.log_file());
        sandbox
    }

    pub fn profile(&self) -> &Path {
        self.profile.path()
    }

    fn roaming(&self) -> PathBuf {
        self.profile().join(r"AppData\Roaming")
    }

    fn local(&self) -> PathBuf {
        self.profile().join(r"AppData\Local")
    }

    /// The directory on PATH.
    pub fn programs(&self) -> PathBuf {
        self.profile().join("Program Files (x86) & more")
    }

    pub fn cache_file(&self) -> PathBuf {
        self.roaming().join(r"k8s-token-cache\token.json")
    }

    pub fn key_file(&self) -> PathBuf {
        self.local().join(r"k8s-token-cache\key")
    }

    fn log_file(&self) -> PathBuf {
        self.profile().join("log")
    }

    /// Makes every entry in the cache file older by `seconds`. Encryption must be off.
    pub fn age_s(&self, seconds: u64) {
        let old = fs::read_to_string(self.cache_file()).unwrap();
        let mut parts = old.split("\"created\":");
        let mut new = parts.next().unwrap().to_owned();
        for part in parts {
            let (created_unix_s, rest) = part.split_once(',').unwrap();
            let older = created_unix_s.parse::<u64>().unwrap() - seconds;
            new.push_str(&format!("\"created\":{older},{rest}"));
        }
        assert!(new.len() == old.len() && new != old);
        fs::write(self.cache_file(), new).unwrap();
    }

    /// The text of the log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Sets a variable for every later call.
    pub fn set(&self, name: &str, value: impl AsRef<OsStr>) {
        self.environment.borrow_mut().insert(name.into(), value.as_ref().into());
    }

    pub fn unset(&self, name: &str) {
        self.environment.borrow_mut().remove(OsStr::new(name));
    }

    /// A plugin on PATH.
    pub fn plugin(&self, file_name: &str) -> Plugin {
        Plugin::new(self.programs().join(file_name))
    }

    /// The program, as a person runs it in a shell.
    pub fn call<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(std::path::absolute(env!("CARGO_BIN_EXE_k8s-token-cache")).unwrap());
        command.env_clear().envs(&*self.environment.borrow()).args(words);
        command.current_dir(self.profile()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run {
        Run(self.call(words).output().unwrap())
    }

    /// Runs the program as kubectl does; this test is kubectl.
    pub fn run_from_client<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run {
        Run(self.call(words).env("KUBERNETES_EXEC_INFO", EXEC_INFO).output().unwrap())
    }

    /// Runs the program as another kubectl does.
    pub fn run_from_another_client<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run {
        let mut call = self.call(words);
        Run(by_another_caller(call.env("KUBERNETES_EXEC_INFO", EXEC_INFO)).output().unwrap())
    }
}

/// The call, made by another process (a shell). No word of it may need quotes.
pub fn by_another_caller(call: &Command) -> Command {
    let mut shell = Command::new("cmd");
    shell.args(["/d", "/c"]).arg(call.get_program()).args(call.get_args());
    shell.env_clear().envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(call.get_current_dir().unwrap()).stdin(Stdio::null());
    shell
}

/// The result of a call.
#[derive(Debug)]
pub struct Run(pub Output);

impl Run {
    pub fn status(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.0.stdout).unwrap()
    }

    pub fn stderr(&self) -> &str {
        std::str::from_utf8(&self.0.stderr).unwrap()
    }

    /// Checks for status 0, exactly this credential on stdout and nothing on stderr.
    #[track_caller]
    pub fn assert_prints(&self, credential: &str) {
        assert_eq!((self.status(), self.stdout(), self.stderr()), (0, credential, ""));
    }

    /// Checks for an error message of the program.
    #[track_caller]
    pub fn assert_own_error(&self, status: i32, of: &str) {
        assert_eq!((self.status(), self.stdout()), (status, ""), "{self:?}");
        assert!(self.stderr().starts_with("k8s-token-cache: ") && self.stderr().contains(of), "{self:?}");
    }
}

/// An ExecCredential with a token that expires in `life_s` seconds.
pub fn credential(token: &str, life_s: u64) -> String {
    let expires_unix_s = now_unix_s() + life_s;
    let stamp = jiff::Timestamp::from_second(expires_unix_s as i64).unwrap();
    format!(
        "{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\
         \"status\":{{\"token\":\"{token}\",\"expirationTimestamp\":\"{stamp}\"}}}}\n"
    )
}

pub fn now_unix_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Whether this is Wine. If so, reports why the test is skipped.
pub fn is_wine(why: &str) -> bool {
    let wine = Path::new(r"C:\windows\system32\winecfg.exe").exists();
    if wine {
        skip(why);
    }
    wine
}
