//! If in doubt, miss: commands that the table of plugins does not understand.
//!
//! The plugin here prints a checksum of everything that it can read: its variables, its arguments, some
//! files. The cache must print what the plugin alone prints.

mod generated;
mod named;
mod programs;
mod scripts;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Call, Credential, EXEC_INFO, HOUR, Sandbox, skip};

/// What sessions change, and the plugin leaves out of its checksum.
const OF_SESSIONS: &str = "_|PWD|OLDPWD|SHLVL|TERM|TERM_PROGRAM|TERM_SESSION_ID|TMUX|TMUX_PANE|SSH_TTY|SSH_CONNECTION|\
     SSH_AUTH_SOCK|VSCODE_IPC_HOOK|WINDOWID|LANG|LC_ALL|EDITOR|LS_COLORS|PS1|XDG_SESSION_ID|GIT_ASKPASS|COLUMNS|\
     KUBERNETES_EXEC_INFO|K8S_TOKEN_CACHE_ENCRYPTION|PATH";

struct Setting {
    sandbox: Sandbox,
    /// The directory of programs, which is on PATH.
    programs: PathBuf,
}

impl Setting {
    fn new() -> Setting {
        let sandbox = Sandbox::new();
        let programs = sandbox.new_path("programs");
        fs::create_dir(&programs).unwrap();
        let setting = Setting { sandbox, programs };
        setting.add_plugin(&setting.programs.join("corp-login"), "1");
        setting.sandbox.set_env("PATH", setting.path_with(&[]));
        setting
    }

    /// PATH with these directories first.
    fn path_with(&self, first: &[&Path]) -> String {
        let mut path: Vec<String> = first.iter().map(|path| path.display().to_string()).collect();
        path.push(self.programs.display().to_string());
        path.push("/usr/bin:/bin".to_owned());
        path.join(":")
    }

