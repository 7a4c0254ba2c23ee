//! The first and the last step of the program, instead of std's.
//!
//! std's start makes a signal stack with guard pages and asks for the limits of the thread, which a hit
//! does not need: 17 of 160 us (docs/DESIGN.md, "Byte-golf"). One thing is kept: closed standard
//! streams are opened on the null device, so that no file of ours becomes one of them.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

/// Defines the function `main` that the C runtime calls. It runs `$run` with the arguments.
#[macro_export]
macro_rules! c_main {
    ($run:path) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn main(
            count: std::ffi::c_int,
            arguments: *const *const std::ffi::c_char,
        ) -> std::ffi::c_int {
            // SAFETY: the C runtime passes `count` C strings.
            unsafe { $crate::sys::start(count, arguments, $run) }
        }
    };
}

/// Calls `run` with the arguments, and exits with the status that it returns.
///
/// # Safety
/// `arguments` points to `count` C strings.
pub unsafe fn start(count: c_int, arguments: *const *const c_char, run: fn(Vec<OsString>) -> u8) -> ! {
    open_standard_streams();
    // SAFETY: as the caller promises.
    let status = run(unsafe { collect(count, arguments) });
    // SAFETY: _exit(2) never returns. Nothing is buffered, and the kernel closes open files.
    unsafe { libc::_exit(c_int::from(status)) }
}

/// # Safety
/// `arguments` points to `count` C strings.
unsafe fn collect(count: c_int, arguments: *const *const c_char) -> Vec<OsString> {
    (0..usize::try_from(count).unwrap_or_default())
        .map(|number| {
            // SAFETY: as the caller promises.
            let argument = unsafe { CStr::from_ptr(*arguments.add(number)) };
            OsString::from_vec(argument.to_bytes().to_vec())
        })
        .collect()
}

/// Ends the program if a stream cannot be opened, as std does: the credential would be written to the
/// next file that is opened.
fn open_standard_streams() {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: `streams` outlives the call (poll(2)); open(2) takes the lowest free number.
    unsafe {
        let is_closed: fn(&libc::pollfd) -> bool = match libc::poll(streams.as_mut_ptr(), 3, 0) {
            0 => return,
            // poll(2) fails if fewer than three open files are allowed.
            -1 => |stream| libc::fcntl(stream.fd, libc::F_GETFD) < 0,
            _ => |stream| stream.revents & libc::POLLNVAL != 0,
        };
        for _closed in streams.iter().filter(|stream| is_closed(stream)) {
            // Without O_CLOEXEC: programs that we start inherit it.
            if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) < 0 {
                libc::_exit(1);
            }
        }
    }
}
