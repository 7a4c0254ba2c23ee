//! `install.sh` with a server on 127.0.0.1: it downloads the archive for the system it runs on, installs
//! only files with the right checksum, and otherwise keeps the installed program.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Run, Sandbox, skip};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn program_man_page_and_completions_are_installed() {
    let release = Release::new();
    let run = release.install("sh");
    assert_eq!(run.code(), 0, "{run:?}");
    for file in [
        "bin/k8s-token-cache",
        "share/man/man1/k8s-token-cache.1",
        "share/bash-completion/completions/k8s-token-cache",
        "share/zsh/site-functions/_k8s-token-cache",
        "share/fish/vendor_completions.d/k8s-token-cache.fish",
    ] {
        assert!(release.prefix().join(file).is_file(), "{file}");
    }
    let installed = release.sandbox.tool(release.program()).arg("--version").run();
    assert_eq!(installed.stdout, format!("k8s-token-cache {VERSION}\n").into_bytes());
}

#[test]
fn the_default_prefix_is_local_in_the_home_directory() {
    let release = Release::new();
    let run = release.call("sh").without_env("PREFIX").run();
    assert_eq!(run.code(), 0, "{run:?}");
    assert!(release.sandbox.home().join(".local/bin/k8s-token-cache").is_file());
}

#[test]
fn the_script_runs_in_every_posix_shell() {
    for shell in ["dash", "bash", "busybox", "ksh", "zsh"] {
        if !Path::new("/bin").join(shell).exists() && !Path::new("/usr/bin").join(shell).exists() {
            skip(&format!("no {shell}"));
            continue;
        }
        let release = Release::new();
        let run = release.install(shell);
        assert_eq!(run.code(), 0, "{shell}: {run:?}");
        assert!(release.program().is_file(), "{shell}");
    }
}

#[test]
fn wget_is_used_if_there_is_no_curl() {
    if !Path::new("/usr/bin/wget").exists() {
        return skip("no wget");
    }
    let release = Release::new();
    release.only_these_programs(&["wget"]);
    let run = release.install("sh");
    assert_eq!(run.code(), 0, "{run:?}");
    assert!(release.program().is_file());
}

#[test]
fn an_https_address_is_never_redirected_to_http() {
    for shell in ["sh", "bash"] {
        let release = Release::new();
        let arguments = release.sandbox.home().join("arguments");
        release.write_fake("curl", &format!("printf '%s\\n' \"$@\" >{}; exit 22", arguments.display()));
        let run = release.call(shell).env("DOWNLOADS", "https://127.0.0.1:1").run();
        assert_eq!(run.code(), 1, "{run:?}");
        assert!(fs::read_to_string(arguments).unwrap().starts_with("--proto\n=https\n--tlsv1.2\n"));
    }
}

/// A substitute for GNU wget: reports a redirection as the real one does, and records each address.
const WGET: &str = r#"
for argument; do address=$argument; done
echo "$address" >>"$HOME/addresses"
case $address in
  https://127.0.0.1:1/*) printf '  HTTP/1.1 302 Found\n  Location: %s\n' "$TARGET/${address##*/}" >&2; exit 8 ;;
esac
while [ "$1" != -O ]; do shift; done
cp "$HOME/release/${address##*/}" "$2"
"#;

#[test]
fn wget_follows_redirections_to_https_only() {
    let cases = [
        ("https://127.0.0.1:2", 0),
        ("http://127.0.0.1:2", 1),
        ("ftp://127.0.0.1:2", 1),
        ("/relative", 1),
        ("", 1),
        // A redirection to itself.
        ("https://127.0.0.1:1", 1),
    ];
    for (target, status) in cases {
        let release = Release::new();
        release.only_these_programs(&["tail"]);
        release.write_fake("wget", WGET);
        let run = release.call("sh").env("DOWNLOADS", "https://127.0.0.1:1").env("TARGET", target).run();
        assert_eq!(run.code(), status, "{target}: {run:?}");
        let addresses = fs::read_to_string(release.sandbox.home().join("addresses")).unwrap();
        assert!(addresses.lines().all(|address| address.starts_with("https://")), "{addresses}");
    }
}

#[test]
fn uninstalling_restores_kubeconfigs_and_removes_the_installed_files() {
    let release = Release::with_program(&format!(
        "#!/bin/sh\necho k8s-token-cache {VERSION}\necho \"$@\" >>\"$HOME/calls\"\n"
    ));
    assert_eq!(release.install("sh").code(), 0);
    let neighbor = release.prefix().join("bin/another");
    fs::write(&neighbor, "").unwrap();
    let run = release.call("sh").arg("--uninstall").run();
    assert_eq!(run.code(), 0, "{run:?}");
    let calls = fs::read_to_string(release.sandbox.home().join("calls")).unwrap();
    assert_eq!(calls.lines().last(), Some("--restore"));
    assert_eq!(files_below(&release.prefix()), [neighbor]);
}

