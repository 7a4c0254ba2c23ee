//! The reports at several widths of a terminal, and in a pipe.
//!
//! The expected texts are `tests/data/report/NAME-WIDTH.txt`; with `UPDATE_GOLDEN=1` in its
//! environment the test writes them instead. Stamps, durations, tags of hidden values and the name
//! of the home change from run to run, not in length, and are replaced by others as long.

#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::path::PathBuf;

use super::{Setting, User};
use crate::support::{Credential, HOUR, MINUTE, Terminal, skip};

const EKS: &str = "aws --region eu-central-1 eks get-token --cluster-name production --output json";
const WIDTHS: [Option<u16>; 4] = [Some(40), Some(80), Some(200), None];
const DAY: i64 = 24 * HOUR;

/// A home with credentials in every state, and with problems.
fn setting() -> Option<Setting> {
    let setting = Setting::new();
    if !setting.sandbox.home().starts_with("/tmp/") || setting.sandbox.home().as_os_str().len() != 32 {
        skip("the texts are laid out for a home that is called /tmp/k8s-token-cache-test-XXXXXX");
        return None;
    }
    setting.write(".aws/config", "[default]\n");
    setting.users(&[
        User::cached("arn:aws:eks:eu-central-1:111122223333:cluster/production", EKS)
            .env("AWS_PROFILE", "admin"),
        User::direct("dev", EKS),
        User::cached("elsewhere", "kubectl-oidc_login get-token --oidc-client-secret=hush"),
    ]);
    Some(setting)
}

fn fetch(setting: &Setting, lives_for_s: i64, profile: &str, command: &str) {
    setting.aws.prints(Credential::token("t").expires_in(lives_for_s).bytes());
    assert!(setting.misses(setting.call(command.split(' ')).env("AWS_PROFILE", profile)));
}

/// Compares what the program prints at every width.
fn check(setting: &Setting, name: &str, arguments: &[&str], status: i32) {
    for width in WIDTHS {
        let shown = match width {
            Some(columns) => {
                let terminal = Terminal::new().columns(columns);
                let mut call =
                    setting.call(arguments.iter().copied()).env("NO_COLOR", "1").on_terminal(&terminal);
                terminal.show_output(call.command());
                assert_eq!(call.run().code(), status);
                terminal.into_text()
            }
            None => {
                let run = setting.call(arguments.iter().copied()).run();
                assert_eq!((run.code(), run.stderr_text()), (status, String::new()));
                run.stdout_text()
            }
        };
        let width = width.map_or("none".to_owned(), |columns| columns.to_string());
        compare(&format!("{name}-{width}"), &steady(&shown, setting));
    }
}

fn compare(name: &str, shown: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/report/{name}.txt"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, shown).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(shown, expected, "{name}: this was shown:\n{shown}");
}

/// The text without what differs from run to run.
fn steady(text: &str, setting: &Setting) -> String {
    let home = setting.sandbox.home().to_str().unwrap();
    let text = text.replace(home, "/tmp/k8s-token-cache-test-000000");
    text.split_inclusive([' ', '\n']).map(steady_word).collect()
}

fn steady_word(word: &str) -> String {
    let core = word.trim_matches(['(', ')', ',', ' ', '\n']);
    let is_stamp = core.len() == 20 && core.ends_with('Z') && core.contains('T');
    let is_duration = core.starts_with(|c: char| c.is_ascii_digit())
        && core.ends_with(['d', 'h', 'm', 's'])
        && core.chars().all(|c| c.is_ascii_digit() || "dhms".contains(c));
    if let Some((_, tag)) = core.rsplit_once("***")
        && tag.len() == 4
    {
        return word.replace(tag, "0000");
    }
    if is_stamp || is_duration { word.replace(|c: char| c.is_ascii_digit(), "0") } else { word.to_owned() }
}

#[test]
fn the_list_looks_as_agreed() {
    let Some(setting) = setting() else { return };
    let Some(mut clock) = setting.sandbox.clock() else { return };
    let credentials =
        [(8 * MINUTE, "gone"), (8 * MINUTE + 40, "old"), (11 * MINUTE, "admin"), (100 * DAY, "root")];
    for (lives_for_s, profile) in credentials {
        fetch(&setting, lives_for_s, profile, EKS);
        clock.advance(2);
    }
    clock.advance(8 * MINUTE + 10);
    check(&setting, "list", &["--list"], 0);
}

#[test]
fn explain_prints_its_golden_text() {
    let Some(setting) = setting() else { return };
    setting.sandbox.set_env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush");
    fetch(&setting, 100 * DAY, "admin", EKS);
    setting.call(["--warm"]).run();
    let arguments: Vec<&str> = ["--explain"].into_iter().chain(EKS.split(' ')).collect();
    check(&setting, "explain", &arguments, 0);
}

#[test]
fn doctor_prints_its_golden_text() {
    let Some(setting) = setting() else { return };
    fetch(&setting, 100 * DAY, "admin", EKS);
    check(&setting, "doctor", &["--doctor"], 1);
}
