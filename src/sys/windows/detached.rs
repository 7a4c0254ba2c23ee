//! Work that goes on after this program has ended.
#![allow(unsafe_code)]

use std::env;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr;
use std::slice;

use windows_sys::Win32::System::Environment::GetCommandLineW;
use windows_sys::Win32::System::Threading::{
    CreateProcessW, DETACHED_PROCESS, PROCESS_INFORMATION, STARTUPINFOW,
};

use super::last_error::check;

/// Starts this program again, with the same arguments and `option` in front of them, which tells it to
/// do the work: on Windows a process cannot be copied. The new process has no console and no standard
/// streams, and inherits no handle, so a client that reads our output to its end does not wait for it.
pub fn run_detached(option: &str, _work: &mut dyn FnMut()) -> io::Result<()> {
    let program = env::current_exe()?;
    let program: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    let mut command_line = command_line_with(&program[..program.len() - 1], option, own_arguments());
    let startup = STARTUPINFOW { cb: size_of::<STARTUPINFOW>() as u32, ..STARTUPINFOW::default() };
    let mut started = PROCESS_INFORMATION::default();
    // SAFETY: both texts end with zero and the command line is writable; `startup` knows its size;
    // everything else may be null, which means "as for this process".
    check(unsafe {
        CreateProcessW(
            program.as_ptr(),
            command_line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            0,
            DETACHED_PROCESS,
            ptr::null(),
            ptr::null(),
            &startup,
            &mut started,
        )
    })?;
    // SAFETY: the function succeeded, so both handles are open and ours to close.
    unsafe {
        drop(OwnedHandle::from_raw_handle(started.hProcess));
        drop(OwnedHandle::from_raw_handle(started.hThread));
    }
    Ok(())
}

/// `"PROGRAM" OPTION ARGUMENTS` and a zero. No path contains a quotation mark.
fn command_line_with(program: &[u16], option: &str, arguments: &[u16]) -> Vec<u16> {
    let quote = u16::from(b'"');
    let mut line = vec![quote];
    line.extend_from_slice(program);
    line.push(quote);
    line.extend(" ".encode_utf16().chain(option.encode_utf16()));
    line.extend_from_slice(arguments);
    line.push(0);
    line
}

/// The command line of this process, from the white space after the program's name on.
fn own_arguments() -> &'static [u16] {
    // SAFETY: the text ends with zero, is never moved and never written to.
    let line = unsafe {
        let start = GetCommandLineW();
        let length = (0..).take_while(|at| *start.add(*at) != 0).count();
        slice::from_raw_parts(start, length)
    };
    arguments_of(line)
}

/// The program's name ends at the first white space outside quotation marks ("Parsing C++ command-line
/// arguments", <https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments>).
fn arguments_of(line: &[u16]) -> &[u16] {
    let mut quoted = false;
    let end = line.iter().position(|unit| {
        quoted ^= *unit == u16::from(b'"');
        !quoted && [b' ', b'\t'].map(u16::from).contains(unit)
    });
    &line[end.unwrap_or(line.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn the_arguments_begin_after_the_name_even_if_it_is_quoted() {
        for (line, arguments) in [
            (r#"program a "b c""#, r#" a "b c""#),
            (r#""C:\Program Files\program.exe" a"#, " a"),
            (r#"C:\"Program Files"\program.exe  a"#, "  a"),
            ("program\ta", "\ta"),
            (r#""program" "#, " "),
            ("program", ""),
            (r#""program a"#, ""),
            ("", ""),
        ] {
            assert_eq!(arguments_of(&wide(line)), wide(arguments), "{line}");
        }
    }

    #[test]
    fn the_option_is_put_in_front_of_the_arguments() {
        let line = command_line_with(&wide(r"C:\a b\program.exe"), "--option", &wide(r#" aws "x y""#));
        let mut expected = wide(r#""C:\a b\program.exe" --option aws "x y""#);
        expected.push(0);
        assert_eq!(line, expected);
    }
}
