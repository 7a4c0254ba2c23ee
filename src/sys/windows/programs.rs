//! Which file the name of a program means.
//!
//! std finds `aws.exe` for `aws` and nothing else, but many users have `aws.cmd` or `gcloud.cmd`. So
//! names are searched for here, as kubectl does it (Go's `os/exec`, `LookPath` in `lp_windows.go`), but
//! never in the working directory. std recognizes a batch file by its name and quotes its arguments
//! for `cmd`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

const USUAL_EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// The file that `program` names, or `program` unchanged if there is none.
pub fn resolve(program: &OsStr) -> PathBuf {
    find_program(program).unwrap_or_else(|| program.into())
}

/// The file that `program` names. A name that is not a path is searched for on PATH.
pub fn find_program(program: &OsStr) -> Option<PathBuf> {
    let extensions = extensions();
    if program.as_encoded_bytes().iter().any(|byte| br"\/:".contains(byte)) {
        return complete(Path::new(program), &extensions);
    }
    env::split_paths(&env::var_os("PATH")?)
        .filter(|directory| directory.is_absolute())
        .find_map(|directory| complete(&directory.join(program), &extensions))
}

/// Whether `path` is a file whose name has the extension of a program.
pub fn may_execute(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| is_among(extension, &extensions()))
}

fn is_among(extension: &OsStr, extensions: &OsStr) -> bool {
    env::split_paths(extensions).any(|listed| {
        let name = listed.to_str().and_then(|listed| listed.strip_prefix('.'));
        name.is_some_and(|name| extension.eq_ignore_ascii_case(name))
    })
}

/// The extensions of programs, separated like the directories of PATH.
fn extensions() -> OsString {
    let set = env::var_os("PATHEXT").filter(|list| !list.is_empty());
    set.unwrap_or_else(|| USUAL_EXTENSIONS.into())
}

/// `path` itself if it has an extension, else with the first of `extensions` that makes it a file.
fn complete(path: &Path, extensions: &OsStr) -> Option<PathBuf> {
    if path.extension().is_some() && path.is_file() {
        return Some(path.to_owned());
    }
    env::split_paths(extensions)
        .filter(|extension| !extension.as_os_str().is_empty())
        .map(|extension| {
            let mut name = OsString::from(path);
            name.push(extension);
            PathBuf::from(name)
        })
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_completed_by_the_first_extension_that_names_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["both.cmd", "both.exe", "batch.bat", "bare", "v1.2.exe"] {
            std::fs::write(at(name), "").unwrap();
        }
        std::fs::create_dir(at("folder.exe")).unwrap();
        for (name, extensions, found) in [
            ("both", ".exe;.cmd", Some("both.exe")),
            ("both", ".cmd;.exe", Some("both.cmd")),
            ("both.cmd", ".exe;.cmd", Some("both.cmd")),
            ("batch", ";.exe;;.bat", Some("batch.bat")),
            ("v1.2", ".exe", Some("v1.2.exe")),
            ("bare", ".exe;.cmd", None),
            ("folder", ".exe", None),
            ("absent", ".exe", None),
        ] {
            let completed = complete(&at(name), OsStr::new(extensions));
            assert_eq!(completed, found.map(at), "{name} with {extensions}");
        }
    }

    #[test]
    fn a_program_is_recognized_by_its_extension_in_any_case() {
        let is_program = |extension: &str| is_among(OsStr::new(extension), OsStr::new(".COM;.exe;"));
        assert!(is_program("com") && is_program("EXE"));
        assert!(!is_program("txt") && !is_program(".exe") && !is_program(""));
    }

    #[test]
    fn a_path_is_not_searched_for_on_the_variable_path() {
        assert!(find_program(OsStr::new("cmd")).is_some());
        assert_eq!(find_program(OsStr::new(r".\cmd")), None);
        assert_eq!(find_program(OsStr::new("./cmd")), None);
    }
}
