//! Runs the plugin: collects its standard output and changes nothing else.
//!
//! The plugin inherits standard input, standard error, the terminal, the signals that end a program, and
//! the environment without the encryption key. Its standard output is collected up to [`MOST_OUTPUT`]
//! bytes. Longer output is not a credential and is passed through.

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
const CHUNK: usize = 4 << 10;
/// How often to check whether a plugin that prints nothing has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a plugin may run in the background, and how long it then has to end.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(60);
const TERMINATION_LIMIT: Duration = Duration::from_secs(10);

/// What a plugin did.
pub struct Run {
    pub output: Output,
    /// The exit status that a shell would report.
    pub status: u8,
    /// A signal such as that of Ctrl-C ended it.
    pub interrupted: bool,
}

pub enum Output {
    Collected(SecretBytes),
    /// Longer than a credential can be, or never collected; already printed.
    PassedThrough,
}

/// Runs `command` until it ends. `pass_through` prints output that is longer than a credential can be.
pub fn run(command: &[OsString], pass_through: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Run> {
    let program = Program { output: Standard::Pipe, ..prepare(command) };
    let mut child = match sys::spawn_forwarding_signals(&program) {
        Ok(child) => child,
        // Without a process or a pipe, this process can still become the plugin. If that fails too, the
        // plugin itself is the reason.
        Err(_) => {
            let status = run_uncached(command)?;
            return Ok(Run { output: Output::PassedThrough, status, interrupted: false });
        }
    };
    let output = collect(&mut child, &|| false, pass_through)?;
    let status = child.wait().map_err(|error| cannot_follow("how the exec plugin ends", &error))?;
    sys::stop_forwarding();
    Ok(Run { output, status: sys::exit_status(status), interrupted: sys::was_interrupted(status) })
}

/// Runs `command` in the background: without input and messages, told not to be interactive, and ended
/// with its children after a minute. `None` if it failed.
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

/// Runs `command` without the cache. On Unix this process becomes the command.
pub fn run_uncached(command: &[OsString]) -> Result<u8> {
    sys::exec(&prepare(command)).map(sys::exit_status).map_err(|error| cannot_start(command, &error))
}

fn prepare(command: &[OsString]) -> Program {
    let mut program = Program::new(command.to_vec());
    program.set_variable(keystore::ENCRYPTION_KEY_VARIABLE, None);
    program
}

/// Reads until the output ends or `give_up` returns true. A process that the plugin left behind may keep
/// the output open, so reading also stops once the plugin has ended and there is nothing to read.
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
            // If the wait fails, reading may still work.
            Ok(true) | Err(_) => {}
            Ok(false) if !has_ended => {
                // Read what it wrote just before it ended.
                has_ended = child.has_ended();
                continue;
            }
            Ok(false) => break,
        }
        if !read_chunk(&mut stdout, &mut collected)
            .map_err(|error| cannot_follow("what the exec plugin prints", &error))?
        {
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

/// The error if the system does not tell `what` of a plugin that runs.
fn cannot_follow(what: &str, error: &io::Error) -> Error {
    Error::failure(format!("cannot read {what}: {}", reason(error)))
}

/// Appends what can be read now. Returns false at the end of the stream.
pub fn read_chunk(stream: &mut Pipe, collected: &mut SecretBytes) -> io::Result<bool> {
    let filled = collected.expose().len();
    if filled == collected.expose_mut().capacity() {
        collected.reserve(CHUNK);
    }
    let bytes = collected.expose_mut();
    bytes.resize(bytes.capacity().min(filled + CHUNK), 0);
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

/// Ends the plugin and its children, first with a request, then by force.
fn end(group: &mut ProcessGroup) {
    group.end(End::Request);
    let deadline = sys::steady_clock() + TERMINATION_LIMIT;
    while !group.child.has_ended() && sys::steady_clock() < deadline {
        std::thread::sleep(POLL_INTERVAL);
    }
    group.end(End::Force);
    // An error cannot be reported anywhere.
    let _ = group.child.wait();
}

/// The error for status 127 or 126, with a hint how to get a missing plugin.
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
