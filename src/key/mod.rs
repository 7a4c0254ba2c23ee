//! The cache key: everything that distinguishes two credentials, and its FNV-1a hash.
//!
//! The parts are written one after the other, each with its kind and length, and hashed. An entry keeps the
//! parts, and a hit compares them, so that a hash collision is a miss. The parts are the arguments, the
//! identity variables and files, `KUBERNETES_EXEC_INFO`, `HOME`, and the working directory if there is a
//! relative path; for a command that is not understood also its program, the files that it mentions, and the
//! environment.

pub mod exec_info;
mod lookups;
pub mod stamps;
mod variables;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{self, Environment};
use crate::error::{Error, Kind, Result};
use crate::format::fnv::fnv1a_128;
use crate::identity::{self, Identity};
use crate::key::exec_info::ExecInfo;
use crate::key::lookups::Found;
use crate::secret::SecretBytes;
use crate::sys;

/// Must be raised when the meaning of the parts changes, so that older entries become misses.
const FORMAT: u8 = 2;

pub const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// The kind of a part of the key, stored as one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PartKind {
    Format = b'v',
    Argument = b'a',
    /// `NAME=value` of a variable that is set.
    Variable = b'e',
    /// `NAME=value` whose value must not be shown.
    Secret = b's',
    /// The name of a variable that proves another one, and is set.
    Proof = b'q',
    /// `NAME=value` of a variable that counts only because the whole environment does. Not shown, since the
    /// value may be anything.
    Environment = b'w',
    ApiVersion = b'i',
    Cluster = b'c',
    Home = b'h',
    WorkingDirectory = b'd',
    /// A file's path, a zero byte, and its stamp, which is empty if there is no such file.
    File = b'f',
    /// A program's path, a zero byte, and its stamp.
    Program = b'p',
    /// The terminal session.
    Session = b't',
}

const PART_KINDS: [PartKind; 13] = [
    PartKind::Format,
    PartKind::Argument,
    PartKind::Variable,
    PartKind::Secret,
    PartKind::Proof,
    PartKind::Environment,
    PartKind::ApiVersion,
    PartKind::Cluster,
    PartKind::Home,
    PartKind::WorkingDirectory,
    PartKind::File,
    PartKind::Program,
    PartKind::Session,
];

/// Everything that a cache key is made from.
pub struct KeyInputs<'a> {
    pub command: &'a [OsString],
    pub identity: &'a Identity,
    /// Further variables and files that the user has named.
    pub key_env: &'a [String],
    /// Whether no other variables count than those of the table and of `key_env`, though the command is not
    /// understood.
    pub key_env_is_complete: bool,
    pub key_files: &'a [PathBuf],
    pub environment: Environment<'a>,
    /// What `environment` has beside the process's own variables, or instead of them.
    pub added_variables: &'a [(OsString, OsString)],
}

pub struct CacheKey {
    hash: u128,
    parts: SecretBytes,
    api_version: Option<String>,
}

impl CacheKey {
    /// Fails if `KUBERNETES_EXEC_INFO` cannot be parsed, because the call could be any.
    pub fn new(source: &KeyInputs<'_>) -> Result<CacheKey> {
        let info = exec_info(source.environment)?;
        let working_directory = || sys::working_directory().unwrap_or_default();
        let identity = source.identity;
        let mut found = match identity.is_understood {
            true => Found::default(),
            false => lookups::look(identity, source.environment, &working_directory),
        };
        let mut parts = PartsWriter::default();
        parts.push(PartKind::Format, &[FORMAT]);
        for argument in source.command {
            parts.push(PartKind::Argument, argument.as_encoded_bytes());
        }
        for (path, stamp) in &found.programs {
            parts.push_file(PartKind::Program, path, stamp);
        }
        let variables_are_relative = variables::push(&mut parts, source, &mut found);
        if let Some(info) = &info {
            parts.push(PartKind::ApiVersion, info.api_version.as_bytes());
            if let Some(cluster) = &info.cluster {
                parts.push(PartKind::Cluster, cluster);
            }
        }
        if let Some(home) = (source.environment)("HOME") {
            parts.push(PartKind::Home, home.as_encoded_bytes());
        }
        if identity.counts_directory
            || variables_are_relative
            || found.is_relative
            || source.key_files.iter().any(|file| file.is_relative())
        {
            parts.push(PartKind::WorkingDirectory, working_directory().as_os_str().as_encoded_bytes());
        }
        if identity.counts_session {
            parts.push(PartKind::Session, &sys::session_id().to_le_bytes());
        }
        for (path, stamp) in &found.files {
            parts.push_file(PartKind::File, path, stamp);
        }
        // A missing file of a row is a part, too, so that reports can name it.
        let row_files = identity.files.iter().filter(|_| identity.is_understood);
        for path in row_files.chain(source.key_files) {
            parts.push_file(PartKind::File, path, &stamps::of(path));
        }
        Ok(CacheKey {
            hash: fnv1a_128(&parts.bytes),
            parts: parts.bytes.into(),
            api_version: info.map(|info| info.api_version),
        })
    }

    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// The bytes that were hashed. May hold secrets.
    pub fn parts(&self) -> &[u8] {
        self.parts.expose()
    }

