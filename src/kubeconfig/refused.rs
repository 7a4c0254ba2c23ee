//! How a refusal is shown.

use std::path::Path;

use super::yaml::Refusal;
use crate::error::shown;

/// "'PATH', line N: REASON".
pub fn refused_text(path: &Path, refusal: &Refusal) -> String {
    format!("'{}', line {}: {}", shown(path), refusal.line, refusal.reason)
}
