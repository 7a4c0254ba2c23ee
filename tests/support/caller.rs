//! A client process that makes several calls, so that all of them have the same parent process.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};

use super::{Call, Run, Sandbox, python, renamed, skip};

/// Makes one call for each line that it reads, and prints its exit status. `$0` is the path for the files
/// of the call's streams.
const CLIENT: &str = r#"while read -r _; do "$@" >"$0.stdout" 2>"$0.stderr" </dev/null; echo "$?"; done"#;

/// Does the same in Python. Collects only its own children.
const PYTHON_CLIENT: &str = r#"
import subprocess, sys
streams, *call = sys.argv[1:]
for _ in sys.stdin:
    with open(streams + ".stdout", "wb") as out, open(streams + ".stderr", "wb") as err:
        print(subprocess.call(call, stdin=subprocess.DEVNULL, stdout=out, stderr=err), flush=True)
"#;

const CONTAINER: [&str; 4] = ["unshare", "--pid", "--fork", "--mount-proc"];

pub struct Caller {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    streams: PathBuf,
}

impl Caller {
    /// A client that makes this call again and again.
    pub fn of(sandbox: &Sandbox, call: Call) -> Caller {
        let (call, streams) = Caller::repeat(sandbox, call);
        Caller::start(call, streams)
    }

    /// The same as a job of an interactive shell: the client leads a new process group.
    pub fn as_job(sandbox: &Sandbox, call: Call) -> Caller {
        let (mut call, streams) = Caller::repeat(sandbox, call);
        call.command().process_group(0);
        Caller::start(call, streams)
    }

    fn repeat(sandbox: &Sandbox, call: Call) -> (Call, PathBuf) {
        let streams = sandbox.new_path("caller");
        let shell = renamed(Path::new("/bin/sh"), call.client_name());
        let client = [shell.as_str(), "-c", CLIENT, streams.to_str().unwrap()];
        (call.started_by(client), streams)
    }

    /// A shell as the first process of a new PID namespace. `None` if no namespace can be created, which
    /// is reported.
    pub fn in_container(sandbox: &Sandbox, call: Call) -> Option<Caller> {
        let shell = renamed(Path::new("/bin/sh"), call.client_name());
        Caller::contained(sandbox, call, [shell.as_str(), "-c", CLIENT])
    }

    /// A first process that does not reap orphans, as in a container without an init.
    pub fn in_container_without_init(sandbox: &Sandbox, call: Call) -> Option<Caller> {
        let python = renamed(&python()?.program, call.client_name());
        Caller::contained(sandbox, call, [python.as_str(), "-c", PYTHON_CLIENT])
    }

    fn contained(sandbox: &Sandbox, call: Call, client: [&str; 3]) -> Option<Caller> {
        if sandbox.tool("true").behind(CONTAINER).run().code() != 0 {
            skip("no PID namespace can be created");
            return None;
        }
        let streams = sandbox.new_path("caller");
        let client = CONTAINER.into_iter().chain(client).chain([streams.to_str().unwrap()]);
        Some(Caller::start(call.started_by(client), streams))
    }

    fn start(mut call: Call, streams: PathBuf) -> Caller {
        let command = call.command();
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Caller { child, orders, answers, streams }
    }

    pub fn call(&mut self) -> Run {
        self.orders.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let status: i32 = line.trim().parse().expect("the client prints the exit status");
        let stream = |name| fs::read(self.streams.with_extension(name)).unwrap();
        Run { status: ExitStatus::from_raw(status << 8), stdout: stream("stdout"), stderr: stream("stderr") }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