    /// A plugin that answers with a checksum of what it sees.
    fn add_plugin(&self, path: &Path, version: &str) {
        let script = format!(
            "#!/bin/sh\n# {version}\necho run >>\"$HOME/runs\"\nseen=$({{ echo '{version}'; env | grep -vE '^({OF_SESSIONS})=' | sort; \
             printf '%s\\n' \"$@\"; for file; do cat \"${{file#*=}}\"; done; cat \"$HOME/.aws/config\" \
             \"$HOME/.vault-token\" \"$HOME/.config/gcloud/active_config\" ./here; \
             while read -r file; do cat \"$file\"; done <\"$HOME/looks-at\"; }} 2>&1 | \
             grep -v 'No such file' | cksum)\n\
             echo \"{{\\\"kind\\\":\\\"ExecCredential\\\",\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1\\\",\
             \\\"status\\\":{{\\\"token\\\":\\\"$seen\\\",\\\"expirationTimestamp\\\":\\\"2099-01-01T00:00:00Z\\\"}}}}\"\n"
        );
        self.write(path, &script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn write(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Another process may have the old file open for execution.
        let new = path.with_extension("new");
        fs::write(&new, [text, "\n"].concat()).unwrap();
        fs::rename(&new, path).unwrap();
    }

    /// Makes the plugin look at `path`, besides what it always does.
    fn looks_at(&self, path: &Path) {
        self.write(&self.home("looks-at"), path.to_str().unwrap());
    }

    fn home(&self, name: &str) -> PathBuf {
        self.sandbox.home().join(name)
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.home("runs")).unwrap_or_default().lines().count()
    }

    fn cached(&self, words: &[&str]) -> Call {
        self.sandbox.program().args(words).env("KUBERNETES_EXEC_INFO", EXEC_INFO)
    }

    fn alone(&self, words: &[&str]) -> Call {
        self.sandbox.tool("/usr/bin/env").args(words).env("KUBERNETES_EXEC_INFO", EXEC_INFO)
    }

    /// The right answer, and whether the plugin had to run for it.
    #[track_caller]
    fn check(&self, words: &[&str], with: &dyn Fn(Call) -> Call) -> (String, bool) {
        let right = with(self.alone(words)).run();
        assert_eq!(right.code(), 0, "{words:?}: {right:?}");
        let before = self.runs();
        let run = with(self.cached(words)).by_another_caller().run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{words:?}");
        assert_eq!(run.stdout_text(), right.stdout_text(), "{words:?}: another identity's answer");
        (run.stdout_text(), self.runs() > before)
    }

    /// Two calls that the plugin answers differently: each gets its own answer, also the second time.
    #[track_caller]
    fn differ(&self, what: &str, words: &[&str], one: &dyn Fn(Call) -> Call, other: &dyn Fn(Call) -> Call) {
        let (first, _) = self.check(words, one);
        let (second, _) = self.check(words, other);
        assert_ne!(first, second, "{what}: the case is pointless");
        assert!(!self.check(words, other).1, "{what}: the second call of the same kind is a hit");
        assert!(!self.check(words, one).1, "{what}: the first identity's entry is still there");
    }

    /// A change of the disk that changes the plugin's answer.
    #[track_caller]
    fn changes(&self, what: &str, words: &[&str], change: impl FnOnce()) {
        self.changes_with(what, words, &same, change);
    }

    #[track_caller]
    fn changes_with(&self, what: &str, words: &[&str], with: &dyn Fn(Call) -> Call, change: impl FnOnce()) {
        let (first, _) = self.check(words, with);
        assert!(!self.check(words, with).1, "{what}: an unchanged call is a hit");
        change();
        let (second, _) = self.check(words, with);
        assert_ne!(first, second, "{what}: the case is pointless");
        assert!(!self.check(words, with).1, "{what}: and then a hit");
    }
}

fn same(call: Call) -> Call {
    call
}

#[test]
fn every_variable_of_an_unknown_plugin_counts() {
    let setting = Setting::new();
    for name in [
        "KUBECONFIG",
        "VAULT_ADDR",
        "VAULT_TOKEN",
        "KRB5CCNAME",
        "COMPANY_STAGE",
        "SYSTEM_ACCESSTOKEN",
        "AZURE_CLIENT_SECRET",
        "OS_PASSWORD",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "SSH_KEY",
        "LC_AWS_PROFILE",
        "CORP_SESSION_ID",
        "TERMINUS_TOKEN",
        "HISTORY_TOKEN",
        "XDG_CONFIG_HOME",
        "USER",
        "HTTPS_PROXY",
        "BASH_ENV",
    ] {
        let with = |value: &'static str| move |call: Call| call.env(name, value);
        setting.differ(name, &["corp-login", "x"], &same, &with("/dev"));
        setting.differ(name, &["corp-login", "x"], &with("/dev"), &with("/prd"));
    }
}

#[test]
fn another_terminal_or_directory_hits_with_an_unknown_plugin() {
    let setting = Setting::new();
    let words = ["corp-login", "--stage=dev", "x"];
    assert!(setting.check(&words, &same).1);
    fs::create_dir(setting.home("elsewhere")).unwrap();
    let elsewhere = setting.home("elsewhere");
    let in_directory = |call: Call| call.current_dir(&elsewhere).env("PWD", &elsewhere).env("OLDPWD", "/");
    assert!(!setting.check(&words, &in_directory).1, "another directory");
    let sessions: [&[(&str, &str)]; 6] = [
        &[("TERM", "xterm"), ("WINDOWID", "7"), ("TERM_SESSION_ID", "x"), ("SHLVL", "3"), ("_", "/x")],
        &[("TMUX", "/tmp/tmux,1,2"), ("TMUX_PANE", "%7"), ("TERM", "screen"), ("TERM_PROGRAM", "tmux")],
        &[
            ("SSH_TTY", "/dev/pts/3"),
            ("SSH_CONNECTION", "1 2 3 4"),
            ("SSH_AUTH_SOCK", "/tmp/a"),
            ("LANG", "C"),
        ],
        &[("VSCODE_IPC_HOOK", "/x"), ("GIT_ASKPASS", "/y"), ("TERM_PROGRAM", "vscode"), ("COLUMNS", "7")],
        &[("LS_COLORS", "x"), ("PS1", "$"), ("EDITOR", "vi"), ("XDG_SESSION_ID", "4"), ("LC_ALL", "C")],
        &[],
    ];
    for session in sessions {
        let with = |call: Call| session.iter().fold(call, |call, (name, value)| call.env(name, value));
        assert!(!setting.check(&words, &with).1, "{session:?}");
    }
    let repeated = format!("{}:{}", setting.path_with(&[]), setting.programs.display());
    assert!(!setting.check(&words, &|call| call.env("PATH", &repeated)).1, "PATH with a repeated element");
    let editor = setting.path_with(&[Path::new("/h/.vscode-server/bin/1/bin/remote-cli")]);
    assert!(!setting.check(&words, &|call| call.env("PATH", &editor)).1, "PATH of an editor's terminal");
    fs::write(setting.home("unrelated"), "1").unwrap();
    assert!(!setting.check(&words, &same).1, "a file that nothing mentions");
}

#[test]
fn identity_files_count_behind_a_script_or_a_shell() {
    let setting = Setting::new();
    symlink(setting.programs.join("corp-login"), setting.programs.join("aws2")).unwrap();
    let wrapper = setting.programs.join("my-login");
    setting.write(&wrapper, "#!/bin/sh\nexec corp-login \"$@\"\n");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let mut version = 0;
    for words in [
        &["corp-login", "a"][..],
        &["my-login", "a"],
        &["aws2", "eks", "get-token"],
        &["sh", "-c", "corp-login a | cat"],
        &["bash", "-c", "set -e; corp-login a"],
        &["env", "-S", "corp-login a"],
        &["env", "X=1", "corp-login", "a"],
        &["timeout", "50", "corp-login", "a"],
        &["nice", "my-login", "a"],
        &["stdbuf", "-o0", "corp-login", "a"],
    ] {
        for file in [".aws/config", ".vault-token", ".config/gcloud/active_config"] {
            version += 1;
            let text = format!("{version}");
            setting.changes(file, words, || setting.write(&setting.home(file), &text));
        }
    }
}

#[test]
fn the_program_counts_with_its_stamp() {
    let setting = Setting::new();
    let [a, b] = ["a", "b"].map(|name| setting.home(name));
    setting.add_plugin(&a.join("get-token"), "a");
    setting.add_plugin(&b.join("get-token"), "b");
    let [with_a, with_b] = [&a, &b].map(|directory| setting.path_with(&[directory]));
    for words in [
        &["get-token", "x"][..],
        &["env", "X=1", "get-token"],
        &["sh", "-c", "get-token | cat"],
        &["sh", "-c", "true && get-token"],
    ] {
        setting.differ("PATH", words, &|call| call.env("PATH", &with_a), &|call| call.env("PATH", &with_b));
    }
    let program = setting.programs.join("corp-login");
    let path = program.to_str().unwrap();
    let mut version = 1;
    for words in [&["corp-login", "x"][..], &[path, "x"], &["sh", path], &["sh", "-c", "corp-login x; true"]]
    {
        version += 1;
        let version = version.to_string();
        setting.changes("an edited program", words, || setting.add_plugin(&program, &version));
    }
}

#[test]
fn a_file_that_the_command_line_mentions_counts() {
    let setting = Setting::new();
    let file = setting.home("conf");
    let path = file.display().to_string();
    let [flag, at, list, short] = [
        format!("--config={path}"),
        format!("--data=@{path}"),
        format!("--in={path},x"),
        format!("-f{path}"),
    ];
    let script = format!("corp-login {path} | cat");
    let in_home = "corp-login ~/conf | cat".to_owned();
    let by_variable = "corp-login $HOME/conf | cat".to_owned();
    setting.looks_at(&file);
    let mut version = 0;
    for words in [
        &["corp-login", &path][..],
        &["corp-login", &flag],
        &["corp-login", &at],
        &["corp-login", &list],
        &["corp-login", &short],
        &["corp-login", "conf"],
        &["corp-login", "--config", "conf"],
        &["corp-login", "--config=./conf"],
        &["sh", "-c", &script],
        &["sh", "-c", &in_home],
        &["sh", "-c", &by_variable],
        &["sh", "-c", "corp-login conf; true"],
    ] {
        setting.write(&file, "first");
        version += 1;
        let text = format!("{version}");
        setting.changes("a mentioned file", words, || setting.write(&file, &text));
    }
}

#[test]
fn the_directory_counts_if_a_path_is_relative() {
    let setting = Setting::new();
    let [one, other] = ["one", "other"].map(|name| setting.home(name));
    for (directory, text) in [(&one, "dev"), (&other, "prd")] {
        setting.write(&directory.join("c"), text);
        setting.write(&directory.join("here"), text);
        setting.add_plugin(&directory.join("scripts/login.sh"), text);
        symlink(directory.join("scripts/login.sh"), directory.join("login")).unwrap();
        setting.write(&directory.join("Makefile"), "token:\n\t@corp-login\n");
        let credential = Credential::token(text).expires_in(HOUR).bytes();
        setting.write(&directory.join("cred.json"), std::str::from_utf8(&credential).unwrap());
    }
    for program in ["op", "mise", "direnv"] {
        setting.add_plugin(&setting.programs.join(program), program);
    }
    let in_one = |call: Call| call.current_dir(&one);
    let in_other = |call: Call| call.current_dir(&other);
    for words in [
        &["bash", "scripts/login.sh"][..],
        &["./login"],
        &["scripts/login.sh"],
        &["corp-login", "--config=./c"],
        &["corp-login", "--config", "c"],
        &["corp-login", "-cc"],
        &["sh", "-c", "corp-login c; true"],
        &["sh", "-c", "./login | cat"],
        &["env", "X=1", "./login"],
        &["sh", "-c", "cat cred.json"],
        &["cat", "cred.json"],
        // Programs that look for a project, or for the directory's account.
        &["op", "plugin", "run", "--", "aws", "eks", "get-token"],
        &["mise", "exec", "--", "aws", "eks", "get-token"],
        &["direnv", "exec", "/", "aws", "eks", "get-token"],
    ] {
        setting.differ(&words.join(" "), words, &in_one, &in_other);
    }
    if Command::new("make").arg("--version").output().is_ok() {
        setting.differ("make", &["make", "-s", "token"], &in_one, &in_other);
    }
}

#[test]
fn key_env_states_which_variables_matter() {
    let setting = Setting::new();
    let words = ["--key-env=", "corp-login", "x"];
    let run = |call: Call| {
        let before = setting.runs();
        assert_eq!(call.by_another_caller().run().code(), 0);
        setting.runs() > before
    };
    assert!(run(setting.cached(&words)));
    assert!(!run(setting.cached(&words).env("COMPANY_STAGE", "x")), "not named");
    assert!(run(setting.cached(&words).env("AWS_PROFILE", "x")), "a variable of the table");
    assert!(run(setting.cached(&["--key-env=COMPANY_STAGE", "corp-login", "x"]).env("COMPANY_STAGE", "x")));
    assert!(!run(setting
        .cached(&["--key-env=COMPANY_STAGE", "corp-login", "x"])
        .env("COMPANY_STAGE", "x")
        .env("MORE", "1")));
    assert!(run(setting.cached(&["--key-env=COMPANY_STAGE", "corp-login", "x"]).env("COMPANY_STAGE", "y")));
    let added = ["--key-env=+EDITOR", "corp-login", "x"];
    assert!(run(setting.cached(&added)));
    assert!(run(setting.cached(&added).env("COMPANY_STAGE", "x")), "a plus sign only adds");
    assert!(run(setting.cached(&added).env("EDITOR", "x")), "even a session variable, if it is named");
    let file = setting.programs.join("corp-login");
    setting.add_plugin(&file, "2");
    assert!(run(setting.cached(&words)), "the program still counts");
}

#[test]
fn key_env_with_a_relative_path_or_pwd_makes_the_directory_count() {
    let setting = Setting::new();
    let [one, other] = ["one", "other"].map(|name| setting.home(name));
    for directory in [&one, &other] {
        setting.write(&directory.join("c"), directory.to_str().unwrap());
    }
    for (key_env, value, counts) in [
        ("--key-env=PWD", "", true),
        ("--key-env=MYCONF", "./c", true),
        ("--key-env=MYCONF", "c", true),
        ("--key-env=MYCONF", "/etc/hosts", false),
        ("--key-env=MYCONF", "dev", false),
    ] {
        let words = [key_env, "corp-login", value];
        let run = |directory: &Path| {
            let before = setting.runs();
            let call = setting.cached(&words[..2]).current_dir(directory).env("MYCONF", value);
            assert_eq!(call.by_another_caller().run().code(), 0);
            setting.runs() > before
        };
        run(&one);
        assert!(!run(&one), "{key_env} {value}");
        assert_eq!(run(&other), counts, "{key_env} {value}");
    }
}

#[test]
fn without_encryption_a_secret_keeps_a_call_out_of_the_cache() {
    let setting = Setting::new();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "off");
    let words = ["corp-login", "x"];
    let is_cached = |call: &dyn Fn() -> Call| {
        call().by_another_caller().run();
        let before = setting.runs();
        call().by_another_caller().run();
        setting.runs() == before
    };
    assert!(is_cached(&|| setting.cached(&words)));
    assert!(!is_cached(&|| setting.cached(&words).env("GITHUB_TOKEN", "hush")));
    assert!(!is_cached(&|| setting.cached(&words).env("AWS_SESSION_TOKEN", "hush")));
    assert!(is_cached(&|| setting.cached(&["--key-env=", "corp-login", "x"]).env("GITHUB_TOKEN", "hush")));
    setting.add_plugin(&setting.programs.join("aws"), "1");
    let aws = ["aws", "eks", "get-token"];
    let with_keys =
        || setting.cached(&aws).env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "hush");
    assert!(is_cached(&with_keys), "a secret that only proves another variable");
    let explained =
        setting.sandbox.program().args(["--explain", "corp-login", "x"]).env("GITHUB_TOKEN", "hush").run();
    assert!(explained.stdout_text().contains("GITHUB_TOKEN"), "{}", explained.stdout_text());
    assert!(!explained.stdout_text().contains("hush"));
}

