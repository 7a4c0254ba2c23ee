//! One run of a program, with a time limit.
//!
//! A [`Call`] describes the run, a [`Running`] is the process, a [`Run`] is its result. A process that
//! exceeds the limit is killed with its process group, and the test fails.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::os::{self, Signal, Terminal};

/// Longer than any run takes, even on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Call {
    command: Command,
    stdin: Option<Vec<u8>>,
    on_terminal: bool,
    /// The name of the process that [`Call::run`] makes the call from, if it is a new one each time.
    client: Option<&'static str>,
    has_own_streams: bool,
}

impl Call {
    /// A call with an empty environment and an empty standard input.
    pub fn new(program: impl AsRef<OsStr>) -> Call {
        os::let_children_take_signals();
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Call { command, stdin: None, on_terminal: false, client: None, has_own_streams: false }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Call {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Call {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Call {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: impl AsRef<OsStr>) -> Call {
        self.command.env_remove(name);
        self
    }

    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Call {
        self.command.current_dir(directory);
        self
    }

    /// Passes these bytes on standard input, then closes it.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Call {
        self.command.stdin(Stdio::piped());
        self.stdin = Some(bytes.into());
        self
    }

    /// Makes the terminal the controlling terminal, standard input and standard error.
    pub fn on_terminal(mut self, terminal: &Terminal) -> Call {
        terminal.attach(&mut self.command);
        self.on_terminal = true;
        self
    }

    /// A call that may map as much memory as `megabytes` says.
    pub fn within(self, megabytes: usize) -> Call {
        let limit = format!("ulimit -v {} && exec \"$@\"", megabytes << 10);
        self.behind(["/bin/sh", "-c", &limit, "sh"])
    }

    /// The call as arguments of another program, which is `front[0]`.
    pub fn behind<'a>(mut self, front: impl IntoIterator<Item = &'a str>) -> Call {
        if self.client.is_some() {
            self.ask_as_kube_rs();
        }
        self.started_by(front)
    }

    pub(super) fn started_by<'a>(self, front: impl IntoIterator<Item = &'a str>) -> Call {
        let mut front = front.into_iter();
        let mut call = Call::new(front.next().unwrap()).args(front);
        call.command.arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            call = call.env(name, value.unwrap());
        }
        if let Some(directory) = self.command.get_current_dir() {
            call.command.current_dir(directory);
        }
        match self.stdin {
            Some(bytes) => call.stdin(bytes),
            None => call,
        }
    }

    /// The call from a new client process, which the program has not seen before.
    pub fn by_another_caller(self) -> Call {
        let shell = renamed(Path::new("/bin/sh"), self.client_name());
        self.started_by([shell.as_str(), "-c", "\"$@\"; exit $?", "client"])
    }

    /// Lets [`Call::run`] make the call from a new process of this name each time. A client that asks
    /// twice would say that its first credential was rejected.
    pub fn by_new(mut self, client: &'static str) -> Call {
        self.client = Some(client);
        self
    }

    pub fn client_name(&self) -> &'static str {
        self.client.unwrap_or("kubectl")
    }

    /// The command itself, for streams, sessions and terminals that the builder does not offer.
    pub fn command(&mut self) -> &mut Command {
        self.has_own_streams = true;
        &mut self.command
    }

    pub fn run(self) -> Run {
        let is_by_new_client = self.client.is_some() && !self.on_terminal && !self.has_own_streams;
        let call = if is_by_new_client { self.by_another_caller() } else { self };
        call.spawn().finish()
    }

    /// The client is the process of the tests, which makes many calls. Unlike client-go, kube-rs does not
    /// say by asking twice in ten seconds that its first credential was rejected.
    fn ask_as_kube_rs(&mut self) {
        let name = OsStr::new("KUBERNETES_EXEC_INFO");
        let info = self.command.get_envs().find(|(known, _)| *known == name).and_then(|(_, value)| value);
        if let Some(info) = info.and_then(OsStr::to_str).map(|info| info.trim_end().to_owned()) {
            self.command.env(name, info);
        }
    }

    /// `None` if the program does not exist.
    pub fn run_if_found(self) -> Option<Run> {
        self.try_spawn().ok().map(Running::finish)
    }

    pub fn spawn(self) -> Running {
        let program = self.command.get_program().to_owned();
        self.try_spawn().unwrap_or_else(|error| panic!("cannot start {program:?}: {error}"))
    }

    fn try_spawn(mut self) -> io::Result<Running> {
        let started = Instant::now();
        if self.client.is_some() {
            self.ask_as_kube_rs();
        }
        if !self.on_terminal {
            // A new group, so that its plugins can be killed with it.
            self.command.process_group(0);
        }
        let mut child = self.command.spawn()?;
        if let Some(bytes) = self.stdin {
            let mut stdin = child.stdin.take().unwrap();
            // The program need not read its input.
            thread::spawn(move || drop(stdin.write_all(&bytes)));
        }
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        Ok(Running { child, started, stdout, stderr, done: false })
    }
}

