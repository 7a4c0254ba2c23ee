//! Other processes: the caller, the plugin and its signals, detached work.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
#[cfg(target_os = "linux")]
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
#[cfg(target_os = "linux")]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use super::files::open_null_device;
use super::{Child, calls, check, spawn, variable};
#[cfg(target_os = "linux")]
use super::{open, read_at};
use crate::sys::{Process, Program};

/// The process that called this program.
#[cfg(target_os = "linux")]
pub fn parent_process() -> Option<Process> {
    const START_TIME: usize = 22;
    let id = std::os::unix::process::parent_id();
    read_stat(id, &mut |fields| {
        let field = fields.split(|byte| *byte == b' ').nth(START_TIME - 3)?;
        let started = std::str::from_utf8(field).ok()?.parse().ok()?;
        Some(Process { id, started })
    })
}

/// Whether the process has ended and nobody has asked what became of it.
#[cfg(target_os = "linux")]
pub fn is_zombie(id: u32) -> bool {
    read_stat(id, &mut |fields| fields.starts_with(b"Z").then_some(())).is_some()
}

/// Hands `read` the fields of `/proc/PID/stat` (proc(5)) from the third on, which is the state. The
/// second, the name in parentheses, may hold anything, so they begin after the last parenthesis.
#[cfg(target_os = "linux")]
fn read_stat<T>(id: u32, read: &mut dyn FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut stat = [0; 512];
    let file = open(Path::new(&format!("/proc/{id}/stat"))).ok()?;
    // One system call less, since the program is about to end.
    let file = ManuallyDrop::new(file);
    let length = read_at(&file, &mut stat, 0).ok()?;
    let stat = &stat[..length];
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    read(stat.get(name_end + 2..)?)
}

