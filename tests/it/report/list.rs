//! `--list` and its JSON.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{Setting, User, everything_below};
use crate::support::{Credential, HOUR, MINUTE, Terminal, V1};

const EKS: [&str; 5] = ["aws", "eks", "get-token", "--cluster-name", "demo"];

fn listing(setting: &Setting) -> Value {
    serde_json::from_str(&setting.shown(["--list", "--json"])).unwrap()
}

#[test]
fn an_empty_cache_is_reported_and_nothing_is_created() {
    let setting = Setting::new();
    let before = everything_below(setting.sandbox.home());
    let file = setting.sandbox.cache_file();
    let expected =
        format!("nothing is cached in '{}'; no encryption key has been created yet\n", file.display());
    assert_eq!(setting.shown(["--list"]), expected);
    let listing = listing(&setting);
    let expected = json!({"version": 1, "file": file, "key": "none", "unreadable": 0, "entries": []});
    assert_eq!(listing, expected);
    assert_eq!(everything_below(setting.sandbox.home()), before, "nothing was made");
}

#[test]
fn the_newest_credential_comes_first() {
    let setting = Setting::new();
    let Some(mut clock) = setting.sandbox.clock() else { return };
    for name in ["eks", "config", "token"] {
        assert!(setting.misses(setting.call(["aws", name])));
        clock.advance(5);
    }
    let listed = setting.shown(["--list"]);
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split("aws ").nth(1)).collect();
    assert_eq!(names, ["token", "config", "eks"], "{listed}");
}

#[test]
fn a_credential_is_fresh_then_refreshing_soon_then_stale_then_expired() {
    let setting = Setting::new();
    let Some(mut clock) = setting.sandbox.clock() else { return };
    setting.aws.prints(Credential::token("t").expires_in(10 * MINUTE).bytes());
    assert!(setting.misses(setting.call(EKS)));
    for (later_s, state) in
        [(0, "fresh"), (7 * MINUTE, "refreshing soon"), (2 * MINUTE + 45, "stale"), (MINUTE, "expired")]
    {
        clock.advance(later_s);
        assert_eq!(listing(&setting)["entries"][0]["state"], state, "after {later_s} s more");
    }
}

#[test]
fn a_credential_whose_file_has_changed_is_stale() {
    let setting = Setting::new();
    let file = setting.write(".aws/config", "[default]\n");
    assert!(setting.misses(setting.call(EKS)));
    assert_eq!(listing(&setting)["entries"][0]["state"], "fresh");
    setting.write(".aws/config", "[default]\nregion = eu-west-1\n");
    let entry = &listing(&setting)["entries"][0];
    assert_eq!((&entry["state"], &entry["changed_files"]), (&json!("stale"), &json!([file])));
    assert!(setting.shown(["--list"]).contains("(~/.aws/config changed)"));
    assert!(setting.misses(setting.call(EKS)), "it was right");
}

#[test]
fn the_json_has_every_member_that_the_readme_describes() {
    let setting = Setting::new();
    let info = json!({"kind": "ExecCredential", "apiVersion": V1,
        "spec": {"interactive": false, "cluster": {"server": "https://example.com", "config": null}}});
    let call = setting.call(EKS).env("KUBERNETES_EXEC_INFO", info.to_string()).env("AWS_PROFILE", "dev");
    assert!(setting.misses(call));
    let listing = listing(&setting);
    let entry = &listing["entries"][0];
    assert_eq!(entry["command"], json!(EKS));
    let variables = json!([
        {"name": "AWS_PROFILE", "value": "dev"},
        {"name": "HOME", "value": setting.sandbox.home()},
    ]);
    assert_eq!(entry["variables"], variables);
    assert_eq!(entry["api_version"], V1);
    assert_eq!(entry["server"], "https://example.com");
    assert_eq!(entry["changed_files"], json!([]));
    assert_eq!(entry["users"], json!([]));
    assert_eq!(entry["state"], "fresh");
    let left = entry["left_seconds"].as_i64().unwrap();
    assert!((HOUR - 60..=HOUR).contains(&left), "{left}");
    assert!(entry["age_seconds"].as_i64().unwrap() < 60);
    for stamp in ["created", "expires"] {
        assert_eq!(entry[stamp].as_str().unwrap().len(), "2026-01-31T08:00:00Z".len());
    }
    assert_eq!((&listing["key"], &listing["unreadable"]), (&json!("file"), &json!(0)));
    assert_eq!(listing["key_file"], json!(setting.home(".local/state/k8s-token-cache/key")));
    assert_eq!(listing["file"], json!(setting.sandbox.cache_file()));
}

