//! Unit tests of kubeconfigs. The corpus of real files and the built program are tested in
//! `tests/kubeconfig`.

mod edits;
mod files;
mod grammar;
mod kuberc;
mod merge;
mod redacted;
mod refusals;
mod shortened;
mod writer;

use std::ffi::OsString;
use std::path::PathBuf;

use super::Kubeconfig;
use super::plan::{self, EditRequest, InjectRequest, Plan};
use super::yaml::Refusal;

const DIRECTORY: &str = "/home/u/.kube";

fn is_own(command: &str) -> bool {
    command.rsplit('/').next() == Some("k8s-token-cache")
}

fn is_known(_: &[OsString], name: &str) -> bool {
    name == "AWS_PROFILE"
}

fn request(users: &[String]) -> EditRequest<'_> {
    EditRequest { users, directory: Some(DIRECTORY), is_own: &is_own }
}

fn inject_users(text: &str, users: &[String]) -> Result<Plan, Refusal> {
    let request = InjectRequest {
        edit: request(users),
        program: "k8s-token-cache",
        replaces_program: false,
        plugin_directory: None,
        is_reserved: &|_| false,
        is_known: &is_known,
        counts_environment: &|_| false,
    };
    plan::inject(&Kubeconfig::scan(text)?, &request)
}

fn inject(text: &str) -> Result<Plan, Refusal> {
    inject_users(text, &[])
}

/// Injects as if no plugin were known.
fn inject_unknown(text: &str) -> Result<Plan, Refusal> {
    let request = InjectRequest {
        edit: request(&[]),
        program: "k8s-token-cache",
        replaces_program: false,
        plugin_directory: None,
        is_reserved: &|_| false,
        is_known: &is_known,
        counts_environment: &|_| true,
    };
    plan::inject(&Kubeconfig::scan(text)?, &request)
}

fn restore(text: &str) -> Result<Plan, Refusal> {
    plan::restore(&Kubeconfig::scan(text)?, &request(&[]))
}

/// A directory that is removed on drop.
struct TestDirectory(PathBuf);

impl TestDirectory {
    fn new(name: &str) -> Self {
        let name = format!("k8s-token-cache-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TestDirectory(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
