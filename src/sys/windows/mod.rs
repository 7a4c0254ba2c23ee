//! Windows: the same functions as the Unix folder, on top of std and windows-sys.
//!
//! There are no owners and modes to check as on Unix. A directory is known by its path, and who may
//! read and write below it is left to the access control lists of the user's profile, which contains
//! all default paths. std opens every file with all share modes and makes no handle inheritable.

mod ancestors;
mod children;
mod clock;
mod console;
mod copies;
mod detached;
mod environment;
mod files;
mod last_error;
mod locks;
mod metadata;
mod programs;
mod terminal;

pub use ancestors::*;
pub use children::*;
pub use clock::{now, steady_clock};
pub use console::{stop_forwarding, was_interrupted};
pub use copies::{copied_process, end_process, in_copy, is_running, program_stamp, sleep_until};
pub use detached::run_detached;
pub use environment::{variable, variables};
pub use files::*;
pub use locks::*;
pub use metadata::{
    belongs_to_user, claim, copy_attributes, copy_owner_and_mode, file_stamp, has_several_links, inspect,
    is_executable, is_same_file, open_file_stamp,
};
pub use programs::{find_program, may_execute};
pub use terminal::*;