    /// Whether a part is a secret: one of the table of plugins, or what looks like a secret in an argument or
    /// a value. Slow; only needed with encryption off.
    pub fn has_secret(&self) -> bool {
        let mut arguments = Vec::new();
        for (part, content) in parts(self.parts()) {
            let word = || OsString::from(String::from_utf8_lossy(content).as_ref());
            match part {
                PartKind::Secret => return true,
                PartKind::Variable | PartKind::Environment if identity::holds_secret(&[word()]) => {
                    return true;
                }
                PartKind::Argument => arguments.push(word()),
                _ => {}
            }
        }
        identity::holds_secret(&arguments)
    }

    /// The `apiVersion` that the client asked for.
    pub fn api_version(&self) -> Option<&str> {
        self.api_version.as_deref()
    }
}

fn exec_info(environment: Environment<'_>) -> Result<Option<ExecInfo>> {
    let Some(text) = config::value(environment, EXEC_INFO) else { return Ok(None) };
    let info = ExecInfo::parse(text.as_encoded_bytes());
    info.map(Some)
        .map_err(|_| Error::new(Kind::Cache, format!("cannot read {EXEC_INFO}: it is not an ExecCredential")))
}

/// The parts in `bytes`. Ends at the first byte that is not part of one.
pub fn parts(bytes: &[u8]) -> impl Iterator<Item = (PartKind, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&kind, after) = rest.split_first()?;
        let (length, after) = after.split_first_chunk()?;
        let (content, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        PART_KINDS.into_iter().find(|part| *part as u8 == kind).map(|part| (part, content))
    })
}

/// The working directory in the parts of a key; `None` if it does not count for that key.
pub fn working_directory(bytes: &[u8]) -> Option<PathBuf> {
    let (_, content) = parts(bytes).find(|(kind, _)| *kind == PartKind::WorkingDirectory)?;
    std::str::from_utf8(content).ok().map(PathBuf::from)
}

/// Whether two keys are of the same command and identity, as far as only the user's surroundings count:
/// they may differ in what the client says (apiVersion, cluster) and in the state of files.
pub fn is_same_identity(one: &[u8], other: &[u8]) -> bool {
    let compared = |bytes| {
        parts(bytes).filter(|(kind, _)| !matches!(kind, PartKind::ApiVersion | PartKind::Cluster)).map(
            |(kind, content)| match kind {
                PartKind::File => (kind, content.split(|byte| *byte == 0).next().unwrap_or_default()),
                _ => (kind, content),
            },
        )
    };
    compared(one).eq(compared(other))
}

#[derive(Default)]
struct PartsWriter {
    bytes: Vec<u8>,
}

impl PartsWriter {
    /// The length fits: arguments and environment are far below 4 GiB (execve(2), Limits).
    fn push(&mut self, part: PartKind, content: &[u8]) {
        self.bytes.push(part as u8);
        self.bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(content);
    }

    fn push_file(&mut self, part: PartKind, path: &Path, stamp: &[u8]) {
        let mut content = path.as_os_str().as_encoded_bytes().to_vec();
        content.push(0);
        content.extend_from_slice(stamp);
        self.push(part, &content);
    }
}

#[cfg(test)]
pub mod tests;
