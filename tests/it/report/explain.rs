//! `--explain` predicts what the next call does, and says why.

use serde_json::json;

use super::{Setting, User, everything_below, rows, text};
use crate::support::{Call, Credential, EXEC_INFO, HOUR, MINUTE, kubectl};

const EKS: [&str; 5] = ["aws", "eks", "get-token", "--cluster-name", "demo"];

impl Setting {
    fn explained(&self, change: impl Fn(Call) -> Call) -> String {
        let run = change(self.call(["--explain"]).args(EKS)).run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{run:?}");
        run.stdout_text()
    }

    /// The prediction for the next call from here, which then does so.
    #[track_caller]
    fn predicted(&self, change: impl Fn(Call) -> Call) -> String {
        let next = rows(&self.explained(&change), "next").remove(0);
        let misses = self.misses(change(self.call(EKS)));
        assert_eq!(misses, next.starts_with("miss: "), "the call did not do as predicted: {next}");
        assert!(misses || next.starts_with("hit: "), "{next}");
        next
    }
}

#[test]
fn the_next_call_does_as_predicted() {
    let setting = Setting::new();
    setting.write(".aws/config", "[default]\n");
    let same = |call: Call| call;
    assert_eq!(setting.predicted(same), "miss: no encryption key has been created yet, so nothing is cached");
    assert!(setting.predicted(same).starts_with("hit: it expires in 59m"));

    assert_eq!(
        setting.predicted(|call| call.env("AWS_PROFILE", "dev")),
        "miss: not cached; the nearest entry differs: AWS_PROFILE is unset, not 'dev'"
    );
    assert!(setting.predicted(|call| call.env("AWS_PROFILE", "dev")).starts_with("hit: "));
    assert_eq!(
        setting
            .predicted(|call| call.env("AWS_PROFILE", "dev").env("AWS_VAULT", "v").env("AWS_REGION", "eu")),
        "miss: not cached; the nearest entry differs: AWS_VAULT is unset, not 'v'; AWS_REGION is unset, not 'eu'"
    );
    assert_eq!(
        setting.predicted(|call| call.env("KUBERNETES_EXEC_INFO", EXEC_INFO)),
        "miss: not cached; the nearest entry differs: apiVersion is none, not v1"
    );
    let info = json!({"apiVersion": "client.authentication.k8s.io/v1",
        "spec": {"cluster": {"server": "https://b"}}});
    assert_eq!(
        setting.predicted(|call| call.env("KUBERNETES_EXEC_INFO", info.to_string())),
        "miss: not cached; the nearest entry differs: cluster is none, not https://b"
    );
    setting.write(".aws/config", "[default]\nregion = eu-west-1\n");
    let config = setting.home(".aws/config");
    let changed =
        format!("miss: not cached; the nearest entry differs: '{}' has changed since", config.display());
    assert_eq!(setting.predicted(same), changed);
    assert!(setting.predicted(same).starts_with("hit: "));
    assert!(setting.predicted(|call| call.env("TERM", "vt100").env("SHLVL", "3")).starts_with("hit: "));
}

#[test]
fn age_and_margin_are_predicted() {
    let setting = Setting::new();
    let Some(mut clock) = setting.sandbox.clock() else { return };
    let same = |call: Call| call;
    let in_ten_minutes = |now: i64| Credential::token("t").expires_at(now + 10 * MINUTE).bytes();
    setting.aws.prints(in_ten_minutes(clock.now_unix_s()));
    assert!(setting.misses(setting.call(EKS)));
    let refresh = |setting: &Setting| rows(&setting.explained(same), "refresh").remove(0);
    assert!(refresh(&setting).starts_with("in the background, by the first call after "));

    clock.advance(8 * MINUTE);
    assert_eq!(refresh(&setting), "in the background, by the next call");
    clock.advance(MINUTE + 40);
    setting.aws.prints(in_ten_minutes(clock.now_unix_s()));
    let next = setting.predicted(same);
    assert!(next.starts_with("miss: inside the refresh margin of 30s, because "), "{next}");
    clock.advance(11 * MINUTE);
    setting.aws.prints(in_ten_minutes(clock.now_unix_s()));
    assert_eq!(setting.predicted(same), "miss: expired");
    clock.advance(-2 * HOUR);
    setting.aws.prints(in_ten_minutes(clock.now_unix_s()));
    assert_eq!(setting.predicted(same), "miss: created in the future");
}

