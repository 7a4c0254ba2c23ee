//! Running the wrapped command: its output collected, everything else of it left as it is.
//!
//! It inherits standard input, standard error, the terminal, the environment (less this program's
//! own key) and the signals that end a program. Its standard output is collected up to
//! [`MOST_OUTPUT`] bytes; beyond that it is no credential, and what was collected and all that
//! follows is handed on as it comes.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::ExitStatus;
use std::time::Duration;

use crate::cli;
use crate::error::{Error, Kind, Result, reason, shown};
use crate::identity;
use crate::key::EXEC_INFO;
use crate::key::exec_info;
use crate::keystore;
use crate::secret::SecretBytes;
use crate::sys::{self, Child, End, Pipe, ProcessGroup, Program, Standard};

const MOST_OUTPUT: usize = 1 << 20;
const CHUNK: usize = 16 << 10;
/// How often to look whether a plugin that prints nothing is still there.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a plugin may run where nobody waits for it, and how long it then has to end.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(60);
const TERMINATION_LIMIT: Duration = Duration::from_secs(10);

/// What a plugin did.
pub struct Run {
    pub output: Output,
    /// As a shell would give it.
    pub status: u8,
    /// It ended because somebody ended it, as with Ctrl-C.
    pub interrupted: bool,
}

pub enum Output {
    Collected(SecretBytes),
    /// Longer than a credential can be, or never seen; handed on already.
    PassedThrough,
}

/// Runs `command` to its end. `pass_through` takes output that is longer than a credential can be.
pub fn run(command: &[OsString], pass_through: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Run> {
    let program = Program { output: Standard::Pipe, ..prepare(command) };
    let mut child = match sys::spawn_forwarding_signals(&program) {
        Ok(child) => child,
        // Where no process or pipe is to be had, this one can still become the plugin. If that cannot
        // be done either, the plugin itself is the reason.
        Err(_) => {
            let status = run_uncached(command)?;
            return Ok(Run { output: Output::PassedThrough, status, interrupted: false });
        }
    };
    let output = collect(&mut child, &|| false, pass_through)?;
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    sys::stop_forwarding();
    Ok(Run { output, status: sys::exit_status(status), interrupted: sys::was_interrupted(status) })
}

/// Runs `command` where nobody watches: no input, no messages, told not to be interactive, and
/// ended with its children when it takes too long. `None` where it gave nothing or failed.
pub fn run_in_background(command: &[OsString]) -> Option<SecretBytes> {
    let [input, output, errors] = [Standard::Null, Standard::Pipe, Standard::Null];
    let mut program = Program { input, output, errors, ..prepare(command) };
    if let Some(info) = sys::variable(EXEC_INFO).and_then(|info| info.into_string().ok()) {
        program.set_variable(EXEC_INFO, Some(exec_info::not_interactive(&info)));
    }
    let mut group = sys::spawn_group(&program).ok()?;
    let deadline = sys::steady_clock() + BACKGROUND_LIMIT;
    let mut too_long = |_: &[u8]| Err(Error::failure("the output is too long"));
    let output = collect(&mut group.child, &|| sys::steady_clock() >= deadline, &mut too_long);
    let status = wait_until(&mut group.child, deadline).or_else(|| {
        end(&mut group);
        None
    })?;
    match output {
        Ok(Output::Collected(bytes)) if status.success() => Some(bytes),
        _ => None,
    }
}

/// Hands everything to `command`: on Unix this process becomes it.
pub fn run_uncached(command: &[OsString]) -> Result<u8> {
    sys::exec(&prepare(command)).map(sys::exit_status).map_err(|error| cannot_start(command, &error))
}

fn prepare(command: &[OsString]) -> Program {
    let mut program = Program::new(command.to_vec());
    program.set_variable(keystore::ENCRYPTION_KEY_VARIABLE, None);
    program
}

/// Reads until the output ends or `give_up` says so. A process that the plugin left behind may
/// hold the output open: once the plugin itself has ended and all is quiet, nothing is waited for.
fn collect(
    child: &mut Child,
    give_up: &dyn Fn() -> bool,
    pass_through: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Output> {
    let Some(mut stdout) = child.output.take() else { return Ok(Output::PassedThrough) };
    let mut collected = SecretBytes::with_capacity(CHUNK);
    let mut passing_through = false;
    let mut has_ended = false;
    while !give_up() {
        match sys::wait_readable(&stdout, POLL_INTERVAL) {
            // A system that cannot tell can still read.
            Ok(true) | Err(_) => {}
            Ok(false) if !has_ended => {
                // What it wrote just before it ended is still to be read.
                has_ended = !matches!(child.try_wait(), Ok(None));
                continue;
            }
            Ok(false) => break,
        }
        if !read_chunk(&mut stdout, &mut collected).map_err(|error| cannot_read(&error))? {
            break;
        }
        passing_through |= collected.expose().len() > MOST_OUTPUT;
        if passing_through {
            pass_through(collected.expose())?;
            collected.expose_mut().clear();
        }
    }
    Ok(if passing_through { Output::PassedThrough } else { Output::Collected(collected) })
}

fn cannot_read(error: &io::Error) -> Error {
    Error::failure(format!("cannot read what the exec plugin prints: {}", reason(error)))
}

/// Appends what there is to read; false at the end.
pub fn read_chunk(stream: &mut Pipe, collected: &mut SecretBytes) -> io::Result<bool> {
    collected.reserve(CHUNK);
    let bytes = collected.expose_mut();
    let filled = bytes.len();
    bytes.resize(filled + CHUNK, 0);
    let read = loop {
        match stream.read(&mut bytes[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
    Ok(read? > 0)
}

fn wait_until(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(None) if sys::steady_clock() < deadline => std::thread::sleep(POLL_INTERVAL),
            other => return other.ok().flatten(),
        }
    }
}

/// Ends the plugin and its children: with a request first, then by force.
fn end(group: &mut ProcessGroup) {
    group.end(End::Request);
    wait_until(&mut group.child, sys::steady_clock() + TERMINATION_LIMIT);
    group.end(End::Force);
    // Whatever is left of it is init's; there is nobody to tell.
    let _ = group.child.wait();
}

/// What a shell calls 127 and 126, and how to get a plugin that is missing.
fn cannot_start(command: &[OsString], error: &io::Error) -> Error {
    let program = command.first().map(OsString::as_os_str).unwrap_or_default();
    if error.kind() != io::ErrorKind::NotFound || sys::find_program(program).is_some() {
        let text = format!("cannot run '{}': {}", shown(program), reason(error));
        return Error::new(Kind::PluginNotRunnable, text);
    }
    let missing =
        Error::new(Kind::PluginNotFound, format!("cannot find the exec plugin '{}'", shown(program)));
    match (identity::install_hint(command), cli::mistyped_verb(program)) {
        (Some(hint), _) => missing.with_hint(hint),
        (None, Some(verb)) => missing.with_hint(["did you mean ", verb, "?"].concat()),
        (None, None) => missing,
    }
}
