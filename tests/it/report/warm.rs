//! `--warm` fetches what the clients will ask for.

use std::fs;

use super::{Setting, User, rows, text};
use crate::support::{Call, Credential, HOUR, Plugin, Terminal, V1BETA1, await_that, kubectl};

const EKS: &str = "aws eks get-token --cluster-name demo";

fn hour(plugin: &Plugin) {
    plugin.prints(Credential::token("t").expires_in(HOUR).bytes());
}

#[test]
fn the_first_kubectl_after_it_hits() {
    let Some(kubectl) = kubectl() else { return };
    let setting = Setting::new();
    let old = setting.sandbox.plugin("aws-iam-authenticator");
    old.prints(Credential::token("t").api_version(V1BETA1).expires_in(HOUR).bytes());
    setting.users(&[
        User::cached("plain", EKS),
        User::cached("with-env", EKS).env("AWS_PROFILE", "dev").env("AWS_REGION", "eu-central-1"),
        User::cached("key-env", &format!("--key-env=TENANT {EKS}")).env("TENANT", "a"),
        User::cached("two", EKS)
            .exec("provideClusterInfo", true)
            .servers(&["https://127.0.0.1:1", "https://127.0.0.1:2/base?query"]),
        User::cached("old", "aws-iam-authenticator token -i demo")
            .exec("apiVersion", V1BETA1)
            .exec("interactiveMode", serde_json::Value::Null),
        User::direct("bare", EKS),
    ]);
    let warmed = setting.shown(["--warm"]);
    let summary = "6 fetched, 1 not injected (see --inject)";
    assert_eq!(warmed.lines().last().unwrap(), summary, "{warmed}");
    assert!(warmed.contains(": fetched, expires in 59m"), "{warmed}");
    let runs = (setting.aws.runs(), old.runs());
    for context in ["plain", "with-env", "key-env", "two", "two-1", "old"] {
        let call = setting.sandbox.tool(&kubectl.program).args(["--context", context, "get", "namespaces"]);
        let run = call.run(); // No server is there: it is enough that the credential was asked for.
        assert!(run.stderr_text().contains("refused"), "{run:?}");
        assert_eq!((setting.aws.runs(), old.runs()), runs, "{context} runs the plugin");
    }
    let again = setting.shown(["--warm"]);
    assert_eq!(again.lines().last().unwrap(), "6 already cached, 1 not injected (see --inject)", "{again}");
    assert_eq!((setting.aws.runs(), old.runs()), runs);
}

#[test]
fn users_that_differ_in_one_unknown_variable_get_two_credentials() {
    let setting = Setting::new();
    let path = setting.users(&["a", "b"].map(|tenant| User::direct(tenant, EKS).env("TENANT", tenant)));
    assert!(setting.shown(["--inject"]).ends_with("2 injected\n"));
    assert_eq!(fs::read_to_string(&path).unwrap().matches("--key-env=TENANT").count(), 2);
    assert!(setting.shown(["--warm"]).ends_with("2 fetched\n"));
    assert_eq!(setting.aws.runs(), 2);
    let listed = setting.shown(["--list"]);
    let tags = ["a", "b"].map(|tenant| {
        let (before, _) = listed.split_once(&format!(", user {tenant})")).unwrap();
        before.rsplit_once("(TENANT=").unwrap().1.to_owned()
    });
    assert!(tags.iter().all(|tag| tag.starts_with("***") && tag.len() == 7), "{listed}");
    assert_ne!(tags[0], tags[1], "hidden values are told apart: {listed}");
    setting.shown(["--restore"]);
    assert!(!fs::read_to_string(&path).unwrap().contains("--key-env"));
}

#[test]
fn only_users_that_make_the_same_call_share_a_look_up() {
    let setting = Setting::new();
    let user = |name| User::cached(name, EKS);
    let with_cluster = |server| user("other").exec("provideClusterInfo", true).servers(&[server]);
    let others = [
        user("other").env("AWS_PROFILE", "prod"),
        User::cached("other", &EKS.replace("demo", "another")),
        User::cached("other", &format!("--key-env=TENANT {EKS}")).env("TENANT", "a"),
        with_cluster("https://127.0.0.1:1"),
        with_cluster("https://127.0.0.1:2"),
        user("other").exec("apiVersion", V1BETA1),
    ];
    setting.users(&[user("first")]);
    assert!(setting.shown(["--warm"]).ends_with("1 fetched\n"));
    for other in others {
        setting.users(&[user("first"), user("same"), other]);
        let warmed = setting.shown(["--warm"]);
        assert!(warmed.contains("2 already cached"), "{warmed}");
    }
}

/// The number of child processes that were not waited for.
fn children(pid: u32) -> usize {
    match fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) {
        Ok(children) => children.split_whitespace().count(),
        Err(_) => 8, // The system does not tell, so the test proves less.
    }
}

