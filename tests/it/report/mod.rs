//! The reports: `--list`, `--explain`, `--warm`, `--doctor`. None of them shows a secret.

mod command_line;
mod doctor;
mod doctor_plugins;
mod explain;
mod golden;
mod list;
mod many_users;
mod secrets;
mod warm;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Call, Credential, HOUR, PROGRAM, Plugin, Run, Sandbox};

/// A home with the program on PATH, and a plugin that the table of plugins knows as silent.
struct Setting {
    sandbox: Sandbox,
    aws: Plugin,
}

impl Setting {
    fn new() -> Setting {
        let sandbox = Sandbox::new();
        let bin = sandbox.home().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(PROGRAM, bin.join("k8s-token-cache")).unwrap();
        let plugins = sandbox.home().join("plugins");
        sandbox.set_env("PATH", format!("{}:{}:/usr/bin:/bin", bin.display(), plugins.display()));
        let aws = sandbox.plugin("aws");
        aws.prints(Credential::token("the-token").expires_in(HOUR).bytes());
        Setting { sandbox, aws }
    }

    fn home(&self, path: &str) -> PathBuf {
        self.sandbox.home().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The program with these arguments, as from a shell.
    fn call<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Call {
        self.sandbox.program().args(arguments)
    }

    /// The output of a call that succeeds.
    #[track_caller]
    fn shown<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let run = self.call(arguments).run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{run:?}");
        run.stdout_text()
    }

    /// Writes `~/.kube/config`, as JSON, which is YAML too.
    fn users(&self, users: &[User]) -> PathBuf {
        self.write(".kube/config", kubeconfig(users).to_string())
    }

    /// Whether a call with these arguments runs the plugin.
    fn misses(&self, call: Call) -> bool {
        let before = self.aws.runs();
        let run = call.run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{run:?}");
        self.aws.runs() > before
    }
}

/// Every file and directory below a place, with its content.
fn everything_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.push((path.clone(), Vec::new()));
            found.extend(everything_below(&path));
        } else {
            let content = fs::read(&path).unwrap_or_default();
            found.push((path, content));
        }
    }
    found.sort();
    found
}

/// A user of a kubeconfig.
#[derive(Clone)]
struct User {
    name: &'static str,
    command: Vec<String>,
    env: Vec<(&'static str, &'static str)>,
    exec: Value,
    servers: Vec<&'static str>,
}

impl User {
    /// A user that runs this command line.
    fn direct(name: &'static str, command: &str) -> User {
        let command = command.split(' ').map(str::to_owned).collect();
        let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable"});
        User { name, command, env: Vec::new(), exec, servers: vec!["https://127.0.0.1:1"] }
    }

    /// A user that runs this command line through the cache.
    fn cached(name: &'static str, command: &str) -> User {
        User::direct(name, &format!("k8s-token-cache {command}"))
    }

    fn env(mut self, name: &'static str, value: &'static str) -> User {
        self.env.push((name, value));
        self
    }

    /// Any other member of `exec`.
    fn exec(mut self, member: &str, value: impl Into<Value>) -> User {
        self.exec[member] = value.into();
        self
    }

    /// The clusters of the contexts that this user is in.
    fn servers(mut self, servers: &[&'static str]) -> User {
        self.servers = servers.to_vec();
        self
    }
}

fn kubeconfig(users: &[User]) -> Value {
    let (mut clusters, mut contexts, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for user in users {
        for (number, server) in user.servers.iter().enumerate() {
            let name = if number == 0 { user.name.to_owned() } else { format!("{}-{number}", user.name) };
            clusters.push(json!({"name": name, "cluster": {"server": server}}));
            contexts.push(json!({"name": name, "context": {"cluster": name, "user": user.name}}));
        }
        let mut exec = user.exec.clone();
        exec["command"] = json!(user.command[0]);
        exec["args"] = json!(user.command[1..]);
        let env = user.env.iter().map(|(name, value)| json!({"name": name, "value": value}));
        exec["env"] = env.collect();
        entries.push(json!({"name": user.name, "user": {"exec": exec}}));
    }
    json!({"apiVersion": "v1", "kind": "Config", "clusters": clusters, "contexts": contexts, "users": entries})
}

/// The rows of a report with this label, each with its further lines.
fn rows(report: &str, label: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut inside = false;
    for line in report.lines() {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix(label).filter(|rest| rest.starts_with(' ')) {
            rows.push(rest.trim().to_owned());
            inside = true;
        } else if inside && line.starts_with("           ") {
            let row = rows.last_mut().unwrap();
            row.push('\n');
            row.push_str(text);
        } else {
            inside = false;
        }
    }
    rows
}

fn text(run: &Run) -> String {
    run.stdout_text() + &run.stderr_text()
}
