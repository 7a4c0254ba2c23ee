//! Hits, misses and the refresh margin: which credentials are cached, and until when they are served.

use std::fs;

use crate::support::{
    Authority, Credential, HOUR, MINUTE, Plugin, Sandbox, V1BETA1, jwt, jwt_of, make_fifo, now_unix_s,
    rfc3339,
};

/// Calls twice with a plugin that prints `output`, and returns whether the second call was a hit.
/// Checks that both print exactly these bytes.
fn is_cached(sandbox: &Sandbox, plugin: &Plugin, output: impl AsRef<[u8]>) -> bool {
    plugin.prints(&output);
    let before = plugin.runs();
    sandbox.cache(plugin).run().assert_prints(&output);
    sandbox.cache(plugin).run().assert_prints(&output);
    plugin.runs() - before == 1
}

fn fresh_is_cached(output: impl AsRef<[u8]>) -> bool {
    let sandbox = Sandbox::new();
    is_cached(&sandbox, &sandbox.plugin("plugin"), output)
}

#[test]
fn the_second_call_prints_the_same_bytes_without_the_plugin() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    assert!(is_cached(&sandbox, &plugin, Credential::token("t").expires_in(HOUR).bytes()));
    assert_eq!(sandbox.entries(), 1);
}

#[test]
fn a_hit_works_after_a_known_plugin_is_uninstalled() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    fs::remove_file(plugin.command()).unwrap();
    sandbox.cache(&plugin).run().assert_prints(&credential);
}

#[test]
fn a_hit_does_not_change_the_cache_directory() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(HOUR).bytes());
    sandbox.shell(&plugin).run();
    let state = || {
        let file = fs::metadata(sandbox.cache_file()).unwrap();
        let names: Vec<_> = fs::read_dir(sandbox.cache_directory())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        (file.modified().unwrap(), file.len(), names.len())
    };
    let before = state();
    sandbox.shell(&plugin).run();
    assert_eq!(state(), before);
    assert_eq!(before.2, 2, "the cache file and its lock file are the only files");
    assert_eq!(plugin.runs(), 1);
}

#[test]
fn the_cache_file_can_be_set_by_a_variable() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let elsewhere = sandbox.home().join("a new/directory/cache.json");
    sandbox.set_env("K8S_TOKEN_CACHE_FILE", &elsewhere);
    assert!(is_cached(&sandbox, &plugin, Credential::token("t").expires_in(HOUR).bytes()));
    assert!(elsewhere.exists());
    assert!(!sandbox.cache_file().exists());
}

#[test]
#[cfg(target_os = "linux")]
fn an_absolute_xdg_cache_home_is_used_and_a_relative_one_ignored() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    sandbox.set_env("XDG_CACHE_HOME", "relative");
    assert!(is_cached(&sandbox, &plugin, Credential::token("t").expires_in(HOUR).bytes()));
    assert!(sandbox.cache_file().exists());
    assert!(!sandbox.home().join("relative").exists());

    let caches = sandbox.home().join("caches");
    sandbox.set_env("XDG_CACHE_HOME", &caches);
    assert!(is_cached(&sandbox, &plugin, Credential::token("t").expires_in(HOUR).bytes()));
    assert!(caches.join("k8s-token-cache/token.json").exists());
}

#[test]
fn a_disabled_cache_runs_the_plugin_each_time_and_creates_no_file() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    sandbox.set_env("K8S_TOKEN_CACHE_DISABLE", "1");
    assert!(!is_cached(&sandbox, &plugin, Credential::token("t").expires_in(HOUR).bytes()));
    assert!(!sandbox.cache_directory().exists());
}

#[test]
fn a_disabled_cache_serves_nothing_that_was_cached_before() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("old").expires_in(HOUR).bytes());
    sandbox.cache(&plugin).run();
    let new = Credential::token("new").expires_in(HOUR).bytes();
    plugin.prints(&new);
    sandbox.cache(&plugin).env("K8S_TOKEN_CACHE_DISABLE", "1").run().assert_prints(&new);
}

