//! What a report asks of the system: the terminal's width, and what could be done with a file.
#![allow(unsafe_code)]

use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::files::c_string;
use crate::sys::Stream;

/// Columns of the terminal that `stream` goes to; `None` where that is none, or does not say.
pub fn terminal_width(stream: Stream) -> Option<usize> {
    columns(stream).filter(|columns| *columns > 0)
}

pub fn is_terminal(stream: Stream) -> bool {
    columns(stream).is_some()
}

/// Only terminals have columns, be it none.
fn columns(stream: Stream) -> Option<usize> {
    // SAFETY: `winsize` is plain data, for which zero is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: `size` is what TIOCGWINSZ fills in (ioctl_tty(2)), and outlives the call.
    let known = unsafe { libc::ioctl(stream.descriptor(), libc::TIOCGWINSZ, &raw mut size) } == 0;
    known.then_some(usize::from(size.ws_col))
}

impl Stream {
    pub(super) fn descriptor(self) -> RawFd {
        match self {
            Stream::Input => 0,
            Stream::Output => 1,
            Stream::Error => 2,
        }
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

/// Whether `path` exists and its owner is this user.
pub fn belongs_to_user(path: &Path) -> bool {
    // SAFETY: geteuid(2) has no preconditions and cannot fail.
    let user = unsafe { libc::geteuid() };
    path.symlink_metadata().is_ok_and(|metadata| metadata.uid() == user)
}

fn has_access(path: &Path, mode: i32) -> bool {
    let Ok(path) = c_string(path.as_os_str()) else { return false };
    // SAFETY: `path` is a C string that outlives the call (access(2)). It asks for the real user, who
    // is the effective one: nobody installs this program with another's rights.
    unsafe { libc::access(path.as_ptr(), mode) == 0 }
}
