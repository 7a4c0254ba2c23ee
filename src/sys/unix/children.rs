//! Programs that this one starts, or becomes, by clone(2) or fork(2) and execve(2).
//!
//! posix_spawn(3) would do the same and bring musl's heap along, which nothing else here needs
//! (docs/DESIGN.md, "Byte-golf").
//!
//! Between clone and exec nothing is allocated, and PATH is searched before: tests have several threads.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr, c_char};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::time::Duration;

use super::errno::check;
use super::files::{c_string, open_null_device};
use super::launch::launch;
use super::{environment, programs, signals};
use crate::sys::process::{End, Program, Standard};

/// Our end of a pipe that is one of a program's standard streams.
pub type Pipe = PipeReader;

/// A program that was started.
pub struct Child {
    id: libc::pid_t,
    pub output: Option<Pipe>,
    pub errors: Option<Pipe>,
    _input: Option<PipeWriter>,
    status: Option<ExitStatus>,
}

impl Child {
    /// Waits until the program ends.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            match self.reap(0) {
                Ok(Some(status)) => return Ok(status),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Returns `None` while the program runs.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.reap(libc::WNOHANG)
    }

    /// Whether the program has ended. Does not collect it, so its id stays its own. An error counts as an end.
    pub fn has_ended(&mut self) -> bool {
        // SAFETY: zeros are valid, and stay if the program runs (waitid(2)).
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: `info` outlives the call.
        let waited = unsafe { libc::waitid(libc::P_PID, self.id as libc::id_t, &mut info, options) };
        waited != 0 || info.si_signo != 0
    }

    fn reap(&mut self, options: i32) -> io::Result<Option<ExitStatus>> {
        let mut status = 0;
        // SAFETY: `status` outlives the call (waitpid(2)). Until its end was seen, the child keeps its id.
        if self.status.is_none() && check(unsafe { libc::waitpid(self.id, &mut status, options) })? != 0 {
            self.status = Some(ExitStatus::from_raw(status));
        }
        Ok(self.status)
    }
}

/// A program and its descendants, which are ended together.
pub struct ProcessGroup {
    pub child: Child,
}

impl ProcessGroup {
    pub fn end(&mut self, end: End) {
        let signal = if end == End::Force { libc::SIGKILL } else { libc::SIGTERM };
        if self.child.status.is_some() {
            return; // Collected: another process may have its id.
        }
        // SAFETY: the child was not collected yet, so its id, which is the group's, is still its own.
        unsafe {
            libc::kill(-self.child.id, signal);
        }
    }
}

/// Starts `program`.
pub fn spawn(program: &Program) -> io::Result<Child> {
    start(program, false)
}

/// Starts `program` as the leader of a process group.
pub fn spawn_group(program: &Program) -> io::Result<ProcessGroup> {
    start(program, true).map(|child| ProcessGroup { child })
}

/// Starts `program`, and forwards to it the signals that would end this one. No signal is blocked when
/// the program starts, because it inherits the mask.
pub fn spawn_forwarding_signals(program: &Program) -> io::Result<Child> {
    signals::catch();
    let child = spawn(program)?;
    signals::forward_to(child.id);
    signals::ignore_broken_pipes();
    Ok(child)
}

fn start(program: &Program, leads_group: bool) -> io::Result<Child> {
    let arguments = ExecArguments::of(program)?;
    let (input, their_input) = writer(program.input)?;
    let (output, their_output) = reader(program.output)?;
    let (errors, their_errors) = reader(program.errors)?;
    let streams = [&their_input, &their_output, &their_errors];
    signals::expect_children();
    // A signal that arrives before the child has become the program waits until then.
    let mask = signals::block();
    // SAFETY: `launch` calls this in the child, which ends afterwards.
    let id = launch(&|| unsafe { become_child(&arguments, streams, leads_group, &mask) });
    signals::restore(&mask);
    Ok(Child { id: id?, output, errors, _input: input, status: None })
}

