//! The wall clock, and a steady clock that is never set.
//!
//! If a clock fails, it reports the year 9999, so that everything has expired. std would panic.
//!
//! On Linux the clock is read by a system call: a hit reads it once, and finding the kernel's shortcut
//! (vdso(7)) takes 5 % of a hit (docs/DESIGN.md, "Byte-golf").
#![allow(unsafe_code)]

use std::time::Duration;

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
use libc::clock_gettime;

use crate::format::time::LAST_STAMP_UNIX_S;

/// The time since the Unix epoch. Zero if the clock is set to an earlier time.
pub fn now() -> Duration {
    read(libc::CLOCK_REALTIME)
}

/// The time since the system started, in which suspensions count too.
#[cfg(target_os = "linux")]
pub(super) fn since_boot() -> Duration {
    read(libc::CLOCK_BOOTTIME)
}

/// The time since an arbitrary moment. Setting the clock does not change it.
pub fn steady_clock() -> Duration {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> Duration {
    const ATTEMPTS: u32 = 3;
    const YEAR_9999: Duration = Duration::from_secs(LAST_STAMP_UNIX_S as u64);
    // SAFETY: `timespec` is plain data, for which zero is valid.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    for _ in 0..ATTEMPTS {
        // SAFETY: `time` outlives the call (clock_gettime(2)).
        if unsafe { clock_gettime(clock, &mut time) } == 0 {
            return Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), time.tv_nsec as u32);
        }
    }
    YEAR_9999
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
unsafe fn clock_gettime(clock: libc::clockid_t, time: &mut libc::timespec) -> i32 {
    // SAFETY: as the caller promises; `timespec` is the kernel's if pointers have 64 bits.
    unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as i32 }
}