#[test]
fn the_log_gives_the_same_reasons() {
    let setting = Setting::new();
    let Some(mut clock) = setting.sandbox.clock() else { return };
    let log = setting.home("log");
    setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", &log);
    setting.aws.prints(Credential::token("t").expires_in(HOUR).bytes());
    assert!(setting.misses(setting.call(EKS)));
    let explained_and_logged = |expected: &str| {
        let next = rows(&setting.explained(|call| call), "next").remove(0);
        assert!(next.starts_with(expected), "{next}");
        setting.misses(setting.call(EKS));
        let logged = std::fs::read_to_string(&log).unwrap();
        let last = logged.lines().last().unwrap();
        assert!(last.contains(&format!(" aws {expected}")), "{last}");
    };
    explained_and_logged("hit: ");
    clock.advance(HOUR - 20);
    setting.aws.prints(Credential::token("t").expires_at(clock.now_unix_s() + HOUR).bytes());
    explained_and_logged("miss: inside the refresh margin");
    clock.advance(2 * HOUR);
    setting.aws.prints(Credential::token("t").expires_at(clock.now_unix_s() + HOUR).bytes());
    explained_and_logged("miss: expired");
    let file = setting.sandbox.cache_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let start = text.find("\"sealed\":\"").unwrap() + 10;
    std::fs::write(&file, [&text[..start], "AAAA", &text[start + 4..]].concat()).unwrap();
    explained_and_logged("miss: the entry cannot be opened");
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 5, "a line per call");
}

#[test]
fn a_kubeconfig_user_is_explained_as_kubectl_calls() {
    let Some(kubectl) = kubectl() else { return };
    let setting = Setting::new();
    setting.users(&[
        User::cached("dev", &EKS.join(" ")).env("AWS_PROFILE", "dev").exec("provideClusterInfo", true),
        User::cached("other", "aws eks get-token --cluster-name other"),
        User::direct("bare", &EKS.join(" ")),
    ]);
    let run = || {
        let call = setting.sandbox.tool(&kubectl.program).args(["--context", "dev", "get", "namespaces"]);
        call.run(); // No server is there: it is enough that the plugin was run.
        setting.aws.runs()
    };
    let before = setting.explained(|call| call);
    assert!(before.contains("\nCalled for user 'dev' of '"), "{before}");
    assert!(before.contains("with cluster 'dev':\n"), "{before}");
    assert_eq!(rows(&before, "with"), ["AWS_PROFILE=dev\napiVersion v1\ncluster https://127.0.0.1:1"]);
    assert!(!before.contains("user 'other'"), "{before}");
    let of_bare = "not cached: the cache is not in front of it, see --inject";
    assert_eq!(rows(&before, "next").last().unwrap(), of_bare);

    assert_eq!(run(), 1);
    let after = setting.explained(|call| call);
    let next = rows(&after, "next");
    let from_here = "miss: not cached; the nearest entry differs: AWS_PROFILE is 'dev', not unset; apiVersion is v1, \
                     not none; cluster is https://127.0.0.1:1, not none";
    assert_eq!(next[0], from_here);
    assert!(next[1].starts_with("hit: "), "{after}");
    assert_eq!(run(), 1, "it was right");
}

