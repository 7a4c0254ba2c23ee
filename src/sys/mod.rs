//! The operating system, as far as std does not cover it: private files, byte-range locks, the
//! calling process, signals, detached work. All `unsafe` outside the key store is below here.
//!
//! The platform is chosen in this one place; `unix` and `windows` offer the same functions. What
//! they return is `io::Result`, so that the caller says in its own terms what failed.

mod arena;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

#[cfg(test)]
mod tests;

#[cfg(not(any(test, fuzzing)))]
#[global_allocator]
static ALLOCATOR: arena::Arena = arena::Arena;

/// A running process, told apart from a later one that got the same id: in every container the
/// first process has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    /// When it started, in a unit of the platform's own.
    pub started: u64,
}

/// How a group of processes is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Request,
    Force,
}

/// A standard stream that text for people goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Output,
    Error,
}

/// Tells whether a file is still the one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Zero where the platform does not tell.
    pub inode: u64,
    pub size: u64,
    /// Nanoseconds since the Unix epoch.
    pub modified_ns: i128,
}
