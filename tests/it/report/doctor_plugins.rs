//! `--doctor` looks at kubeconfigs, their users and what they run, and at kubectl's policy.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::doctor::{EKS, same};
use super::{Setting, User, rows};
use crate::support::{Credential, HOUR, PROGRAM, kubectl};

#[test]
fn users_without_the_cache_are_named_and_the_fix_injects_them() {
    let setting = Setting::new();
    setting.users(&[User::direct("arn:aws:eks:eu-west-1:1:cluster/a", EKS), User::direct("it's", EKS)]);
    let problems = setting.problems(same);
    assert_eq!(problems.len(), 2);
    assert!(problems[0].starts_with("user 'arn:aws:eks:eu-west-1:1:cluster/a' of '"), "{problems:?}");
    for problem in &problems {
        setting.paste(problem, "k8s-token-cache --inject --user ");
    }
    assert!(setting.problems(same).is_empty());
}

#[test]
fn users_that_inject_refuses_are_named_with_the_reason() {
    let setting = Setting::new();
    let user = |name: &str, exec: &str| format!("- name: {name}\n  user:\n    exec:\n{exec}");
    let rest = "      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n";
    let refused = [
        user("merge", &format!("      <<: {{installHint: x}}\n      command: aws\n{rest}")),
        user("explicit", &format!("      ? command\n      : aws\n{rest}")),
        user("block", &format!("      command: |-\n        aws\n{rest}")),
    ];
    let fine = user("fine", &format!("      command: aws\n{rest}"));
    let text = format!("apiVersion: v1\nkind: Config\nusers:\n{}{fine}", refused.concat());
    let path = setting.write(".kube/config", text);
    let problems = setting.problems(same);
    let inject = setting.call(["--inject", "--dry-run"]).run().stderr_text();
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (problem, name) in problems.iter().zip(["merge", "explicit", "block"]) {
        let refusal = format!("{}: {name}: refused, ", path.display());
        let reason = inject.lines().find_map(|line| line.strip_prefix(&refusal)).expect(name);
        assert!(problem.contains(&format!("and --inject refuses it: {reason}\n")), "{problem}");
        assert!(problem.ends_with("fix: put the cache in front of its command by hand"), "{problem}");
    }
    assert!(problems[3].ends_with("fix: k8s-token-cache --inject --user fine"), "{problems:?}");
    setting.write(".kube/config", format!("sops: {{}}\nusers:\n{fine}"));
    assert!(setting.problem(same).contains("the file is encrypted with SOPS"));
}