#[test]
fn of_two_equally_near_entries_that_of_the_same_client_is_shown() {
    let setting = Setting::new();
    setting.write(".aws/config", "");
    let from_client = |call: Call| call.env("KUBERNETES_EXEC_INFO", EXEC_INFO);
    assert!(setting.predicted(from_client).starts_with("miss: "));
    let config = setting.write(".aws/config", "[default]\n");
    assert!(setting.misses(setting.call(EKS)), "from a shell, with the new file");
    let changed =
        format!("miss: not cached; the nearest entry differs: '{}' has changed since", config.display());
    assert_eq!(setting.predicted(from_client), changed);
}

#[test]
fn other_entries_of_the_command_are_shown_with_their_differences() {
    let setting = Setting::new();
    for profile in ["a", "b", "c"] {
        assert!(setting.misses(setting.call(EKS).env("AWS_PROFILE", profile)));
    }
    assert!(setting.misses(setting.call(EKS).env("KUBERNETES_EXEC_INFO", EXEC_INFO)));
    assert!(setting.misses(setting.call(["aws", "something", "else"])));
    let report = setting.explained(|call| call.env("AWS_PROFILE", "a"));
    let differences = rows(&report, "differs in");
    assert_eq!(differences.len(), 3, "{report}");
    assert!(differences.contains(&"AWS_PROFILE is 'b', not 'a'".to_owned()), "{report}");
    assert!(differences.contains(&"AWS_PROFILE is 'c', not 'a'".to_owned()), "{report}");
    let by_client = "apiVersion is v1, not none\nAWS_PROFILE is unset, not 'a'";
    assert!(differences.contains(&by_client.to_owned()), "{report}");
    assert!(
        report.ends_with("\n1 credential of the same program with other arguments: see --list\n"),
        "{report}"
    );
}

/// The nearest entry of a miss may have the same old files.
#[test]
fn other_entries_are_compared_with_calls_not_with_entries() {
    let setting = Setting::new();
    for profile in ["a", "b"] {
        assert!(setting.misses(setting.call(EKS).env("AWS_PROFILE", profile)));
    }
    let config = setting.write(".aws/config", "[default]\n");
    let report = setting.explained(|call| call.env("AWS_PROFILE", "a"));
    let expected = format!("AWS_PROFILE is 'b', not 'a'\n'{}' has changed since", config.display());
    assert_eq!(rows(&report, "differs in"), [expected], "{report}");
}

