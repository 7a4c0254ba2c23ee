//! What std does not give: the functions of the Windows API that this program calls, each with the
//! page that documents it, and the structures and constants that they take.
//!
//! Names of functions are Windows' own, since they are linked by them; parameters and fields are
//! named for what they mean. A structure is `repr(C)` and as long as the page says.
#![allow(unsafe_code)]

use std::os::windows::io::RawHandle;

/// The result of functions that tell no more than that they failed: zero.
type Bool = i32;

pub const ERROR_ACCESS_DENIED: i32 = 5;
pub const ERROR_INVALID_HANDLE: i32 = 6;
pub const ERROR_SHARING_VIOLATION: i32 = 32;
pub const ERROR_LOCK_VIOLATION: i32 = 33;
pub const STATUS_CONTROL_C_EXIT: u32 = 0xC000_013A;

pub const FILE_READ_ATTRIBUTES: u32 = 0x80;
/// The right to write to a file, or to make files in a directory.
pub const FILE_WRITE_DATA: u32 = 0x02;
/// Needed to open a directory.
pub const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// Opens a symbolic link and not what it leads to.
pub const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

pub const LOCKFILE_FAIL_IMMEDIATELY: u32 = 1;
pub const LOCKFILE_EXCLUSIVE_LOCK: u32 = 2;

pub const STD_OUTPUT_HANDLE: u32 = -11i32 as u32;
pub const STD_ERROR_HANDLE: u32 = -12i32 as u32;

pub const CTRL_C_EVENT: u32 = 0;
pub const CTRL_BREAK_EVENT: u32 = 1;

pub const DETACHED_PROCESS: u32 = 0x0008;
pub const CREATE_NEW_PROCESS_GROUP: u32 = 0x0200;
pub const CREATE_NO_WINDOW: u32 = 0x0800_0000;

pub const PROCESS_QUERY_LIMITED_INFORMATION: u32 = 0x1000;
pub const PROCESS_BASIC_INFORMATION: u32 = 0;

/// 100 ns since 1601 (<https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-filetime>).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct FileTime {
    low: u32,
    high: u32,
}

impl FileTime {
    pub fn ticks(self) -> u64 {
        join(self.high, self.low)
    }
}

pub fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/ns-fileapi-by_handle_file_information>
#[repr(C)]
#[derive(Default)]
pub struct FileInformation {
    pub attributes: u32,
    pub created: FileTime,
    pub accessed: FileTime,
    pub written: FileTime,
    pub volume: u32,
    pub size_high: u32,
    pub size_low: u32,
    pub links: u32,
    pub index_high: u32,
    pub index_low: u32,
}

/// <https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped>
#[repr(C)]
pub struct Overlapped {
    pub internal: [usize; 2],
    pub offset_low: u32,
    pub offset_high: u32,
    pub event: RawHandle,
}

/// <https://learn.microsoft.com/en-us/windows/win32/api/winternl/nf-winternl-ntqueryinformationprocess>
#[repr(C)]
pub struct BasicInformation {
    pub exit_status: i32,
    pub environment_block: *const u8,
    pub affinity: usize,
    pub priority: i32,
    pub process_id: usize,
    pub parent_process_id: usize,
}

/// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/ns-processthreadsapi-startupinfow>
#[repr(C)]
pub struct StartupInformation {
    pub size: u32,
    pub texts: [*const u16; 3],
    pub window: [u32; 8],
    pub show_window: [u16; 2],
    pub reserved: *const u8,
    pub standard_streams: [RawHandle; 3],
}

/// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/ns-processthreadsapi-process_information>
#[repr(C)]
pub struct StartedProcess {
    pub process: RawHandle,
    pub thread: RawHandle,
    pub process_id: u32,
    pub thread_id: u32,
}

/// <https://learn.microsoft.com/en-us/windows/console/console-screen-buffer-info-str>
#[repr(C)]
#[derive(Default)]
pub struct ScreenBuffer {
    pub size: [i16; 2],
    pub cursor: [i16; 2],
    pub attributes: u16,
    pub left: i16,
    pub top: i16,
    pub right: i16,
    pub bottom: i16,
    pub largest: [i16; 2],
}

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-getfileinformationbyhandle>
    pub fn GetFileInformationByHandle(file: RawHandle, information: *mut FileInformation) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-lockfileex>
    pub fn LockFileEx(
        file: RawHandle,
        flags: u32,
        reserved: u32,
        length_low: u32,
        length_high: u32,
        place: *mut Overlapped,
    ) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-unlockfileex>
    pub fn UnlockFileEx(
        file: RawHandle,
        reserved: u32,
        length_low: u32,
        length_high: u32,
        place: *mut Overlapped,
    ) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/console/getstdhandle>
    pub fn GetStdHandle(stream: u32) -> RawHandle;

    /// <https://learn.microsoft.com/en-us/windows/console/getconsolescreenbufferinfo>
    pub fn GetConsoleScreenBufferInfo(console: RawHandle, information: *mut ScreenBuffer) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/console/setconsolectrlhandler>
    pub fn SetConsoleCtrlHandler(handler: unsafe extern "system" fn(u32) -> Bool, add: Bool) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/console/attachconsole>
    pub fn AttachConsole(process_id: u32) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/console/generateconsolectrlevent>
    pub fn GenerateConsoleCtrlEvent(event: u32, process_group: u32) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/namedpipeapi/nf-namedpipeapi-peeknamedpipe>
    pub fn PeekNamedPipe(
        pipe: RawHandle,
        buffer: *mut u8,
        size: u32,
        read: *mut u32,
        available: *mut u32,
        left: *mut u32,
    ) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentprocess>
    pub fn GetCurrentProcess() -> RawHandle;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-openprocess>
    pub fn OpenProcess(access: u32, inherit: Bool, process_id: u32) -> RawHandle;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getprocesstimes>
    pub fn GetProcessTimes(
        process: RawHandle,
        created: *mut FileTime,
        ended: *mut FileTime,
        in_kernel: *mut FileTime,
        in_program: *mut FileTime,
    ) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/jobapi2/nf-jobapi2-createjobobjectw>
    pub fn CreateJobObjectW(attributes: *const u8, name: *const u16) -> RawHandle;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/jobapi2/nf-jobapi2-assignprocesstojobobject>
    pub fn AssignProcessToJobObject(job: RawHandle, process: RawHandle) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/jobapi2/nf-jobapi2-terminatejobobject>
    pub fn TerminateJobObject(job: RawHandle, exit_status: u32) -> Bool;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/processenv/nf-processenv-getcommandlinew>
    pub fn GetCommandLineW() -> *const u16;

    /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw>
    pub fn CreateProcessW(
        program: *const u16,
        command_line: *mut u16,
        process_attributes: *const u8,
        thread_attributes: *const u8,
        inherit_handles: Bool,
        flags: u32,
        environment: *const u16,
        directory: *const u16,
        startup: *const StartupInformation,
        started: *mut StartedProcess,
    ) -> Bool;
}

#[link(name = "ntdll")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/winternl/nf-winternl-ntqueryinformationprocess>
    pub fn NtQueryInformationProcess(
        process: RawHandle,
        class: u32,
        information: *mut BasicInformation,
        size: u32,
        written: *mut u32,
    ) -> i32;
}