/// `--explain` names the variable that made a miss, and its `--key-env` can be pasted.
#[test]
fn explain_names_the_variable_of_a_miss_and_how_to_leave_it_out() {
    let setting = Setting::new();
    setting.sandbox.set_env("COMPANY_STAGE", "prd");
    setting.sandbox.set_env("AWS_PROFILE", "p");
    setting.sandbox.set_env("TERM", "xterm");
    let runs = |call: Call| {
        let before = setting.runs();
        assert_eq!(call.by_another_caller().run().code(), 0);
        setting.runs() > before
    };
    let words = ["corp-login", "x"];
    runs(setting.cached(&words).env("NOISE", "1"));
    let explain = setting.sandbox.program().args(["--explain", "corp-login", "x"]).env("NOISE", "2");
    let report = explain.env("KUBERNETES_EXEC_INFO", EXEC_INFO).run().stdout_text();
    assert!(report.contains("NOISE has another value"), "{report}");
    let (_, hint) = report.split_once("to leave out NOISE: ").expect(&report);
    let option = hint.split_whitespace().next().unwrap();
    assert!(option.starts_with("--key-env=COMPANY_STAGE"), "{report}");
    assert!(!option.contains("NOISE") && !option.contains("TERM") && !option.contains("AWS_PROFILE"));
    let pasted = [option, "corp-login", "x"];
    assert!(runs(setting.cached(&pasted).env("NOISE", "1")));
    assert!(!runs(setting.cached(&pasted).env("NOISE", "2")));
    assert!(runs(setting.cached(&pasted).env("COMPANY_STAGE", "dev")), "what is kept counts");
    assert!(runs(setting.cached(&pasted).env("AWS_PROFILE", "q")), "and what the table knows");
    // No option leaves out a variable of the table.
    let explain = setting.sandbox.program().args(["--explain", "corp-login", "x"]).env("NOISE", "1");
    let report = explain.env("KUBERNETES_EXEC_INFO", EXEC_INFO).env("AWS_PROFILE", "r").run().stdout_text();
    assert!(report.contains("AWS_PROFILE has another value"), "{report}");
    assert!(!report.contains("to leave out"), "{report}");
}

