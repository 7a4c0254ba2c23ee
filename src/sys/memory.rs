//! Memory from the system, for the arena.
#![allow(unsafe_code)]

/// Maps `bytes` of zeroed memory, which is never given back. Null if the system has no more.
#[cfg(unix)]
pub fn map_zeroed(bytes: usize) -> *mut u8 {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: asks for new pages at an address that the kernel chooses (mmap(2)).
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    if start == libc::MAP_FAILED { std::ptr::null_mut() } else { start.cast() }
}

/// Allocates `bytes` of zeroed memory, which is never given back. Null if the system has no more.
#[cfg(windows)]
pub fn map_zeroed(bytes: usize) -> *mut u8 {
    use std::alloc::{GlobalAlloc, Layout, System};
    let Ok(layout) = Layout::from_size_align(bytes, 16) else { return std::ptr::null_mut() };
    // SAFETY: the arena never asks for zero bytes.
    unsafe { System.alloc_zeroed(layout) }
}
