//! The environment of this program, and of those that it starts.

use std::env;
use std::ffi::{CString, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use super::files::c_string;
use crate::sys::process::Program;

/// The value of the variable `name`.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// The environment that `program` gets, as execve(2) takes it: pointers with a null at the end, and the
/// texts that they point to.
pub fn of_program(program: &Program) -> io::Result<(Vec<*const c_char>, Vec<CString>)> {
    let mut texts = Vec::new();
    for (name, value) in env::vars_os() {
        let is_changed = program.environment.iter().any(|(changed, _)| name == changed.as_str());
        if !is_changed {
            texts.push(c_string(&assignment(name, value.as_bytes()))?);
        }
    }
    for (name, value) in &program.environment {
        if let Some(value) = value {
            texts.push(c_string(&assignment(name.into(), value.as_bytes()))?);
        }
    }
    let mut pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
    pointers.push(ptr::null());
    Ok((pointers, texts))
}

fn assignment(name: OsString, value: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    let mut text = name.into_vec();
    text.push(b'=');
    text.extend_from_slice(value);
    OsString::from_vec(text)
}
