//! Why a YAML text is refused, and on which line.

/// Why a text is left as it is. The reason is half a sentence for people.
#[derive(Debug, PartialEq, Eq)]
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
