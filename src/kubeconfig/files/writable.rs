//! Whether a kubeconfig may be written, and what to do if not.

use std::path::Path;

use crate::error::{Error, Kind, Result, shown};
use crate::sys;

/// Where Nix keeps what it generates. Everything in there is read-only.
const NIX_STORE: &str = "/nix/store";

/// Fails if the kubeconfig is read-only, with a hint what to do. Root too is refused a file without
/// write permission: its owner does not expect it to change.
pub fn check_writable(path: &Path) -> Result<()> {
    let failed = |error| Error::io(Kind::Failure, "write", path, &error);
    let target = sys::follow_links(path).map_err(failed)?;
    let is_read_only = target.metadata().map_err(failed)?.permissions().readonly();
    if !is_read_only && sys::may_write(&target) {
        return Ok(());
    }
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let what = if is_link { format!(": it leads to '{}', which", shown(&target)) } else { ": it".to_owned() };
    let text = format!("cannot write '{}'{what} is read-only", shown(path));
    let absolute = sys::absolute(&target).map_err(failed)?;
    let directory = absolute.parent().unwrap_or(Path::new("/"));
    let hint = if absolute.starts_with(NIX_STORE) {
        "the Nix store holds generated files: put k8s-token-cache into the source of this one".to_owned()
    } else if is_read_only && sys::may_write(directory) {
        format!("if it may be changed: chmod u+w '{}'", shown(&target))
    } else {
        "change the source of that file, or edit a copy: k8s-token-cache --inject COPY".to_owned()
    };
    Err(Error::failure(text).with_hint(hint))
}
