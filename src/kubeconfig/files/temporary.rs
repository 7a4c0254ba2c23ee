//! A file beside the kubeconfig that is deleted unless it is renamed to the kubeconfig.
//!
//! Its writer holds a lock on it, so that the next run recognizes and removes what a killed run left.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::sys;

pub struct Temporary {
    pub path: PathBuf,
    pub file: File,
}

impl Temporary {
    /// All runs use the same name, so that the next one finds what a killed one left; only while that
    /// is in use another name is taken.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let mut path = temporary_path(target);
        remove_if_dead(&path);
        let mut created = sys::create_private(&path);
        if matches!(&created, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            path.as_mut_os_string().push(format!(".{}", std::process::id()));
            // A killed process with the same id may have left it.
            let _ = fs::remove_file(&path);
            created = sys::create_private(&path);
        }
        let file = created?;
        sys::claim(&file);
        Ok(Temporary { path, file })
    }

    pub fn rename_to(&mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // The next run removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The name begins with a dot and does not end in `.yaml`, because some tools read every file of
/// `~/.kube`.
pub fn temporary_path(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".k8s-token-cache");
    target.with_file_name(name)
}

/// Removes a file of ours whose writer was killed. Anything but a regular file is not ours, and opening
/// a FIFO would wait.
pub fn remove_if_dead(path: &Path) {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if is_file && sys::open(path).is_ok_and(|file| sys::claim(&file)) {
        let _ = fs::remove_file(path);
    }
}
