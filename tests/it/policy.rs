//! kubectl's policy for plugins holds for the wrapped program too. `kubectl.rs` compares with kubectl.

use std::fs;

use crate::support::{Call, Credential, HOUR, Plugin, Sandbox};

const HEADER: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: ";

struct Setting {
    sandbox: Sandbox,
    plugin: Plugin,
    credential: Vec<u8>,
}

impl Setting {
    fn with_policy(policy: &str) -> Setting {
        let sandbox = Sandbox::new();
        let plugin = sandbox.plugin("plugin");
        let credential = Credential::token("t").expires_in(HOUR).bytes();
        plugin.prints(&credential);
        let setting = Setting { sandbox, plugin, credential };
        fs::create_dir(setting.sandbox.home().join(".kube")).unwrap();
        setting.set_policy(policy);
        setting
    }

    fn set_policy(&self, policy: &str) {
        fs::write(self.sandbox.home().join(".kube/kuberc"), format!("{HEADER}{policy}\n")).unwrap();
    }

    fn allow_plugin(&self) {
        let path = self.plugin.command().display();
        self.set_policy(&format!("Allowlist\ncredentialPluginAllowlist:\n- command: {path}"));
    }

    fn call(&self) -> Call {
        self.sandbox.cache(&self.plugin)
    }

    fn assert_refused(&self, call: Call) {
        let runs = self.plugin.runs();
        let run = call.run();
        assert_eq!((run.code(), run.stdout_text().as_str()), (126, ""), "{run:?}");
        let expected = "k8s-token-cache: kubectl's policy does not allow '";
        assert!(run.stderr_text().starts_with(expected), "{run:?}");
        assert_eq!(self.plugin.runs(), runs);
    }
}

const ONLY_THE_CACHE: &str = "Allowlist\ncredentialPluginAllowlist:\n- name: k8s-token-cache";

#[test]
fn a_program_that_the_policy_does_not_allow_is_not_run() {
    for policy in ["DenyAll", "Allowlist", ONLY_THE_CACHE, "Nonsense"] {
        let setting = Setting::with_policy(policy);
        setting.assert_refused(setting.call());
        setting.assert_refused(setting.call().env("K8S_TOKEN_CACHE_DISABLE", "1"));
        setting.assert_refused(setting.call().env("K8S_TOKEN_CACHE_FILE", "/dev/null/none"));
        let shell = ["sh", "-c", "echo evil"];
        let exec_info = crate::support::EXEC_INFO;
        let call = setting.sandbox.program().args(shell).env("KUBERNETES_EXEC_INFO", exec_info);
        setting.assert_refused(call.by_new("kubectl"));
        // A new list counts at once: a refusal is not a failure of the plugin.
        setting.allow_plugin();
        setting.call().run().assert_prints(&setting.credential);
    }
}

#[test]
fn the_refusal_says_which_line_to_add() {
    let setting = Setting::with_policy(ONLY_THE_CACHE);
    let run = setting.call().run();
    let hint = format!("- name: {}\n", setting.plugin.command().display());
    assert!(run.stderr_text().ends_with(&hint), "{run:?}");
    setting.set_policy(&format!("{ONLY_THE_CACHE}\n{hint}"));
    setting.call().run().assert_prints(&setting.credential);
}

#[test]
fn the_policy_is_kubectls_and_not_that_of_other_clients_or_of_a_person() {
    let setting = Setting::with_policy("DenyAll");
    setting.sandbox.shell(&setting.plugin).run().assert_prints(&setting.credential);
    for (number, client) in ["helm", "k9s"].into_iter().enumerate() {
        setting.call().arg(number.to_string()).by_new(client).run().assert_prints(&setting.credential);
    }
    // kubectl may have another name.
    setting.assert_refused(setting.call().arg("k").by_new("k"));
}

/// A hit runs nothing.
#[test]
fn a_hit_does_not_ask_for_the_policy() {
    let setting = Setting::with_policy("AllowAll");
    setting.call().run().assert_prints(&setting.credential);
    setting.set_policy("DenyAll");
    setting.call().run().assert_prints(&setting.credential);
    assert_eq!(setting.plugin.runs(), 1);
}