#[test]
fn a_credential_inside_the_margin_is_not_served() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "10m");
    let fresh = Credential::token("t").expires_in(HOUR).bytes();
    assert!(is_cached(&sandbox, &plugin, &fresh));
    // With 28 of 60 minutes left, a margin of 29 minutes makes the same entry a miss.
    sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "29m");
    let Some(mut clock) = sandbox.clock() else { return };
    clock.advance(32 * MINUTE);
    sandbox.cache(&plugin).run().assert_prints(&fresh);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn the_default_margin_is_thirty_seconds() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    // The refresh ahead is tested elsewhere.
    sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0");
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(10 * MINUTE).bytes());
    sandbox.shell(&plugin).run();
    clock.advance(10 * MINUTE - 40);
    sandbox.shell(&plugin).run();
    assert_eq!(plugin.runs(), 1, "with 40 s left");
    clock.advance(15);
    plugin.prints(Credential::token("u").expires_at(clock.now_unix_s() + HOUR).bytes());
    sandbox.shell(&plugin).run();
    assert_eq!(plugin.runs(), 2, "with 25 s left");
}

/// With the default margin of 30 s, a credential that lives 40 s would hardly ever be served.
#[test]
fn the_margin_is_at_most_half_of_the_lifetime() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0");
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(40).bytes());
    sandbox.shell(&plugin).run();
    clock.advance(12);
    sandbox.shell(&plugin).run();
    assert_eq!(plugin.runs(), 1, "with 28 of 40 s left");
    clock.advance(12);
    sandbox.shell(&plugin).run();
    assert_eq!(plugin.runs(), 2, "with 16 of 40 s left");
}

#[test]
fn every_form_of_the_expiry_that_client_go_accepts_is_cached() {
    let hour = now_unix_s() + HOUR;
    let stamp = rfc3339(hour);
    let local = rfc3339(hour + 5 * HOUR + 30 * MINUTE);
    let stamps = [
        stamp.replace('Z', ".123456789Z"),
        stamp.replace('Z', "+00:00"),
        stamp.replace('Z', "-00:00"),
        local.replace('Z', "+05:30"),
        "2096-02-29T12:00:00Z".to_owned(),
    ];
    for stamp in stamps {
        let credential = Credential::token("t").expires_as(&stamp).bytes();
        assert!(fresh_is_cached(credential), "{stamp}");
    }
}

#[test]
fn an_invalid_expiry_is_passed_through_and_not_cached() {
    let stamps = [
        "",
        "2099-11-25t18:13:45z",
        "2099-12-31T23:59:60Z",
        "tomorrow",
        "2099-02-29T00:00:00Z",
        "2099-13-01T00:00:00Z",
        "2099-01-01T24:00:00Z",
        "2099-01-01 00:00:00Z",
        "2099-01-01T00:00:00",
        "2099-01-01",
        "4102444800",
        "99999-01-01T00:00:00Z",
        "-2099-01-01T00:00:00Z",
        " 2099-01-01T00:00:00Z",
        "2099-01-01T00:00:00+5:30",
        "2099-01-01T00:00:00.Z",
    ];
    for stamp in stamps {
        let credential = Credential::token("t").expires_as(stamp).bytes();
        assert!(!fresh_is_cached(credential), "{stamp:?}");
    }
}

#[test]
fn an_already_expired_credential_is_passed_through_and_not_cached() {
    let expired = [-1, -HOUR].map(|seconds| Credential::token("t").expires_in(seconds).bytes());
    for credential in expired {
        assert!(!fresh_is_cached(credential));
    }
    assert!(!fresh_is_cached(Credential::token("t").expires_as("0000-01-01T00:00:00Z").bytes()));
    assert!(!fresh_is_cached(Credential::token(jwt(now_unix_s() - 1)).bytes()));
}

