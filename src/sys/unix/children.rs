//! Programs that are started: by fork(2) and execve(2). Where that fails, the copy of this process
//! tells why through a pipe that a successful exec closes. posix_spawn(3) would do the same, and
//! bring musl's heap along, which nothing else here needs: 9 KB.
//!
//! Between the two nothing is allocated, and PATH was searched before: tests have several threads.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr, c_char};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;

use super::files::{c_string, open_null_device};
use super::{calls, check, environment, places_of, stop_handling_signals};
use crate::sys::{End, Program, Standard};

/// Our end of a pipe to one of a program's standard streams.
pub type Pipe = File;

/// A program that was started.
pub struct Child {
    pub(super) id: libc::pid_t,
    pub output: Option<Pipe>,
    pub errors: Option<Pipe>,
    _input: Option<Pipe>,
    ended: Option<ExitStatus>,
}

impl Child {
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            match self.look(0) {
                Ok(Some(status)) => return Ok(status),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// `None` while it runs.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.look(libc::WNOHANG)
    }

    fn look(&mut self, options: i32) -> io::Result<Option<ExitStatus>> {
        let mut status = 0;
        // SAFETY: `status` outlives the call (waitpid(2)). The id is the child's until it was seen to
        // have ended.
        if self.ended.is_none() && check(unsafe { libc::waitpid(self.id, &mut status, options) })? != 0 {
            self.ended = Some(ExitStatus::from_raw(status));
        }
        Ok(self.ended)
    }
}

/// A process and its children, which are ended together.
pub struct Group {
    pub child: Child,
}

impl Group {
    pub fn end(&mut self, end: End) {
        let signal = if end == End::Force { libc::SIGKILL } else { libc::SIGTERM };
        // SAFETY: the child is not waited for yet, so its id, which is the group's, is still its own.
        unsafe {
            libc::kill(-self.child.id, signal);
        }
    }
}

pub fn spawn(program: &Program) -> io::Result<Child> {
    start(program, false)
}

/// Starts `program` at the head of a group of its own.
pub fn spawn_group(program: &Program) -> io::Result<Group> {
    start(program, true).map(|child| Group { child })
}

fn start(program: &Program, leads_group: bool) -> io::Result<Child> {
    let image = Image::of(program)?;
    let input = Ends::open(program.input, true)?;
    let output = Ends::open(program.output, false)?;
    let errors = Ends::open(program.errors, false)?;
    let [mut failure, mut tell] = pipe()?;
    // SAFETY: this program has a single thread, so its copy may go on as it pleases. A signal that
    // comes before the copy has become the program waits until then; here it waits as well.
    let id = unsafe {
        let mask = block_signals();
        let id = calls::fork();
        if let Ok(0) = id {
            let error = image.run(&[&input, &output, &errors], leads_group, &mask);
            let _ = tell.write_all(&error.raw_os_error().unwrap_or_default().to_ne_bytes());
            libc::_exit(1);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
        id?
    };
    drop(tell);
    let mut child = Child { id, output: output.ours, errors: errors.ours, _input: input.ours, ended: None };
    let mut number = [0; 4];
    if failure.read_exact(&mut number).is_ok() {
        child.wait()?;
        return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)));
    }
    Ok(child)
}

/// Keeps every signal waiting; the mask before.
fn block_signals() -> libc::sigset_t {
    // SAFETY: a set is plain data, for which zero is valid; both outlive the calls.
    unsafe {
        let (mut all, mut before) = (zeroed(), zeroed());
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, &mut before);
        before
    }
}

/// Becomes `program`, with this process's standard streams; returns only if that cannot be done.
pub fn run_instead(program: &Program) -> io::Result<ExitStatus> {
    Err(Image::of(program)?.exec())
}

/// What a program is started with, as the system wants it: pointers, and a null behind the last.
struct Image {
    /// Where the program may be, in the order in which it is looked for.
    places: Vec<CString>,
    words: Vec<*const c_char>,
    variables: Vec<*const c_char>,
    _pointed_to: [Vec<CString>; 2],
}

impl Image {
    fn of(program: &Program) -> io::Result<Image> {
        let places = c_strings(&mut places_of(&program.words[0]).iter().map(|place| place.as_os_str()))?;
        let texts = c_strings(&mut program.words.iter().map(|word| word.as_os_str()))?;
        let mut words: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        words.push(ptr::null());
        let (variables, added) = environment::of_program(program)?;
        Ok(Image { places, words, variables, _pointed_to: [texts, added] })
    }

    /// Turns this process, a copy of the one that wants a child, into the program; why it cannot.
    ///
    /// # Safety
    /// The process has to be given up afterwards.
    unsafe fn run(&self, streams: &[&Ends; 3], leads_group: bool, mask: &libc::sigset_t) -> io::Error {
        // SAFETY: system calls on this process alone; `mask` outlives the call.
        unsafe {
            if leads_group {
                libc::setpgid(0, 0);
            }
            for (standard, ends) in (0..).zip(streams) {
                if let Some(theirs) = &ends.theirs
                    && libc::dup2(theirs.as_raw_fd(), standard) < 0
                {
                    return io::Error::last_os_error();
                }
            }
            stop_handling_signals();
            libc::sigprocmask(libc::SIG_SETMASK, mask, ptr::null_mut());
            self.exec()
        }
    }

    /// As execvp(3) does it: a file that may not be run is passed over, and told of where there is no
    /// other.
    fn exec(&self) -> io::Error {
        let mut failure = io::Error::from_raw_os_error(libc::ENOENT);
        // SAFETY: signal(2) with a disposition that runs no code. What this program does to that signal
        // is nobody else's business.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
        for place in &self.places {
            // SAFETY: C strings, and a null behind the last; all outlive the call (execve(2)).
            unsafe {
                libc::execve(place.as_ptr(), self.words.as_ptr(), self.variables.as_ptr());
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

/// The two ends of one standard stream, where it is not inherited.
struct Ends {
    ours: Option<File>,
    theirs: Option<File>,
}

impl Ends {
    fn open(standard: Standard, is_input: bool) -> io::Result<Ends> {
        match standard {
            Standard::Inherited => Ok(Ends { ours: None, theirs: None }),
            Standard::Null => {
                let null = open_null_device()?;
                Ok(Ends { ours: None, theirs: Some(null) })
            }
            Standard::Pipe => {
                let [reader, writer] = pipe()?.map(Some);
                let (ours, theirs) = if is_input { (writer, reader) } else { (reader, writer) };
                Ok(Ends { ours, theirs })
            }
        }
    }
}

/// A pipe whose ends no program inherits.
fn pipe() -> io::Result<[File; 2]> {
    let mut ends = [0; 2];
    calls::pipe(&mut ends)?;
    // SAFETY: both were just made; nobody else owns them.
    Ok(ends.map(|end| unsafe { File::from_raw_fd(end) }))
}
