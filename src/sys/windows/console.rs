//! Ctrl-C and Ctrl-Break: while a plugin runs, they end the plugin, and this program survives to pass
//! on the plugin's exit status.
#![allow(unsafe_code)]

use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};

use windows_sys::Win32::Foundation::STATUS_CONTROL_C_EXIT;
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Survives Ctrl-C and Ctrl-Break from now on. The console sends them to the plugin too, so nothing has
/// to be forwarded.
pub fn catch() {
    // SAFETY: the handler only sets a flag, on a thread that the system creates for it.
    unsafe { SetConsoleCtrlHandler(Some(survive), 1) };
}

/// Undoes [`catch`].
pub fn stop_forwarding() {
    // SAFETY: removes the handler that `catch` has added.
    unsafe { SetConsoleCtrlHandler(Some(survive), 0) };
}

/// The handler. All other events, such as a window that closes, end this program and the plugin.
unsafe extern "system" fn survive(event: u32) -> i32 {
    let interrupt = matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT);
    INTERRUPTED.fetch_or(interrupt, Ordering::Relaxed);
    i32::from(interrupt)
}

/// Whether Ctrl-C ended the program, or reached this one meanwhile.
pub fn was_interrupted(status: ExitStatus) -> bool {
    INTERRUPTED.load(Ordering::Relaxed) || status.code() == Some(STATUS_CONTROL_C_EXIT)
}

#[cfg(test)]
mod tests {
    use std::os::windows::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_program_that_ctrl_c_ended_was_interrupted_and_a_failed_one_was_not() {
        assert!(was_interrupted(ExitStatus::from_raw(STATUS_CONTROL_C_EXIT as u32)));
        assert!(!was_interrupted(ExitStatus::from_raw(1)));
    }
}
