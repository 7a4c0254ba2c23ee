//! Linux and macOS.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use super::{FileStamp, Process};

const OWNER_ONLY: u32 = 0o600;
const OTHERS_MAY_WRITE: u32 = 0o022;
const OTHERS_MAY_ANYTHING: u32 = 0o077;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// Opens `path` for reading if it is a regular file that belongs to this user alone. Follows no
/// symbolic link and waits for no FIFO.
pub fn open_private(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    require_private(&file)?;
    Ok(file)
}

fn require_private(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if metadata.uid() != effective_user() {
        return Err(refused("it belongs to another user"));
    }
    if metadata.mode() & OTHERS_MAY_ANYTHING != 0 {
        return Err(refused("other users have access to it"));
    }
    Ok(())
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

fn effective_user() -> u32 {
    // SAFETY: geteuid(2) has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// A directory in which no other user can replace our files. Everything goes through its
/// descriptor, so that the directory that was checked is the one that is used.
pub struct Directory(File);

impl Directory {
    /// Opens `path`; makes it first, with its parents, for this user alone, where it is missing.
    pub fn make(path: &Path) -> io::Result<Directory> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let opened = Directory::open(path);
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                Directory::open(path)
            }
            other => other,
        }
    }

    pub fn open(path: &Path) -> io::Result<Directory> {
        let directory = File::options().read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        let metadata = directory.metadata()?;
        if ![effective_user(), ROOT].contains(&metadata.uid()) {
            return Err(refused("its directory belongs to another user"));
        }
        if metadata.mode() & OTHERS_MAY_WRITE != 0 && metadata.mode() & STICKY == 0 {
            return Err(refused("other users can write to its directory"));
        }
        Ok(Directory(directory))
    }

    /// Opens the private file `name` for reading and writing; makes it where it is missing.
    pub fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        let file = self.open_at(name, libc::O_RDWR | libc::O_CREAT | libc::O_NONBLOCK)?;
        require_private(&file)?;
        Ok(file)
    }

    /// Opens the private file `name` for reading.
    pub fn open_private(&self, name: &OsStr) -> io::Result<File> {
        let file = self.open_at(name, libc::O_RDONLY | libc::O_NONBLOCK)?;
        require_private(&file)?;
        Ok(file)
    }

    /// Makes the private file `name`, which must not exist.
    pub fn create_new(&self, name: &OsStr) -> io::Result<File> {
        self.open_at(name, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    fn open_at(&self, name: &OsStr, flags: i32) -> io::Result<File> {
        let name = c_string(name)?;
        let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        // SAFETY: `name` is a C string; the descriptor is checked before it is owned.
        let descriptor =
            check(unsafe { libc::openat(self.0.as_raw_fd(), name.as_ptr(), flags, OWNER_ONLY) })?;
        // SAFETY: openat(2) has just returned this descriptor; nobody else owns it.
        Ok(unsafe { File::from_raw_fd(descriptor) })
    }

    /// Puts the file `from` in the place of `to`.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (from, to) = (c_string(from)?, c_string(to)?);
        let directory = self.0.as_raw_fd();
        // SAFETY: both names are C strings.
        check(unsafe { libc::renameat(directory, from.as_ptr(), directory, to.as_ptr()) }).map(drop)
    }

    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        let name = c_string(name)?;
        // SAFETY: `name` is a C string.
        check(unsafe { libc::unlinkat(self.0.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
    }

    /// Whether `name` is still the name of `file`.
    pub fn still_names(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let opened = file.metadata()?;
        match self.open_private(name).and_then(|current| current.metadata()) {
            Ok(current) => Ok((current.dev(), current.ino()) == (opened.dev(), opened.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn c_string(name: &OsStr) -> io::Result<CString> {
    Ok(CString::new(name.as_bytes())?)
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Reads into `buffer` from `offset` on; how much was there. A regular file gives less than was
/// asked for only at its end.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// The stamp of the file that `path` leads to.
pub fn file_stamp(path: &Path) -> io::Result<FileStamp> {
    path.metadata().map(|metadata| stamp_of(&metadata))
}

fn stamp_of(metadata: &Metadata) -> FileStamp {
    FileStamp {
        inode: metadata.ino(),
        size: metadata.size(),
        modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
    }
}

// Classic POSIX locks vanish when any descriptor of the file is closed; these belong to the open
// file description (fcntl(2), "Open file description locks").
#[cfg(any(target_os = "linux", target_os = "macos"))]
const SET_LOCK: i32 = libc::F_OFD_SETLK as i32;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const SET_LOCK: i32 = libc::F_SETLK;

/// Locks one byte of `file` against every other open file; false if somebody else has it.
pub fn try_lock_byte(file: &File, offset: u64) -> io::Result<bool> {
    match set_lock(file, offset, libc::F_WRLCK as i32) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn unlock_byte(file: &File, offset: u64) -> io::Result<()> {
    set_lock(file, offset, libc::F_UNLCK as i32)
}

fn set_lock(file: &File, offset: u64, kind: i32) -> io::Result<()> {
    // SAFETY: `flock` is plain data; zero is valid for each of its fields, and l_pid must be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = offset as _;
    lock.l_len = 1;
    // SAFETY: the descriptor is open and `lock` outlives the call.
    check(unsafe { libc::fcntl(file.as_raw_fd(), SET_LOCK, &lock) }).map(drop)
}

/// The process that called this program.
#[cfg(target_os = "linux")]
pub fn parent_process() -> Option<Process> {
    let id = std::os::unix::process::parent_id();
    let mut stat = [0; 512];
    let file = File::open(format!("/proc/{id}/stat")).ok()?;
    let length = file.read_at(&mut stat, 0).ok()?;
    Some(Process { id, started: start_time(&stat[..length])? })
}

/// Field 22 of `/proc/PID/stat` (proc(5)). The second field, the name in parentheses, may hold
/// anything, so fields are counted from the last parenthesis on.
#[cfg(target_os = "linux")]
fn start_time(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 2;
    let field = stat.get(after_name..)?.split(|byte| *byte == b' ').nth(22 - 3)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The process that called this program.
#[cfg(target_os = "macos")]
pub fn parent_process() -> Option<Process> {
    let id = std::os::unix::process::parent_id();
    // SAFETY: `proc_bsdinfo` is plain data, for which zero is valid.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_bsdinfo>() as i32;
    // SAFETY: the buffer is as large as `size` says; proc_pidinfo writes no more than that.
    let written = unsafe {
        libc::proc_pidinfo(id as i32, libc::PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size)
    };
    (written == size)
        .then(|| Process { id, started: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn parent_process() -> Option<Process> {
    None
}

/// The exit status that a shell would give: the program's own, or 128 and the signal's number.
pub fn exit_status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128u8.saturating_add(signal as u8),
        (None, None) => 1,
    }
}

/// Whether the program ended because somebody wanted it to, as with Ctrl-C.
pub fn was_interrupted(status: ExitStatus) -> bool {
    let ends = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
    INTERRUPTED.load(Ordering::Relaxed)
        || status.signal().is_some_and(|signal| ends.contains(&signal))
        || status.code() == Some(128 + libc::SIGINT)
}

/// Waits until `stream` can be read or has ended; false if neither happened within `limit`.
pub fn wait_readable(stream: &impl AsRawFd, limit: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one `pollfd`, which outlives the call.
    match check(unsafe { libc::poll(&mut poll, 1, limit.as_millis() as i32) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        other => other.map(|ready| ready > 0),
    }
}

const FORWARDED: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
static FORWARD_TO: AtomicI32 = AtomicI32::new(0);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Starts `command` so that the signals that end a program reach it instead of this one.
///
/// A signal that the terminal sent has reached the whole foreground group already; one that a
/// process sent to us alone is handed on. A signal that was ignored stays ignored.
pub fn spawn_forwarding_signals(command: &mut Command) -> io::Result<Child> {
    // Held back until it is known whom to hand them to; std gives the child an empty mask.
    let held = SignalMask::hold(&FORWARDED);
    let child = command.spawn()?;
    FORWARD_TO.store(child.id() as i32, Ordering::Relaxed);
    for signal in FORWARDED {
        forward(signal);
    }
    drop(held);
    Ok(child)
}

/// The program has ended: its process id may soon be another's.
pub fn stop_forwarding() {
    FORWARD_TO.store(0, Ordering::Relaxed);
}

fn forward(signal: i32) {
    // SAFETY: `sigaction` is plain data, for which zero is valid; the handler only makes calls
    // that signal-safety(7) allows.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, std::ptr::null(), &mut old);
        if asked != 0 || old.sa_sigaction == libc::SIG_IGN {
            return;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = hand_on as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

extern "C" fn hand_on(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    INTERRUPTED.store(true, Ordering::Relaxed);
    let plugin = FORWARD_TO.load(Ordering::Relaxed);
    // SAFETY: the kernel hands over a valid `siginfo_t`; kill(2) is async-signal-safe.
    unsafe {
        if plugin > 0 && sent_by_process(&*info) {
            libc::kill(plugin, signal);
        }
    }
}

#[cfg(target_os = "linux")]
fn sent_by_process(info: &libc::siginfo_t) -> bool {
    info.si_code <= 0 // SI_USER and its kin; what the kernel sends has a positive code.
}

#[cfg(not(target_os = "linux"))]
fn sent_by_process(info: &libc::siginfo_t) -> bool {
    // SAFETY: every signal of `FORWARDED` fills in the sender's id; the kernel's is zero.
    unsafe { info.si_pid() != 0 }
}

/// Signals that wait until this is dropped.
struct SignalMask(libc::sigset_t);

impl SignalMask {
    fn hold(signals: &[i32]) -> SignalMask {
        // SAFETY: both sets are initialised by sigemptyset(3) and the kernel before they are read.
        unsafe {
            let mut held: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut held);
            for signal in signals {
                libc::sigaddset(&mut held, *signal);
            }
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigprocmask(libc::SIG_BLOCK, &held, &mut before);
            SignalMask(before)
        }
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by sigprocmask(2).
        unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut());
        }
    }
}

/// Becomes `command`; returns only if that cannot be done.
pub fn run_instead(command: &mut Command) -> io::Result<ExitStatus> {
    Err(command.exec())
}

/// The name under which `program` is started; std searches PATH itself here.
pub fn resolve_program(program: &OsStr) -> PathBuf {
    program.into()
}

/// Whether `path` is a file that this user may execute.
pub fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o111 != 0)
}

/// Writes all of `bytes` to standard output, past std's buffer.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    // SAFETY: descriptor 1 stays open for the program's whole life, and is not closed by this.
    let stdout = unsafe { BorrowedFd::borrow_raw(STDOUT) };
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: `rest` is valid for reads of its length.
        let written = unsafe { libc::write(stdout.as_raw_fd(), rest.as_ptr().cast(), rest.len()) };
        match written {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count if count > 0 => rest = &rest[count as usize..],
            _ => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => wait_writable(STDOUT)?,
                    _ => return Err(error),
                }
            }
        }
    }
    Ok(())
}

const STDOUT: RawFd = 1;

fn wait_writable(descriptor: RawFd) -> io::Result<()> {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one `pollfd`, which outlives the call.
    match check(unsafe { libc::poll(&mut poll, 1, -1) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Opens `path`, which has to exist and to be no symbolic link, for reading and writing.
pub fn open_for_update(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// Opens `path` for appending, made for this user alone where it is missing; waits for no FIFO.
pub fn open_log(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(OWNER_ONLY).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Starts `command` at the head of a process group of its own.
pub fn spawn_group(command: &mut Command) -> io::Result<Child> {
    command.process_group(0).spawn()
}

/// How a group of processes is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Request,
    Force,
}

/// Ends what [`spawn_group`] started, with its children.
pub fn end_group(child: &mut Child, end: End) {
    let signal = if end == End::Force { libc::SIGKILL } else { libc::SIGTERM };
    // SAFETY: the child is not waited for yet, so its id, which is the group's, is still its own.
    unsafe {
        libc::kill(-(child.id() as i32), signal);
    }
}

/// The file that `program` names, searched for on PATH where it has no slash.
pub fn find_program(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    let directories = std::env::var_os("PATH")?;
    std::env::split_paths(&directories).map(|directory| directory.join(program)).find(|path| path.exists())
}

/// Does `work` in a process of its own: another session, the null device on all three standard
/// streams, every other descriptor closed. A caller that reads our output to its end must not wait
/// for it. `command` is not needed where a process can simply be copied.
pub fn run_detached(_command: &[std::ffi::OsString], work: &mut dyn FnMut()) -> io::Result<()> {
    // SAFETY: this program has a single thread, so the child may go on as it pleases.
    let child = check(unsafe { libc::fork() })?;
    if child != 0 {
        return Ok(());
    }
    detach();
    work();
    // SAFETY: _exit(2) never returns. What the parent buffers is not the child's to write.
    unsafe { libc::_exit(0) }
}

/// Fails silently where it must: whoever would be told is gone.
fn detach() {
    // SAFETY: plain system calls on descriptors that this process owns alone. Nothing of ours that
    // holds a descriptor is used after it was closed: the work opens what it needs anew.
    unsafe {
        libc::setsid();
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        for standard in 0..3 {
            libc::dup2(null, standard);
        }
        close_from(3);
    }
}

/// # Safety
/// Nothing may use a descriptor from `first` on afterwards.
#[cfg(target_os = "linux")]
unsafe fn close_from(first: i32) {
    // SAFETY: close_range(2) closes descriptors and touches no memory.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) != 0 {
            close_each_from(first);
        }
    }
}

/// # Safety
/// Nothing may use a descriptor from `first` on afterwards.
#[cfg(not(target_os = "linux"))]
unsafe fn close_from(first: i32) {
    // SAFETY: as the caller promises.
    unsafe { close_each_from(first) }
}

/// # Safety
/// Nothing may use a descriptor from `first` on afterwards.
unsafe fn close_each_from(first: i32) {
    const USUAL_LIMIT: i64 = 1024;
    const MOST: i64 = 65_536;
    // SAFETY: close(2) of a descriptor that is not open does no harm.
    unsafe {
        let limit = libc::sysconf(libc::_SC_OPEN_MAX);
        let limit = if limit > 0 { limit.min(MOST) } else { USUAL_LIMIT };
        for descriptor in first..limit as i32 {
            libc::close(descriptor);
        }
    }
}
