//! The command line: slips run nothing, and the emergency switch never stops a client.

use super::{Setting, User, rows};
use crate::support::{Credential, HOUR, Terminal};

const EKS: &str = "aws eks get-token --cluster-name demo";

#[test]
fn a_verb_without_its_dashes_runs_no_program_of_that_name() {
    let setting = Setting::new();
    let clear = setting.sandbox.plugin("clear");
    let run = setting.call(["clear"]).run();
    assert_eq!((run.code(), run.stdout_text(), clear.runs()), (2, String::new(), 0), "{run:?}");
    let expected = "k8s-token-cache: 'clear' was not run: did you mean --clear?\n\
                    hint: for a plugin of that name: k8s-token-cache -- clear\n";
    assert_eq!(run.stderr_text(), expected);
    for arguments in [vec!["--", "clear"], vec![clear.command().to_str().unwrap()]] {
        let before = clear.runs();
        setting.call(arguments).run();
        assert_eq!(clear.runs(), before + 1);
    }
}

#[test]
fn a_mistyped_option_runs_nothing_and_names_the_right_one() {
    let setting = Setting::new();
    let path = setting.users(&[User::direct("dev", EKS)]);
    let before = std::fs::read(&path).unwrap();
    let run = setting.call(["--inejct"]).run();
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(run.stderr_text().contains("unknown option '--inejct': did you mean --inject?"), "{run:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_plugin_that_does_not_exist_may_be_a_mistyped_verb() {
    let setting = Setting::new();
    let run = setting.call(["inejct"]).run();
    assert_eq!(run.code(), 127, "{run:?}");
    assert!(run.stderr_text().ends_with("\nhint: did you mean --inject?\n"), "{run:?}");
}

#[test]
fn a_user_is_explained_by_name_and_that_of_the_current_context_without() {
    let setting = Setting::new();
    setting.users(&[
        User::cached("dev", EKS).env("AWS_PROFILE", "dev"),
        User::cached("prod", "aws eks get-token --cluster-name prod"),
        User::direct("bare", "aws eks get-token --cluster-name bare"),
    ]);
    let explained = |arguments: &[&str]| setting.shown(arguments.iter().copied());
    for (user, cluster) in [("dev", "demo"), ("prod", "prod"), ("bare", "bare")] {
        let report = explained(&["--explain", "--user", user]);
        let command = format!("aws eks get-token --cluster-name {cluster}");
        assert_eq!(rows(&report, "command"), [command], "{report}");
        assert!(report.contains(&format!("\nCalled for user '{user}' of ")), "{report}");
    }
    let run = setting.call(["--explain"]).run();
    assert_eq!(run.code(), 1, "{run:?}");
    assert!(run.stderr_text().contains("the kubeconfig has no current context\nhint: "), "{run:?}");

    let path = setting.home(".kube/config");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, config.replacen('{', "{\"current-context\": \"prod\", ", 1)).unwrap();
    assert_eq!(explained(&["--explain"]), explained(&["--explain", "--user", "prod"]));

    let run = setting.call(["--explain", "--user", "nobody"]).run();
    assert_eq!(run.code(), 1, "{run:?}");
    assert!(run.stderr_text().contains("no kubeconfig has a user 'nobody' with an exec plugin"), "{run:?}");
    assert_eq!(setting.aws.runs(), 0);
}

#[test]
fn the_emergency_switch_never_stops_a_client() {
    let setting = Setting::new();
    let call = |switch: &str| setting.call(EKS.split(' ')).env("K8S_TOKEN_CACHE_DISABLE", switch);
    for (number, switch) in ["1", "true", "Yes", "on", "enabled", "2"].into_iter().enumerate() {
        let run = call(switch).env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon").run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{switch}: {run:?}");
        assert_eq!(setting.aws.runs(), number + 1, "{switch}");
    }
    assert!(setting.misses(call("no")), "nothing was cached");
    assert!(!setting.misses(call("off")));

    let terminal = Terminal::new();
    assert_eq!(call("enabled").on_terminal(&terminal).run().code(), 0);
    let shown = terminal.into_text();
    assert!(shown.contains("k8s-token-cache: K8S_TOKEN_CACHE_DISABLE: invalid value 'enabled'"), "{shown}");

    let log = setting.home("log");
    for (lines, switch) in ["1", "enabled"].into_iter().enumerate() {
        assert_eq!(call(switch).env("K8S_TOKEN_CACHE_LOG", &log).run().code(), 0);
        let logged = std::fs::read_to_string(&log).unwrap();
        assert_eq!(logged.lines().count(), lines + 1, "{logged}");
        assert!(logged.contains("K8S_TOKEN_CACHE_DISABLE"), "{logged}");
    }
}

#[test]
fn an_empty_list_of_variables_is_accepted() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call(["--key-env="].into_iter().chain(EKS.split(' ')))));
    assert!(!setting.misses(setting.call(["--key-env="].into_iter().chain(EKS.split(' ')))));
}

#[test]
fn a_plugin_with_the_name_of_a_verb_is_injected_and_restored() {
    let setting = Setting::new();
    let list = setting.sandbox.plugin("list");
    list.prints(Credential::token("t").expires_in(HOUR).bytes());
    let path = setting.users(&[User::direct("dev", "list now")]);
    let before = std::fs::read(&path).unwrap();
    setting.shown(["--inject"]);
    assert!(setting.shown(["--warm"]).ends_with("\n1 fetched\n"));
    assert_eq!(list.runs(), 1);
    setting.shown(["--restore"]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
