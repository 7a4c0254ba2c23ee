//! No secret in any output: every secret contains a mark, and no output does.

use std::fs;

use super::{Setting, User};
use crate::support::{Call, Credential, EXEC_INFO, HOUR, Terminal};

/// Part of every secret.
const MARK: &str = "hush";
const TOKEN: &str = "eyJhbGciOiJub25lIn0.hush.hush";

/// Flags, variables and addresses that carry secrets, each its own way.
const COMMANDS: [&[&str]; 8] = [
    &["aws", "eks", "get-token", "--token", "hush1", "--client-secret=hush2", "--password=hush3"],
    &["sh", "-c", "aws eks get-token --oidc-client-secret=hush4 # $HUSHED"],
    &["env", "API_TOKEN=hush5", "aws", "https://me:hush6@example.com/?token=hush7"],
    &["doctl", "-t", "hush8", "kubernetes", "--access-token=hush9"],
    &["aws", "eyJhbGciOiJub25lIn0.hush.x"],
    &["aws", "--pass", "hush", "--pwd=hush", "-phush", "-p", "hush", "-u", "joe:hush", "--creds=hush"],
    &["aws", "--jwt", "hush", "--otp", "hush", "https://hush@host/a", "ghp_hush", "Server=a;Pwd=hush"],
    &["sh", "-c", "exec aws --data '{\"password\": \"hush\"}'"],
];

impl Setting {
    fn with_secrets() -> Setting {
        let setting = Setting::new();
        let doctl = setting.sandbox.plugin("doctl");
        for plugin in [&setting.aws, &doctl] {
            plugin.prints(Credential::token(TOKEN).expires_in(HOUR).bytes());
        }
        for (name, value) in [
            ("AWS_PROFILE", "dev"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "hush"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://me:hush@127.0.0.1/"),
            ("DIGITALOCEAN_ACCESS_TOKEN", "hush"),
            ("TENANT_PASSWORD", "hush"),
            ("TENANT_TOKEN", TOKEN),
            ("DB_PWD", "hush"),
            ("PASS", "hush"),
            ("GITHUB_PAT", "hush"),
            ("JWT", "hush"),
            ("K8S_TOKEN_CACHE_KEY_ENV", "TENANT_PASSWORD,TENANT_TOKEN,DB_PWD,PASS,GITHUB_PAT,JWT"),
            ("K8S_TOKEN_CACHE_ENCRYPTION_KEY", KEY),
        ] {
            setting.sandbox.set_env(name, value);
        }
        setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", setting.home("log"));
        let users: Vec<User> = COMMANDS
            .iter()
            .zip(["a", "b", "c", "d", "e", "f", "g", "h"])
            .map(|(command, name)| {
                let user = User::cached(name, "--key-env=MORE");
                User { command: [user.command.clone(), words(command)].concat(), ..user }
                    .env("MORE_SECRET", "hush")
                    .exec("provideClusterInfo", true)
                    .servers(&["https://me:hush@127.0.0.1:1/"])
            })
            .collect();
        let bare = User::direct("bare", "aws eks get-token --token=hush").env("AWS_SESSION_TOKEN", "hush");
        setting.users(&[users, vec![bare]].concat());
        setting
    }

    /// Runs it in a pipe and on a terminal: no output has a mark.
    #[track_caller]
    fn shows_no_secret(&self, change: &dyn Fn(Call) -> Call) {
        let run = change(self.sandbox.program()).run();
        no_mark(&run.stdout_text());
        no_mark(&run.stderr_text());
        let terminal = Terminal::new().columns(500);
        let mut call = change(self.sandbox.program()).on_terminal(&terminal);
        terminal.show_output(call.command());
        let running = call.spawn();
        // Read meanwhile: a terminal holds little.
        no_mark(&terminal.into_text());
        running.finish();
    }
}

/// 32 bytes; in base64 they contain the mark.
const KEY: &str = "hushhushhushhushhushhushhushhushhushhushhus=";

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn no_mark(output: &str) {
    assert!(!output.contains(MARK), "{output}");
}

#[test]
fn reports_show_no_secret() {
    let setting = Setting::with_secrets();
    for command in COMMANDS {
        let run = setting.sandbox.program().args(command).run();
        assert!(run.stdout_text().contains(TOKEN), "the credential itself is for the client: {run:?}");
        no_mark(&run.stderr_text());
        setting.sandbox.program().args(command).env("KUBERNETES_EXEC_INFO", EXEC_INFO).run();
    }
    for verb in ["--list", "--doctor", "--warm", "--list"] {
        setting.shows_no_secret(&|call| call.arg(verb));
    }
    setting.shows_no_secret(&|call| call.args(["--list", "--json"]));
    for command in COMMANDS {
        setting.shows_no_secret(&|call| call.arg("--explain").args(command));
        let other = |call: Call| call.env("TENANT_PASSWORD", "hush-other").env("TENANT_TOKEN", "eyJ.hush.y");
        setting.shows_no_secret(&|call| other(call).arg("--explain").args(command));
        let info = EXEC_INFO
            .replace("\"interactive\"", "\"cluster\":{\"server\":\"https://u:hush@h\"},\"interactive\"");
        setting
            .shows_no_secret(&|call| call.env("KUBERNETES_EXEC_INFO", &info).arg("--explain").args(command));
    }
    for command in COMMANDS {
        setting.shows_no_secret(&|call| call.arg("--clear").args(command));
    }
    setting.shows_no_secret(&|call| call.args(["--inject", "--user", "bare"]));
    setting.shows_no_secret(&|call| call.arg("--restore"));
    no_mark(&fs::read_to_string(setting.home("log")).unwrap());
}

#[test]
fn errors_show_no_secret() {
    let setting = Setting::with_secrets();
    for arguments in [
        &["--token=hush", "aws"][..],
        &["-thush", "aws"],
        &["--list", "hush"],
        &["--list=hush"],
        &["--doctor", "hush"],
        &["--explain"],
        &["--no-such-option=hush"],
    ] {
        setting.shows_no_secret(&|call| call.args(arguments));
    }
    let broken = format!("{{\"kind\":\"ExecCredential\",\"hush\":\"{TOKEN}\"");
    for (output, status) in [(broken.as_str(), 0), ("hush", 3), (TOKEN, 255)] {
        // The plugin's output is for the client; there is none here.
        setting.aws.prints(output).exits_with(status);
        let run = setting.sandbox.program().args(COMMANDS[0]).run();
        no_mark(&run.stderr_text());
        setting.shows_no_secret(&|call| call.arg("--warm"));
        setting.shows_no_secret(&|call| call.arg("--explain").args(COMMANDS[0]));
    }
    for (name, value) in [
        ("KUBERNETES_EXEC_INFO", "{\"hush"),
        ("K8S_TOKEN_CACHE_ENCRYPTION_KEY", "hush"),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "off"),
        ("K8S_TOKEN_CACHE_FILE", "/"),
    ] {
        setting.shows_no_secret(&|call| call.env(name, value).arg("--explain").args(COMMANDS[0]));
        setting.shows_no_secret(&|call| call.env(name, value).arg("--doctor"));
        setting.shows_no_secret(&|call| call.env(name, value).arg("--list"));
    }
    fs::remove_file(setting.aws.command()).unwrap();
    setting.shows_no_secret(&|call| call.args(COMMANDS[0]));
    setting.shows_no_secret(&|call| call.arg("--warm"));
    no_mark(&fs::read_to_string(setting.home("log")).unwrap());
}
