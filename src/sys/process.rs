//! What the platform folders share about processes: which one, what to start, its standard streams.

use std::ffi::OsString;

/// A process. The start time tells it from a later one with the same id: in every container the first
/// process has id 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    /// When the process started, in a unit of the platform.
    pub started: u64,
}

/// What the system knows about a running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    pub process: Process,
    pub parent_id: u32,
    /// The program's file name, perhaps cut off (Linux: 15 bytes).
    pub name: String,
}

/// A program to start.
pub struct Program {
    /// The program's path, or a name to search for on PATH, and the arguments.
    pub words: Vec<OsString>,
    pub input: Standard,
    pub output: Standard,
    pub errors: Standard,
    /// Variables to set, or to remove if the value is `None`. The program inherits all others.
    pub environment: Vec<(String, Option<String>)>,
}

impl Program {
    /// Inherits the standard streams and the environment.
    pub fn new(words: Vec<OsString>) -> Program {
        let [input, output, errors] = [Standard::Inherited; 3];
        Program { words, input, output, errors, environment: Vec::new() }
    }

    /// Sets the variable `name`, or removes it if `value` is `None`.
    pub fn set_variable(&mut self, name: &str, value: Option<String>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value));
    }
}

/// What a started program gets as one of its standard streams.
#[derive(Clone, Copy)]
pub enum Standard {
    Inherited,
    Null,
    Pipe,
}

/// How to end a group of processes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Ask, so that the programs can clean up.
    Request,
    /// Kill.
    Force,
}

/// A standard stream of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Input,
    Output,
    Error,
}