/// Turns the child into the program. Returns only if that fails.
///
/// # Safety
/// The process must end afterwards.
unsafe fn become_child(
    arguments: &ExecArguments,
    streams: [&Option<OwnedFd>; 3],
    leads_group: bool,
    mask: &libc::sigset_t,
) -> io::Error {
    // SAFETY: system calls on this process alone (setpgid(2), dup2(2)).
    unsafe {
        if leads_group {
            libc::setpgid(0, 0);
        }
        for (standard, stream) in (0..).zip(streams) {
            if let Some(stream) = stream
                && libc::dup2(stream.as_raw_fd(), standard) < 0
            {
                return io::Error::last_os_error();
            }
        }
    }
    signals::stop_catching();
    signals::restore(mask);
    arguments.exec()
}

/// Replaces this process by `program`, with the same standard streams. Returns only if that fails.
pub fn exec(program: &Program) -> io::Result<ExitStatus> {
    Err(ExecArguments::of(program)?.exec())
}

/// What execve(2) takes: arrays of pointers that end with a null.
struct ExecArguments {
    /// The files that the program may be, in the order of the search.
    candidates: Vec<CString>,
    words: Vec<*const c_char>,
    variables: Vec<*const c_char>,
    _pointed_to: [Vec<CString>; 2],
}

impl ExecArguments {
    fn of(program: &Program) -> io::Result<ExecArguments> {
        let candidates = programs::candidates(&program.words[0]);
        let candidates = c_strings(&mut candidates.iter().map(|path| path.as_os_str()))?;
        let texts = c_strings(&mut program.words.iter().map(|word| word.as_os_str()))?;
        let mut words: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        words.push(ptr::null());
        let (variables, added) = environment::of_program(program)?;
        Ok(ExecArguments { candidates, words, variables, _pointed_to: [texts, added] })
    }

    /// Does what execvp(3) does: skips a file that may not be executed, and reports it if no other is
    /// found.
    fn exec(&self) -> io::Error {
        let mut failure = io::Error::from_raw_os_error(libc::ENOENT);
        signals::give_back();
        for path in &self.candidates {
            // SAFETY: C strings, and arrays that end with a null; all outlive the call (execve(2)).
            unsafe {
                libc::execve(path.as_ptr(), self.words.as_ptr(), self.variables.as_ptr());
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                Some(libc::EACCES) => failure = error,
                _ => return error,
            }
        }
        failure
    }
}

fn c_strings(texts: &mut dyn Iterator<Item = &OsStr>) -> io::Result<Vec<CString>> {
    let mut strings = Vec::new();
    for text in texts {
        strings.push(c_string(text)?);
    }
    Ok(strings)
}

/// Our end and the program's end of a stream that the program reads. Neither if it inherits ours.
fn writer(standard: Standard) -> io::Result<(Option<PipeWriter>, Option<OwnedFd>)> {
    match standard {
        Standard::Pipe => io::pipe().map(|(reader, writer)| (Some(writer), Some(reader.into()))),
        _ => Ok((None, null_device(standard)?)),
    }
}

/// Our end and the program's end of a stream that the program writes. Neither if it inherits ours.
fn reader(standard: Standard) -> io::Result<(Option<Pipe>, Option<OwnedFd>)> {
    match standard {
        Standard::Pipe => io::pipe().map(|(reader, writer)| (Some(reader), Some(writer.into()))),
        _ => Ok((None, null_device(standard)?)),
    }
}

fn null_device(standard: Standard) -> io::Result<Option<OwnedFd>> {
    match standard {
        Standard::Null => open_null_device().map(|file| Some(file.into())),
        _ => Ok(None),
    }
}

/// Waits until `stream` can be read or has ended. Returns false if neither happened within `limit`.
pub fn wait_readable(stream: &impl AsRawFd, limit: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one `pollfd`, which outlives the call (poll(2)).
    match check(unsafe { libc::poll(&mut poll, 1, limit.as_millis() as i32) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        other => other.map(|ready| ready > 0),
    }
}

/// The exit status that a shell would report: the program's own, or 128 plus the signal's number.
pub fn exit_status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128u8.saturating_add(signal as u8),
        (None, None) => 1,
    }
}
