//! Other processes: the caller, the plugin and the console's signals, detached work.
#![allow(unsafe_code)]

use std::env;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, HandleOrNull, OwnedHandle, RawHandle};
use std::process::ExitStatus;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Child, check, ffi, spawn};
use crate::sys::{Process, Program};

/// The process that called this program.
pub fn parent_process() -> Option<Process> {
    // SAFETY: has no preconditions and cannot fail; what it returns need not be closed.
    parent_of(unsafe { ffi::GetCurrentProcess() })
}

/// There are none here.
pub fn is_zombie(_id: u32) -> bool {
    false
}

/// Windows keeps the number of a parent that has ended, and may have given it to another process,
/// which then started later than its supposed child.
fn parent_of(process: RawHandle) -> Option<Process> {
    let id = parent_id(process)?;
    // SAFETY: any process id is accepted, and a handle that is not null is ours to close.
    let opened = unsafe {
        HandleOrNull::from_raw_handle(ffi::OpenProcess(ffi::PROCESS_QUERY_LIMITED_INFORMATION, 0, id))
    };
    let parent = OwnedHandle::try_from(opened).ok()?;
    let started = start_time(parent.as_raw_handle())?;
    (started <= start_time(process)?).then_some(Process { id, started })
}

fn parent_id(process: RawHandle) -> Option<u32> {
    let size = size_of::<ffi::BasicInformation>() as u32;
    // SAFETY: `BasicInformation` is plain data, for which zero is valid.
    let mut information: ffi::BasicInformation = unsafe { std::mem::zeroed() };
    // SAFETY: the handle is open, and `information` writable and as long as `size` says.
    let status = unsafe {
        ffi::NtQueryInformationProcess(
            process,
            ffi::PROCESS_BASIC_INFORMATION,
            &mut information,
            size,
            ptr::null_mut(),
        )
    };
    (status >= 0).then_some(information.parent_process_id as u32)
}

fn start_time(process: RawHandle) -> Option<u64> {
    let [mut created, mut ended, mut in_kernel, mut in_program] = [ffi::FileTime::default(); 4];
    // SAFETY: the handle is open and all four places are writable.
    let told =
        unsafe { ffi::GetProcessTimes(process, &mut created, &mut ended, &mut in_kernel, &mut in_program) };
    (told != 0).then_some(created.ticks())
}

/// The exit status that a shell would give. Windows' are 32 bits wide: what does not fit in a byte
/// becomes the largest that does, and never a zero.
pub fn exit_status(status: ExitStatus) -> u8 {
    const INTERRUPTED_STATUS: u8 = 128 + 2;
    match status.code().map(|code| code as u32) {
        Some(ffi::STATUS_CONTROL_C_EXIT) => INTERRUPTED_STATUS,
        Some(code) => u8::try_from(code).unwrap_or(u8::MAX),
        None => 1,
    }
}

/// Whether the program ended because somebody wanted it to, as with Ctrl-C.
pub fn was_interrupted(status: ExitStatus) -> bool {
    INTERRUPTED.load(Ordering::Relaxed) || status.code() == Some(ffi::STATUS_CONTROL_C_EXIT as i32)
}

