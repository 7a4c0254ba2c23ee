//! What a report asks of the system: the terminal's width, and what could be done with a file.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

use super::ffi;
use crate::sys::Stream;

/// Columns of the terminal that `stream` goes to; `None` where that is none.
pub fn terminal_width(stream: Stream) -> Option<usize> {
    let number = match stream {
        Stream::Input => return None,
        Stream::Output => ffi::STD_OUTPUT_HANDLE,
        Stream::Error => ffi::STD_ERROR_HANDLE,
    };
    let mut buffer = ffi::ScreenBuffer::default();
    // SAFETY: any handle is accepted, and `buffer` is writable and as long as the function expects.
    let known = unsafe { ffi::GetConsoleScreenBufferInfo(ffi::GetStdHandle(number), &mut buffer) } != 0;
    let columns = i32::from(buffer.right) - i32::from(buffer.left) + 1;
    usize::try_from(columns).ok().filter(|columns| known && *columns > 0)
}

pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Input => io::stdin().is_terminal(),
        Stream::Output => io::stdout().is_terminal(),
        Stream::Error => io::stderr().is_terminal(),
    }
}

/// Whether this user may write what is at `path`. Changes nothing; only opening it tells what the
/// access control lists allow.
pub fn may_write(path: &Path) -> bool {
    File::options()
        .access_mode(ffi::FILE_WRITE_DATA)
        .custom_flags(ffi::FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
        .is_ok()
}

/// Whether `path` exists and its owner is this user, as far as that matters: rights come from access
/// control lists here.
pub fn belongs_to_user(path: &Path) -> bool {
    path.exists()
}
