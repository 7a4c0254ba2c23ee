//! Signals that end a program: while a plugin runs they go to the plugin, and this program survives
//! to pass on the plugin's exit status.
//!
//! A signal that was ignored when this program started stays ignored, for the plugin too.
#![allow(unsafe_code)]

use std::mem::zeroed;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

const FORWARDED: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// The process that gets the signals. Zero if none does.
static RECEIVER: AtomicI32 = AtomicI32::new(0);
/// A signal that arrived before there was a receiver. Zero if none did.
static PENDING: AtomicI32 = AtomicI32::new(0);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Catches the signals. They are kept until [`forward_to`] names a receiver.
pub fn catch() {
    for signal in FORWARDED {
        // SAFETY: `sigaction` is plain data, for which zero is valid; the handler only makes calls
        // that signal-safety(7) allows.
        unsafe {
            let mut old: libc::sigaction = zeroed();
            let known = libc::sigaction(signal, ptr::null(), &mut old) == 0;
            if known && old.sa_sigaction != libc::SIG_IGN {
                let mut action: libc::sigaction = zeroed();
                action.sa_sigaction = forward as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
                libc::sigaction(signal, &action, ptr::null_mut());
            }
        }
    }
}

/// Sends the signals from now on, and one that has arrived already, to the child `receiver`, which must
/// not have been waited for yet.
pub fn forward_to(receiver: libc::pid_t) {
    RECEIVER.store(receiver, Ordering::Relaxed);
    let pending = PENDING.swap(0, Ordering::Relaxed);
    if pending != 0 {
        // SAFETY: a child that was not waited for keeps its id (kill(2)).
        unsafe {
            libc::kill(receiver, pending);
        }
    }
}

/// Stops sending signals to the plugin. It has ended, and another process may get its id.
pub fn stop_forwarding() {
    RECEIVER.store(0, Ordering::Relaxed);
}

/// The handler. A signal from the terminal goes to the whole foreground group, so it has reached a plugin
/// that is in our group, and is not forwarded again.
extern "C" fn forward(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    INTERRUPTED.store(true, Ordering::Relaxed);
    let receiver = RECEIVER.load(Ordering::Relaxed);
    // SAFETY: the kernel passes a valid `siginfo_t`; kill(2) and getpgid(2) are plain system calls.
    unsafe {
        if receiver == 0 {
            PENDING.store(signal, Ordering::Relaxed);
        } else if was_sent_by_process(&*info) || libc::getpgid(receiver) != libc::getpgrp() {
            libc::kill(receiver, signal);
        }
    }
}

#[cfg(target_os = "linux")]
fn was_sent_by_process(info: &libc::siginfo_t) -> bool {
    info.si_code <= 0 // SI_USER and the like; what the kernel sends has a positive code (sigaction(2)).
}

#[cfg(not(target_os = "linux"))]
fn was_sent_by_process(info: &libc::siginfo_t) -> bool {
    // SAFETY: every signal of `FORWARDED` fills in the sender's id, which is zero for the kernel.
    unsafe { info.si_pid() != 0 }
}

/// Undoes [`catch`], in a copy of this process that is about to become another program.
pub fn stop_catching() {
    for signal in FORWARDED {
        // SAFETY: `sigaction` is plain data, for which zero is valid; SIG_DFL runs no code.
        unsafe {
            let mut old: libc::sigaction = zeroed();
            libc::sigaction(signal, ptr::null(), &mut old);
            if old.sa_sigaction == forward as *const () as usize {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// Keeps every signal waiting. Returns the mask to restore.
pub fn block() -> libc::sigset_t {
    // SAFETY: a set is plain data, for which zero is valid; both outlive the calls (sigprocmask(2)).
    unsafe {
        let (mut all, mut before) = (zeroed(), zeroed());
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, &mut before);
        before
    }
}

/// Restores the mask that [`block`] returned.
pub fn restore(mask: &libc::sigset_t) {
    // SAFETY: `mask` outlives the call (sigprocmask(2)).
    unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, mask, ptr::null_mut());
    }
}

/// A signal whose disposition this program changes for itself. Programs that it starts get the inherited
/// one back.
struct OwnDisposition {
    signal: i32,
    wanted: libc::sighandler_t,
    /// [`UNCHANGED`] until it is known.
    inherited: AtomicUsize,
}

const UNCHANGED: usize = usize::MAX;

/// If SIGCHLD is ignored, as programs in Python, Perl and C do, children vanish before they are waited for
/// (wait(2)).
static CHILD_ENDS: OwnDisposition = OwnDisposition::new(libc::SIGCHLD, libc::SIG_DFL);
static BROKEN_PIPE: OwnDisposition = OwnDisposition::new(libc::SIGPIPE, libc::SIG_IGN);
static FILE_SIZE_LIMIT: OwnDisposition = OwnDisposition::new(libc::SIGXFSZ, libc::SIG_IGN);

impl OwnDisposition {
    const fn new(signal: i32, wanted: libc::sighandler_t) -> OwnDisposition {
        OwnDisposition { signal, wanted, inherited: AtomicUsize::new(UNCHANGED) }
    }

    fn set(&self) {
        if self.inherited.load(Ordering::Relaxed) == UNCHANGED {
            // SAFETY: neither disposition runs code (signal(2)).
            let inherited = unsafe { libc::signal(self.signal, self.wanted) };
            self.inherited.store(inherited, Ordering::Relaxed);
        }
    }

    fn give_back(&self) {
        let inherited = self.inherited.load(Ordering::Relaxed);
        if inherited != UNCHANGED {
            // SAFETY: this program was started with that disposition, so it runs no code (signal(2)).
            unsafe { libc::signal(self.signal, inherited) };
        }
    }
}

/// Lets this program wait for the programs that it starts.
pub fn expect_children() {
    CHILD_ENDS.set();
}

/// Makes writing to a pipe without a reader an error, instead of the end of this program: the
/// plugin's credential is still to be stored.
pub fn ignore_broken_pipes() {
    BROKEN_PIPE.set();
}

/// Makes writing beyond the limit for files (`ulimit -f`) an error, instead of the end of this program.
pub fn ignore_file_size_limit() {
    FILE_SIZE_LIMIT.set();
}

/// Restores what this program was started with, before this process becomes another program.
pub fn give_back() {
    for disposition in [&CHILD_ENDS, &BROKEN_PIPE, &FILE_SIZE_LIMIT] {
        disposition.give_back();
    }
}

/// Whether a signal such as that of Ctrl-C ended the program, or reached this one meanwhile.
pub fn was_interrupted(status: ExitStatus) -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
        || status.signal().is_some_and(|signal| FORWARDED.contains(&signal))
        || status.code() == Some(128 + libc::SIGINT)
}
