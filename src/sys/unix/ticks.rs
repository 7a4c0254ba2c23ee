//! Signals at regular times, so that a system call that blocks returns.
//!
//! A timer of this thread (timer_create(2), `SIGEV_THREAD_ID`), not setitimer(2): the client may have set an
//! alarm before it started this program. The signal is SIGURG, which does nothing by default. System calls by
//! number, because musl's functions bring its threads.
#![allow(unsafe_code)]

use std::mem::zeroed;
use std::ptr;
use std::time::Duration;

const SIGNAL: i32 = libc::SIGURG;

/// While this lives, a system call that blocks fails with `EINTR` at every tick.
pub struct Ticks {
    timer: libc::c_int,
    /// What was there before.
    mask: libc::sigset_t,
    action: libc::sigaction,
}

impl Ticks {
    /// Repeats, because a tick before the system call begins does not interrupt it. `None` if the system
    /// has no such timers.
    pub fn every(interval: Duration) -> Option<Ticks> {
        let timer = create_timer()?;
        // SAFETY: plain data, for which zero is valid; `unblock` and `sigaction` fill it.
        let mut ticks = Ticks { timer, mask: unsafe { zeroed() }, action: unsafe { zeroed() } };
        // SAFETY: the handler does nothing; the structures outlive the calls.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = ignore as *const () as usize;
            libc::sigaction(SIGNAL, &action, &mut ticks.action);
            let mut signals: libc::sigset_t = zeroed();
            libc::sigaddset(&mut signals, SIGNAL);
            libc::sigprocmask(libc::SIG_UNBLOCK, &signals, &mut ticks.mask);
        }
        ticks.start(interval).then_some(ticks)
    }

    fn start(&self, interval: Duration) -> bool {
        let interval =
            libc::timespec { tv_sec: interval.as_secs() as _, tv_nsec: interval.subsec_nanos() as _ };
        let setting = libc::itimerspec { it_interval: interval, it_value: interval };
        let no_old = ptr::null_mut::<libc::itimerspec>();
        // SAFETY: `setting` outlives the call.
        unsafe { libc::syscall(libc::SYS_timer_settime, self.timer, 0, &setting, no_old) == 0 }
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        // SAFETY: the timer is ours; the structures outlive the calls. A handler of this program needs no
        // removal, because a program that is started has the default instead.
        unsafe {
            libc::syscall(libc::SYS_timer_delete, self.timer);
            libc::sigprocmask(libc::SIG_SETMASK, &self.mask, ptr::null_mut());
            if self.action.sa_sigaction == libc::SIG_IGN {
                libc::sigaction(SIGNAL, &self.action, ptr::null_mut());
            }
        }
    }
}

fn create_timer() -> Option<libc::c_int> {
    let mut timer = 0;
    // SAFETY: plain data, for which zero is valid; both structures outlive the call.
    let created = unsafe {
        let mut event: libc::sigevent = zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNAL;
        event.sigev_notify_thread_id = libc::syscall(libc::SYS_gettid) as i32;
        libc::syscall(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, &event, &mut timer)
    };
    (created == 0).then_some(timer)
}

extern "C" fn ignore(_signal: i32) {}
