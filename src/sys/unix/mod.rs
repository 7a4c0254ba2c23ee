//! Linux and macOS: files with owners and modes, signals, fork and exec.

mod ancestors;
mod attributes;
mod children;
mod clock;
mod copies;
mod detached;
mod directory;
mod environment;
mod errno;
mod files;
mod fork;
mod launch;
mod locks;
mod metadata;
mod programs;
mod signals;
mod start;
mod terminal;
#[cfg(target_os = "linux")]
mod ticks;
mod trust;

pub use ancestors::*;
pub use attributes::copy_attributes;
pub use children::*;
pub use clock::{now, steady_clock};
pub use copies::{copied_process, end_process, in_copy, is_running, program_stamp, sleep_until};
pub use detached::run_detached;
pub use directory::Directory;
pub use environment::{variable, variables};
pub use files::{
    absolute, create_private, follow_links, is_private, make_private, may_write, open, open_for_update,
    open_log, open_own, open_private, read_at, working_directory, write, write_all_at,
};
pub use locks::*;
pub use metadata::*;
pub use programs::{find_program, may_execute};
pub use signals::{stop_forwarding, was_interrupted};
pub use start::start;
pub use terminal::{is_terminal, terminal_width};
