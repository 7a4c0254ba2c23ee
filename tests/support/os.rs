//! System calls that std does not offer: signals, FIFOs, pseudo terminals, seccomp, keyrings.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, Once};
#[cfg(target_os = "linux")]
use std::{fs, sync::OnceLock, thread, time::Duration};

#[cfg(target_os = "linux")]
use super::{await_that, skip};

/// A user id that is neither that of the tests nor root's.
pub const OTHER_USER: u32 = 65_534;

#[derive(Clone, Copy)]
pub enum Signal {
    Continue,
    HangUp,
    Interrupt,
    Kill,
    Stop,
    TerminalInput,
    TerminalOutput,
    TerminalStop,
    Terminate,
}

impl Signal {
    pub fn number(self) -> i32 {
        match self {
            Signal::Continue => libc::SIGCONT,
            Signal::HangUp => libc::SIGHUP,
            Signal::Interrupt => libc::SIGINT,
            Signal::Kill => libc::SIGKILL,
            Signal::Stop => libc::SIGSTOP,
            Signal::TerminalInput => libc::SIGTTIN,
            Signal::TerminalOutput => libc::SIGTTOU,
            Signal::TerminalStop => libc::SIGTSTP,
            Signal::Terminate => libc::SIGTERM,
        }
    }
}

pub fn kill(pid: u32, signal: Signal) {
    // SAFETY: kill takes no pointers.
    unsafe { libc::kill(pid as libc::pid_t, signal.number()) };
}

/// Kills every process of the group whose leader is `pid`.
pub fn kill_group(pid: u32) {
    // SAFETY: kill takes no pointers.
    unsafe { libc::kill(-(pid as libc::pid_t), libc::SIGKILL) };
}

/// Makes children start with the default action for SIGHUP and SIGINT, which `nohup` and background jobs
/// of a shell ignore: a signal with a handler has its default action after exec.
pub fn let_children_take_signals() {
    extern "C" fn do_nothing(_: libc::c_int) {}
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        for signal in [libc::SIGHUP, libc::SIGINT] {
            // SAFETY: a zeroed sigaction is valid, and the handler does nothing.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, std::ptr::null(), &mut action);
                if action.sa_sigaction == libc::SIG_IGN {
                    action.sa_sigaction = do_nothing as *const () as usize;
                    action.sa_flags = libc::SA_RESTART;
                    libc::sigaction(signal, &action, std::ptr::null_mut());
                }
            }
        }
    });
}

/// Whether a process of that id exists; zombies count.
pub fn is_alive(pid: u32) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::kill(pid as libc::pid_t, 0) == 0 }
}

/// Whether the first process reaps orphans. In a container without an init it does not; then reports that
/// the test is skipped.
#[cfg(target_os = "linux")]
pub fn collects_orphans() -> bool {
    static COLLECTS: OnceLock<bool> = OnceLock::new();
    let collects = *COLLECTS.get_or_init(|| {
        let shell = Command::new("/bin/sh").args(["-c", "sleep 0.2 >&- & echo $!"]).output().unwrap();
        let orphan = String::from_utf8(shell.stdout).unwrap().trim().parse().unwrap();
        let ended = |pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        await_that("the orphan has ended", || ended(orphan));
        // Any init collects within these 5 s.
        (0..100).any(|_| {
            thread::sleep(Duration::from_millis(50));
            !is_alive(orphan)
        })
    });
    if !collects {
        skip("process 1 of this machine does not reap orphans");
    }
    collects
}

pub fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

pub fn make_fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a string with its zero byte that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0, "mkfifo");
}

/// Makes a device that behaves as `/dev/null`. Only root can.
pub fn make_null_device(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a string with its zero byte that outlives the call.
    let made = unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)) };
    assert_eq!(made, 0, "mknod");
}

/// Swaps two files or directories atomically.
#[cfg(target_os = "linux")]
pub fn exchange(one: &Path, other: &Path) {
    let [one, other] = [one, other].map(|path| CString::new(path.as_os_str().as_bytes()).unwrap());
    let here = libc::AT_FDCWD;
    // SAFETY: both paths are strings with their zero byte that outlive the call.
    let result = unsafe { libc::renameat2(here, one.as_ptr(), here, other.as_ptr(), libc::RENAME_EXCHANGE) };
    assert_eq!(result, 0, "renameat2: {}", io::Error::last_os_error());
}

