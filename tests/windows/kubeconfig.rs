//! The commands of a user: inject and restore, list, explain, clear, warm and doctor.

use std::fs;
use std::path::PathBuf;

use crate::support::{HOUR, Run, Sandbox, credential};

/// A kubeconfig with CRLF line endings.
const PLAIN: &str = "apiVersion: v1\r\nkind: Config\r\nusers:\r\n- name: demo # mine\r\n  user:\r\n    exec:\r\n      \
    apiVersion: client.authentication.k8s.io/v1\r\n      command: aws\r\n      args:\r\n      - eks\r\n      - get-token\r\n";
const INJECTED: &str = "apiVersion: v1\r\nkind: Config\r\nusers:\r\n- name: demo # mine\r\n  user:\r\n    exec:\r\n      \
    apiVersion: client.authentication.k8s.io/v1\r\n      command: k8s-token-cache\r\n      args:\r\n      - aws\r\n      - eks\r\n      - get-token\r\n";

fn write_kubeconfig(sandbox: &Sandbox, text: &str) -> PathBuf {
    let file = sandbox.profile().join(r".kube\config");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    file
}

#[track_caller]
fn assert_done(run: &Run) {
    assert_eq!(run.status(), 0, "{run:?}");
}

#[test]
fn a_kubeconfig_with_crlf_is_injected_and_restored_unchanged() {
    let sandbox = Sandbox::new();
    let file = write_kubeconfig(&sandbox, PLAIN);
    let content = || fs::read_to_string(&file).unwrap();
    let inject = ["--inject", "--command", "k8s-token-cache"];
    assert_done(&sandbox.run(inject.into_iter().chain(["--dry-run"])));
    assert_eq!(content(), PLAIN);
    for _ in 0..2 {
        assert_done(&sandbox.run(inject));
        assert_eq!(content(), INJECTED);
    }
    assert_done(&sandbox.run(["--restore"]));
    assert_eq!(content(), PLAIN);
    let names = fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(names, 1, "no lock and no temporary file is left");
}

#[test]
fn every_file_in_the_kubeconfig_variable_is_edited() {
    let sandbox = Sandbox::new();
    let files = [r"one\config", "two.yaml"].map(|name| sandbox.profile().join(name));
    fs::create_dir(files[0].parent().unwrap()).unwrap();
    for file in &files {
        fs::write(file, PLAIN).unwrap();
    }
    sandbox.set("KUBECONFIG", std::env::join_paths(&files).unwrap());
    assert_done(&sandbox.run(["--inject", "--command", "k8s-token-cache"]));
    assert_eq!(files.each_ref().map(|file| fs::read_to_string(file).unwrap()), [INJECTED; 2]);
}

#[test]
fn inject_writes_the_path_of_a_program_that_runs() {
    let sandbox = Sandbox::new();
    let file = write_kubeconfig(&sandbox, PLAIN);
    assert_done(&sandbox.run(["--inject"]));
    let text = fs::read_to_string(&file).unwrap();
    let command = text.lines().find_map(|line| line.trim().strip_prefix("command: ")).unwrap();
    let command = command.trim_matches(['\'', '"']).replace(r"\\", r"\");
    let version = std::process::Command::new(&command).arg("--version").output().unwrap();
    assert!(version.stdout.starts_with(b"k8s-token-cache "), "{command}");
}

#[test]
fn a_command_relative_to_its_kubeconfig_becomes_absolute() {
    let sandbox = Sandbox::new();
    let file = write_kubeconfig(&sandbox, &PLAIN.replace("aws", r".\bin\aws.cmd"));
    assert_done(&sandbox.run(["--inject", "--command", "k8s-token-cache"]));
    let absolute = file.parent().unwrap().join(r"./.\bin\aws.cmd").display().to_string().replace('/', r"\");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(&absolute), "{text} {absolute}");
    assert_done(&sandbox.run(["--restore"]));
    assert_eq!(fs::read_to_string(&file).unwrap(), PLAIN.replace("aws", r".\bin\aws.cmd"));
}

#[test]
fn entries_are_listed_explained_and_cleared() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    plugin.prints(credential("a-secret", HOUR));
    let [one, two] = ["one", "two"].map(|cluster| ["aws", "eks", "get-token", "--cluster-name", cluster]);
    for words in [one, two] {
        sandbox.run(words);
    }
    let list = sandbox.run(["--list"]);
    assert_done(&list);
    assert!(
        list.stdout().contains("cluster-name one") && list.stdout().contains("cluster-name two"),
        "{list:?}"
    );
    let list = sandbox.run(["--list", "--json"]);
    let document: serde_json::Value = serde_json::from_str(list.stdout()).unwrap();
    assert_eq!(document["entries"].as_array().unwrap().len(), 2);
    assert_eq!(document["key_file"], sandbox.key_file().to_str().unwrap());
    let explained = sandbox.run([&["--explain"], &one[..]].concat());
    assert_done(&explained);
    for run in [&list, &explained] {
        assert!(!run.stdout().contains("a-secret") && !run.stderr().contains("a-secret"));
    }
    assert_done(&sandbox.run([&["--clear"], &one[..]].concat()));
    assert!(!sandbox.run(["--list"]).stdout().contains("cluster-name one"));
    assert_done(&sandbox.run(["--clear"]));
    assert!(!sandbox.run(["--list"]).stdout().contains("cluster-name two"));
    assert!(sandbox.key_file().exists(), "other cache files may use the key");
    sandbox.run(two);
    assert_eq!(plugin.runs(), 3);
}

#[test]
fn warm_fetches_every_injected_user() {
    let sandbox = Sandbox::new();
    write_kubeconfig(&sandbox, INJECTED);
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    assert_done(&sandbox.run(["--warm"]));
    assert_eq!((plugin.runs(), plugin.arguments()), (1, ["eks", "get-token"].map(str::to_owned).to_vec()));
    sandbox.run_from_client(["aws", "eks", "get-token"]).assert_prints(&credential);
    assert_eq!(plugin.runs(), 1);
}

#[test]
fn doctor_names_a_missing_plugin() {
    let sandbox = Sandbox::new();
    write_kubeconfig(&sandbox, INJECTED);
    let run = sandbox.run(["--doctor"]);
    assert_ne!(run.status(), 0, "{run:?}");
    assert!(run.stdout().contains("aws"), "{run:?}");
    sandbox.plugin("aws.cmd").prints(credential("t", HOUR));
    let run = sandbox.run(["--doctor"]);
    assert!(!run.stdout().contains("cannot find") && !run.stderr().contains("panicked"), "{run:?}");
}
