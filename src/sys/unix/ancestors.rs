//! The processes above this one: which, what they are called, how long they have been running.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

#[cfg(target_os = "macos")]
use super::clock::now;
#[cfg(target_os = "linux")]
use super::clock::since_boot;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use super::errno::check;
#[cfg(target_os = "linux")]
use super::files::{open, read_at};
use crate::sys::process::{Process, ProcessInfo};
#[cfg(target_os = "linux")]
use crate::sys::read::read_to_end;

/// The process that called this program. `None` if the system does not tell.
pub fn parent_process() -> Option<Process> {
    parent_info().map(|info| info.process)
}

/// The id of the process that called this program.
pub fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// The parent process, whose id is `id`, if it leads this process's group, as a command does that a shell with
/// job control started. Such a parent is no shell that a client started to run us: that one is in the client's
/// group.
///
/// Reading `/proc/PID/stat` instead takes a sixth of a hit. `started` is the inode of the process in pidfs,
/// which no other process gets until the system restarts (Linux 6.9 and later). `None` if there is no pidfs,
/// or if the parent does not lead the group.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub fn leading_parent(id: u32) -> Option<Process> {
    // <linux/magic.h>
    const PID_FS_MAGIC: libc::c_long = 0x5049_4446;
    // SAFETY: getpgrp(2) has no preconditions, and pidfd_open(2) touches no memory. `file_system` and `file`
    // are plain data, for which zero is valid, and outlive the calls. The descriptor is closed at the end of
    // the program, which is near.
    unsafe {
        if libc::getpgrp() != id as libc::pid_t {
            return None;
        }
        let descriptor = check(libc::syscall(libc::SYS_pidfd_open, id, 0) as i32).ok()?;
        let mut file_system: libc::statfs = std::mem::zeroed();
        let mut file: libc::stat = std::mem::zeroed();
        check(libc::fstatfs(descriptor, &mut file_system)).ok()?;
        check(libc::fstat(descriptor, &mut file)).ok()?;
        (file_system.f_type as libc::c_long == PID_FS_MAGIC).then_some(Process { id, started: file.st_ino })
    }
}

/// Always `None`.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub fn leading_parent(_id: u32) -> Option<Process> {
    None
}

/// The number of the session that this process belongs to. Each terminal has one.
pub fn session_id() -> u32 {
    // SAFETY: getsid(2) of the calling process has no preconditions and cannot fail.
    unsafe { libc::getsid(0) as u32 }
}

/// Information about the parent process. `None` if the system does not tell.
pub(super) fn parent_info() -> Option<ProcessInfo> {
    process_info(parent_id())
}

/// Information about the process with this id: `/proc/PID/stat` (proc(5)).
#[cfg(target_os = "linux")]
pub fn process_info(id: u32) -> Option<ProcessInfo> {
    const PARENT_ID: usize = 4;
    const START_TIME: usize = 22;
    let mut stat = [0; 512];
    let stat = read_stat(id, &mut stat)?;
    // The name, in parentheses, may contain anything: the fields continue after the last parenthesis.
    let name_start = stat.iter().position(|byte| *byte == b'(')? + 1;
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat.get(name_end + 2..)?.split(|byte| *byte == b' ');
    let parent_id = number(fields.nth(PARENT_ID - 3)?)?;
    let started = number(fields.nth(START_TIME - PARENT_ID - 1)?)?;
    Some(ProcessInfo {
        process: Process { id, started },
        parent_id: u32::try_from(parent_id).ok()?,
        name: String::from_utf8_lossy(stat.get(name_start..name_end)?).into_owned(),
    })
}

/// Room for most environments, so that one read and little memory do.
#[cfg(target_os = "linux")]
const USUAL_ENVIRONMENT: usize = 8 << 10;

/// More than the environment of a person's shell. What follows is not looked at.
#[cfg(target_os = "linux")]
const LARGEST_ENVIRONMENT: usize = 1 << 18;

/// The environment that the process was started with: `NAME=value` texts, each with a zero byte at its end.
/// `None` if the system does not tell.
#[cfg(target_os = "linux")]
pub fn environment_of(id: u32) -> Option<Vec<u8>> {
    let file = open(std::path::Path::new(&format!("/proc/{id}/environ"))).ok()?;
    let mut environment = Vec::with_capacity(USUAL_ENVIRONMENT);
    read_to_end(&file, LARGEST_ENVIRONMENT, &mut environment).ok()?;
    Some(environment).filter(|environment| !environment.is_empty())
}

/// Always `None`.
#[cfg(not(target_os = "linux"))]
pub fn environment_of(_id: u32) -> Option<Vec<u8>> {
    None
}

/// Whether the process has ended, but its parent has not waited for it: in containers there are first
/// processes that never wait for orphans.
#[cfg(target_os = "linux")]
pub fn is_zombie(id: u32) -> bool {
    let mut stat = [0; 512];
    let Some(stat) = read_stat(id, &mut stat) else { return false };
    let name_end = stat.iter().rposition(|byte| *byte == b')').unwrap_or_default();
    stat[name_end..].starts_with(b") Z")
}