#[test]
fn nothing_is_uninstalled_unless_the_kubeconfigs_are_restored() {
    let program = format!("#!/bin/sh\necho k8s-token-cache {VERSION}\n[ \"$1\" != --restore ]\n");
    let release = Release::with_program(&program);
    assert_eq!(release.install("sh").code(), 0);
    let before = files_below(&release.prefix());
    let run = release.call("sh").arg("--uninstall").run();
    assert_eq!(run.code(), 1, "{run:?}");
    assert_eq!(files_below(&release.prefix()), before);
}

#[test]
fn help_and_unknown_options_install_nothing() {
    for (option, status) in [("--help", 0), ("-h", 0), ("--uninstal", 2), ("install", 2)] {
        let release = Release::new();
        let run = release.call("sh").arg(option).run();
        assert_eq!(run.code(), status, "{option}: {run:?}");
        assert!((run.stdout_text() + &run.stderr_text()).contains("usage: "), "{run:?}");
        assert!(!release.prefix().exists(), "{option}");
    }
}

#[test]
fn a_tampered_archive_is_not_installed() {
    let release = Release::new();
    release.change_archive(|archive| archive[40] ^= 1);
    release.assert_refuses("is wrong");
}

#[test]
fn a_truncated_archive_is_not_installed() {
    let release = Release::new();
    release.change_archive(|archive| archive.truncate(archive.len() / 2));
    release.assert_refuses("is wrong");
}

#[test]
fn an_interrupted_download_is_not_installed() {
    let mut release = Release::new();
    release.server.truncate_answers();
    release.assert_refuses("cannot download");
}

#[test]
fn a_missing_archive_is_not_installed() {
    let release = Release::new();
    fs::remove_file(release.archive()).unwrap();
    release.assert_refuses("cannot download");
}

#[test]
fn an_archive_without_a_checksum_is_not_installed() {
    let release = Release::new();
    let sums = fs::read_to_string(release.file("SHA256SUMS")).unwrap();
    fs::write(release.file("SHA256SUMS"), sums.replace(".tar.gz", ".tar.gz.old")).unwrap();
    release.assert_refuses("does not name");
}

#[test]
fn a_program_that_does_not_run_here_is_not_installed() {
    let release = Release::with_program("#!/nowhere/at-all\n");
    release.assert_refuses("does not run here");
}

#[test]
fn a_truncated_script_does_nothing() {
    let release = Release::new();
    let script = fs::read_to_string(release.script()).unwrap();
    let lines: Vec<&str> = script.split_inclusive('\n').collect();
    for length in (0..lines.len()).step_by(7) {
        fs::write(release.script(), lines[..length].concat()).unwrap();
        release.install("sh");
    }
    let without_last_byte = &script[..script.len() - "main \"$@\"\n".len()];
    fs::write(release.script(), without_last_byte).unwrap();
    release.install("sh");
    assert!(release.server.requests().is_empty(), "{:?}", release.server.requests());
    assert!(!release.program().exists());
}

#[test]
fn the_archive_matches_system_and_processor() {
    for (system, machine, arm64, target) in [
        ("Linux", "x86_64", "", "x86_64-unknown-linux-musl"),
        ("Linux", "amd64", "", "x86_64-unknown-linux-musl"),
        ("Linux", "aarch64", "", "aarch64-unknown-linux-musl"),
        ("Linux", "arm64", "", "aarch64-unknown-linux-musl"),
        ("Darwin", "arm64", "1", "aarch64-apple-darwin"),
        ("Darwin", "x86_64", "0", "x86_64-apple-darwin"),
        ("Darwin", "x86_64", "", "x86_64-apple-darwin"),
        // Under Rosetta.
        ("Darwin", "x86_64", "1", "aarch64-apple-darwin"),
    ] {
        let release = Release::new();
        release.write_fake("uname", &format!("case $1 in -s) echo {system} ;; -m) echo {machine} ;; esac"));
        release.write_fake("sysctl", &format!("[ -z '{arm64}' ] || echo {arm64}"));
        release.install("sh");
        let wanted = format!("/k8s-token-cache-{VERSION}-{target}.tar.gz");
        assert!(release.server.requests().contains(&wanted), "{system} {machine} {arm64}");
    }
}

#[test]
fn an_unsupported_system_is_named_in_the_error() {
    for (system, machine, message) in [
        ("Linux", "riscv64", "no program for Linux on riscv64"),
        ("FreeBSD", "amd64", "no program for FreeBSD"),
        ("MINGW64_NT-10.0", "x86_64", "Scoop"),
    ] {
        let release = Release::new();
        release.write_fake("uname", &format!("case $1 in -s) echo {system} ;; -m) echo {machine} ;; esac"));
        release.assert_refuses(message);
        assert!(release.server.requests().is_empty());
    }
}

/// The files of a release, a server for them, and a user who installs from it.
struct Release {
    sandbox: Sandbox,
    server: Server,
}

impl Release {
    fn new() -> Release {
        Release::with_program(&format!("#!/bin/sh\necho k8s-token-cache {VERSION}\n"))
    }

