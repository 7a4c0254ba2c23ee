//! The process that called this program.
#![allow(unsafe_code)]

use std::os::windows::io::{AsRawHandle, FromRawHandle, HandleOrNull, OwnedHandle, RawHandle};
use std::ptr;

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, PROCESS_BASIC_INFORMATION,
    PROCESS_QUERY_LIMITED_INFORMATION,
};

use crate::sys::process::Process;

/// The process that called this program. `None` if it has ended.
pub fn parent_process() -> Option<Process> {
    // SAFETY: has no preconditions and cannot fail; the handle need not be closed.
    parent_of(unsafe { GetCurrentProcess() })
}

/// Always false: Windows has no such processes.
pub fn is_zombie(_id: u32) -> bool {
    false
}

/// Windows keeps the id of a parent that has ended, and may have given it to another process, which
/// then started later than its supposed child.
fn parent_of(process: RawHandle) -> Option<Process> {
    let id = parent_id(process)?;
    // SAFETY: any process id is accepted, and a handle that is not null is ours to close.
    let opened =
        unsafe { HandleOrNull::from_raw_handle(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, id)) };
    let parent = OwnedHandle::try_from(opened).ok()?;
    let started = start_time(parent.as_raw_handle())?;
    (started <= start_time(process)?).then_some(Process { id, started })
}

fn parent_id(process: RawHandle) -> Option<u32> {
    let mut information = PROCESS_BASIC_INFORMATION::default();
    let size = size_of::<PROCESS_BASIC_INFORMATION>() as u32;
    // SAFETY: the handle is open, and `information` is writable for `size` bytes.
    let status = unsafe {
        NtQueryInformationProcess(
            process,
            ProcessBasicInformation,
            (&raw mut information).cast(),
            size,
            ptr::null_mut(),
        )
    };
    (status >= 0).then_some(information.InheritedFromUniqueProcessId as u32)
}

/// In ticks of 100 ns since 1601.
fn start_time(process: RawHandle) -> Option<u64> {
    let [mut created, mut ended, mut in_kernel, mut in_program] = [FILETIME::default(); 4];
    // SAFETY: the handle is open, and all four times are writable.
    let known =
        unsafe { GetProcessTimes(process, &mut created, &mut ended, &mut in_kernel, &mut in_program) };
    (known != 0).then_some(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_is_the_parent_of_what_it_starts() {
        let mut child = Command::new("cmd").args(["/c", "exit"]).spawn().unwrap();
        // SAFETY: has no preconditions.
        let started = start_time(unsafe { GetCurrentProcess() }).unwrap();
        let this = Process { id: std::process::id(), started };
        assert_eq!(parent_of(child.as_raw_handle()), Some(this));
        child.wait().unwrap();
    }
}