#[test]
fn at_most_eight_plugins_run_side_by_side() {
    let setting = Setting::new();
    let users: Vec<User> = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
        .into_iter()
        .map(|name| User::cached(name, &format!("aws {name}")))
        .collect();
    setting.users(&users);
    setting.aws.hold();
    let warming = setting.call(["--warm"]).spawn();
    setting.aws.await_runs(8);
    assert_eq!(children(warming.pid()), 8);
    let first = setting.aws.pids()[0];
    setting.aws.release_run(first);
    await_that("the ninth follows", || setting.aws.runs() == 9);
    assert_eq!(children(warming.pid()), 8);
    setting.aws.release();
    let run = warming.finish();
    assert_eq!((run.code(), setting.aws.runs()), (0, 11), "{run:?}");
    assert!(run.stdout_text().ends_with("\n11 fetched\n"), "{run:?}");
}

/// The table knows that `kubelogin get-token` with the device code flow prompts.
#[test]
fn plugins_that_may_prompt_run_one_after_another_and_last() {
    let setting = Setting::new();
    let kubelogin = setting.sandbox.plugin("kubelogin");
    hour(&kubelogin);
    kubelogin.hold();
    let login =
        |name, id| User::cached(name, &format!("kubelogin get-token --login devicecode --server-id {id}"));
    setting.users(&[login("a", 1), login("b", 2), User::cached("silent", EKS)]);
    let warming = setting.call(["--warm"]).spawn();
    kubelogin.await_runs(1);
    assert_eq!(setting.aws.runs(), 1, "the silent one came first");
    kubelogin.release_run(kubelogin.pids()[0]);
    kubelogin.await_runs(2);
    kubelogin.release();
    let run = warming.finish();
    assert!(run.stdout_text().ends_with("\n3 fetched\n"), "{run:?}");
}

#[test]
fn only_a_plugin_that_may_prompt_gets_the_terminal() {
    let setting = Setting::new();
    let kubelogin = setting.sandbox.plugin("kubelogin");
    for plugin in [&kubelogin, &setting.aws] {
        hour(plugin);
        plugin.records();
    }
    setting.users(&[
        User::cached("login", "kubelogin get-token --login devicecode --server-id 1"),
        User::cached("silent", EKS),
    ]);
    let terminal = Terminal::new();
    let run = setting.call(["--warm"]).on_terminal(&terminal).run();
    assert_eq!(run.code(), 0, "{run:?}");
    assert_eq!((kubelogin.terminals(), setting.aws.terminals()), (vec![0, 2], vec![]));
    let interactive = |plugin: &Plugin| {
        let info = plugin.environ_value("KUBERNETES_EXEC_INFO").unwrap().into_string().unwrap();
        info.contains("\"interactive\":true")
    };
    assert_eq!((interactive(&kubelogin), interactive(&setting.aws)), (true, false));
}

