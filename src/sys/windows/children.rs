//! Programs that are started, by std, which quotes their arguments.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::windows::io::{AsRawHandle, HandleOrNull, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{self, ChildStdout, Command, ExitStatus, Stdio};
use std::ptr;

use super::{ffi, resolve_program};
use crate::sys::{End, Program, Standard};

/// Our end of a pipe to one of a program's standard streams.
pub type Pipe = ChildStdout;

/// A program that was started.
pub struct Child {
    process: process::Child,
    pub output: Option<Pipe>,
    pub errors: Option<Pipe>,
}

impl Child {
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }

    /// `None` while it runs.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }
}

pub fn spawn(program: &Program) -> io::Result<Child> {
    start(program, 0)
}

fn start(program: &Program, flags: u32) -> io::Result<Child> {
    let mut words = program.words.iter();
    let name = words.next().map(OsString::as_os_str).unwrap_or_default();
    let mut command = Command::new(resolve_program(name));
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

/// A process and its children, which are ended together.
pub struct Group {
    pub child: Child,
    job: OwnedHandle,
}

/// Starts `program` at the head of a group of its own, with a console without a window: with none
/// at all, each console program that it starts would open one for everybody to see.
pub fn spawn_group(program: &Program) -> io::Result<Group> {
    // SAFETY: both may be null, and a handle that is not null is ours to close.
    let created = unsafe { HandleOrNull::from_raw_handle(ffi::CreateJobObjectW(ptr::null(), ptr::null())) };
    let job = OwnedHandle::try_from(created).map_err(|_| io::Error::last_os_error())?;
    let child = start(program, ffi::CREATE_NEW_PROCESS_GROUP | ffi::CREATE_NO_WINDOW)?;
    // SAFETY: both handles are open. What the child starts will belong to the same job; should this
    // fail, the child is ended alone.
    unsafe { ffi::AssignProcessToJobObject(job.as_raw_handle(), child.process.as_raw_handle()) };
    Ok(Group { child, job })
}

impl Group {
    /// A request is a Ctrl-Break. It goes to processes of one's own console alone, so this process,
    /// which has none where it runs detached, attaches itself to that of the group.
    pub fn end(&mut self, end: End) {
        match end {
            End::Request => {
                let group = self.child.process.id();
                // SAFETY: the child is not waited for yet, so its id, which is the group's, is its own.
                unsafe {
                    ffi::AttachConsole(group);
                    ffi::GenerateConsoleCtrlEvent(ffi::CTRL_BREAK_EVENT, group);
                }
            }
            End::Force => {
                // SAFETY: the handle is open.
                unsafe { ffi::TerminateJobObject(self.job.as_raw_handle(), 1) };
                // Does nothing to one that has ended with the job.
                let _ = self.child.process.kill();
            }
        }
    }
}
