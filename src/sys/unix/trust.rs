//! Which users this program trusts with its files: this user, and root, who can do everything anyway.
#![allow(unsafe_code)]

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::io_error;

const ROOT: u32 = 0;
/// The number of symbolic links that Linux follows.
pub const MOST_LINKS: u32 = 40;

/// The kernel passes the number when the program starts, which saves the system call. Tests have
/// threads of several users.
#[cfg(all(target_os = "linux", not(test)))]
pub fn effective_user() -> u32 {
    // SAFETY: getauxval(3) has no preconditions; every Linux kernel provides AT_EUID.
    unsafe { libc::getauxval(libc::AT_EUID) as u32 }
}

#[cfg(any(not(target_os = "linux"), test))]
pub fn effective_user() -> u32 {
    // SAFETY: geteuid(2) has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// Whether the owner is this user or root, who can do everything in any case.
pub fn is_trusted_owner(metadata: &Metadata) -> bool {
    [effective_user(), ROOT].contains(&metadata.uid())
}

/// Fails with `PermissionDenied` if `path`, which does not exist, would be created in a directory of another
/// user. What root creates there, its owner cannot use or remove (`sudo -E`).
pub fn require_trusted_place(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    let nearest = absolute.ancestors().find_map(|ancestor| ancestor.metadata().ok());
    match nearest.is_none_or(|metadata| is_trusted_owner(&metadata)) {
        true => Ok(()),
        false => refused("it would be created in the directory of another user"),
    }
}

/// Fails with `PermissionDenied` if a symbolic link on the way to `path`, or at its end, belongs to another
/// user, who could let it lead to any place.
pub fn require_trusted_links(path: &Path) -> io::Result<()> {
    let mut links_left = MOST_LINKS;
    check_links(&std::path::absolute(path)?, &mut links_left)
}

fn check_links(path: &Path, links_left: &mut u32) -> io::Result<()> {
    let mut walked = PathBuf::new();
    for component in path.components() {
        walked.push(component);
        // What is missing is created later, or the next open says so.
        let Ok(metadata) = walked.symlink_metadata() else { return Ok(()) };
        if !metadata.is_symlink() {
            continue;
        }
        if !is_trusted_owner(&metadata) {
            return refused("a symbolic link of another user leads to it");
        }
        *links_left = links_left.checked_sub(1).ok_or_else(|| io::Error::from_raw_os_error(libc::ELOOP))?;
        let target = walked.read_link()?;
        walked.pop();
        walked.push(target);
        check_links(&walked, links_left)?;
    }
    Ok(())
}

pub fn refused<T>(why: &'static str) -> io::Result<T> {
    Err(io_error(io::ErrorKind::PermissionDenied, why))
}
