//! A cache file with thousands of entries, 26 MB: only `--list` keeps them in memory.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Caller, Credential, EXEC_INFO, HOUR, Plugin, Sandbox};

/// A sandbox whose cache file has copies of one entry under `count` names.
struct Crowded {
    sandbox: Sandbox,
    plugin: Plugin,
}

impl Crowded {
    fn new(count: usize) -> Crowded {
        let sandbox = Sandbox::new();
        // An encrypted entry opens under its own name only.
        sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "off");
        let plugin = sandbox.plugin("aws");
        plugin.prints(Credential::token("t".repeat(1900)).expires_in(HOUR).bytes());
        assert_eq!(sandbox.cache(&plugin).run().code(), 0);
        let file = fs::read_to_string(sandbox.cache_file()).unwrap();
        fs::write(sandbox.cache_file(), repeat_entry(&file, count)).unwrap();
        Crowded { sandbox, plugin }
    }
}

/// The cache file of one entry, with copies of it, `count` in all. The entry keeps its name, which is the last.
fn repeat_entry(file: &str, count: usize) -> String {
    let lines: Vec<&str> = file.lines().collect();
    let [header, row, middle, line, end] = lines[..] else { panic!("a file with one entry: {file}") };
    let (own_name, object) = (&line[1..][..32], &line["\"".len() + 32 + "\":".len()..]);
    let expires = row.trim_end().trim_end_matches(']').rsplit(',').next().unwrap();
    let (front, rest) = header.split_once("\"entries_at\":").unwrap();
    let header_bytes = header.len() + 1;
    let entries_at = header_bytes + count * (row.len() + 1) + middle.len() + 1;
    let mut index = String::new();
    let mut entries = String::new();
    for number in 0..count {
        let is_last = number + 1 == count;
        let (end, separator) = if is_last { (' ', "\n") } else { (',', ",\n") };
        let name = if is_last { own_name.to_owned() } else { format!("{number:032x}") };
        let offset = entries_at + entries.len();
        index += &format!("[\"{name}\",{offset:>12},{:>8},{expires}]{end}\n", line.len());
        entries += &format!("\"{name}\":{object}{separator}");
    }
    let after = rest.trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    format!("{front}\"entries_at\":{entries_at:>12}{after}\n{index}{middle}\n{entries}{end}\n")
}

#[test]
fn a_miss_beside_ten_thousand_entries_fits_into_16_megabytes() {
    let crowded = Crowded::new(10_000);
    let call = || crowded.sandbox.cache(&crowded.plugin).env("AWS_PROFILE", "other");
    let miss = call().within(16).run();
    assert_eq!((miss.code(), miss.stderr_text()), (0, String::new()));
    assert_eq!(call().run().code(), 0);
    assert_eq!(crowded.plugin.runs(), 2, "the copied entry is of another call, and the new one is found");
}

/// Each line would fit into the file; all of them together are a hundred times as long.
#[test]
fn rows_whose_lines_overlap_need_no_memory_for_the_lines() {
    const ROWS: usize = 800;
    const LINE: usize = 1_000_000;
    let crowded = Crowded::new(1);
    let file = fs::read_to_string(crowded.sandbox.cache_file()).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    let [header, row, middle, ..] = lines[..] else { panic!("{file}") };
    let (front, _) = header.split_once("\"entries_at\":").unwrap();
    let entries_at = header.len() + 1 + ROWS * (row.len() + 1) + middle.len() + 1;
    let mut text = format!("{front}\"entries_at\":{entries_at:>12},\"index\":[\n");
    for number in 0..ROWS {
        let end = if number + 1 == ROWS { ' ' } else { ',' };
        let (offset, length) = (entries_at + 1, LINE + number);
        text += &format!("[\"{number:032x}\",{offset:>12},{length:>8},{:>12}]{end}\n", 1_999_999_999);
    }
    text += &format!("{middle}\n{}", "\0".repeat(LINE + 2 * ROWS));
    for arguments in [["--list"], ["--clear"]] {
        fs::write(crowded.sandbox.cache_file(), &text).unwrap();
        let run = crowded.sandbox.program().args(arguments).within(16).run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{arguments:?}");
    }
}

#[test]
fn a_heal_beside_ten_thousand_entries_fits_into_16_megabytes() {
    let crowded = Crowded::new(10_000);
    let call = crowded.sandbox.cache(&crowded.plugin).within(16);
    let mut client = Caller::of(&crowded.sandbox, call.env("KUBERNETES_EXEC_INFO", EXEC_INFO));
    assert_eq!(client.call().code(), 0);
    // The client asks for the second time, so the server has rejected its credential.
    let heal = client.call();
    assert_eq!((heal.code(), heal.stderr_text()), (0, String::new()));
    assert_eq!((crowded.plugin.runs(), crowded.sandbox.entries()), (2, 1));
}

#[test]
fn clearing_one_command_of_ten_thousand_entries_fits_into_16_megabytes() {
    let crowded = Crowded::new(10_000);
    let clear = crowded.sandbox.program().arg("--clear").arg(crowded.plugin.command());
    let run = clear.within(16).run();
    assert_eq!(run.stdout_text(), "removed 10000 credentials\n", "{}", run.stderr_text());
    assert_eq!(crowded.sandbox.entries(), 0);
}

#[test]
fn a_list_of_ten_thousand_entries_fits_into_96_megabytes() {
    let crowded = Crowded::new(10_000);
    let run = crowded.sandbox.program().arg("--list").within(96).run();
    assert_eq!(run.code(), 0, "{}", run.stderr_text());
    assert!(run.stdout.split(|byte| *byte == b'\n').count() > 10_000, "each entry is listed");
}

#[test]
fn explaining_ten_misses_beside_ten_thousand_entries_fits_into_32_megabytes() {
    let crowded = Crowded::new(10_000);
    let plugin = crowded.plugin.command();
    let user = |number: usize| {
        let env = json!([{"name": "AWS_PROFILE", "value": format!("p{number}")}]);
        let version = "client.authentication.k8s.io/v1";
        let exec = json!({"apiVersion": version, "command": "k8s-token-cache", "args": [plugin], "env": env});
        json!({"name": format!("u{number}"), "user": {"exec": exec}})
    };
    let users: Vec<Value> = (1..10).map(user).collect();
    let config = crowded.sandbox.home().join("config");
    fs::write(&config, json!({"kind": "Config", "users": users}).to_string()).unwrap();
    let explain = crowded.sandbox.program().arg("--explain").arg(plugin).env("KUBECONFIG", config);
    let run = explain.within(32).run();
    assert_eq!((run.code(), run.stderr_text()), (0, String::new()));
    assert_eq!(run.stdout_text().matches("the nearest entry differs").count(), 10, "{}", run.stdout_text());
}
