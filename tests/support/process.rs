//! One run of a program: started as a client would, watched, and never left hanging.
//!
//! A [`Call`] describes it, a [`Running`] is it, a [`Run`] is what came of it. Whoever does not
//! end within the limit is killed with everything that it started, and the test fails.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::os::{self, Signal, Terminal};

/// Nothing that the tests start takes nearly as long, however slow the machine is.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Call {
    command: Command,
    stdin: Option<Vec<u8>>,
    on_terminal: bool,
}

impl Call {
    /// With an empty environment and nothing on standard input.
    pub fn new(program: impl AsRef<OsStr>) -> Call {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Call { command, stdin: None, on_terminal: false }
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

    /// Bytes on standard input, and then its end.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Call {
        self.command.stdin(Stdio::piped());
        self.stdin = Some(bytes.into());
        self
    }

    /// With that terminal as its controlling one, its standard input and its standard error.
    pub fn on_terminal(mut self, terminal: &Terminal) -> Call {
        terminal.attach(&mut self.command);
        self.on_terminal = true;
        self
    }

    /// The same call as the arguments of another program.
    pub fn behind<'a>(self, front: impl IntoIterator<Item = &'a str>) -> Call {
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

    /// The same call from a client of its own, whom nobody has seen before.
    pub fn by_another_caller(self) -> Call {
        self.behind(["/bin/sh", "-c", "\"$@\"; exit $?", "sh"])
    }

    /// For what the builder does not offer: other streams, a session, a terminal.
    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    pub fn run(self) -> Run {
        self.spawn().finish()
    }

    /// `None` where there is no such program.
    pub fn run_if_found(self) -> Option<Run> {
        self.try_spawn().ok().map(Running::finish)
    }

    pub fn spawn(self) -> Running {
        let program = self.command.get_program().to_owned();
        self.try_spawn().unwrap_or_else(|error| panic!("cannot start {program:?}: {error}"))
    }

    fn try_spawn(mut self) -> io::Result<Running> {
        let started = Instant::now();
        if !self.on_terminal {
            // A group of its own, so that its plugins can be ended with it.
            self.command.process_group(0);
        }
        let mut child = self.command.spawn()?;
        if let Some(bytes) = self.stdin {
            let mut stdin = child.stdin.take().unwrap();
            // A program that does not read its input is no failure.
            thread::spawn(move || drop(stdin.write_all(&bytes)));
        }
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        Ok(Running { child, started, stdout, stderr, done: false })
    }
}

/// Reads a stream to its end in the background; one that was not captured is empty.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let read_all = |mut stream: Box<dyn Read + Send>| {
        let mut bytes = Vec::new();
        // A pseudo terminal whose other side closes ends with an error, not with end of file.
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

    /// To this process alone, not to what it started.
    pub fn signal(&self, signal: Signal) {
        os::kill(self.pid(), signal);
    }

    /// Kills this process alone and waits until it is gone; its children live on.
    pub fn kill_alone(&mut self) {
        self.signal(Signal::Kill);
        self.child.wait().unwrap();
    }

    /// Waits for the end of both streams and of the process.
    pub fn finish(mut self) -> Run {
        let stdout = self.stdout.recv_timeout(self.time_left());
        let stderr = self.stderr.recv_timeout(self.time_left());
        let (Ok(stdout), Ok(stderr)) = (stdout, stderr) else {
            self.fail("does not close its output");
        };
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if self.time_left().is_zero() => self.fail("does not end"),
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
        let promise = thread::current().name().unwrap_or_default().to_owned();
        panic!("{promise}: process {} {what} within {LIMIT:?}", self.pid());
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

/// What a call left behind.
#[derive(PartialEq, Eq)]
pub struct Run {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Run {
    /// The exit status; a death by signal fails the test, since no call may die of one.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died of {:?}: {self:?}", self.status.signal()))
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Status 0, exactly these bytes on stdout, nothing on stderr.
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