#[test]
fn a_credential_without_any_expiry_is_not_cached() {
    assert!(!fresh_is_cached(Credential::token("opaque").bytes()));
    assert!(!fresh_is_cached(Credential::token(jwt_of(r#"{"sub":"someone"}"#)).bytes()));
}

#[test]
fn the_expiry_of_a_jwt_counts() {
    assert!(fresh_is_cached(Credential::token(jwt(now_unix_s() + HOUR)).bytes()));
}

#[test]
fn the_expiry_of_a_certificate_counts() {
    let authority = Authority::new();
    let valid_for = |seconds| authority.client("someone", now_unix_s() + seconds);
    assert!(fresh_is_cached(Credential::certificate(valid_for(HOUR)).bytes()));
    assert!(!fresh_is_cached(Credential::certificate(valid_for(-1)).bytes()));
}

#[test]
fn the_earliest_expiry_wins() {
    let authority = Authority::new();
    let stamp_late = |credential: Credential| credential.expires_in(10 * HOUR).bytes();
    let past = now_unix_s() - 1;
    assert!(!fresh_is_cached(stamp_late(Credential::token(jwt(past)))));
    assert!(!fresh_is_cached(stamp_late(Credential::certificate(authority.client("x", past)))));
    let sooner = Credential::token(jwt(now_unix_s() + HOUR)).expires_in(-1).bytes();
    assert!(!fresh_is_cached(sooner));
    // An invalid timestamp is not outweighed by a valid `exp`.
    let unreadable = Credential::token(jwt(now_unix_s() + HOUR)).expires_as("soon").bytes();
    assert!(!fresh_is_cached(unreadable));
}

#[test]
fn a_null_expiry_counts_as_no_expiry() {
    let output = br#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
        "status":{"token":"opaque","expirationTimestamp":null}}"#;
    assert!(!fresh_is_cached(output));
}

#[test]
fn a_token_and_a_certificate_together_are_cached() {
    let certificate = Authority::new().client("someone", now_unix_s() + HOUR);
    let output = serde_json::json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"token": "opaque", "clientCertificateData": certificate.certificate_pem,
                   "clientKeyData": certificate.key_pem}});
    assert!(fresh_is_cached(output.to_string()));
}

#[test]
fn only_the_requested_api_version_is_cached() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let beta = Credential::token("t").api_version(V1BETA1).expires_in(HOUR).bytes();
    let ask = format!(r#"{{"kind":"ExecCredential","apiVersion":"{V1BETA1}","spec":{{}}}}"#);
    plugin.prints(&beta);
    let asked = || sandbox.shell(&plugin).env("KUBERNETES_EXEC_INFO", &ask).run();
    asked().assert_prints(&beta);
    asked().assert_prints(&beta);
    assert_eq!(plugin.runs(), 1);
    // Another version than requested is passed through, so that kubectl reports it.
    let other = sandbox.plugin("other");
    assert!(!is_cached(&sandbox, &other, &beta));
}

/// As after the clock was wrong when the entry was made and has been corrected since.
#[test]
fn an_entry_from_the_future_is_not_served() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(10 * HOUR).bytes());
    clock.advance(HOUR);
    sandbox.shell(&plugin).run();
    clock.advance(-4 * MINUTE);
    sandbox.shell(&plugin).run();
    assert_eq!(plugin.runs(), 1, "made four minutes ahead");
    clock.advance(-2 * MINUTE);
    sandbox.shell(&plugin).run();
    assert_eq!(plugin.runs(), 2, "made six minutes ahead");
}

#[test]
fn the_next_store_drops_expired_entries() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(HOUR).bytes());
    sandbox.shell(&plugin).arg("one").run();
    sandbox.shell(&plugin).arg("two").run();
    assert_eq!(sandbox.entries(), 2);
    clock.advance(2 * HOUR);
    plugin.prints(Credential::token("t").expires_at(clock.now_unix_s() + HOUR).bytes());
    sandbox.shell(&plugin).arg("three").run();
    assert_eq!(sandbox.entries(), 1);
}

