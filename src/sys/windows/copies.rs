//! Work in rounds, and the long sleeps between them. A process cannot be copied here, so it does the work
//! itself.
#![allow(unsafe_code)]

use std::os::windows::io::{AsRawHandle, HandleOrNull, OwnedHandle};
use std::time::Duration;

use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_TERMINATE, TerminateProcess};

use super::ancestors::process_info;
use super::clock::now;
use super::metadata::file_stamp;
use crate::sys::process::Process;
use crate::sys::stamp::FileStamp;

/// Does `work` and returns the result.
pub fn in_copy(work: &mut dyn FnMut() -> Option<u64>) -> Option<u64> {
    work()
}

/// Inside [`in_copy`], this process.
pub fn copied_process() -> Option<Process> {
    process_info(std::process::id()).map(|info| info.process)
}

/// Ends the process, if it is still the same one. Returns whether it was.
pub fn end_process(process: &Process) -> bool {
    if !is_running(process) {
        return false;
    }
    // SAFETY: any process id is accepted, and a handle that is not null is ours to close.
    let opened = unsafe { HandleOrNull::from_raw_handle(OpenProcess(PROCESS_TERMINATE, 0, process.id)) };
    // SAFETY: the handle is open.
    OwnedHandle::try_from(opened)
        .is_ok_and(|handle| unsafe { TerminateProcess(handle.as_raw_handle(), 0) } != 0)
}

/// Whether the process is still running.
pub fn is_running(process: &Process) -> bool {
    process_info(process.id).is_some_and(|info| info.process == *process)
}

/// The stamp of this program's file. `None` if the file was removed.
pub fn program_stamp() -> Option<FileStamp> {
    file_stamp(&std::env::current_exe().ok()?).ok()
}

/// Sleeps until the wall clock shows `moment`. Looks at the clock every minute, because a sleep does not
/// count the time during which the machine is suspended.
pub fn sleep_until(moment: Duration) {
    const LONGEST: Duration = Duration::from_secs(60);
    while let Some(left) = moment.checked_sub(now()).filter(|left| !left.is_zero()) {
        std::thread::sleep(left.min(LONGEST));
    }
}
