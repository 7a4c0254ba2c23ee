//! The inner modules of `kubeconfig`, which nobody but it sees, once more.

#[path = "../../src/kubeconfig/edit.rs"]
pub mod edit;
#[path = "../../src/kubeconfig/parse.rs"]
pub mod parse;
#[path = "../../src/kubeconfig/scalar.rs"]
pub mod scalar;
#[path = "../../src/kubeconfig/scan.rs"]
pub mod scan;
#[path = "../../src/kubeconfig/verify.rs"]
pub mod verify;
#[path = "../../src/kubeconfig/yaml.rs"]
pub mod yaml;
