//! Small file systems of tests that root runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::skip;

/// A file system in memory that is unmounted when dropped.
pub struct Mount(PathBuf);

impl Mount {
    /// Makes the directory. `None` if nothing can be mounted here, which is reported.
    pub fn tmpfs(directory: &Path, options: &str) -> Option<Mount> {
        fs::create_dir_all(directory).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(directory);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            skip("no tmpfs can be mounted here");
        }
        mounted.then(|| Mount(directory.to_owned()))
    }

    pub fn make_read_only(&self) {
        let mut mount = Command::new("mount");
        assert!(mount.args(["-o", "remount,ro"]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