#[test]
fn why_a_call_is_never_cached_is_shown() {
    let setting = Setting::new();
    let of = |change: &dyn Fn(Call) -> Call| rows(&setting.explained(change), "next").remove(0);
    assert_eq!(
        of(&|call| call.env("K8S_TOKEN_CACHE_DISABLE", "1")),
        "never cached: K8S_TOKEN_CACHE_DISABLE is set"
    );
    assert_eq!(
        of(&|call| call.env("KUBERNETES_EXEC_INFO", "{")),
        "never cached: cannot read KUBERNETES_EXEC_INFO: it is not an ExecCredential"
    );
    let secret = |call: Call| {
        let call = call.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush");
        call.env("K8S_TOKEN_CACHE_ENCRYPTION", "off")
    };
    let expected = "never cached: a secret tells this credential from others, so caching it needs encryption: \
                    AWS_CONTAINER_AUTHORIZATION_TOKEN";
    assert_eq!(of(&secret), expected);
    let explained = setting.call(["--explain", "aws", "eks", "get-token", "--client-secret", "hush"]);
    let report = explained.env("K8S_TOKEN_CACHE_ENCRYPTION", "off").run().stdout_text();
    assert!(rows(&report, "next")[0].ends_with("needs encryption: --client-secret"), "{report}");
    assert!(!report.contains("hush"), "{report}");
    let report = setting.explained(|call| call.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush"));
    assert!(report.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN=***"), "{report}");
}

#[test]
fn a_recent_failure_is_shown_to_the_same_shell() {
    let setting = Setting::new();
    setting.aws.exits_with(3);
    assert_eq!(setting.call(EKS).run().code(), 3);
    let report = setting.explained(|call| call);
    let [but] = &rows(&report, "but")[..] else { panic!("{report}") };
    assert!(but.starts_with("the plugin failed with status 3 just now; it is not run again for "), "{but}");
    let next = &rows(&report, "next")[0];
    assert!(next.starts_with("miss: not cached, and paused for "), "{next}");
    assert!(next.contains(" s after status 3 (not for calls from a terminal)"), "{next}");
    let elsewhere = setting.call(["--explain"]).args(EKS).by_another_caller().run();
    assert!(rows(&text(&elsewhere), "but").is_empty(), "{elsewhere:?}");
}

#[test]
fn only_the_user_that_was_asked_for_is_explained() {
    let setting = Setting::new();
    setting.users(&[
        User::cached("dev", &EKS.join(" ")).env("AWS_PROFILE", "dev"),
        User::cached("prod", &EKS.join(" ")).env("AWS_PROFILE", "prod"),
        User::direct("bare", &EKS.join(" ")),
    ]);
    for name in ["dev", "prod", "bare"] {
        let report = setting.shown(["--explain", "--user", name]);
        assert!(report.contains(&format!("\nCalled for user '{name}' of '")), "{report}");
        assert_eq!(report.matches("Called").count(), 1, "{report}");
        assert_eq!(report.contains(&format!("AWS_PROFILE={name}\n")), name != "bare", "{report}");
    }
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_the_reason_that_no_user_is_found() {
    let setting = Setting::new();
    let path = setting.home(".kube/config");
    let explained = |arguments: &[&str]| {
        let run = setting.call(["--explain"]).args(arguments).run();
        assert_eq!((run.code(), run.stdout_text()), (1, String::new()), "{run:?}");
        run.stderr_text()
    };
    for arguments in [&[][..], &["--user", "dev"]] {
        let _ = std::fs::remove_file(&path);
        let missing =
            format!("k8s-token-cache: cannot read '{}': no such file or directory\n", path.display());
        assert_eq!(explained(arguments), missing);
        setting.write(".kube/config", "users:\n- {name: [\n");
        let invalid = explained(arguments);
        assert!(
            invalid.starts_with(&format!("k8s-token-cache: cannot read '{}'", path.display())),
            "{invalid}"
        );
        assert!(invalid.contains("line "), "{invalid}");
    }
}

#[test]
fn what_counts_for_an_unknown_plugin_is_shown() {
    let setting = Setting::new();
    let report = setting.shown(["--explain", "awss", "eks"]);
    assert_eq!(rows(&report, "but"), ["'awss' is not found on PATH"], "{report}");
    assert!(rows(&report, "plugin")[0].starts_with("unknown, so everything counts: "), "{report}");
    assert!(rows(&report, "plugin")[0].ends_with("; it is not known whether it prompts"), "{report}");
    assert!(rows(&report, "others")[0].contains("PATH"), "{report}");
    let report = setting.shown(["--explain", "--key-env=FOO", "awss", "eks"]);
    assert!(!report.contains("everything counts") && rows(&report, "others").is_empty(), "{report}");
    assert!(rows(&report, "variables")[0].contains("FOO is not set"), "{report}");
    let report = setting.shown(["--explain", "./plugin"]);
    assert!(!report.contains("directory  directory"), "{report}");
    assert!(rows(&report, "but").is_empty() && rows(&report, "directory")[0].starts_with('/'), "{report}");
}

#[test]
fn explaining_creates_and_runs_nothing() {
    let setting = Setting::new();
    setting.users(&[User::cached("dev", &EKS.join(" ")), User::direct("bare", &EKS.join(" "))]);
    let before = everything_below(setting.sandbox.home());
    setting.explained(|call| call);
    assert_eq!(everything_below(setting.sandbox.home()), before);
    assert!(setting.misses(setting.call(EKS)));
    let before = everything_below(setting.sandbox.home());
    setting.explained(|call| call);
    setting.explained(|call| call.env("AWS_PROFILE", "new"));
    assert_eq!(everything_below(setting.sandbox.home()), before);
    assert_eq!(setting.aws.runs(), 1);
}
