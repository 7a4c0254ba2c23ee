//! Other programs write the same kubeconfig at the same time: kubectl with its lock, the AWS CLI without.
//!
//! Every round adds a context while this program injects or restores; in the end all contexts must be
//! there. The delays come from a fixed sequence, so that a failure can be repeated.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Home, find, kubeconfig, read, settle, user};

const ROUNDS: usize = 100;

/// Xorshift: numbers that are spread out, and the same in every run.
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        limit.mul_f64((self.0 % 1000) as f64 / 1000.0)
    }
}

fn start(home: &Home, round: usize) -> Child {
    let action = if round.is_multiple_of(2) { "--inject" } else { "--restore" };
    let mut command = home.command();
    command.args([action, "config"]).stdout(Stdio::null()).spawn().unwrap()
}

fn is_as_wanted(path: &Path, round: usize) -> bool {
    read(path).contains("command: k8s-token-cache") == round.is_multiple_of(2)
}

/// kubectl reads before it takes its lock, and puts back what it had read. An edit watches the file for
/// this long and is repeated then; if kubectl was stopped for longer, the edit is lost. No lock helps:
/// kubectl does not check whether the file is still the one that it read.
const WATCHED: Duration = Duration::from_millis(250);
/// Only an overloaded machine stops it for so long, and rarely.
const PUT_BACK_AT_MOST: usize = ROUNDS / 20;

/// How long after our edit another program wrote to the same file.
fn written_after_our_edit(path: &Path) -> Option<Duration> {
    let metadata = fs::metadata(path).unwrap();
    metadata.modified().unwrap().duration_since(metadata.created().ok()?).ok()
}

#[test]
fn no_edit_of_kubectl_or_ours_is_lost() {
    let Some(kubectl) = find("KUBECTL", "kubectl", "kubectl editing at the same time") else {
        return;
    };
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws"), user("b", "aws")]));
    let mut moments = Moments(1);
    let (mut together, mut put_back) = (0, 0);
    for round in 0..ROUNDS {
        settle(&path);
        let add = || {
            let mut command = Command::new(&kubectl);
            command.env("HOME", home.path()).arg("--kubeconfig").arg(&path);
            command.args(["config", "set-context", &format!("round-{round}"), "--user=a"]);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut writer = add();
        sleep(moments.below(Duration::from_millis(250)));
        together += u32::from(writer.try_wait().unwrap().is_none());
        let mut ours = start(&home, round);
        // kubectl gives up if it finds a lock, and says so.
        loop {
            let output = writer.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("config.lock: file exists"), "{said}");
            writer = add();
        }
        assert!(ours.wait().unwrap().success());
        if !is_as_wanted(&path, round) {
            put_back += 1;
            let later = written_after_our_edit(&path).unwrap_or(WATCHED);
            assert!(later >= WATCHED, "round {round}: put back {later:?} later, and not noticed");
            // The next call repairs it.
            settle(&path);
            assert!(start(&home, round).wait().unwrap().success());
            assert!(is_as_wanted(&path, round));
        }
    }
    let text = read(&path);
    for round in 0..ROUNDS {
        assert!(text.contains(&format!("name: round-{round}\n")), "round {round} is lost: {text}");
    }
    assert!(put_back <= PUT_BACK_AT_MOST, "{put_back} of our edits are lost");
    assert!(together > 10, "only {together} of {ROUNDS} rounds overlapped");
}

/// Reads, waits, truncates and writes in pieces without a lock, as `aws eks update-kubeconfig` does.
fn write_like_aws(path: &Path, round: usize, moments: &mut Moments) {
    let text = read(path);
    let pause = Duration::from_millis(4);
    sleep(moments.below(pause));
    let text = text.replace("contexts:\n", &format!("contexts:\n- name: round-{round}\n"));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    let half = text.len() / 2;
    sleep(moments.below(pause));
    file.write_all(&text.as_bytes()[..half]).unwrap();
    sleep(moments.below(pause));
    file.write_all(&text.as_bytes()[half..]).unwrap();
}

#[test]
fn nothing_is_lost_that_a_writer_without_lock_wrote() {
    let home = Home::new();
    let text = format!("{}contexts:\n", kubeconfig(&[user("a", "aws")]));
    let path = home.file("config", text);
    let mut moments = Moments(7);
    for round in 0..ROUNDS {
        settle(&path);
        let mut ours = start(&home, round);
        sleep(moments.below(Duration::from_millis(12)));
        write_like_aws(&path, round, &mut moments);
        assert!(ours.wait().unwrap().success());
        let text = read(&path);
        for earlier in 0..=round {
            let name = format!("name: round-{earlier}\n");
            assert!(text.contains(&name), "round {round} lost {earlier}: {text}");
        }
    }
}

/// A hundred rounds take minutes, so they run only on request.
#[test]
fn nothing_is_lost_that_aws_eks_update_kubeconfig_wrote() {
    const SKIPPED: &str = "aws eks update-kubeconfig at the same time";
    let rounds = if std::env::var_os("K8S_TOKEN_CACHE_TEST_AWS").is_some() { ROUNDS } else { 6 };
    let Some(aws) = find("AWS", "aws", SKIPPED) else {
        return;
    };
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws"), user("b", "kubelogin")]));
    let server = Eks::start(&home, &aws);
    let mut moments = Moments(3);
    // Most of the run of aws is over when it writes, so aim at its end.
    let took = server.time_of_update(&home);
    for round in 0..rounds {
        settle(&path);
        let mut writer = server.update(&path, &format!("round-{round}")).spawn().unwrap();
        sleep(took.mul_f64(0.6) + moments.below(took.mul_f64(0.5)));
        let mut ours = start(&home, round);
        assert!(writer.wait().unwrap().success());
        assert!(ours.wait().unwrap().success());
        let text = read(&path);
        for earlier in 0..=round {
            let name = format!("name: round-{earlier}\n");
            assert!(text.contains(&name), "round {round} lost {earlier}: {text}");
        }
    }
}

/// The part of EKS that `update-kubeconfig` needs: it answers every request with one cluster.
struct Eks<'a> {
    aws: &'a Path,
    home: &'a Path,
    port: u16,
}

impl<'a> Eks<'a> {
    fn start(home: &'a Home, aws: &'a Path) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        std::thread::spawn(move || socket.incoming().flatten().for_each(describe_cluster));
        Eks { aws, home: home.path(), port }
    }

    fn aws(&self) -> Command {
        let mut command = Command::new(self.aws);
        command.env("HOME", self.home).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
        command.env("AWS_DEFAULT_REGION", "eu-west-1").env("AWS_EC2_METADATA_DISABLED", "true");
        command.arg("eks").stdout(Stdio::null());
        command
    }

    fn update(&self, path: &Path, alias: &str) -> Command {
        let mut command = self.aws();
        command.args(["update-kubeconfig", "--name", "demo", "--alias", alias, "--kubeconfig"]);
        command.arg(path);
        command
    }

    fn time_of_update(&self, home: &Home) -> Duration {
        let path = home.path().join("other");
        fs::write(&path, "").unwrap();
        let start = Instant::now();
        assert!(self.update(&path, "other").status().unwrap().success());
        start.elapsed()
    }
}

/// The answer to DescribeCluster.
fn describe_cluster(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let body = r#"{"cluster":{"name":"demo","arn":"arn:aws:eks:eu-west-1:123456789012:cluster/demo",
        "status":"ACTIVE","endpoint":"https://127.0.0.1:1","certificateAuthority":{"data":"Y2E="}}}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = reader.into_inner().write_all([&head, body].concat().as_bytes());
}
