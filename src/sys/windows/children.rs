//! Programs that this one starts, by std, which quotes their arguments.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::windows::io::{AsRawHandle, HandleOrNull, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{self, ChildStdout, Command, ExitStatus, Stdio};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::STATUS_CONTROL_C_EXIT;
use windows_sys::Win32::System::Console::{AttachConsole, CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, TerminateJobObject,
};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;
use windows_sys::Win32::System::Threading::{CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW};

use super::{console, programs};
use crate::sys::process::{End, Program, Standard};

/// Our end of a pipe that is one of a program's standard streams.
pub type Pipe = ChildStdout;

/// A program that was started.
pub struct Child {
    process: process::Child,
    pub output: Option<Pipe>,
    pub errors: Option<Pipe>,
}

impl Child {
    /// Waits until the program ends.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }

    /// Whether the program has ended. An error counts as an end.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.try_wait(), Ok(None))
    }

    /// Returns `None` while the program runs.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }
}

/// Starts `program`.
pub fn spawn(program: &Program) -> io::Result<Child> {
    start(program, 0)
}

/// Starts `program` so that Ctrl-C and Ctrl-Break end it and not this program.
pub fn spawn_forwarding_signals(program: &Program) -> io::Result<Child> {
    let child = spawn(program)?;
    console::catch();
    Ok(child)
}

/// Runs `program` to its end. On Windows a process cannot become another program.
pub fn exec(program: &Program) -> io::Result<ExitStatus> {
    spawn_forwarding_signals(program)?.wait()
}

fn start(program: &Program, flags: u32) -> io::Result<Child> {
    let mut words = program.words.iter();
    let name = words.next().map(OsString::as_os_str).unwrap_or_default();
    let mut command = Command::new(programs::resolve(name));
    command.args(words).creation_flags(flags);
    command.stdin(program.input).stdout(program.output).stderr(program.errors);
    for (name, value) in &program.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut process = command.spawn()?;
    let output = process.stdout.take();
    let errors = process.stderr.take().map(|errors| OwnedHandle::from(errors).into());
    Ok(Child { process, output, errors })
}

impl From<Standard> for Stdio {
    fn from(standard: Standard) -> Stdio {
        match standard {
            Standard::Inherited => Stdio::inherit(),
            Standard::Null => Stdio::null(),
            Standard::Pipe => Stdio::piped(),
        }
    }
}

/// A program and its descendants, which are ended together.
pub struct ProcessGroup {
    pub child: Child,
    job: OwnedHandle,
}

/// Starts `program` as the leader of a process group. It gets a console without a window: without any
/// console, each console program that it starts would open a window.
pub fn spawn_group(program: &Program) -> io::Result<ProcessGroup> {
    // SAFETY: both arguments may be null, and a handle that is not null is ours to close.
    let created = unsafe { HandleOrNull::from_raw_handle(CreateJobObjectW(ptr::null(), ptr::null())) };
    let job = OwnedHandle::try_from(created).map_err(|_| io::Error::last_os_error())?;
    let child = start(program, CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW)?;
    // SAFETY: both handles are open. What the child starts belongs to the same job. If this fails, only
    // the child is ended.
    unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.process.as_raw_handle()) };
    Ok(ProcessGroup { child, job })
}

impl ProcessGroup {
    /// A request is a Ctrl-Break, which can only be sent to processes of one's own console. So this
    /// process, which has none when it runs detached, attaches itself to that of the group.
    pub fn end(&mut self, end: End) {
        match end {
            End::Request => {
                let group = self.child.process.id();
                // SAFETY: the child was not waited for yet, so its id, which is the group's, is its own.
                unsafe {
                    AttachConsole(group);
                    GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, group);
                }
            }
            End::Force => {
                // SAFETY: the handle is open.
                unsafe { TerminateJobObject(self.job.as_raw_handle(), 1) };
                // Has no effect if the child has ended with the job.
                let _ = self.child.process.kill();
            }
        }
    }
}

/// Waits until `stream` can be read or has ended. Returns false if neither happened within `limit`.
/// Windows cannot wait for a pipe, so this polls.
pub fn wait_readable(stream: &impl AsRawHandle, limit: Duration) -> io::Result<bool> {
    const PAUSE: Duration = Duration::from_millis(2);
    let started = Instant::now();
    loop {
        let mut available = 0;
        // SAFETY: the handle is open, and only the number of available bytes is asked for.
        let is_open = unsafe {
            let (none, pipe) = (ptr::null_mut(), stream.as_raw_handle());
            PeekNamedPipe(pipe, ptr::null_mut(), 0, none, &mut available, none)
        };
        if is_open == 0 || available > 0 {
            return Ok(true);
        }
        if started.elapsed() >= limit {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
}

/// The exit status that a shell would report. Windows' statuses have 32 bits: one that does not fit in a
/// byte becomes 255.
pub fn exit_status(status: ExitStatus) -> u8 {
    const INTERRUPTED_STATUS: u8 = 128 + 2;
    match status.code() {
        Some(STATUS_CONTROL_C_EXIT) => INTERRUPTED_STATUS,
        Some(code) => u8::try_from(code).unwrap_or(u8::MAX),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::os::windows::process::ExitStatusExt;

    use super::*;

    #[test]
    fn an_exit_status_that_is_no_byte_is_a_failure() {
        for (code, status) in
            [(0, 0), (1, 1), (255, 255), (256, 255), (9009, 255), (0xC000_0005, 255), (0xC000_013A, 130)]
        {
            assert_eq!(exit_status(ExitStatus::from_raw(code)), status, "{code:#x}");
        }
    }
}
