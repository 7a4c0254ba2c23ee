//! The cache key: everything that distinguishes two credentials, and its FNV-1a hash.
//!
//! The parts are written one after the other, each with its kind and length, and hashed. An entry keeps the
//! parts, and a hit compares them, so that a hash collision is a miss. The parts are the arguments, the
//! identity variables and files, `KUBERNETES_EXEC_INFO`, `HOME`, and the working directory if there is a
//! relative path; for a command that is not understood also its program, the files that it mentions, and the
//! environment.

pub mod exec_info;
mod inputs;
mod lookups;
mod parts;
mod programs;
pub mod stamps;
mod variables;

use std::ffi::OsString;

use crate::config::{self, Environment};
use crate::error::{Error, Kind, Result, printable, shown};
use crate::format::fnv::fnv1a_128;
use crate::identity;
use crate::key::exec_info::ExecInfo;
use crate::key::parts::PartsWriter;
use crate::key::programs::Programs;
use crate::secret::SecretBytes;
use crate::sys;

pub use inputs::KeyInputs;
pub use parts::{PartKind, is_same_identity, parts, working_directory};
pub use programs::{RecordedPrograms, split_record};

/// Must be raised when the meaning of the parts changes, so that older entries become misses.
const FORMAT: u8 = 4;

pub const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

pub struct CacheKey {
    hash: u128,
    parts: SecretBytes,
    api_version: Option<String>,
    programs: Programs,
}

impl CacheKey {
    /// Fails if `KUBERNETES_EXEC_INFO` cannot be parsed, because then the cluster is unknown.
    pub fn new(source: &KeyInputs<'_>) -> Result<CacheKey> {
        let info = exec_info(source.environment)?;
        let working_directory = || sys::working_directory().unwrap_or_default();
        let identity = source.identity;
        let mut found = lookups::look(source, &working_directory);
        let mut parts = PartsWriter::new();
        parts.push(PartKind::Format, &[FORMAT]);
        for argument in source.command {
            parts.push(PartKind::Argument, argument.as_encoded_bytes());
        }
        for (path, stamp) in &found.programs {
            parts.push_file(PartKind::Program, path, stamp);
        }
        let variables_are_relative = variables::push(&mut parts, source, &mut found);
        for directory in source.key_files {
            found.add_entries(directory, source.environment);
        }
        if let Some(doubt) = identity.doubts.first().filter(|_| source.key_files.is_empty()) {
            let text = format!(
                "cannot tell what the script reads ({}): name its files in K8S_TOKEN_CACHE_KEY_FILES",
                printable(doubt)
            );
            return Err(Error::new(Kind::Cache, text));
        }
        if let Some(directory) = &found.too_large {
            let text = format!("too many files in '{}', which the plugin may read", shown(directory));
            return Err(Error::new(Kind::Cache, text));
        }
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
        for path in identity.files.iter().filter(|_| identity.is_understood) {
            let stamp = stamps::of(path, identity.counts_change_time(path));
            parts.push_file(PartKind::File, path, &stamp);
        }
        for path in source.key_files {
            parts.push_file(PartKind::File, path, &stamps::of(path, true));
        }
        Ok(CacheKey {
            hash: fnv1a_128(&parts.bytes),
            parts: parts.bytes.into(),
            api_version: info.map(|info| info.api_version),
            programs: Programs {
                names: identity.recorded_programs.clone(),
                search_path: (source.environment)("PATH").unwrap_or_default(),
            },
        })
    }

    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// The bytes that were hashed. May hold secrets.
    pub fn parts(&self) -> &[u8] {
        self.parts.expose()
    }

    /// What an entry of this key records of the programs. Looks them up.
    pub fn program_record(&self) -> Vec<u8> {
        self.programs.record()
    }

    /// Whether the programs that an entry recorded are those that would run now.
    pub fn compare_programs(&self, record: &[u8]) -> RecordedPrograms {
        self.programs.compare(record)
    }

    /// The programs that are no part of the key: path, zero byte, stamp. Looks them up.
    pub fn recorded_programs(&self) -> Vec<Vec<u8>> {
        self.programs.find()
    }

    /// The names of the parts that are secrets: variables of the table, and what looks like a secret in a value
    /// or an argument. Slow; only needed with encryption off.
    pub fn secrets(&self) -> Vec<String> {
        let (mut names, mut arguments) = (Vec::new(), Vec::new());
        for (part, content) in parts(self.parts()) {
            let word = || OsString::from(String::from_utf8_lossy(content).as_ref());
            let is_secret = match part {
                PartKind::Secret => true,
                PartKind::Variable | PartKind::Environment => identity::holds_secret(&[word()]),
                PartKind::Argument => {
                    arguments.push(word());
                    false
                }
                _ => false,
            };
            if is_secret {
                let name = content.split(|byte| *byte == b'=').next().unwrap_or_default();
                names.push(printable(&String::from_utf8_lossy(name)));
            }
        }
        names.extend(identity::secret_arguments(&arguments));
        names
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

#[cfg(test)]
pub mod tests;