#[test]
fn clear_removes_one_entry_or_all() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(HOUR).bytes());
    for name in ["one", "two", "three"] {
        sandbox.shell(&plugin).arg(name).run();
    }
    assert_eq!((plugin.runs(), sandbox.entries()), (3, 3));
    let run = sandbox.program().arg("--clear").arg(plugin.command()).arg("two").run();
    assert_eq!((run.code(), sandbox.entries()), (0, 2), "{run:?}");
    sandbox.shell(&plugin).arg("one").run();
    assert_eq!(plugin.runs(), 3);
    sandbox.shell(&plugin).arg("two").run();
    assert_eq!(plugin.runs(), 4);
    let run = sandbox.program().arg("--clear").run();
    assert_eq!((run.code(), sandbox.entries()), (0, 0), "{run:?}");
}

#[test]
fn clear_of_an_empty_cache_succeeds() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.program().arg("--clear").run().code(), 0);
    assert_eq!(sandbox.program().args(["--clear", "aws", "eks"]).run().code(), 0);
}

#[test]
fn the_list_names_commands_and_never_a_token() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("secret-of-the-list").expires_in(HOUR).bytes());
    sandbox.shell(&plugin).arg("an-argument").run();
    for arguments in [&["--list"][..], &["--list", "--json"]] {
        let run = sandbox.program().args(arguments).run();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stderr.is_empty(), "{run:?}");
        assert!(run.stdout_text().contains("/plugin"), "{run:?}");
        assert!(!run.stdout_text().contains("secret-of-the-list"), "{run:?}");
    }
    let json = sandbox.program().args(["--list", "--json"]).run().stdout;
    serde_json::from_slice::<serde_json::Value>(&json).expect("--list --json prints JSON");
}

#[test]
fn list_of_an_empty_cache_succeeds() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.program().arg("--list").run().code(), 0);
    let run = sandbox.program().args(["--list", "--json"]).run();
    assert_eq!(run.code(), 0, "{run:?}");
    serde_json::from_slice::<serde_json::Value>(&run.stdout).expect("--list --json prints JSON");
}

#[test]
fn the_log_has_one_line_per_call_and_never_a_secret() {
    let sandbox = Sandbox::new();
    let log = sandbox.home().join("log");
    sandbox.set_env("K8S_TOKEN_CACHE_LOG", &log);
    let plugin = sandbox.plugin("plugin");
    let lines = || fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    plugin.prints(Credential::token("SECRET-TOKEN").expires_in(HOUR).bytes());
    sandbox.cache(&plugin).run();
    assert!(lines()[0].contains("miss"), "{:?}", lines());
    sandbox.cache(&plugin).run();
    assert!(lines()[1].contains("hit"), "{:?}", lines());
    plugin.prints("SECRET-OUTPUT").writes_to_stderr("SECRET-WORD").exits_with(5);
    sandbox
        .cache(&plugin)
        .args(["--token", "SECRET-ARGUMENT"])
        .env("AWS_SECRET_ACCESS_KEY", "SECRET-KEY")
        .run();
    assert_eq!(lines().len(), 3);
    assert!(!lines().concat().contains("SECRET"), "{:?}", lines());
}

#[test]
fn a_log_that_cannot_be_written_does_not_cost_the_credential() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    fs::create_dir(sandbox.home().join("directory")).unwrap();
    make_fifo(&sandbox.home().join("fifo"));
    for log in ["directory", "fifo", "no/such/directory/log", ""] {
        sandbox.set_env("K8S_TOKEN_CACHE_LOG", sandbox.home().join(log));
        let credential = Credential::token("t").expires_in(HOUR).bytes();
        plugin.prints(&credential);
        sandbox.cache(&plugin).arg(log).run().assert_prints(&credential);
        sandbox.cache(&plugin).arg(log).run().assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 4);
}
