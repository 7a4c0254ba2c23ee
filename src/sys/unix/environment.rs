//! The environment of this program, and of those that it starts.
//!
//! It is read in place. std copies each name and takes a lock for each of the dozens of variables that a
//! hit looks up: 6 % of its time (docs/DESIGN.md, "Byte-golf"). Most of them are not set, which the names that
//! were noted at the first look-up tell.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::c_string;
use crate::sys::names::NameFilter;
use crate::sys::process::Program;

/// A C string `NAME=value`.
type RawVariable = *const c_char;

/// The value of the variable `name`.
pub fn variable(name: &str) -> Option<OsString> {
    if !noted_names().may_have(name.as_bytes()) {
        return None;
    }
    let value = RawVariables::all().find_map(|entry| value_of(entry, name.as_bytes()))?;
    // SAFETY: the rest of a C string.
    Some(OsString::from_vec(unsafe { CStr::from_ptr(value) }.to_bytes().to_vec()))
}

/// All variables with a name and a value.
pub fn variables() -> Vec<(OsString, OsString)> {
    let mut variables = Vec::new();
    for entry in RawVariables::all() {
        // SAFETY: a C string.
        let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
        // A name has at least one byte, which may be `=`.
        if let Some(length) = text.iter().skip(1).position(|byte| *byte == b'=') {
            let (name, value) = (&text[..length + 1], &text[length + 2..]);
            variables.push((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())));
        }
    }
    variables
}

/// The environment that `program` gets, as execve(2) takes it: pointers with a null at the end, and the
/// texts that were added, which must outlive the pointers.
pub fn of_program(program: &Program) -> io::Result<(Vec<RawVariable>, Vec<CString>)> {
    let is_changed = |entry: &RawVariable| {
        program.environment.iter().any(|(name, _)| value_of(*entry, name.as_bytes()).is_some())
    };
    let mut added = Vec::new();
    for (name, value) in &program.environment {
        if let Some(value) = value {
            added.push(c_string([name, "=", value].concat().as_ref())?);
        }
    }
    let mut pointers: Vec<RawVariable> = RawVariables::all().filter(|entry| !is_changed(entry)).collect();
    pointers.extend(added.iter().map(|entry| entry.as_ptr()));
    pointers.push(ptr::null());
    Ok((pointers, added))
}

fn noted_names() -> &'static NameFilter<16> {
    static NAMES: NameFilter<16> = NameFilter::new();
    static ARE_NOTED: AtomicBool = AtomicBool::new(false);
    if !ARE_NOTED.load(Ordering::Acquire) {
        RawVariables::all().for_each(|entry| NAMES.add(name_of(entry)));
        ARE_NOTED.store(true, Ordering::Release);
    }
    &NAMES
}

/// What is before the `=` in `entry`, or all of it. A name has at least one byte, which may be `=`.
fn name_of<'a>(entry: RawVariable) -> &'a [u8] {
    let mut length = 0;
    // SAFETY: a C string ends with NUL, and nothing after it is read.
    unsafe {
        while !matches!((length, *entry.add(length) as u8), (_, 0) | (1.., b'=')) {
            length += 1;
        }
        std::slice::from_raw_parts(entry.cast(), length)
    }
}

/// The value in `entry`, if the variable is called `name`.
fn value_of(entry: RawVariable, name: &[u8]) -> Option<RawVariable> {
    let mut rest = entry;
    // SAFETY: a C string ends with NUL, and the comparison ends there too: nothing after it is read.
    unsafe {
        for byte in name {
            if *rest as u8 != *byte || *byte == 0 {
                return None;
            }
            rest = rest.add(1);
        }
        (*rest as u8 == b'=').then(|| rest.add(1))
    }
}

/// The variables of this program. Points to the next one; a null follows the last.
struct RawVariables(*const RawVariable);

impl RawVariables {
    fn all() -> RawVariables {
        // SAFETY: the pointer always has a value, and nothing in this program changes the environment.
        RawVariables(unsafe { *environment() })
    }
}

impl Iterator for RawVariables {
    type Item = RawVariable;

    fn next(&mut self) -> Option<RawVariable> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: points to a variable or to the null after the last one.
        unsafe {
            let entry = *self.0;
            (!entry.is_null()).then(|| {
                self.0 = self.0.add(1);
                entry
            })
        }
    }
}

#[cfg(target_os = "macos")]
fn environment() -> *mut *const RawVariable {
    // SAFETY: has no preconditions (environ(7) of macOS).
    unsafe { libc::_NSGetEnviron().cast() }
}

#[cfg(not(target_os = "macos"))]
fn environment() -> *mut *const RawVariable {
    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man7/environ.7.html>
        static mut environ: *const RawVariable;
    }
    &raw mut environ
}
