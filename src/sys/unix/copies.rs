//! Copies of this process that do one piece of work, and the long sleeps between them.
//!
//! A process that lives for hours must not grow, and the arena takes nothing back. So a copy does the
//! work of each round, and ends.
#![allow(unsafe_code)]

use std::io::{self, PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::ancestors::{is_zombie, parent_info, process_info};
#[cfg(not(target_os = "linux"))]
use super::clock::now;
use super::detached::close_from;
use super::errno::check;
use super::fork::{collect, fork};
use super::metadata::file_stamp;
use super::signals;
use crate::sys::process::Process;
use crate::sys::stamp::FileStamp;

/// Does `work` in a copy of this process and returns the result. `None`, too, if the copy cannot be made
/// or dies.
pub fn in_copy(work: &mut dyn FnMut() -> Option<u64>) -> Option<u64> {
    let (mut result, answer) = io::pipe().ok()?;
    signals::expect_children();
    // SAFETY: this program has a single thread, so the copy may do anything (fork(2)).
    let id = check(unsafe { fork() }).ok()?;
    if id == 0 {
        answer_with(&answer, work);
    }
    drop(answer);
    let mut number = [0; 8];
    let is_whole = result.read_exact(&mut number).is_ok();
    collect(id);
    is_whole.then(|| u64::from_ne_bytes(number))
}

/// Writes the result of `work` to the pipe and ends this copy. Every other descriptor is closed first: a
/// lock that the original holds must end with the original.
fn answer_with(answer: &PipeWriter, work: &mut dyn FnMut() -> Option<u64>) -> ! {
    const ANSWER: i32 = 3;
    // SAFETY: system calls on descriptors that this copy alone has; it uses none of the closed ones.
    let is_ready = unsafe {
        let moved = libc::dup2(answer.as_raw_fd(), ANSWER) >= 0;
        close_from(ANSWER + 1);
        moved
    };
    let number = if is_ready { work() } else { None };
    if let Some(bytes) = number.map(u64::to_ne_bytes) {
        // SAFETY: `bytes` is valid for reads of its length (write(2)).
        unsafe { libc::write(ANSWER, bytes.as_ptr().cast(), bytes.len()) };
    }
    // SAFETY: _exit(2) never returns.
    unsafe { libc::_exit(0) }
}

/// Inside [`in_copy`], the process that this one is a copy of.
pub fn copied_process() -> Option<Process> {
    parent_info().map(|info| info.process)
}

/// Asks the process to end, if it is still the same one. Returns whether it was.
pub fn end_process(process: &Process) -> bool {
    // SAFETY: kill(2) touches no memory.
    is_running(process) && unsafe { libc::kill(process.id as libc::pid_t, libc::SIGTERM) } == 0
}

/// Whether the process is still running. A zombie is not.
pub fn is_running(process: &Process) -> bool {
    process_info(process.id).is_some_and(|info| info.process == *process) && !is_zombie(process.id)
}

/// The stamp of this program's file. `None` if the file was removed.
pub fn program_stamp() -> Option<FileStamp> {
    file_stamp(&std::env::current_exe().ok()?).ok()
}

/// Sleeps until the wall clock shows `moment`, also if the clock is set or the machine is suspended.
#[cfg(target_os = "linux")]
pub fn sleep_until(moment: Duration) {
    let moment = libc::timespec { tv_sec: moment.as_secs() as _, tv_nsec: moment.subsec_nanos() as _ };
    // SAFETY: `moment` outlives the call, and the remaining time is not asked for (clock_nanosleep(2)).
    while unsafe {
        libc::clock_nanosleep(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &moment, std::ptr::null_mut())
    } == libc::EINTR
    {}
}

/// Sleeps until the wall clock shows `moment`. Looks at the clock every minute, because a sleep does not
/// count the time during which the machine is suspended.
#[cfg(not(target_os = "linux"))]
pub fn sleep_until(moment: Duration) {
    const LONGEST: Duration = Duration::from_secs(60);
    while let Some(left) = moment.checked_sub(now()).filter(|left| !left.is_zero()) {
        std::thread::sleep(left.min(LONGEST));
    }
}
