//! The process that called this program, and other processes by their id.
#![cfg_attr(target_os = "macos", allow(unsafe_code))]

#[cfg(target_os = "linux")]
use std::mem::ManuallyDrop;
#[cfg(any(target_os = "linux", target_os = "macos"))]
use std::os::unix::process::parent_id;
#[cfg(target_os = "linux")]
use std::path::Path;

#[cfg(target_os = "linux")]
use super::files::{open, read_at};
use crate::sys::process::Process;

/// The process that called this program. `None` if the system does not say.
#[cfg(target_os = "linux")]
pub fn parent_process() -> Option<Process> {
    const START_TIME: usize = 22;
    let id = parent_id();
    read_stat(id, &mut |fields| {
        let field = fields.split(|byte| *byte == b' ').nth(START_TIME - 3)?;
        let started = std::str::from_utf8(field).ok()?.parse().ok()?;
        Some(Process { id, started })
    })
}

/// Whether the process has ended, but its parent has not waited for it. Only on Linux there are first
/// processes (in containers) that never wait for orphans.
#[cfg(target_os = "linux")]
pub fn is_zombie(id: u32) -> bool {
    read_stat(id, &mut |fields| fields.starts_with(b"Z").then_some(())).is_some()
}

/// Passes the fields of `/proc/PID/stat` (proc(5)) to `read`, from the third on, which is the state.
/// The second, the name in parentheses, may contain anything, so the fields begin after the last
/// parenthesis.
#[cfg(target_os = "linux")]
fn read_stat<T>(id: u32, read: &mut dyn FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut stat = [0; 512];
    let file = open(Path::new(&format!("/proc/{id}/stat"))).ok()?;
    // Not closed, which saves a system call: the program is about to end.
    let file = ManuallyDrop::new(file);
    let length = read_at(&file, &mut stat, 0).ok()?;
    let stat = &stat[..length];
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    read(stat.get(name_end + 2..)?)
}

/// The process that called this program. `None` if the system does not say.
#[cfg(target_os = "macos")]
pub fn parent_process() -> Option<Process> {
    let id = parent_id();
    // SAFETY: `proc_bsdinfo` is plain data, for which zero is valid.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_bsdinfo>() as i32;
    // SAFETY: the buffer is as large as `size` says, and proc_pidinfo writes no more than that.
    let written =
        unsafe { libc::proc_pidinfo(id as i32, libc::PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size) };
    (written == size)
        .then(|| Process { id, started: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec })
}

/// Always `None`: this system does not say.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn parent_process() -> Option<Process> {
    None
}

/// Always false: outside of Linux the first process waits for orphans.
#[cfg(not(target_os = "linux"))]
pub fn is_zombie(_id: u32) -> bool {
    false
}
