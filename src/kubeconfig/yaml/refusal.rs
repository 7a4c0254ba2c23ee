//! Why a YAML text is refused, and on which line.

/// Why a text is not read or not edited. The reason has no full stop, and quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Counted from 1.
    pub line: usize,
    pub reason: &'static str,
}

impl Refusal {
    pub fn new(line: usize, reason: &'static str) -> Self {
        Refusal { line, reason }
    }
}
