//! Dispatch, and the one place where an error becomes text and an exit status.

mod error;
mod kubeconfig;

fn main() {}
