//! The program's first and last step, in the place of std's own.
//!
//! std's runtime start makes a guarded signal stack and asks for the thread's limits, which a hit
//! can do without: 17 of 160 us were measured for it. What of it protects the user stays: closed
//! standard streams are opened on the null device, so that no file of ours is taken for one.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

use super::calls;

/// Defines the function `main` that the C runtime calls, which runs `$run` with the arguments.
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

/// Collects the arguments, calls `run` with them, and exits with the status that it returns.
///
/// # Safety
/// `arguments` points to `count` C strings.
pub unsafe fn start(count: c_int, arguments: *const *const c_char, run: fn(Vec<OsString>) -> u8) -> ! {
    open_standard_streams();
    // SAFETY: the caller promises it.
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

/// Ends the program where it cannot, as std's own start does: the next file that is opened would be
/// taken for the stream, and the credential written into it.
fn open_standard_streams() {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: `streams` outlives the call, and open(2) takes the lowest free number.
    unsafe {
        let closed: fn(&libc::pollfd) -> bool = match libc::poll(streams.as_mut_ptr(), 3, 0) {
            0 => return,
            // With fewer than three open files allowed, poll(2) refuses to look.
            -1 => |stream| !calls::is_open(stream.fd),
            _ => |stream| stream.revents & libc::POLLNVAL != 0,
        };
        for _closed in streams.iter().filter(|stream| closed(stream)) {
            // Programs that are started inherit it.
            if calls::openat(libc::AT_FDCWD, c"/dev/null", libc::O_RDWR, 0).is_err() {
                libc::_exit(1);
            }
        }
    }
}
