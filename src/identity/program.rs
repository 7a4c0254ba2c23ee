//! The name by which the table knows a program.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::is_separator;

/// The file name without its directory and without the extension of a program. Empty if it is not UTF-8,
/// because the table has no such name.
pub(super) fn program_name(program: &OsStr) -> Cow<'_, str> {
    let path = program.to_str().unwrap_or("");
    let file_name = path.rsplit(is_separator).next().unwrap_or(path);
    let name = match file_name.rsplit_once('.') {
        Some((stem, extension)) if is_program_extension(extension) => stem,
        _ => file_name,
    };
    if cfg!(windows) { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) }
}

fn is_program_extension(extension: &str) -> bool {
    ["exe", "cmd", "bat", "ps1"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
