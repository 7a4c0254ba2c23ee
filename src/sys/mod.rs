//! The operating system, as far as std does not cover it: private files, byte-range locks, the
//! calling process, signals, detached work. All `unsafe` outside the key store is below here.
//!
//! The platform is chosen in this one place; `unix` and `windows` offer the same functions. What
//! they return is `io::Result`, so that the caller says in its own terms what failed.

mod arena;
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod clock;

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

pub use arena::Arena;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

/// A running process, told apart from a later one that got the same id: in every container the
/// first process has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    /// When it started, in a unit of the platform's own.
    pub started: u64,
}

/// What the system tells about a running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    pub process: Process,
    pub parent_id: u32,
    /// The program's file name, perhaps cut off (Linux: 15 bytes).
    pub name: String,
}

/// A program to be started.
pub struct Program {
    /// Its name, searched for on PATH where it is no path, and its arguments.
    pub words: Vec<OsString>,
    pub input: Standard,
    pub output: Standard,
    pub errors: Standard,
    /// Variables that get another value, or none; the others are as they are here.
    pub environment: Vec<(String, Option<String>)>,
}

/// Where a standard stream of a program leads.
#[derive(Clone, Copy)]
pub enum Standard {
    Inherited,
    Null,
    Pipe,
}

impl Program {
    /// Inherits everything.
    pub fn new(words: Vec<OsString>) -> Program {
        let [input, output, errors] = [Standard::Inherited; 3];
        Program { words, input, output, errors, environment: Vec::new() }
    }

    /// Gives the variable `name` another value, or takes it out.
    pub fn change(&mut self, name: &str, value: Option<String>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value));
    }
}

/// How a group of processes is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Request,
    Force,
}

/// A standard stream of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Input,
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

/// Appends what `file` holds from where it is read now, but no more than `most` bytes.
pub fn read_to_end(mut file: &File, most: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    let mut left = most;
    while left > 0 {
        let part = left.min(chunk.len());
        match file.read(&mut chunk[..part]) {
            Ok(0) => break,
            Ok(length) => {
                bytes.extend_from_slice(&chunk[..length]);
                left -= length;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The error of a file that is not used, and why.
fn refused(kind: ErrorKind, why: &'static str) -> io::Error {
    io::Error::new(kind, Refusal(why))
}

/// Not a plain text, which would bring along how texts are quoted for programmers.
struct Refusal(&'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refusal {}