/// Waits until `stream` can be read or has ended; false if neither happened within `limit`. A pipe
/// cannot be waited for, so it is looked at again and again, which takes microseconds.
pub fn wait_readable(stream: &impl AsRawHandle, limit: Duration) -> io::Result<bool> {
    const PAUSE: Duration = Duration::from_millis(2);
    let started = Instant::now();
    loop {
        let mut available = 0;
        // SAFETY: the handle is open, and nothing but the number of bytes is asked for.
        let open = unsafe {
            let (none, pipe) = (ptr::null_mut(), stream.as_raw_handle());
            ffi::PeekNamedPipe(pipe, ptr::null_mut(), 0, none, &mut available, none)
        };
        if open == 0 || available > 0 {
            return Ok(true);
        }
        if started.elapsed() >= limit {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Starts `program` so that Ctrl-C and Ctrl-Break end it and not this program. The console sends
/// them to both, so nothing has to be handed on.
pub fn spawn_forwarding_signals(program: &Program) -> io::Result<Child> {
    let child = spawn(program)?;
    // SAFETY: the handler only stores a flag, on a thread that the system makes for it.
    unsafe { ffi::SetConsoleCtrlHandler(outlive, 1) };
    Ok(child)
}

/// From here on Ctrl-C ends this program again.
pub fn stop_forwarding() {
    // SAFETY: takes out the handler that was put in.
    unsafe { ffi::SetConsoleCtrlHandler(outlive, 0) };
}

/// Anything else, such as a window that closes, ends this program as it ends the plugin.
unsafe extern "system" fn outlive(event: u32) -> i32 {
    let interrupt = matches!(event, ffi::CTRL_C_EVENT | ffi::CTRL_BREAK_EVENT);
    INTERRUPTED.fetch_or(interrupt, Ordering::Relaxed);
    i32::from(interrupt)
}

/// Runs `program` to its end, since a process cannot become another one here.
pub fn run_instead(program: &Program) -> io::Result<ExitStatus> {
    let mut child = spawn_forwarding_signals(program)?;
    child.wait()
}

/// Does `work` in a process of its own, which a caller that reads our output to its end does not
/// wait for. A process cannot be copied here, so this program is started again with the same
/// arguments and `option` in front of them; that one finds out what the work is.
///
/// It has no console and no standard streams, and inherits no handle.
pub fn run_detached(option: &str, _work: &mut dyn FnMut()) -> io::Result<()> {
    let program = env::current_exe()?;
    let program: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    let mut command_line = command_line_with(&program[..program.len() - 1], option, own_arguments());
    // SAFETY: `StartupInformation` is plain data, for which zero is valid.
    let mut startup: ffi::StartupInformation = unsafe { std::mem::zeroed() };
    startup.size = size_of::<ffi::StartupInformation>() as u32;
    // SAFETY: `StartedProcess` is plain data, for which zero is valid.
    let mut started: ffi::StartedProcess = unsafe { std::mem::zeroed() };
    // SAFETY: both texts end with zero and the command line is writable; the structures are as long
    // as the function expects; everything else may be null and means "as for this process".
    check(unsafe {
        ffi::CreateProcessW(
            program.as_ptr(),
            command_line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            0,
            ffi::DETACHED_PROCESS,
            ptr::null(),
            ptr::null(),
            &startup,
            &mut started,
        )
    })?;
    // SAFETY: the function succeeded, so both handles are open and ours to close.
    unsafe {
        drop(OwnedHandle::from_raw_handle(started.process));
        drop(OwnedHandle::from_raw_handle(started.thread));
    }
    Ok(())
}

/// `"PROGRAM" OPTION ARGUMENTS` and a zero. No path holds a quotation mark.
fn command_line_with(program: &[u16], option: &str, arguments: &[u16]) -> Vec<u16> {
    let quote = u16::from(b'"');
    let mut line = vec![quote];
    line.extend_from_slice(program);
    line.push(quote);
    line.extend(" ".encode_utf16().chain(option.encode_utf16()));
    line.extend_from_slice(arguments);
    line.push(0);
    line
}

/// The command line as this process got it, from the white space behind the program's name on.
fn own_arguments() -> &'static [u16] {
    // SAFETY: the text ends with zero, stays where it is and is never written to.
    let line = unsafe {
        let start = ffi::GetCommandLineW();
        let length = (0..).take_while(|at| *start.add(*at) != 0).count();
        slice::from_raw_parts(start, length)
    };
    arguments_of(line)
}

/// The program's name ends at the first white space outside quotation marks ("Parsing C++
/// command-line arguments", <https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments>).
fn arguments_of(line: &[u16]) -> &[u16] {
    let mut quoted = false;
    let end = line.iter().position(|unit| {
        quoted ^= *unit == u16::from(b'"');
        !quoted && [b' ', b'\t'].map(u16::from).contains(unit)
    });
    &line[end.unwrap_or(line.len())..]
}

#[cfg(test)]
mod tests {
    use std::os::windows::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    fn wide(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn a_program_is_the_parent_of_what_it_starts() {
        let mut child = Command::new("cmd").args(["/c", "exit"]).spawn().unwrap();
        // SAFETY: has no preconditions.
        let started = start_time(unsafe { ffi::GetCurrentProcess() }).unwrap();
        let this = Process { id: std::process::id(), started };
        assert_eq!(parent_of(child.as_raw_handle()), Some(this));
        child.wait().unwrap();
    }

    #[test]
    fn the_arguments_begin_behind_the_name_whatever_its_quotes() {
        for (line, arguments) in [
            (r#"program a "b c""#, r#" a "b c""#),
            (r#""C:\Program Files\program.exe" a"#, " a"),
            (r#"C:\"Program Files"\program.exe  a"#, "  a"),
            ("program\ta", "\ta"),
            (r#""program" "#, " "),
            ("program", ""),
            (r#""program a"#, ""),
            ("", ""),
        ] {
            assert_eq!(arguments_of(&wide(line)), wide(arguments), "{line}");
        }
    }

    #[test]
    fn the_option_stands_in_front_of_the_arguments() {
        let line = command_line_with(&wide(r"C:\a b\program.exe"), "--option", &wide(r#" aws "x y""#));
        let mut expected = wide(r#""C:\a b\program.exe" --option aws "x y""#);
        expected.push(0);
        assert_eq!(line, expected);
    }

    #[test]
    fn a_status_that_is_no_byte_is_no_success() {
        for (code, status) in
            [(0, 0), (1, 1), (255, 255), (256, 255), (9009, 255), (0xC000_0005, 255), (0xC000_013A, 130)]
        {
            assert_eq!(exit_status(ExitStatus::from_raw(code)), status, "{code:#x}");
        }
    }

    #[test]
    fn ctrl_c_is_told_from_a_failure() {
        assert!(was_interrupted(ExitStatus::from_raw(ffi::STATUS_CONTROL_C_EXIT)));
        assert!(!was_interrupted(ExitStatus::from_raw(1)));
    }
}
