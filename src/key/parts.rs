//! The parts of a cache key as bytes: each has its kind, its length and its content.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The kind of a part of the key, stored as one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
                PartKind::File | PartKind::Program => {
                    (kind, content.split(|byte| *byte == 0).next().unwrap_or_default())
                }
                _ => (kind, content),
            },
        )
    };
    compared(one).eq(compared(other))
}

/// Room for the parts of most calls. Growing would leave copies of secrets behind.
const USUAL_BYTES: usize = 512;

pub(super) struct PartsWriter {
    pub bytes: Vec<u8>,
}

impl PartsWriter {
    pub fn new() -> PartsWriter {
        PartsWriter { bytes: Vec::with_capacity(USUAL_BYTES) }
    }

    pub fn push(&mut self, part: PartKind, content: &[u8]) {
        self.push_joined(part, &[content]);
    }

    pub fn push_assignment(&mut self, part: PartKind, name: &OsStr, value: &OsStr) {
        self.push_joined(part, &[name.as_encoded_bytes(), b"=", value.as_encoded_bytes()]);
    }

    pub fn push_file(&mut self, part: PartKind, path: &Path, stamp: &[u8]) {
        self.push_joined(part, &[path.as_os_str().as_encoded_bytes(), &[0], stamp]);
    }

    /// The length fits: arguments and environment are far below 4 GiB (execve(2), Limits).
    fn push_joined(&mut self, part: PartKind, pieces: &[&[u8]]) {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.bytes.push(part as u8);
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
    }
}
