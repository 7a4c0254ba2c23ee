//! Starts a child process that becomes another program.
#![allow(unsafe_code)]

use std::io;

use super::errno::check;
use super::fork::collect;

/// Turns the child into the program. Returns only if that fails, and allocates nothing.
pub(super) type Become<'a> = &'a dyn Fn() -> io::Error;

/// Starts a child that calls `become_program`, and returns its id. If the call returns, collects the child and
/// returns that error. The caller has blocked every signal.
///
/// The child uses the memory of this process until it is another program (clone(2), as posix_spawn(3) does), so
/// nothing is copied, and it can say here what failed. This thread stops meanwhile.
#[cfg(target_os = "linux")]
pub(super) fn launch(become_program: Become<'_>) -> io::Result<libc::pid_t> {
    let mut stack = Stack::new();
    let mut work = Work { become_program, errno: 0 };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: stack and work outlive the child's use of them, because this thread stops until then. No handler
    // of a signal runs in the child before it has removed them.
    let id = check(unsafe { libc::clone(work_in_child, stack.top(), flags, (&raw mut work).cast()) })?;
    match work.errno {
        0 => Ok(id),
        errno => {
            collect(id);
            Err(io::Error::from_raw_os_error(errno))
        }
    }
}

#[cfg(target_os = "linux")]
struct Work<'a> {
    become_program: Become<'a>,
    /// What failed. Zero if nothing did.
    errno: i32,
}

/// What the child runs. The status is a shell's for a program that was not found. It matters if the child did not
/// use our memory: qemu-user copies it.
#[cfg(target_os = "linux")]
extern "C" fn work_in_child(work: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `launch` passes its `work`, which it does not use now.
    let work = unsafe { &mut *work.cast::<Work<'_>>() };
    work.errno = (work.become_program)().raw_os_error().unwrap_or(libc::EINVAL);
    127
}

/// The child's stack. A few system calls need 1.9 KB in a debug build, and less in a release. The compiler makes
/// the parent touch every page of it.
#[cfg(target_os = "linux")]
#[repr(align(16))]
struct Stack(std::mem::MaybeUninit<[u8; Stack::BYTES]>);

#[cfg(target_os = "linux")]
impl Stack {
    const BYTES: usize = 4 << 10;

    fn new() -> Stack {
        Stack(std::mem::MaybeUninit::uninit())
    }

    /// Its end: a stack grows downwards.
    fn top(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().wrapping_add(1).cast()
    }
}

/// Starts a child that calls `become_program`, and returns its id. If the call returns, collects the child and
/// returns that error, which the child tells through a pipe that a successful exec closes. The caller has blocked
/// every signal.
#[cfg(not(target_os = "linux"))]
pub(super) fn launch(become_program: Become<'_>) -> io::Result<libc::pid_t> {
    use std::io::{Read, Write};

    let (mut failure, mut report) = io::pipe()?;
    // SAFETY: this program has a single thread, so the copy may do anything (fork(2)).
    let id = check(unsafe { super::fork::fork() })?;
    if id == 0 {
        let error = become_program();
        let _ = report.write_all(&error.raw_os_error().unwrap_or_default().to_ne_bytes());
        // SAFETY: _exit(2) never returns.
        unsafe { libc::_exit(1) }
    }
    drop(report);
    let mut errno = [0; 4];
    if failure.read_exact(&mut errno).is_ok() {
        collect(id);
        return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)));
    }
    Ok(id)
}
