//! The shell functions of docs/WRITERS.md, which put the cache back after a program has written a kubeconfig.
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::files::wait_until;
use crate::support::{Home, find};

/// Shells, and the languages of their blocks in the document.
const SHELLS: [(&str, &str); 3] = [("bash", "bash"), ("zsh", "bash"), ("fish", "fish")];

const WRITERS: [&str; 13] = [
    "aws eks update-kubeconfig --name demo",
    "aws eks --region eu-central-1 update-kubeconfig --name demo",
    "aws --profile production eks update-kubeconfig",
    "aws-vault exec production -- aws eks update-kubeconfig --name demo",
    "az aks get-credentials --resource-group demo --name demo",
    "doctl kubernetes cluster kubeconfig save demo",
    "eksctl create cluster --name demo",
    "eksctl utils write-kubeconfig --cluster demo",
    "gcloud container clusters get-credentials demo",
    "kubelogin convert-kubeconfig -l azurecli",
    "oci ce cluster create-kubeconfig --cluster-id demo",
    "tsh kube login demo",
    "tsh --proxy example.com login --kube-cluster demo",
];

const OTHERS: [&str; 6] = [
    "aws s3 ls",
    "aws eks list-clusters",
    "aws-vault exec production -- kubectl get pods",
    "eksctl get cluster",
    "gcloud container clusters list",
    "tsh status",
];

/// The block with this language and number below the heading.
fn block(heading: &str, language: &str, number: usize) -> String {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/WRITERS.md")).unwrap();
    let (_, section) = document.split_once(&format!("\n### {heading}\n")).expect("the section");
    let fence = format!("\n```{language}\n");
    let block = section.split(&fence).nth(number + 1).expect("the block");
    block.split_once("```").unwrap().0.to_owned()
}

/// Writes a script to the home's `bin`. Another process writes it: a file that this process has open for
/// writing while another test starts a program cannot be executed.
fn put_program(home: &Home, name: &str, body: &str) {
    let script = format!("#!/bin/sh\n{body}\n");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "mkdir -p bin && cat >\"bin/$1\" && chmod 755 \"bin/$1\"", "sh", name]);
    let mut child = command.current_dir(home.path()).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A home with programs that record how they were called: those of the calls, the cache, and `sleep`.
fn home() -> Home {
    let home = Home::new();
    for call in WRITERS.iter().chain(&OTHERS) {
        let name = call.split(' ').next().unwrap();
        put_program(&home, name, &format!("echo {name} \"$@\" >>tool.calls\nexit \"$STATUS\""));
    }
    put_program(&home, "k8s-token-cache", "echo \"$@\" >>cache.calls");
    put_program(&home, "sleep", "");
    home
}

/// Runs `code` and then `call` in a shell; returns the exit status.
fn run_in(shell: &Path, home: &Home, code: &str, call: &str, status_of_tools: &str) -> Option<i32> {
    let mut command = Command::new(shell);
    command.arg("-c").arg(format!("{code}\n{call}")).current_dir(home.path()).env_clear();
    let path = format!("{}:/usr/bin:/bin", home.path().join("bin").display());
    command.env("PATH", path).env("HOME", home.path()).env("STATUS", status_of_tools);
    // Otherwise fish starts a process that reads every man page, and leaves it behind.
    command.env("FISH_UNIT_TESTS_RUNNING", "1");
    command.status().unwrap().code()
}

fn calls(home: &Home, of: &str) -> String {
    fs::read_to_string(home.path().join(of)).unwrap_or_default()
}

#[test]
fn the_cache_is_put_back_after_every_known_writer_of_kubeconfigs() {
    for (shell, language) in SHELLS {
        let Some(program) = find(&shell.to_uppercase(), shell, "the shell functions") else {
            continue;
        };
        let (home, code) = (home(), block("After the programs that write", language, 0));
        for (number, call) in WRITERS.iter().enumerate() {
            assert_eq!(run_in(&program, &home, &code, call, "0"), Some(0), "{shell}: {call}");
            wait_until(|| calls(&home, "cache.calls").lines().count() > number);
        }
        assert_eq!(calls(&home, "cache.calls"), "--inject --quiet\n".repeat(WRITERS.len()), "{shell}");
        assert_eq!(calls(&home, "tool.calls"), format!("{}\n", WRITERS.join("\n")), "{shell}");
    }
}

#[test]
fn nothing_is_injected_after_other_commands_and_failures() {
    for (shell, language) in SHELLS {
        let Some(program) = find(&shell.to_uppercase(), shell, "the shell functions") else {
            continue;
        };
        let (home, code) = (home(), block("After the programs that write", language, 0));
        for call in OTHERS {
            assert_eq!(run_in(&program, &home, &code, call, "0"), Some(0), "{shell}: {call}");
        }
        assert_eq!(run_in(&program, &home, &code, WRITERS[0], "3"), Some(3), "{shell}");
        // The last one leaves a mark, so everything before it has run by now.
        assert_eq!(run_in(&program, &home, &code, WRITERS[0], "0"), Some(0), "{shell}");
        wait_until(|| !calls(&home, "cache.calls").is_empty());
        assert_eq!(calls(&home, "cache.calls"), "--inject --quiet\n", "{shell}");
    }
}

#[test]
fn the_cache_is_put_back_at_every_prompt() {
    let prompts = [
        ("bash", 0, "eval \"$PROMPT_COMMAND\""),
        ("zsh", 1, "for hook in $precmd_functions; do $hook; done"),
        ("fish", 2, "emit fish_prompt"),
    ];
    for (shell, number, prompt) in prompts {
        let Some(program) = find(&shell.to_uppercase(), shell, "the prompt of a shell") else {
            continue;
        };
        let (home, code) = (home(), block("At every prompt", "sh", number));
        assert_eq!(run_in(&program, &home, &code, prompt, "0"), Some(0), "{shell}");
        assert_eq!(calls(&home, "cache.calls"), "--inject --quiet\n", "{shell}");
    }
}