#[test]
fn a_missing_program_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    fs::remove_file(setting.home("bin/k8s-token-cache")).unwrap();
    let problem = setting.problem(same);
    assert!(problem.starts_with("'k8s-token-cache' is not found on PATH ("), "{problem}");
    setting.paste(&problem, &format!("{PROGRAM} --inject --command {PROGRAM}"));
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_plugin_that_is_missing_or_cannot_be_executed_is_named() {
    let setting = Setting::new();
    setting.users(&[User::cached("do", "doctl kubernetes"), User::cached("own", "no-such-plugin x")]);
    let problems = setting.problems(same);
    let [bin, plugins] = ["bin", "plugins"].map(|directory| setting.home(directory).display().to_string());
    let path = format!("{bin}:{plugins}:/usr/bin:/bin");
    let expected = format!("'doctl' is not found on PATH ({path}), and user 'do' of '");
    assert!(problems[0].starts_with(&expected), "{problems:?}");
    assert!(problems[0].contains("https://docs.digitalocean.com/"), "the table knows: {problems:?}");
    assert!(problems[1].ends_with("fix: install it, or put it on PATH"), "{problems:?}");
    let hinted = User::cached("own", "no-such-plugin x").exec("installHint", "\nask IT\u{1b}[2J");
    setting.users(&[hinted]);
    assert!(setting.problem(same).ends_with("fix: ask IT\u{fffd}[2J"), "the kubeconfig knows better");
    setting.users(&[User::cached("do", "doctl kubernetes"), User::cached("own", "no-such-plugin x")]);
    setting.write("plugins/no-such-plugin", "");
    setting.write("plugins/doctl", "");
    let problems = setting.problems(same);
    assert!(problems.iter().all(|problem| problem.contains("cannot be executed")), "{problems:?}");
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_plugin_that_is_not_known_is_noted_once_for_each_user() {
    let setting = Setting::new();
    setting.sandbox.plugin("corp-login");
    setting.users(&[
        User::cached("a", "corp-login x"),
        User::cached("b", "corp-login y"),
        User::cached("stated", "--key-env=TENANT corp-login"),
        User::cached("added", "--key-env=+TENANT corp-login"),
        User::cached("script", "sh -c corp-login|cat"),
        User::cached("known", EKS),
        User::cached("wrapped", "env A=b aws eks get-token"),
    ]);
    let run = setting.call(["--doctor"]).run();
    let notes = rows(&run.stdout_text(), "note");
    let unknown: Vec<&String> = notes.iter().filter(|note| note.contains("is not a known plugin")).collect();
    for (note, (user, plugin)) in unknown.iter().zip([
        ("a", "corp-login"),
        ("b", "corp-login"),
        ("added", "corp-login"),
        ("script", "sh"),
    ]) {
        assert!(note.starts_with(&format!("user '{user}' of '")), "{note}");
        assert!(note.contains(&format!("'{plugin}' is not a known plugin: its whole environment counts")));
        assert!(note.contains("--key-env=NAME,..."), "{note}");
    }
    assert_eq!(unknown.len(), 4, "{run:?}");
}

#[test]
fn what_clients_refuse_in_exec_is_named_and_the_fix_works() {
    let Some(kubectl) = kubectl() else { return };
    let setting = Setting::new();
    let null = serde_json::Value::Null;
    setting.users(&[
        User::cached("alpha", EKS).exec("apiVersion", "client.authentication.k8s.io/v1alpha1"),
        User::cached("unversioned", EKS).exec("apiVersion", null.clone()),
        User::cached("modeless", EKS).exec("interactiveMode", null),
        User::direct("in one", "aws").exec("unused", true),
    ]);
    let path = setting.home(".kube/config");
    let config = fs::read_to_string(&path).unwrap().replace("\"command\":\"aws\"", "\"command\":\"aws eks\"");
    fs::write(&path, config).unwrap();
    let problems = setting.problems(same);
    let expected = [
        "v1alpha1",
        "has no apiVersion",
        "has no interactiveMode",
        "does not go through",
        "whole command line",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.contains(expected), "{problem}");
        if expected != "does not go through" {
            let kubectl = kubectl.program.display().to_string();
            let problem = problem.replace("fix: kubectl ", &format!("fix: {kubectl} "));
            setting.paste(&problem, &kubectl);
        }
    }
    let problems = setting.problems(same);
    assert_eq!(problems.len(), 1, "{problems:?}");
    setting.paste(&problems[0], "k8s-token-cache --inject --user ");
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_policy_that_denies_all_plugins_is_named() {
    let setting = Setting::healthy();
    let policy =
        "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n";
    setting.write(".kube/kuberc", policy);
    let problem = setting.problem(same);
    assert!(
        problem.starts_with("kubectl does not run 'k8s-token-cache': credentialPluginPolicy in '"),
        "{problem}"
    );
    assert!(problem.contains("is DenyAll\nfix: "), "{problem}");
}

#[test]
fn users_without_the_cache_are_not_ok() {
    let setting = Setting::new();
    setting.users(&[User::cached("a", EKS), User::direct("b", EKS)]);
    let run = setting.call(["--doctor"]).run();
    let expected = "1 of 2 users with an exec plugin go through the cache";
    assert!(rows(&run.stdout_text(), "note").contains(&expected.to_owned()), "{run:?}");
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_named_and_a_missing_one_noted() {
    let setting = Setting::healthy();
    setting.write(".kube/config", "users: [");
    let problem = setting.problem(same);
    assert!(problem.contains(".kube/config', line 1: "), "{problem}");
    fs::remove_file(setting.home(".kube/config")).unwrap();
    assert!(setting.problems(same).is_empty());
    let report = setting.shown(["--doctor"]);
    assert!(rows(&report, "note")[0].starts_with("there is no kubeconfig '"), "{report}");
}

#[test]
fn a_read_only_kubeconfig_gets_the_advice_of_inject() {
    let setting = Setting::new();
    setting.users(&[User::direct("plain", EKS)]);
    let path = setting.home(".kube/config");
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    let problems = setting.problems(same);
    let problem = problems.iter().find(|problem| problem.contains("does not go through")).expect("a problem");
    let refused = setting.call(["--inject"]).run().stderr_text();
    let (reason, hint) = refused.trim_end().split_once("\nhint: ").unwrap();
    let reason = reason.strip_prefix("k8s-token-cache: ").unwrap();
    let on_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let problem = on_one_line(problem);
    assert!(problem.contains(&on_one_line(&format!(", and {reason}"))), "{problem}\n{refused}");
    assert!(problem.ends_with(&on_one_line(&format!("fix: {hint}"))), "{problem}\n{refused}");
}

#[test]
fn a_list_of_allowed_plugins_without_this_program_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    let policy = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n\
                  credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: aws\n";
    let kuberc = setting.write(".kube/kuberc", policy);
    let problem = setting.problem(same);
    let expected = "kubectl does not run 'k8s-token-cache': credentialPluginAllowlist in '";
    assert!(problem.starts_with(expected), "{problem}");
    let (_, item) = problem.split_once("/kuberc':\n").unwrap();
    fs::write(&kuberc, format!("{policy}{item}\n")).unwrap();
    assert!(setting.problems(same).is_empty());
    // The plugin behind the cache must be in the list, too.
    fs::write(&kuberc, policy.replace("- name: aws", "- name: k8s-token-cache")).unwrap();
    let problem = setting.problem(same);
    assert!(problem.starts_with("kubectl does not run 'aws': "), "{problem}");
    let (_, item) = problem.split_once("/kuberc':\n").unwrap();
    fs::write(kuberc, format!("{}{item}\n", policy.replace("aws", "k8s-token-cache"))).unwrap();
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_plugin_whose_output_states_no_expiry_is_noted_with_the_variable() {
    let setting = Setting::healthy();
    let notes = || rows(&setting.shown(["--doctor"]), "note");
    setting.aws.prints(Credential::token("t").bytes());
    assert!(notes().is_empty());
    setting.shown(["--warm"]);
    let [note] = &notes()[..] else { panic!("{:?}", notes()) };
    assert!(note.starts_with("the last output of the plugin of user 'dev' of "), "{note}");
    assert!(note.contains("K8S_TOKEN_CACHE_DEFAULT_TTL"), "{note}");
    let explained = setting.shown(["--explain", "--user", "dev"]);
    let [but] = &rows(&explained, "but")[..] else { panic!("{explained}") };
    assert!(but.contains("K8S_TOKEN_CACHE_DEFAULT_TTL"), "{but}");

    setting.aws.prints(Credential::token("t").expires_in(HOUR).bytes());
    setting.shown(["--warm"]);
    assert!(notes().is_empty());
}
