//! The operating system, as far as std does not cover it: private files, locks of single bytes, other
//! processes, signals, detached work, the start of the program. All `unsafe` outside of the key store
//! is in this folder.
//!
//! The platform is chosen here, once. `unix` and `windows` offer the same functions, and use types
//! from the files beside them. Errors are `io::Error`, so that the caller says what failed.

mod arena;
mod memory;
mod names;
mod process;
mod read;
mod stamp;

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

pub use arena::{Arena, InitialMemory};
pub use names::NameFilter;
pub use process::{End, Process, ProcessInfo, Program, Standard, Stream};
pub use read::read_to_end;
pub use stamp::{FileKind, FileStamp};

/// Why a file with hard links is not written, replaced or removed.
const SEVERAL_NAMES: &str = "it has several names (hard links)";