/// Always false: outside of Linux the first process waits for orphans.
#[cfg(not(target_os = "linux"))]
pub fn is_zombie(_id: u32) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn read_stat(id: u32, buffer: &mut [u8; 512]) -> Option<&[u8]> {
    read_start(&format!("/proc/{id}/stat"), buffer)
}

/// The first bytes of the file, as many as the buffer holds.
#[cfg(target_os = "linux")]
fn read_start<'a>(path: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let file = open(path.as_ref()).ok()?;
    // Not closed, which saves a system call: the program is about to end.
    let file = std::mem::ManuallyDrop::new(file);
    let length = read_at(&file, buffer, 0).ok()?;
    buffer.get(..length)
}

#[cfg(target_os = "linux")]
fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// How long the process has been running. Its start time is in ticks since boot, 100 a second for every
/// program (proc(5), USER_HZ).
#[cfg(target_os = "linux")]
pub fn process_age(process: &Process) -> Option<Duration> {
    const TICK_MS: u64 = 10;
    Some(since_boot().saturating_sub(Duration::from_millis(process.started.saturating_mul(TICK_MS))))
}

/// Information about the process with this id.
#[cfg(target_os = "macos")]
pub fn process_info(id: u32) -> Option<ProcessInfo> {
    // SAFETY: `proc_bsdinfo` is plain data, for which zero is valid.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_bsdinfo>() as i32;
    // SAFETY: the buffer is as large as `size` says, and proc_pidinfo writes no more than that.
    let written =
        unsafe { libc::proc_pidinfo(id as i32, libc::PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size) };
    let name: Vec<u8> = info.pbi_comm.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    (written == size).then(|| ProcessInfo {
        process: Process { id, started: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec },
        parent_id: info.pbi_ppid,
        name: String::from_utf8_lossy(&name).into_owned(),
    })
}

/// How long the process has been running. Its start time is in microseconds since the Unix epoch.
#[cfg(target_os = "macos")]
pub fn process_age(process: &Process) -> Option<Duration> {
    now().checked_sub(Duration::from_micros(process.started))
}

/// Always `None`: this system does not tell.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn process_info(_id: u32) -> Option<ProcessInfo> {
    None
}

/// Always `None`: this system does not tell.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn process_age(_process: &Process) -> Option<Duration> {
    None
}

/// Whether the first process collects orphans that have ended. In a container without an init it does
/// not, and an orphan remains as a zombie.
///
/// The first process of the system itself does. In a container, it does if it handles, blocks or ignores
/// SIGCHLD.
#[cfg(target_os = "linux")]
pub fn collects_orphans() -> bool {
    if is_outside_of_containers() {
        return true;
    }
    let mut status = [0; 4096];
    let Some(status) = read_start("/proc/1/status", &mut status) else { return true };
    handles_sigchld(&String::from_utf8_lossy(status))
}

/// Whether this process is in the PID namespace that the kernel starts with
/// (`PROC_PID_INIT_INO` of linux/proc_ns.h).
#[cfg(target_os = "linux")]
fn is_outside_of_containers() -> bool {
    const INITIAL_NAMESPACE: u64 = 0xEFFF_FFFC;
    std::fs::metadata("/proc/self/ns/pid").is_ok_and(|namespace| namespace.ino() == INITIAL_NAMESPACE)
}

/// `status` is the content of `/proc/PID/status` (proc(5)).
#[cfg(target_os = "linux")]
fn handles_sigchld(status: &str) -> bool {
    let sigchld = 1 << (libc::SIGCHLD - 1);
    let mask_in = |line: &str| {
        let (name, mask) = line.split_once(':')?;
        let counts = matches!(name, "SigBlk" | "SigIgn" | "SigCgt");
        counts.then(|| u64::from_str_radix(mask.trim(), 16).ok()).flatten()
    };
    status.lines().filter_map(mask_in).any(|mask| mask & sigchld != 0)
}

/// Always true: outside of Linux the first process waits for orphans.
#[cfg(not(target_os = "linux"))]
pub fn collects_orphans() -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    /// Process 2 starts the kernel's threads, which no container shows.
    #[test]
    fn the_initial_namespace_is_the_one_with_the_kernels_threads() {
        let second = fs::read_to_string("/proc/2/comm").unwrap_or_default();
        assert_eq!(is_outside_of_containers(), second.trim() == "kthreadd");
    }

    #[test]
    fn a_first_process_collects_if_it_blocks_ignores_or_handles_sigchld() {
        for (line, collects) in [
            ("SigBlk:\t0000000000010000", true),
            ("SigIgn:\t0000000000010000", true),
            ("SigCgt:\t00000000000104e8", true),
            ("SigCgt:\t00000000000004e8", false),
            ("SigPnd:\t0000000000010000", false),
            ("SigCgt:\tunreadable", false),
        ] {
            assert_eq!(handles_sigchld(&format!("Name:\tinit\n{line}\n")), collects, "{line}");
        }
    }
}