#[test]
fn two_credentials_of_one_command_are_distinguished() {
    let setting = Setting::new();
    for profile in ["dev", "prod"] {
        assert!(setting.misses(setting.call(EKS).env("AWS_PROFILE", profile).env("AWS_REGION", "eu")));
    }
    let listed = setting.shown(["--list"]);
    assert!(listed.contains("--cluster-name demo (AWS_PROFILE=dev)\n"), "{listed}");
    assert!(listed.contains("--cluster-name demo (AWS_PROFILE=prod)\n"), "{listed}");
}

#[test]
fn the_place_of_the_encryption_key_is_shown() {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    for (variable, value, words, json_word) in [
        ("K8S_TOKEN_CACHE_ENCRYPTION", "off", "not encrypted", "off"),
        (
            "K8S_TOKEN_CACHE_ENCRYPTION_KEY",
            key,
            "encrypted; the key is in K8S_TOKEN_CACHE_ENCRYPTION_KEY",
            "environment",
        ),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "file", "encrypted; the key is in '", "file"),
    ] {
        let setting = Setting::new();
        setting.sandbox.set_env(variable, value);
        assert!(setting.misses(setting.call(EKS)));
        let listed = setting.shown(["--list"]);
        assert!(listed.contains(words), "{listed}");
        assert_eq!(listing(&setting)["key"], json_word);
        assert!(!listed.contains(key));
    }
}

#[test]
fn entries_of_another_encryption_key_are_counted_not_shown() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call(EKS)));
    let other = setting.call(["--list"]).env("XDG_STATE_HOME", setting.home("elsewhere")).run();
    assert!(other.stdout_text().starts_with("nothing is cached"), "{other:?}");
    assert!(other.stdout_text().ends_with("\n1 entry cannot be decrypted with this key\n"), "{other:?}");
}

#[test]
fn clearing_one_command_keeps_its_other_identities() {
    let setting = Setting::new();
    let from_kubectl = || setting.sandbox.cache(&setting.aws).env("AWS_PROFILE", "dev");
    let command = setting.aws.command().to_str().unwrap();
    assert!(setting.misses(from_kubectl()));
    assert!(setting.misses(from_kubectl().env("AWS_PROFILE", "prod")));
    assert!(setting.misses(from_kubectl().arg("other")));

    assert!(setting.misses(from_kubectl().env("AWS_PROFILE", "test")));

    let none = setting.call(["--clear", command]).env("AWS_PROFILE", "test").run().stdout_text();
    assert!(
        none.starts_with("removed 1 credential\n2 of this command under other identities stay: "),
        "{none}"
    );
    let cleared = setting.call(["--clear", command]).env("AWS_PROFILE", "dev").run();
    let expected = "removed 1 credential\n1 of this command under another identity stays: to remove it, run this \
                    with its variables (for example AWS_PROFILE=... k8s-token-cache --clear ...; --explain names \
                    them), or --clear without a command\n";
    assert_eq!(cleared.stdout_text(), expected);
    assert!(setting.misses(from_kubectl()), "it is gone");
    assert!(!setting.misses(from_kubectl().env("AWS_PROFILE", "prod")), "it stays");
    assert!(!setting.misses(from_kubectl().arg("other")), "it stays");
}