    fn with_program(program: &str) -> Release {
        let sandbox = Sandbox::new();
        let files = sandbox.home().join("release");
        fs::create_dir(&files).unwrap();
        let server = Server::start(&files);
        sandbox.set_env("PATH", format!("{}/bin:/usr/bin:/bin", sandbox.home().display()));
        fs::create_dir(sandbox.home().join("bin")).unwrap();
        let release = Release { sandbox, server };
        let target = if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-musl" };
        release.pack(&format!("k8s-token-cache-{VERSION}-{}-{target}", std::env::consts::ARCH), program);
        let template = Command::new("scripts/fill")
            .arg("scripts/install.sh")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(template.status.success(), "{template:?}");
        fs::write(release.script(), template.stdout).unwrap();
        release
    }

    /// Makes an archive like scripts/dist.
    fn pack(&self, name: &str, program: &str) {
        let folder = self.file(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["man", "completions"] {
            fs::create_dir_all(folder.join(part)).unwrap();
            for entry in fs::read_dir(root.join(part)).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, folder.join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
        write_program(&folder.join("k8s-token-cache"), program);
        let archive = format!("{name}.tar.gz");
        self.in_release("tar", &["-czf", &archive, name]);
        let sum = self.in_release("openssl", &["dgst", "-sha256", "-r", &archive]);
        fs::write(self.file("SHA256SUMS"), format!("{}  {archive}\n", sum.split(' ').next().unwrap()))
            .unwrap();
    }

    fn in_release(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).current_dir(self.file("")).output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.sandbox.home().join("release").join(name)
    }

    fn archive(&self) -> PathBuf {
        let mut names = fs::read_dir(self.file("")).unwrap().map(|entry| entry.unwrap().path());
        names.find(|path| path.to_string_lossy().ends_with(".tar.gz")).unwrap()
    }

    fn change_archive(&self, change: impl Fn(&mut Vec<u8>)) {
        let mut archive = fs::read(self.archive()).unwrap();
        change(&mut archive);
        fs::write(self.archive(), archive).unwrap();
    }

    fn script(&self) -> PathBuf {
        self.file("install.sh")
    }

    fn prefix(&self) -> PathBuf {
        self.sandbox.home().join("a prefix")
    }

    fn program(&self) -> PathBuf {
        self.prefix().join("bin/k8s-token-cache")
    }

    fn install(&self, shell: &str) -> Run {
        self.call(shell).run()
    }

    fn call(&self, shell: &str) -> crate::support::Call {
        let call = self.sandbox.tool("/usr/bin/env").arg(shell);
        let call = if shell == "busybox" { call.arg("sh") } else { call };
        call.arg(self.script()).env("PREFIX", self.prefix()).env("DOWNLOADS", &self.server.address)
    }

    /// Puts a fake program first on PATH.
    fn write_fake(&self, name: &str, script: &str) {
        write_program(&self.sandbox.home().join("bin").join(name), &format!("#!/bin/sh\n{script}\n"));
    }

    /// Reduces PATH to these programs and those that every system has.
    fn only_these_programs(&self, programs: &[&str]) {
        let common = [
            "sh",
            "env",
            "uname",
            "mktemp",
            "rm",
            "sed",
            "tar",
            "gzip",
            "cut",
            "sha256sum",
            "mkdir",
            "cp",
            "chmod",
            "mv",
        ];
        let bin = self.sandbox.home().join("bin");
        for program in common.iter().chain(programs) {
            std::os::unix::fs::symlink(Path::new("/usr/bin").join(program), bin.join(program)).unwrap();
        }
        self.sandbox.set_env("PATH", &bin);
    }

    /// Checks that the script fails and keeps the installed program, and nothing else is there.
    #[track_caller]
    fn assert_refuses(&self, why: &str) {
        fs::create_dir_all(self.program().parent().unwrap()).unwrap();
        fs::write(self.program(), "the old program").unwrap();
        let run = self.install("sh");
        assert_eq!(run.code(), 1, "{run:?}");
        assert!(run.stderr_text().contains(why), "{run:?}");
        assert_eq!(fs::read(self.program()).unwrap(), b"the old program");
        assert_eq!(fs::read_dir(self.prefix()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(self.prefix().join("bin")).unwrap().count(), 1);
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Serves the files of one folder on 127.0.0.1 as long as the test runs.
struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    truncates: bool,
}

impl Server {
    fn start(folder: &Path) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (folder, shared) = (folder.to_owned(), state.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(&stream.unwrap(), &folder, &shared);
            }
        });
        Server { address, state }
    }

    /// From now on, each answer ends before its announced length.
    fn truncate_answers(&mut self) {
        self.state.lock().unwrap().truncates = true;
    }

    fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap()?;
    while !lines.next().unwrap()?.is_empty() {}
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let file = fs::read(folder.join(path.trim_start_matches('/')));
    let mut state = state.lock().unwrap();
    state.requests.push(path);
    let Ok(body) = file else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let length = body.len() + if state.truncates { 100 } else { 0 };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)
}
