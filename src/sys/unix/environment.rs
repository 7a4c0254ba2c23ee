//! The environment, read in place: std copies each name and takes a lock for every look-up, and a
//! call looks up dozens.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::ptr;

use super::files::c_string;
use crate::sys::Program;

type RawVariable = *const c_char;

/// Pointers to `NAME=value`, and a null at the end.
#[cfg(target_os = "macos")]
pub(super) fn entries() -> *mut *const RawVariable {
    // SAFETY: has no preconditions (environ(7) of macOS).
    unsafe { libc::_NSGetEnviron().cast() }
}

/// Pointers to `NAME=value`, and a null at the end.
#[cfg(not(target_os = "macos"))]
pub(super) fn entries() -> *mut *const RawVariable {
    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man7/environ.7.html>
        static mut environ: *const RawVariable;
    }
    &raw mut environ
}

/// The value of the variable `name`.
pub fn variable(name: &str) -> Option<OsString> {
    let first = *name.as_bytes().first()?;
    // SAFETY: an entry has one byte at least.
    let may_be = |entry: &RawVariable| unsafe { **entry as u8 == first };
    let value = RawVariables::all().filter(may_be).find_map(|entry| value_of(entry, name.as_bytes()))?;
    // SAFETY: the rest of an entry, which ends in NUL.
    Some(OsString::from_vec(unsafe { CStr::from_ptr(value) }.to_bytes().to_vec()))
}

/// The environment that `program` gets, with the null at the end, and what has to outlive it.
pub(super) fn of_program(program: &Program) -> io::Result<(Vec<RawVariable>, Vec<CString>)> {
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

/// What stands behind `name=` in `entry`, if that is how it begins.
fn value_of(entry: RawVariable, name: &[u8]) -> Option<RawVariable> {
    let mut rest = entry;
    // SAFETY: an entry ends in NUL, at which the comparison ends too: nothing is read behind it.
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

struct RawVariables(*const RawVariable);

impl RawVariables {
    fn all() -> RawVariables {
        // SAFETY: the variable always has a value, and nothing here changes it while it is read.
        RawVariables(unsafe { *entries() })
    }
}

impl Iterator for RawVariables {
    type Item = RawVariable;

    fn next(&mut self) -> Option<RawVariable> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: points into the entries, at their null at the latest.
        unsafe {
            let entry = *self.0;
            (!entry.is_null()).then(|| {
                self.0 = self.0.add(1);
                entry
            })
        }
    }
}