/// With a `credential_process`, `aws` runs a program that may read any variable.
#[test]
fn a_credential_process_makes_everything_count_for_aws() {
    let setting = Setting::new();
    setting.add_plugin(&setting.programs.join("aws"), "aws");
    let (config, process) = (setting.home(".aws/config"), setting.home("corp-sso"));
    setting.write(&process, "1");
    let words = ["aws", "eks", "get-token", "--cluster-name", "demo"];
    let with = |stage: &'static str| move |call: Call| call.env("OKTA_PROFILE", stage);
    let hits = |call: Call| {
        let before = setting.runs();
        assert_eq!(call.by_another_caller().run().code(), 0);
        setting.runs() == before
    };
    setting.write(&config, "[profile other]\ncredential_process = corp-sso\n");
    assert!(!hits(setting.cached(&words)));
    assert!(hits(setting.cached(&words).env("OKTA_PROFILE", "dev")), "another profile has it");
    let text = format!("[default]\nregion = r\ncredential_process = {} --json\n", process.display());
    setting.write(&config, &text);
    setting.differ("a variable of the process", &words, &same, &with("dev"));
    setting.differ("a variable of the process", &words, &with("dev"), &with("prd"));
    assert!(hits(setting.cached(&words).env("TERM", "other").env("TMUX", "1")), "another terminal");
    assert!(hits(setting.cached(&words)));
    setting.write(&process, "2");
    assert!(!hits(setting.cached(&words)), "the process was edited");
    assert!(hits(setting.cached(&words)));
    let explained = setting.sandbox.program().arg("--explain").args(words).env("OKTA_PROFILE", "x").run();
    assert!(explained.stdout_text().contains("OKTA_PROFILE"), "{}", explained.stdout_text());
    let clear = setting.sandbox.program().arg("--clear").args(words).run();
    assert!(clear.stdout_text().starts_with("removed 2 credentials"), "{}", clear.stdout_text());
    assert!(!hits(setting.cached(&words)));
    // A word in quotes, a continued line, and an indented first option (Python's shlex and configparser).
    let spaced = setting.home("corp sso");
    for process in ["corp-sso \"SPACED\"", "corp-sso\n  \"SPACED\""] {
        for indent in ["", " "] {
            setting.write(&spaced, "1");
            let process = process.replace("SPACED", spaced.to_str().unwrap());
            setting.write(&config, &format!("[default]\n{indent}credential_process = {process}\n"));
            assert!(!hits(setting.cached(&words)) && hits(setting.cached(&words)), "{process}");
            setting.write(&spaced, "2");
            assert!(!hits(setting.cached(&words)), "{indent}{process}: the named file was edited");
        }
    }
}

