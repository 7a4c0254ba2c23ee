//! Extended attributes, which access control lists are part of (xattr(7), acl(5)).
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Gives `to` the extended attributes and the access control list of `from`, and no others. Fails if one
/// cannot be copied or removed.
#[cfg(target_os = "linux")]
pub fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let wanted = linux::names(from)?;
    for name in linux::names(to)? {
        if !wanted.contains(&name) {
            linux::remove(to, &name)?;
        }
    }
    for name in wanted {
        let value = linux::value(from, &name)?;
        if linux::value(to, &name).ok().as_ref() != Some(&value) {
            linux::set(to, &name, &value)?;
        }
    }
    Ok(())
}

/// Gives `to` the extended attributes and the access control list of `from` (copyfile(3)).
#[cfg(not(target_os = "linux"))]
pub fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let flags = libc::COPYFILE_ACL | libc::COPYFILE_XATTR;
    // SAFETY: both descriptors are open for the call; the state may be null.
    super::errno::check(unsafe {
        libc::fcopyfile(from.as_raw_fd(), to.as_raw_fd(), std::ptr::null_mut(), flags)
    })
    .map(drop)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, CString};

    use super::*;
    use crate::sys::unix::errno::check;

    /// The names of all attributes; none if the file system has no attributes.
    pub fn names(file: &File) -> io::Result<Vec<CString>> {
        let list = read(&mut |buffer, size| {
            // SAFETY: `buffer` has room for `size` bytes, or `size` is 0 (listxattr(2)).
            unsafe { libc::flistxattr(file.as_raw_fd(), buffer.cast(), size) }
        });
        let list = match list {
            Err(error) if error.raw_os_error() == Some(libc::ENOTSUP) => return Ok(Vec::new()),
            list => list?,
        };
        let names = list.split_inclusive(|byte| *byte == 0);
        Ok(names.filter_map(|name| CStr::from_bytes_with_nul(name).ok()).map(CStr::to_owned).collect())
    }

    pub fn value(file: &File, name: &CStr) -> io::Result<Vec<u8>> {
        read(&mut |buffer, size| {
            // SAFETY: `name` is a C string; `buffer` has room for `size` bytes, or `size` is 0
            // (getxattr(2)).
            unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), buffer.cast(), size) }
        })
    }

    pub fn set(file: &File, name: &CStr, value: &[u8]) -> io::Result<()> {
        // SAFETY: `name` is a C string and `value` has the given length (setxattr(2)).
        check(unsafe {
            libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
        })
        .map(drop)
    }

    pub fn remove(file: &File, name: &CStr) -> io::Result<()> {
        // SAFETY: `name` is a C string (removexattr(2)).
        check(unsafe { libc::fremovexattr(file.as_raw_fd(), name.as_ptr()) }).map(drop)
    }

    /// Asks for the size, then for the bytes. Fails if there are more by then.
    fn read(call: &mut dyn FnMut(*mut u8, usize) -> isize) -> io::Result<Vec<u8>> {
        let size = length(call(std::ptr::null_mut(), 0))?;
        let mut bytes = vec![0; size];
        if size > 0 {
            let size = length(call(bytes.as_mut_ptr(), size))?;
            bytes.truncate(size);
        }
        Ok(bytes)
    }

    fn length(result: isize) -> io::Result<usize> {
        usize::try_from(result).map_err(|_| io::Error::last_os_error())
    }
}
