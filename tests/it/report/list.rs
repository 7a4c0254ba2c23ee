//! `--list` and its JSON.

use serde_json::{Value, json};

use super::{Setting, everything_below};
use crate::support::{Credential, HOUR, MINUTE, V1};

const EKS: [&str; 5] = ["aws", "eks", "get-token", "--cluster-name", "demo"];

fn listing(setting: &Setting) -> Value {
    serde_json::from_str(&setting.shown(["--list", "--json"])).unwrap()
}

#[test]
fn an_empty_cache_says_so_and_stays_empty() {
    let setting = Setting::new();
    let before = everything_below(setting.sandbox.home());
    let file = setting.sandbox.cache_file();
    let expected =
        format!("nothing is cached in '{}'; no encryption key has been made yet\n", file.display());
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
    for name in ["first", "second", "third"] {
        assert!(setting.misses(setting.call(["aws", name])));
        clock.advance(5);
    }
    let listed = setting.shown(["--list"]);
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split("aws ").nth(1)).collect();
    assert_eq!(names, ["third", "second", "first"], "{listed}");
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
fn a_credential_whose_file_has_changed_is_stale_and_says_which() {
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
fn programs_get_every_member_that_the_readme_describes() {
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
fn two_credentials_of_one_command_are_told_apart() {
    let setting = Setting::new();
    for profile in ["dev", "prod"] {
        assert!(setting.misses(setting.call(EKS).env("AWS_PROFILE", profile).env("AWS_REGION", "eu")));
    }
    let listed = setting.shown(["--list"]);
    assert!(listed.contains("--cluster-name demo (AWS_PROFILE=dev)\n"), "{listed}");
    assert!(listed.contains("--cluster-name demo (AWS_PROFILE=prod)\n"), "{listed}");
}

#[test]
fn everywhere_it_says_where_the_key_lives() {
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
fn what_another_key_sealed_is_counted_and_not_shown() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call(EKS)));
    let other = setting.call(["--list"]).env("XDG_STATE_HOME", setting.home("elsewhere")).run();
    assert!(other.stdout_text().starts_with("nothing is cached"), "{other:?}");
    assert!(other.stdout_text().ends_with("\n1 entry cannot be opened with this key\n"), "{other:?}");
}

#[test]
fn clearing_one_command_forgets_what_its_clients_have_and_no_other_identity() {
    let setting = Setting::new();
    let from_kubectl = || setting.sandbox.cache(&setting.aws).env("AWS_PROFILE", "dev");
    let command = setting.aws.command().to_str().unwrap();
    assert!(setting.misses(from_kubectl()));
    assert!(setting.misses(from_kubectl().env("AWS_PROFILE", "prod")));
    assert!(setting.misses(from_kubectl().arg("other")));

    let cleared = setting.call(["--clear", command]).env("AWS_PROFILE", "dev").run();
    let expected = "forgot 1 credential\n1 of this command under other identities stay: see --explain\n";
    assert_eq!(cleared.stdout_text(), expected);
    assert!(setting.misses(from_kubectl()), "it is gone");
    assert!(!setting.misses(from_kubectl().env("AWS_PROFILE", "prod")), "it stays");
    assert!(!setting.misses(from_kubectl().arg("other")), "it stays");
}