/// `mise` sets variables by directory, also behind its shims.
#[test]
fn a_shim_makes_the_directory_count_for_a_known_plugin() {
    let setting = Setting::new();
    let shims = setting.home(".local/share/mise/shims");
    setting.add_plugin(&shims.join("aws"), "shim");
    setting.add_plugin(&setting.programs.join("aws"), "plain");
    let path = setting.path_with(&[&shims]);
    let [one, other] = ["one", "other"].map(|name| setting.home(name));
    for directory in [&one, &other] {
        setting.write(&directory.join("here"), directory.to_str().unwrap());
    }
    let words = ["aws", "eks", "get-token"];
    setting.differ("a shim", &words, &|call| call.env("PATH", &path).current_dir(&one), &|call| {
        call.env("PATH", &path).current_dir(&other)
    });
    setting.write(&one.join("mise.toml"), "[env]\nA=1\n");
    let shim_in_one = |call: Call| call.env("PATH", &path).current_dir(&one);
    assert!(setting.check(&words, &shim_in_one).1, "a project file is new");
    assert!(!setting.check(&words, &shim_in_one).1);
    // Without shims the directory of a known plugin does not count.
    fs::remove_file(one.join("here")).unwrap();
    fs::remove_file(other.join("here")).unwrap();
    setting.check(&words, &|call| call.current_dir(&one));
    assert!(!setting.check(&words, &|call| call.current_dir(&other)).1);
}

