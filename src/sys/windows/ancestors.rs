//! The processes above this one: which, what they are called, how long they have been running.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsRawHandle, HandleOrNull, OwnedHandle, RawHandle};
use std::path::PathBuf;
use std::ptr;
use std::time::Duration;

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, PROCESS_BASIC_INFORMATION, PROCESS_NAME_WIN32,
    PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};

use super::clock::now;
use super::metadata::unix_ns;
use crate::sys::process::{Process, ProcessInfo};

/// Always `None`: the environment of another process cannot be read.
pub fn environment_of(_id: u32) -> Option<Vec<u8>> {
    None
}

/// The process that called this program. `None` if it has ended.
pub fn parent_process() -> Option<Process> {
    // SAFETY: has no preconditions and cannot fail; the handle need not be closed.
    parent_of(unsafe { GetCurrentProcess() })
}

/// The id of the process that called this program; zero if it has ended.
pub fn parent_id() -> u32 {
    parent_process().map_or(0, |parent| parent.id)
}

/// Always `None`: Windows has no groups of processes that are led by one.
pub fn leading_parent(_id: u32) -> Option<Process> {
    None
}

/// Always 0: Windows has no number for a terminal.
pub fn session_id() -> u32 {
    0
}

/// Information about the process with this id. `None` if there is none, or if it is another user's.
pub fn process_info(id: u32) -> Option<ProcessInfo> {
    let opened = open(id)?;
    let process = Process { id, started: start_time(opened.as_raw_handle())? };
    let parent_id = parent_id_of(opened.as_raw_handle())?;
    Some(ProcessInfo { process, parent_id, name: name(&opened)? })
}

/// How long the process has been running. `None` if the clock was set back since it started.
pub fn process_age(process: &Process) -> Option<Duration> {
    let started_ns = unix_ns(i64::try_from(process.started).ok()?);
    now().checked_sub(Duration::from_nanos(u64::try_from(started_ns).ok()?))
}

/// The file name of the program, without `.exe`.
fn name(process: &OwnedHandle) -> Option<String> {
    let mut path = [0; 1024];
    let mut length = path.len() as u32;
    // SAFETY: the handle is open, and the buffer is writable for `length` units, which becomes the length
    // of the path.
    let known = unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &mut length,
        )
    };
    let path = PathBuf::from(OsString::from_wide(path.get(..length as usize)?));
    path.file_stem().filter(|_| known != 0).map(|name| name.to_string_lossy().into_owned())
}

fn open(id: u32) -> Option<OwnedHandle> {
    // SAFETY: any process id is accepted, and a handle that is not null is ours to close.
    let opened =
        unsafe { HandleOrNull::from_raw_handle(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, id)) };
    OwnedHandle::try_from(opened).ok()
}

/// Always true: Windows has no zombies.
pub fn collects_orphans() -> bool {
    true
}

/// Always false: Windows has no such processes.
pub fn is_zombie(_id: u32) -> bool {
    false
}

/// Windows keeps the id of a parent that has ended, and may have given it to another process, which
/// then started later than its supposed child.
fn parent_of(process: RawHandle) -> Option<Process> {
    let id = parent_id_of(process)?;
    let parent = open(id)?;
    let started = start_time(parent.as_raw_handle())?;
    (started <= start_time(process)?).then_some(Process { id, started })
}

fn parent_id_of(process: RawHandle) -> Option<u32> {
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