/// Lets the command inherit the open `descriptor` as number `number`.
#[cfg(target_os = "linux")]
pub fn inherit_as(command: &mut Command, descriptor: std::os::fd::RawFd, number: std::os::fd::RawFd) {
    // SAFETY: dup2 is async-signal-safe and leaves the parent's descriptors alone.
    unsafe {
        command.pre_exec(move || match libc::dup2(descriptor, number) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
}

/// A pseudo terminal: `person` is the side of the user, `program` the side of the program.
pub struct Terminal {
    pub person: File,
    program: OwnedFd,
}

impl Terminal {
    /// openpty(3) would let programs that other threads start inherit both sides.
    pub fn new() -> Terminal {
        // ptsname(3) returns one buffer to all threads.
        static NAME: Mutex<()> = Mutex::new(());
        let open = |path: &OsStr| {
            File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).unwrap()
        };
        let person = open(OsStr::new("/dev/ptmx"));
        let descriptor = person.as_raw_fd();
        let guard = NAME.lock();
        // SAFETY: the descriptor is open. The name is a string or null, and is copied before the next call.
        let name = unsafe {
            assert_eq!(libc::grantpt(descriptor), 0, "grantpt: {}", io::Error::last_os_error());
            assert_eq!(libc::unlockpt(descriptor), 0, "unlockpt: {}", io::Error::last_os_error());
            let name = libc::ptsname(descriptor);
            assert!(!name.is_null(), "ptsname: {}", io::Error::last_os_error());
            OsStr::from_bytes(CStr::from_ptr(name).to_bytes()).to_owned()
        };
        drop(guard);
        Terminal { person, program: open(&name).into() }
    }

    /// Sets its width.
    pub fn columns(self, columns: u16) -> Terminal {
        let size = libc::winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads one winsize, which outlives the call.
        let result = unsafe { libc::ioctl(self.program.as_raw_fd(), libc::TIOCSWINSZ, &size) };
        assert_eq!(result, 0, "TIOCSWINSZ: {}", io::Error::last_os_error());
        self
    }

    /// Makes it the standard output of the command too.
    pub fn show_output(&self, command: &mut Command) {
        command.stdout(Stdio::from(self.program.try_clone().unwrap()));
    }

    /// Everything that was written to it. Waits until every program that has it open has ended.
    pub fn into_text(self) -> String {
        let Terminal { mut person, program } = self;
        drop(program);
        let mut shown = Vec::new();
        // It ends with EIO once the other side is closed.
        let _ = person.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).replace("\r\n", "\n")
    }

    /// Makes it the controlling terminal, standard input and standard error of the command. The command
    /// must not set a process group, because a group leader cannot start a session.
    pub fn attach(&self, command: &mut Command) {
        command.stdin(Stdio::from(self.program.try_clone().unwrap()));
        command.stderr(Stdio::from(self.program.try_clone().unwrap()));
        // SAFETY: setsid and ioctl are async-signal-safe; descriptor 0 is the terminal by then.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() == -1 || libc::ioctl(0, libc::TIOCSCTTY as _, 0) == -1 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
    }
}

/// Makes the keyring's system calls fail with EPERM in the command, as a container's seccomp filter does.
#[cfg(target_os = "linux")]
pub fn forbid_keyring(command: &mut Command) {
    let step =
        |code: u32, jump: u8, value: u32| libc::sock_filter { code: code as u16, jt: jump, jf: 0, k: value };
    let is =
        |number: libc::c_long, jump| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jump, number as u32);
    // The number of the call is the first word of the filter's input.
    let filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        is(libc::SYS_add_key, 3),
        is(libc::SYS_request_key, 2),
        is(libc::SYS_keyctl, 1),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
    ];
    // SAFETY: prctl is async-signal-safe; the filter is owned by the closure and outlives the calls.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
            let forbidden = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0;
            if forbidden { Ok(()) } else { Err(io::Error::last_os_error()) }
        });
    }
}

/// Removes the keyrings that the kernel made for that user, with all keys in them. Only for user ids
/// that the tests have invented.
#[cfg(target_os = "linux")]
pub fn remove_keyrings_of(user: u32) {
    const GET_KEYRING_ID: libc::c_long = 0;
    const INVALIDATE: libc::c_long = 21;
    const USER_KEYRING: libc::c_long = -4;
    const USER_SESSION_KEYRING: libc::c_long = -5;
    let thread = thread::spawn(move || {
        // SAFETY: all arguments are numbers. libc's own setresuid would change every thread.
        unsafe {
            assert_eq!(libc::syscall(libc::SYS_setresuid, user, user, user), 0);
            // Get both ids first, because a look-up by name would create the other keyring again.
            let keyrings = [USER_KEYRING, USER_SESSION_KEYRING]
                .map(|name| libc::syscall(libc::SYS_keyctl, GET_KEYRING_ID, name, 0));
            for keyring in keyrings {
                libc::syscall(libc::SYS_keyctl, INVALIDATE, keyring);
            }
        }
    });
    thread.join().unwrap();
}
