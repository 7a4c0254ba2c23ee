//! What a report asks of the system: the terminal's width, and what could be done with a file.
#![allow(unsafe_code)]

use std::os::fd::RawFd;
use std::path::Path;

use super::files::c_string;
use crate::sys::Stream;

/// Columns of the terminal that `stream` goes to; `None` where that is none, or does not say.
pub fn terminal_width(stream: Stream) -> Option<usize> {
    // SAFETY: `winsize` is plain data, for which zero is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: `size` is what TIOCGWINSZ fills in (ioctl_tty(2)), and outlives the call.
    let known = unsafe { libc::ioctl(descriptor(stream), libc::TIOCGWINSZ, &raw mut size) } == 0;
    (known && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

pub fn is_terminal(stream: Stream) -> bool {
    // SAFETY: isatty(3) looks at a descriptor and touches no memory.
    unsafe { libc::isatty(descriptor(stream)) == 1 }
}

fn descriptor(stream: Stream) -> RawFd {
    match stream {
        Stream::Input => 0,
        Stream::Output => 1,
        Stream::Error => 2,
    }
}

/// Whether this user may write what is at `path`. Opens and changes nothing.
pub fn may_write(path: &Path) -> bool {
    has_access(path, libc::W_OK)
}

/// Whether `path` is a file that this user may execute.
pub fn may_execute(path: &Path) -> bool {
    path.is_file() && has_access(path, libc::X_OK)
}

fn has_access(path: &Path, mode: i32) -> bool {
    let Ok(path) = c_string(path.as_os_str()) else { return false };
    // SAFETY: `path` is a C string that outlives the call (access(2)).
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, libc::AT_EACCESS) == 0 }
}