#[test]
fn clearing_a_user_removes_its_credentials_and_no_others() {
    let setting = Setting::new();
    let eks = EKS.join(" ");
    setting.users(&[
        User::cached("dev", &eks).env("AWS_PROFILE", "dev"),
        User::cached("prod", &eks).env("AWS_PROFILE", "prod"),
        User::cached("two", "aws eks get-token --cluster-name two")
            .exec("provideClusterInfo", true)
            .servers(&["https://127.0.0.1:1", "https://127.0.0.1:2"]),
        User::cached("elsewhere", &eks).env("K8S_TOKEN_CACHE_FILE", "/"),
        User::direct("bare", "aws eks get-token --cluster-name bare"),
    ]);
    setting.call(["--warm"]).run();
    let clear = |user: &str| setting.call(["--clear", "--user", user]).run();
    let cleared = clear("dev").stdout_text();
    assert!(
        cleared.starts_with("removed 1 credential\n1 of this command under another identity"),
        "{cleared}"
    );
    assert_eq!(clear("two").stdout_text(), "removed 2 credentials\n");
    assert_eq!(clear("two").stdout_text(), "nothing was cached\n");
    assert_eq!(clear("bare").stdout_text(), "nothing was cached\n");
    let left = listing(&setting);
    let users = left["entries"].as_array().unwrap().iter().map(|entry| &entry["users"]).collect::<Vec<_>>();
    assert_eq!(users, [&json!(["prod"])]);

    let wrong = clear("elsewhere");
    assert_eq!(wrong.code(), 1, "{wrong:?}");
    assert!(wrong.stderr_text().ends_with("\nhint: --doctor says how to fix this\n"), "{wrong:?}");
    let unknown = clear("nobody");
    assert_eq!(unknown.code(), 1, "{unknown:?}");
    let expected = "k8s-token-cache: no kubeconfig has a user 'nobody' with an exec plugin\n";
    assert_eq!(unknown.stderr_text(), expected);
}

#[test]
fn the_users_that_an_entry_serves_are_shown() {
    let setting = Setting::new();
    let eks = EKS.join(" ");
    setting.users(&[
        User::cached("dev", &eks).env("AWS_PROFILE", "dev"),
        User::cached("same", &eks).env("AWS_PROFILE", "dev"),
        User::cached("prod", &eks).env("AWS_PROFILE", "prod").exec("provideClusterInfo", true),
        User::direct("bare", &eks).env("AWS_PROFILE", "dev"),
    ]);
    setting.shown(["--warm"]);
    assert!(setting.misses(setting.call(EKS)), "from a shell");
    let listing = listing(&setting);
    let mut users: Vec<&Value> =
        listing["entries"].as_array().unwrap().iter().map(|entry| &entry["users"]).collect();
    users.sort_by_key(|users| users.to_string());
    assert_eq!(users, [&json!(["dev", "same"]), &json!(["prod"]), &json!([])]);
    let listed = setting.shown(["--list"]);
    assert!(listed.contains("AWS_PROFILE=dev, apiVersion v1, user dev, user same)\n"), "{listed}");
}

#[test]
fn states_are_colored_on_a_terminal_unless_refused() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call(EKS)));
    let shown = |name: &str, value: &str| {
        let terminal = Terminal::new();
        let mut call = setting.call(["--list"]).env(name, value).on_terminal(&terminal);
        terminal.show_output(call.command());
        assert_eq!(call.run().code(), 0);
        terminal.into_text()
    };
    let colored = shown("TERM", "xterm");
    assert!(colored.contains("\u{1b}[32mfresh\u{1b}[0m  "), "{colored:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = shown(name, value);
        assert!(plain.contains("fresh") && !plain.contains('\u{1b}'), "{plain:?}");
    }
    assert!(!setting.shown(["--list"]).contains('\u{1b}'), "a pipe gets none");
}

/// Escape sequences and direction marks could hide or rewrite what a terminal shows.
#[test]
fn names_reach_the_terminal_without_control_characters() {
    let setting = Setting::new();
    let evil = setting.write("cache\u{1b}[2J\u{202e}/token.json", "").parent().unwrap().to_owned();
    fs::set_permissions(&evil, Permissions::from_mode(0o700)).unwrap();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", evil.join("other.json"));
    assert!(setting.misses(setting.call(["aws", "\u{1b}]0;x\u{7}", "\u{2066}a"])));
    for arguments in [["--list"].as_slice(), &["--list", "--json"], &["--doctor"], &["--explain", "aws"]] {
        let run = setting.call(arguments.iter().copied()).run();
        let text = run.stdout_text() + &run.stderr_text();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\u{7}']), "{text:?}");
    }
}
