//! A plugin that `--warm` runs, with the cache in front of it.

use std::ffi::OsString;
use std::time::Duration;

use super::outcome::Outcome;
use crate::commands::client::UserClient;
use crate::credential::{self, Expectation, Verdict};
use crate::error::{reason, shown};
use crate::key;
use crate::kubeconfig::yaml::document_to_json;
use crate::proxy::plugin;
use crate::secret::SecretBytes;
use crate::sys::{self, Child, Pipe, Program, Standard};

/// How much of a plugin's messages, and of its output, is kept.
const MOST_KEPT: usize = 64 << 10;
/// How many chunks to read at once from one pipe: more than it can hold.
const CHUNKS_PER_PIPE: usize = 64;

pub struct Running<'c> {
    pub client: &'c UserClient<'c>,
    /// Whether the cache already had the credential before.
    pub was_cached: bool,
    child: Child,
    output: Kept,
    messages: Kept,
}

impl<'c> Running<'c> {
    /// Starts what the client would run, without terminal.
    pub fn start(client: &'c UserClient<'c>, was_cached: bool) -> Result<Running<'c>, Outcome> {
        let [input, errors] = [Standard::Null, Standard::Pipe];
        Running::spawn(client, was_cached, &Program { input, errors, ..program(client, false) })
    }

    /// Starts what the client would run, with standard input and standard error inherited.
    pub fn start_on_terminal(
        client: &'c UserClient<'c>,
        was_cached: bool,
        interactive: bool,
    ) -> Result<Running<'c>, Outcome> {
        Running::spawn(client, was_cached, &program(client, interactive))
    }

    fn spawn(
        client: &'c UserClient<'c>,
        was_cached: bool,
        program: &Program,
    ) -> Result<Running<'c>, Outcome> {
        let child = sys::spawn(program).map_err(|error| {
            let name = shown(&program.words[0]);
            let why = format!("cannot run '{name}': {} (see --doctor)", reason(&error));
            Outcome::Failed(why, SecretBytes::with_capacity(0))
        })?;
        Ok(Running { client, was_cached, child, output: Kept::new(), messages: Kept::new() })
    }

    /// Whether the plugin has ended. Also reads what it has written, because a full pipe would stop it.
    pub fn has_ended(&mut self) -> bool {
        let has_ended = self.child.has_ended();
        self.output.read(&mut self.child.output);
        self.messages.read(&mut self.child.errors);
        has_ended
    }

    /// Returns the failure of a plugin that has ended; `None` if it succeeded.
    pub fn failure(&mut self) -> Option<Outcome> {
        let why = match self.child.wait() {
            Err(error) => reason(&error),
            Ok(status) => match sys::exit_status(status) {
                0 => return None,
                status => format!("status {status}"),
            },
        };
        let messages = std::mem::replace(&mut self.messages, Kept::new());
        Some(Outcome::Failed(why, messages.bytes))
    }

    /// Returns why the plugin's output cannot be cached.
    pub fn why_uncacheable(&self, now: Duration) -> String {
        if self.output.is_incomplete {
            return "the output is too long".to_owned();
        }
        let expectation = Expectation {
            api_version: Some(&self.client.user.api_version),
            default_ttl: Duration::ZERO,
            yaml_to_json: &document_to_json,
        };
        let why = match credential::judge(self.output.bytes.expose(), &expectation, now) {
            Verdict::Uncacheable(why) | Verdict::Invalid(why) => why,
            Verdict::Cacheable { .. } => "the cache cannot be written, or changed meanwhile (see --doctor)",
        };
        why.to_owned()
    }
}

/// What a plugin wrote to one stream.
struct Kept {
    bytes: SecretBytes,
    /// Whether the beginning was dropped, because it was too long.
    is_incomplete: bool,
}

impl Kept {
    fn new() -> Kept {
        Kept { bytes: SecretBytes::with_capacity(0), is_incomplete: false }
    }

    /// Reads what the pipe holds now. A pipe that the plugin's children keep open may never be empty.
    fn read(&mut self, pipe: &mut Option<Pipe>) {
        let Some(pipe) = pipe else { return };
        for _ in 0..CHUNKS_PER_PIPE {
            if !matches!(sys::wait_readable(pipe, Duration::ZERO), Ok(true))
                || !plugin::read_chunk(pipe, &mut self.bytes).unwrap_or_default()
            {
                break;
            }
            if self.bytes.expose().len() > MOST_KEPT {
                self.bytes.expose_mut().clear();
                self.is_incomplete = true;
            }
        }
    }
}

/// Returns what the client would run, with its output in a pipe.
fn program(client: &UserClient<'_>, interactive: bool) -> Program {
    let mut words = vec![client.program().into_os_string()];
    words.extend(client.user.args.iter().map(OsString::from));
    let mut program = Program::new(words);
    program.output = Standard::Pipe;
    for (name, value) in &client.user.env {
        program.set_variable(name, Some(value.clone()));
    }
    program.set_variable(key::EXEC_INFO, Some(client.exec_info(interactive)));
    program
}