/// The process that called this program.
#[cfg(target_os = "macos")]
pub fn parent_process() -> Option<Process> {
    let id = std::os::unix::process::parent_id();
    // SAFETY: `proc_bsdinfo` is plain data, for which zero is valid.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_bsdinfo>() as i32;
    // SAFETY: the buffer is as large as `size` says; proc_pidinfo writes no more than that.
    let written =
        unsafe { libc::proc_pidinfo(id as i32, libc::PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size) };
    (written == size)
        .then(|| Process { id, started: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn parent_process() -> Option<Process> {
    None
}

/// Only Linux has first processes that do not know about orphans.
#[cfg(not(target_os = "linux"))]
pub fn is_zombie(_id: u32) -> bool {
    false
}

/// The exit status that a shell would give: the program's own, or 128 and the signal's number.
pub fn exit_status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128u8.saturating_add(signal as u8),
        (None, None) => 1,
    }
}

/// Whether the program ended because somebody wanted it to, as with Ctrl-C.
pub fn was_interrupted(status: ExitStatus) -> bool {
    let ends = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
    INTERRUPTED.load(Ordering::Relaxed)
        || status.signal().is_some_and(|signal| ends.contains(&signal))
        || status.code() == Some(128 + libc::SIGINT)
}

/// Waits until `stream` can be read or has ended; false if neither happened within `limit`.
pub fn wait_readable(stream: &impl AsRawFd, limit: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one `pollfd`, which outlives the call.
    match check(unsafe { libc::poll(&mut poll, 1, limit.as_millis() as i32) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        other => other.map(|ready| ready > 0),
    }
}

const FORWARDED: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
static FORWARD_TO: AtomicI32 = AtomicI32::new(0);
/// A signal that came before there was anybody to hand it to.
static PENDING: AtomicI32 = AtomicI32::new(0);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Starts `program` so that the signals that end a program reach it instead of this one.
///
/// A signal that the terminal sent has reached the whole foreground group already; one that a
/// process sent to us alone is handed on. A signal that was ignored stays ignored. None is blocked
/// meanwhile: the child inherits the mask.
pub fn spawn_forwarding_signals(program: &Program) -> io::Result<Child> {
    for signal in FORWARDED {
        forward(signal);
    }
    let child = spawn(program)?;
    FORWARD_TO.store(child.id, Ordering::Relaxed);
    let pending = PENDING.swap(0, Ordering::Relaxed);
    if pending != 0 {
        // SAFETY: the child is not waited for yet, so the id is its own.
        unsafe {
            libc::kill(child.id, pending);
        }
    }
    outlive_broken_pipes();
    Ok(child)
}

/// Writing to a pipe that nobody reads is an error from here on, and not the end of the program:
/// what the plugin gives is still to be stored.
fn outlive_broken_pipes() {
    // SAFETY: signal(2) with a disposition that runs no code.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// The program has ended: its process id may soon be another's.
pub fn stop_forwarding() {
    FORWARD_TO.store(0, Ordering::Relaxed);
}

fn forward(signal: i32) {
    // SAFETY: `sigaction` is plain data, for which zero is valid; the handler only makes calls
    // that signal-safety(7) allows.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, std::ptr::null(), &mut old);
        if asked != 0 || old.sa_sigaction == libc::SIG_IGN {
            return;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = hand_on as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// What this program handles ends it again; what is ignored stays so.
pub(super) fn stop_handling_signals() {
    for signal in FORWARDED {
        // SAFETY: `sigaction` is plain data, for which zero is valid; SIG_DFL runs no code.
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &mut old);
            if old.sa_sigaction == hand_on as *const () as usize {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

extern "C" fn hand_on(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    INTERRUPTED.store(true, Ordering::Relaxed);
    let plugin = FORWARD_TO.load(Ordering::Relaxed);
    // SAFETY: the kernel hands over a valid `siginfo_t`; kill(2) is async-signal-safe.
    unsafe {
        if plugin == 0 {
            PENDING.store(signal, Ordering::Relaxed);
        } else if sent_by_process(&*info) {
            libc::kill(plugin, signal);
        }
    }
}

#[cfg(target_os = "linux")]
fn sent_by_process(info: &libc::siginfo_t) -> bool {
    info.si_code <= 0 // SI_USER and its kin; what the kernel sends has a positive code.
}

#[cfg(not(target_os = "linux"))]
fn sent_by_process(info: &libc::siginfo_t) -> bool {
    // SAFETY: every signal of `FORWARDED` fills in the sender's id; the kernel's is zero.
    unsafe { info.si_pid() != 0 }
}

/// The file that `program` names, searched for on PATH where it has no slash.
pub fn find_program(program: &OsStr) -> Option<PathBuf> {
    places_of(program).into_iter().find(|path| path.exists())
}

/// Where `program` may be: on PATH where it has no slash.
pub(super) fn places_of(program: &OsStr) -> Vec<PathBuf> {
    if program.is_empty() || program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program)];
    }
    let directories = variable("PATH").unwrap_or_else(|| OsString::from(DEFAULT_PATH));
    std::env::split_paths(&directories).map(|directory| directory.join(program)).collect()
}

/// Where shells and the C library look when nobody says.
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// Does `work` in a process of its own: another session, the null device on all three standard
/// streams, every other descriptor closed. A caller that reads our output to its end must not wait
/// for it. `option` is for systems where a process cannot simply be copied.
pub fn run_detached(_option: &str, work: &mut dyn FnMut()) -> io::Result<()> {
    // SAFETY: this program has a single thread, so the child may go on as it pleases.
    if unsafe { calls::fork() }? != 0 {
        return Ok(());
    }
    // With the caller's streams still open it would wait for us to end: better no work at all.
    if detach().is_ok() {
        work();
    }
    // SAFETY: _exit(2) never returns. What the parent buffers is not the child's to write.
    unsafe { libc::_exit(0) }
}

fn detach() -> io::Result<()> {
    // SAFETY: plain system calls on descriptors that this process owns alone. Nothing of ours that
    // holds a descriptor is used after it was closed: the work opens what it needs anew.
    unsafe {
        libc::setsid();
        let null = open_null_device()?;
        for standard in 0..3 {
            check(libc::dup2(null.as_raw_fd(), standard))?;
        }
        drop(null);
        close_from(3);
    }
    Ok(())
}

/// # Safety
/// Nothing may use a descriptor from `first` on afterwards.
#[cfg(target_os = "linux")]
unsafe fn close_from(first: i32) {
    // SAFETY: close_range(2) closes descriptors and touches no memory.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) != 0 {
            close_each_from(first);
        }
    }
}

/// # Safety
/// Nothing may use a descriptor from `first` on afterwards.
#[cfg(not(target_os = "linux"))]
unsafe fn close_from(first: i32) {
    // SAFETY: as the caller promises.
    unsafe { close_each_from(first) }
}

/// # Safety
/// Nothing may use a descriptor from `first` on afterwards.
unsafe fn close_each_from(first: i32) {
    const MOST: u64 = 65_536;
    // SAFETY: `limit` outlives the call (getrlimit(2)), and zero is valid for it; close(2) of a
    // descriptor that is not open does no harm.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        for descriptor in first..limit.rlim_cur.min(MOST) as i32 {
            libc::close(descriptor);
        }
    }
}
