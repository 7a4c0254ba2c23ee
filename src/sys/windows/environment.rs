//! The environment of this program.

use std::env;
use std::ffi::OsString;

/// The value of the variable `name`.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// All variables with a name and a value. The names are in upper case, since Windows does not tell `Path`
/// from `PATH`. Names that begin with `=` are left out: `=C:` is the working directory of `cmd` on that
/// drive.
pub fn variables() -> Vec<(OsString, OsString)> {
    env::vars_os()
        .filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"="))
        .map(|(name, value)| (name.to_ascii_uppercase(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_upper_case_and_working_directories_are_left_out() {
        let names: Vec<OsString> = variables().into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"PATH".into()));
        assert!(names.iter().all(|name| !name.as_encoded_bytes().starts_with(b"=")));
        assert!(names.iter().all(|name| *name == name.to_ascii_uppercase()));
    }
}
