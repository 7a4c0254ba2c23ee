//! kubectl's policy for plugins holds for the wrapped program too. `kubectl.rs` compares with kubectl.

use std::fs;

use crate::support::{Call, Setting};

const HEADER: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: ";

fn with_policy(policy: &str) -> Setting {
    let setting = Setting::new();
    fs::create_dir(setting.path(".kube")).unwrap();
    set_policy(&setting, policy);
    setting
}

fn set_policy(setting: &Setting, policy: &str) {
    fs::write(setting.path(".kube/kuberc"), format!("{HEADER}{policy}\n")).unwrap();
}

fn allow_plugin(setting: &Setting) {
    let path = setting.plugin.command().display();
    set_policy(setting, &format!("Allowlist\ncredentialPluginAllowlist:\n- command: {path}"));
}

fn assert_refused(setting: &Setting, call: Call) {
    let runs = setting.plugin.runs();
    let run = call.run();
    assert_eq!((run.code(), run.stdout_text().as_str()), (126, ""), "{run:?}");
    let expected = "k8s-token-cache: kubectl's policy does not allow '";
    assert!(run.stderr_text().starts_with(expected), "{run:?}");
    assert_eq!(setting.plugin.runs(), runs);
}

const ONLY_THE_CACHE: &str = "Allowlist\ncredentialPluginAllowlist:\n- name: k8s-token-cache";

#[test]
fn a_program_that_the_policy_does_not_allow_is_not_run() {
    for policy in ["DenyAll", "Allowlist", ONLY_THE_CACHE, "Nonsense"] {
        let setting = with_policy(policy);
        assert_refused(&setting, setting.call());
        assert_refused(&setting, setting.call().env("K8S_TOKEN_CACHE_DISABLE", "1"));
        assert_refused(&setting, setting.call().env("K8S_TOKEN_CACHE_FILE", "/dev/null/none"));
        let shell = ["sh", "-c", "echo evil"];
        let exec_info = crate::support::EXEC_INFO;
        let call = setting.sandbox.program().args(shell).env("KUBERNETES_EXEC_INFO", exec_info);
        assert_refused(&setting, call.by_new("kubectl"));
        // A new list counts at once: a refusal is not a failure of the plugin.
        allow_plugin(&setting);
        setting.call().run().assert_prints(&setting.credential);
    }
}

#[test]
fn the_refusal_says_which_line_to_add() {
    let setting = with_policy(ONLY_THE_CACHE);
    let run = setting.call().run();
    let hint = format!("- name: {}\n", setting.plugin.command().display());
    assert!(run.stderr_text().ends_with(&hint), "{run:?}");
    set_policy(&setting, &format!("{ONLY_THE_CACHE}\n{hint}"));
    setting.call().run().assert_prints(&setting.credential);
}

#[test]
fn the_policy_is_kubectls_and_not_that_of_other_clients_or_of_a_person() {
    let setting = with_policy("DenyAll");
    setting.sandbox.shell(&setting.plugin).run().assert_prints(&setting.credential);
    for (number, client) in ["helm", "k9s"].into_iter().enumerate() {
        setting.call().arg(number.to_string()).by_new(client).run().assert_prints(&setting.credential);
    }
    // kubectl may have another name.
    assert_refused(&setting, setting.call().arg("k").by_new("k"));
}

/// A hit runs nothing.
#[test]
fn a_hit_does_not_ask_for_the_policy() {
    let setting = with_policy("AllowAll");
    setting.call().run().assert_prints(&setting.credential);
    set_policy(&setting, "DenyAll");
    setting.call().run().assert_prints(&setting.credential);
    assert_eq!(setting.plugin.runs(), 1);
}
