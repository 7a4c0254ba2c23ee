//! The README's shell functions, which put the cache back after `aws eks update-kubeconfig`.
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::files::wait_until;
use crate::support::{Home, find};

/// The first block of that language below the heading.
fn from_readme(language: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, section) = readme.split_once("# After `aws eks update-kubeconfig`\n").expect("the section");
    let (_, block) = section.split_once(&format!("\n```{language}\n")).expect("the block");
    block.split_once("```").unwrap().0.to_owned()
}

/// A program that notes how it was called. Written by another process: a file that this one has open
/// for writing while another test starts a program cannot be executed.
fn put_program(home: &Home, name: &str, body: &str) {
    let script = format!("#!/bin/sh\n{body}\n");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "mkdir -p bin && cat >\"bin/$1\" && chmod 755 \"bin/$1\"", "sh", name]);
    let mut child = command.current_dir(home.path()).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn status_in(shell: &Path, home: &Home, code: &str, call: &str, aws_status: &str) -> Option<i32> {
    let mut command = Command::new(shell);
    command.arg("-c").arg(format!("{code}\n{call}")).current_dir(home.path()).env_clear();
    let path = format!("{}:/usr/bin:/bin", home.path().join("bin").display());
    command.env("PATH", path).env("HOME", home.path()).env("AWS_STATUS", aws_status);
    command.status().unwrap().code()
}

#[test]
fn the_cache_is_put_back_after_update_kubeconfig_and_after_nothing_else() {
    for (shell, language) in [("bash", "bash"), ("zsh", "bash"), ("fish", "fish")] {
        let Some(program) = find(&shell.to_uppercase(), shell, "the README's shell function") else {
            continue;
        };
        let code = from_readme(language);
        let home = Home::new();
        put_program(&home, "aws", "echo \"$@\" >>aws.calls\nexit \"$AWS_STATUS\"");
        put_program(&home, "k8s-token-cache", "echo \"$@\" >>cache.calls");
        put_program(&home, "sleep", "");
        let calls = |of: &str| fs::read_to_string(home.path().join(of)).unwrap_or_default();
        let update = "aws eks update-kubeconfig --name demo";
        assert_eq!(status_in(&program, &home, &code, "aws s3 ls", "0"), Some(0), "{shell}");
        assert_eq!(status_in(&program, &home, &code, update, "3"), Some(3), "{shell}");
        assert_eq!(status_in(&program, &home, &code, update, "0"), Some(0), "{shell}");
        wait_until(|| !calls("cache.calls").is_empty());
        assert_eq!(calls("cache.calls"), "--inject --quiet\n", "{shell}");
        let update = update.trim_start_matches("aws ");
        assert_eq!(calls("aws.calls"), format!("s3 ls\n{update}\n{update}\n"), "{shell}");
    }
}
