//! The terminal that a standard stream leads to.
#![allow(unsafe_code)]

use std::os::fd::RawFd;

use crate::sys::process::Stream;

/// The width in columns of the terminal that `stream` leads to. `None` if it leads to no terminal, or
/// if the terminal does not know.
pub fn terminal_width(stream: Stream) -> Option<usize> {
    columns(stream).filter(|columns| *columns > 0)
}

/// Whether `stream` leads to a terminal.
pub fn is_terminal(stream: Stream) -> bool {
    columns(stream).is_some()
}

/// Only terminals have columns, even if their number is zero.
fn columns(stream: Stream) -> Option<usize> {
    // SAFETY: `winsize` is plain data, for which zero is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ fills in `size`, which outlives the call (ioctl_tty(2)).
    let known = unsafe { libc::ioctl(descriptor(stream), libc::TIOCGWINSZ, &raw mut size) } == 0;
    known.then_some(usize::from(size.ws_col))
}

/// The number of the descriptor.
pub fn descriptor(stream: Stream) -> RawFd {
    match stream {
        Stream::Input => libc::STDIN_FILENO,
        Stream::Output => libc::STDOUT_FILENO,
        Stream::Error => libc::STDERR_FILENO,
    }
}