/// A program that runs under another name. A young process called `sh` would count as a wrapper of the
/// real client.
pub fn renamed(program: &Path, name: &str) -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(program.file_name().unwrap());
    fs::create_dir_all(&directory).unwrap();
    let link = directory.join(name);
    // Another test may create it at the same time.
    let _ = symlink(program, &link);
    assert!(link.exists());
    link.to_str().unwrap().to_owned()
}

/// Reads a stream to its end in the background. A stream that was not captured is empty.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let read_all = |mut stream: Box<dyn Read + Send>| {
        let mut bytes = Vec::new();
        // A pseudo terminal whose other side closes ends with EIO, not with end of file.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    };
    match stream {
        Some(stream) => {
            let stream: Box<dyn Read + Send> = Box::new(stream);
            thread::spawn(move || sender.send(read_all(stream)));
        }
        None => sender.send(Vec::new()).unwrap(),
    }
    receiver
}

pub struct Running {
    child: Child,
    started: Instant,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    done: bool,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to this process only, not to its children.
    pub fn signal(&self, signal: Signal) {
        os::kill(self.pid(), signal);
    }

    /// Kills this process only and waits for its end; its children live on.
    pub fn kill_alone(&mut self) {
        self.signal(Signal::Kill);
        self.child.wait().unwrap();
    }

    /// Waits for the end of both streams and of the process, at most `LIMIT`.
    pub fn finish(mut self) -> Run {
        let stdout = self.stdout.recv_timeout(self.time_left());
        let stderr = self.stderr.recv_timeout(self.time_left());
        let (Ok(stdout), Ok(stderr)) = (stdout, stderr) else {
            self.fail("did not close its output");
        };
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if self.time_left().is_zero() => self.fail("did not exit"),
                None => thread::sleep(Duration::from_micros(200)),
            }
        };
        self.done = true;
        Run { status, stdout, stderr }
    }

    fn time_left(&self) -> Duration {
        LIMIT.saturating_sub(self.started.elapsed())
    }

    fn fail(&mut self, what: &str) -> ! {
        let test = thread::current().name().unwrap_or_default().to_owned();
        panic!("{test}: process {} {what} within {LIMIT:?}", self.pid());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            os::kill_group(self.pid());
            let _ = self.child.wait();
        }
    }
}

/// The result of a call.
#[derive(PartialEq, Eq)]
pub struct Run {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Run {
    /// The exit status. Fails the test if a signal killed the process.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died of {:?}: {self:?}", self.status.signal()))
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Checks for status 0, exactly these bytes on stdout and nothing on stderr.
    #[track_caller]
    pub fn assert_prints(&self, stdout: impl AsRef<[u8]>) {
        let expected =
            Run { status: ExitStatus::from_raw(0), stdout: stdout.as_ref().to_vec(), stderr: Vec::new() };
        assert_eq!(*self, expected);
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stdout, stderr) = (shortened(&self.stdout), shortened(&self.stderr));
        write!(f, "{}\n  stdout: {stdout}\n  stderr: {stderr}", self.status)
    }
}

fn shortened(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(2000)];
    format!("{} bytes {:?}", bytes.len(), String::from_utf8_lossy(shown))
}