#[test]
fn a_failure_is_explained_and_does_not_stop_the_others() {
    let setting = Setting::new();
    let broken = setting.sandbox.plugin("aws-iam-authenticator");
    broken.prints("hush").writes_to_stderr("no such role\n").exits_with(7);
    setting.users(&[
        User::cached("broken", "aws-iam-authenticator token"),
        User::cached("missing", "doctl kubernetes cluster kubeconfig exec-credential"),
        User::cached("fine", EKS),
    ]);
    let run = setting.call(["--warm"]).run();
    assert_eq!((run.code(), run.stderr_text()), (1, String::new()), "{run:?}");
    let shown = run.stdout_text();
    assert!(
        shown.contains("user 'broken' of '") && shown.contains("': failed: status 7\n  no such role\n"),
        "{shown}"
    );
    assert!(
        shown.contains("failed: status 127\n  k8s-token-cache: cannot find the exec plugin 'doctl'"),
        "{shown}"
    );
    assert!(shown.ends_with("\n1 fetched, 2 failed\n"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn why_a_credential_was_not_cached_is_shown_and_is_no_failure() {
    let setting = Setting::new();
    setting.users(&[User::cached("dev", EKS)]);
    let warm = |change: &dyn Fn(Call) -> Call| {
        let run = change(setting.call(["--warm"])).run();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stdout_text().ends_with("\n1 not cached\n"), "{run:?}");
        run.stdout_text()
    };
    let same = |call: Call| call;
    for (output, why) in [
        (Credential::token("t").bytes(), "K8S_TOKEN_CACHE_DEFAULT_TTL"),
        (Credential::token("t").expires_in(-HOUR).bytes(), "it has already expired"),
        (b"hush".to_vec(), "it is no"),
        ([b' '; 3 << 20].to_vec(), "the output is too long"),
    ] {
        setting.aws.prints(output);
        let shown = warm(&same);
        assert!(shown.contains("': not cached: ") && shown.contains(why), "{why}: {shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
    hour(&setting.aws);
    let shown = warm(&|call| call.env("K8S_TOKEN_CACHE_DISABLE", "1"));
    assert!(shown.contains(": not cached: K8S_TOKEN_CACHE_DISABLE is set\n"), "{shown}");
    let shown = warm(&|call| call.env("K8S_TOKEN_CACHE_FILE", "/"));
    assert!(shown.contains(": not cached: '/' is not the name of a file\n"), "{shown}");
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_a_failure() {
    let setting = Setting::new();
    let good = setting.users(&[User::cached("fine", EKS)]);
    let bad = setting.write("bad", "users: [");
    let run = setting.call(["--warm", bad.to_str().unwrap(), good.to_str().unwrap()]).run();
    assert_eq!(run.code(), 1, "{run:?}");
    assert!(run.stdout_text().ends_with("\n1 fetched\n"), "{run:?}");
    assert!(run.stderr_text().contains(&format!("'{}', line 1", bad.display())), "{run:?}");
    let run = setting.call(["--warm", "no-such-file"]).run();
    assert_eq!(run.code(), 1, "{run:?}");
}

#[test]
fn without_users_there_is_nothing_to_do() {
    let setting = Setting::new();
    assert_eq!(setting.shown(["--warm"]), "no user goes through the cache\n");
    setting.users(&[User::direct("bare", EKS)]);
    assert_eq!(setting.shown(["--warm"]), "no user goes through the cache, 1 not injected (see --inject)\n");
}

#[test]
fn a_terminal_shows_what_it_waits_for_and_is_clean_at_the_end() {
    let setting = Setting::new();
    setting.users(&[User::cached("dev", EKS), User::cached("prod", &format!("{EKS}-2"))]);
    setting.aws.hold();
    let terminal = Terminal::new().columns(60);
    let mut call = setting.call(["--warm"]).on_terminal(&terminal);
    terminal.show_output(call.command());
    let warming = call.spawn();
    setting.aws.await_runs(2);
    setting.aws.release();
    assert_eq!(warming.finish().code(), 0);
    let shown = terminal.into_text();
    assert!(shown.starts_with("0 of 2, waiting for dev, prod\r"), "{shown:?}");
    let shown = ["\u{1b}[32m", "\u{1b}[0m"].iter().fold(shown, |text, code| text.replace(code, ""));
    let on_screen: Vec<&str> = shown.lines().map(|line| line.rsplit('\r').next().unwrap()).collect();
    assert_eq!(on_screen.len(), 3, "{shown:?}");
    assert!(on_screen[..2].iter().all(|line| line.starts_with("user '")), "{shown:?}");
    assert_eq!(on_screen[2], "2 fetched");
}

#[test]
fn a_cache_inside_another_wrapper_is_warmed_too() {
    let setting = Setting::new();
    let wrapper = setting.write("bin/wrapper", "#!/bin/sh\nshift\nexec env AWS_PROFILE=inner \"$@\"\n");
    fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    setting.users(&[User::direct("wrapped", &format!("wrapper -- k8s-token-cache {EKS}"))]);
    let run = setting.call(["--warm"]).run();
    assert_eq!((run.code(), setting.aws.runs()), (0, 1), "{run:?}");
    assert!(text(&run).ends_with("\n1 fetched\n"), "{run:?}");
    let explained = setting.call(["--explain"]).args(EKS.split(' ')).env("AWS_PROFILE", "inner").run();
    assert!(!rows(&explained.stdout_text(), "nearest").is_empty(), "{explained:?}");
}

#[test]
fn what_kubectls_policy_forbids_is_not_run() {
    let setting = Setting::new();
    hour(&setting.aws);
    setting.users(&[User::cached("dev", EKS)]);
    let with_list = |names: &[&str]| {
        let items: String = names.iter().map(|name| format!("- name: {name}\n")).collect();
        let head = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
        let policy = "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n";
        setting.write(".kube/kuberc", [head, policy, &items].concat());
        setting.call(["--warm"]).run()
    };
    for names in [&["k8s-token-cache"][..], &["aws"], &["other"]] {
        let run = with_list(names);
        let expected = "failed: kubectl's policy does not allow it: credentialPluginAllowlist in '";
        assert!(run.code() == 1 && run.stdout_text().contains(expected), "{names:?}: {run:?}");
        assert_eq!(setting.aws.runs(), 0);
    }
    assert_eq!(with_list(&["aws", "k8s-token-cache"]).code(), 0);
    assert_eq!(setting.aws.runs(), 1);
}

/// Its plugins run side by side, without the terminal.
#[test]
fn at_a_terminal_it_ends_the_pause_after_a_failure() {
    let setting = Setting::new();
    setting.users(&[User::cached("dev", EKS), User::cached("prod", EKS).env("AWS_PROFILE", "prod")]);
    setting.aws.exits_with(3);
    for runs in [2, 2] {
        assert_eq!(setting.call(["--warm"]).run().code(), 1);
        assert_eq!(setting.aws.runs(), runs);
    }
    hour(&setting.aws);
    setting.aws.exits_with(0);
    let terminal = Terminal::new();
    let run = setting.call(["--warm"]).on_terminal(&terminal).run();
    assert_eq!(run.stdout_text().lines().last(), Some("2 fetched"), "{run:?}");
}