#[test]
fn a_hit_makes_few_system_calls_also_with_an_unknown_plugin() {
    let setting = Setting::new();
    for directory in [".aws", ".config", ".kube", ".azure", ".oci"] {
        fs::create_dir_all(setting.home(directory)).unwrap();
    }
    setting.write(&setting.home(".aws/config"), "[default]\nregion = eu-west-1");
    setting.add_plugin(&setting.programs.join("aws"), "aws");
    let ordinary = |call: Call| {
        let variables = [
            ("USER", "u"),
            ("SHELL", "/bin/bash"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
            ("GOPATH", "/home/u/go"),
            ("JAVA_HOME", "/usr/lib/jvm/default"),
            ("NVM_DIR", "/home/u/.nvm"),
            ("HOMEBREW_PREFIX", "/opt/homebrew"),
            ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
            ("PYTHONPATH", "/home/u/lib"),
        ];
        variables.into_iter().fold(call, |call, (name, value)| call.env(name, value))
    };
    let count = |words: &[&str]| {
        let trace = setting.sandbox.new_path("trace");
        let strace = ["strace", "-f", "-o", trace.to_str().unwrap()];
        let run = ordinary(setting.cached(words)).behind(strace).run_if_found()?;
        let text = fs::read_to_string(&trace).unwrap_or_default();
        (run.code() == 0).then(|| calls_of_the_program(&text))
    };
    let Some(version) = count(&["--version"]) else { return skip("strace cannot trace here") };
    // A static program starts with six; this one may be linked dynamically.
    let start = version.saturating_sub(6);
    let aws = ["aws", "eks", "get-token", "--cluster-name", "demo", "--region", "eu-west-1"];
    let unknown = ["corp-login", "--cluster", "demo", "--region", "eu-west-1"];
    // 24 with the key in the keyring; the key file of the tests costs four more.
    for (words, most) in [(&aws[..], 28), (&unknown[..], 60)] {
        setting.check(words, &ordinary);
        assert!(!setting.check(words, &ordinary).1);
        let calls = count(words).unwrap() - start;
        assert!(calls <= most, "{words:?}: {calls} system calls, and {start} that load libraries");
    }
}

/// The lines after the last execve.
fn calls_of_the_program(trace: &str) -> usize {
    let lines: Vec<&str> = trace.lines().filter(|line| !line.contains("+++")).collect();
    let start = lines.iter().rposition(|line| line.contains("execve(")).unwrap_or(0);
    lines.len() - start
}

/// Two users of one plugin who differ in `exec.env` alone, and a shell whose variables count besides.
#[test]
fn injected_users_who_differ_in_a_variable_are_not_merged() {
    for (name, plugin) in [
        ("SYSTEM_ACCESSTOKEN", "corp-login"),
        ("AZURE_CLIENT_SECRET", "corp-login"),
        ("OS_PASSWORD", "corp-login"),
        ("AWS_SESSION_TOKEN", "corp-login"),
        ("SSH_AUTH_SOCK", "corp-login"),
        ("AZURE_CLIENT_SECRET", "aws"),
        ("KUBERNETES_EXEC_INFO", "corp-login"),
    ] {
        let setting = Setting::new();
        setting.add_plugin(&setting.programs.join("aws"), "aws");
        let kubeconfig = setting.home("kubeconfig");
        let user = |user: &str| {
            format!(
                "- name: {user}\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: {plugin}\n      env:\n      - name: {name}\n        value: {user}\n"
            )
        };
        setting.write(
            &kubeconfig,
            &format!("apiVersion: v1\nkind: Config\nusers:\n{}{}", user("alice"), user("bob")),
        );
        let inject =
            setting.sandbox.program().args(["--inject", "--command", "k8s-token-cache"]).arg(&kubeconfig);
        assert_eq!(inject.run().code(), 0);
        let text = fs::read_to_string(&kubeconfig).unwrap();
        let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        let words = |number: usize| -> Vec<String> {
            let args = document["users"][number]["user"]["exec"]["args"].as_sequence().unwrap();
            args.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        if name == "KUBERNETES_EXEC_INFO" {
            assert_eq!(words(0), [plugin], "clients set it last");
            continue;
        }
        let token = |number: usize, user: &str, stage: &str| {
            let words = words(number);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let run = setting.cached(&words).env(name, user).env("STAGE", stage).by_another_caller().run();
            let right = setting.alone(&[plugin]).env(name, user).env("STAGE", stage).run();
            if !text.contains("SSH_AUTH_SOCK") && plugin != "aws" {
                assert_eq!(run.stdout_text(), right.stdout_text(), "{name}");
            }
            (run.stdout_text(), setting.runs())
        };
        let (_, alice) = token(0, "alice", "dev");
        let (_, bob) = token(1, "bob", "dev");
        assert_eq!(bob, alice + 2, "{name} of {plugin}: bob's plugin runs");
        if plugin == "corp-login" {
            let (_, prd) = token(1, "bob", "prd");
            assert_eq!(prd, bob + 2, "{name}: a variable of the shell counts as before");
        }
    }
}
