//! A client that lives on between its calls, so that all of them have the same parent process.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};

use super::{Call, Run, Sandbox, python, skip};

/// Makes one call for each line that it reads, and says how it ended. Its own name is where the
/// call's streams go.
const CLIENT: &str = r#"while read -r _; do "$@" >"$0.stdout" 2>"$0.stderr" </dev/null; echo "$?"; done"#;

/// The same in Python, as its Kubernetes client does it; reaps nothing but its own children.
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
    /// A client that will make this call again and again.
    pub fn of(sandbox: &Sandbox, call: Call) -> Caller {
        let streams = sandbox.new_path("caller");
        let client = ["/bin/sh", "-c", CLIENT, streams.to_str().unwrap()];
        Caller::start(call.behind(client), streams)
    }

    /// The same, a Python program. `None`, and a loud word, where there is no Python.
    pub fn in_python(sandbox: &Sandbox, call: Call) -> Option<Caller> {
        let python = python()?;
        let streams = sandbox.new_path("caller");
        let client = [python.program.to_str().unwrap(), "-c", PYTHON_CLIENT, streams.to_str().unwrap()];
        Some(Caller::start(call.behind(client), streams))
    }

    /// A shell as the first process of a container of its own, where all have process id 1.
    /// `None`, and a loud word, where the system makes no such thing for us.
    pub fn in_container(sandbox: &Sandbox, call: Call) -> Option<Caller> {
        Caller::contained(sandbox, call, ["/bin/sh", "-c", CLIENT])
    }

    /// The same with a first process that collects no orphans.
    pub fn in_container_without_init(sandbox: &Sandbox, call: Call) -> Option<Caller> {
        Caller::contained(sandbox, call, [python()?.program.to_str().unwrap(), "-c", PYTHON_CLIENT])
    }

    fn contained(sandbox: &Sandbox, call: Call, client: [&str; 3]) -> Option<Caller> {
        if sandbox.tool("true").behind(CONTAINER).run().code() != 0 {
            skip("no process namespaces can be made here");
            return None;
        }
        let streams = sandbox.new_path("caller");
        let client = CONTAINER.into_iter().chain(client).chain([streams.to_str().unwrap()]);
        Some(Caller::start(call.behind(client), streams))
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
        let status: i32 = line.trim().parse().expect("the client tells the exit status");
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
