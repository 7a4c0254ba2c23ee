//! The terminal that a standard stream leads to.
#![allow(unsafe_code)]

use std::io::{self, IsTerminal};

use windows_sys::Win32::System::Console::{
    CONSOLE_SCREEN_BUFFER_INFO, GetConsoleScreenBufferInfo, GetStdHandle, STD_ERROR_HANDLE, STD_OUTPUT_HANDLE,
};

use crate::sys::process::Stream;

/// The width in columns of the terminal that `stream` leads to. `None` if it leads to no terminal.
pub fn terminal_width(stream: Stream) -> Option<usize> {
    let number = match stream {
        Stream::Input => return None,
        Stream::Output => STD_OUTPUT_HANDLE,
        Stream::Error => STD_ERROR_HANDLE,
    };
    let mut buffer = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: any handle is accepted, and `buffer` is writable.
    let known = unsafe { GetConsoleScreenBufferInfo(GetStdHandle(number), &mut buffer) } != 0;
    let columns = i32::from(buffer.srWindow.Right) - i32::from(buffer.srWindow.Left) + 1;
    usize::try_from(columns).ok().filter(|columns| known && *columns > 0)
}

/// Whether `stream` leads to a terminal.
pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Input => io::stdin().is_terminal(),
        Stream::Output => io::stdout().is_terminal(),
        Stream::Error => io::stderr().is_terminal(),
    }
}
