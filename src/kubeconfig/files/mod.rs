//! Reads kubeconfigs, and writes them while other programs do the same.
//!
//! kubectl takes `<path as given>.lock`, created exclusively, then truncates and writes
//! (`lockFile` in `k8s.io/client-go/tools/clientcmd/loader.go`). The AWS CLI takes no lock and
//! truncates. `edit_file` says how an edit survives both.

mod edit_file;
mod encoding;
mod lock;
mod outcome;
mod replace;
mod snapshot;
mod temporary;
mod writable;

pub use edit_file::edit_file;
pub use outcome::{EditError, EditOutcome, OnBusy};
pub use snapshot::{KubeconfigFile, read_named, read_settled};
pub use writable::check_writable;
