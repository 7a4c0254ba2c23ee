//! The background refresh: a separate process that no client waits for.

use crate::plugin::Plugin;
use crate::support::{EXEC_INFO, HOUR, Run, Sandbox, await_that, by_another_caller, credential};

/// A credential with four minutes left of two hours, fetched by another caller.
fn aging(sandbox: &Sandbox, words: &[&str]) -> (Plugin, String) {
    sandbox.set("K8S_TOKEN_CACHE_ENCRYPTION", "off");
    sandbox.set("K8S_TOKEN_CACHE_REFRESH_AHEAD", "5m");
    let plugin = sandbox.plugin("plugin.cmd");
    let old = credential("old", 240);
    plugin.prints(&old);
    Run(by_another_caller(&sandbox.call(words)).output().unwrap()).assert_prints(&old);
    sandbox.age_s(2 * HOUR);
    (plugin, old)
}

fn await_end_of_refresh(sandbox: &Sandbox) {
    await_that("the refresh ends", || sandbox.log().contains("refresh: "));
}

#[test]
fn an_old_credential_is_served_at_once_and_refreshed_in_background() {
    let sandbox = Sandbox::new();
    sandbox.set("KUBERNETES_EXEC_INFO", EXEC_INFO);
    let words = ["plugin", "--folder=C:\\a\\", "größe", ""];
    let (plugin, old) = aging(&sandbox, &words);
    let new = credential("new", HOUR);
    plugin.prints(&new).hold();
    // The output ends although the plugin still runs: the refresh does not hold the pipe.
    sandbox.run(words).assert_prints(&old);
    plugin.await_runs(2);
    assert_eq!(plugin.arguments(), words[1..]);
    let question = plugin.variable("KUBERNETES_EXEC_INFO").unwrap();
    assert!(question.contains("\"interactive\":false"), "{question}");
    // No second refresh starts.
    Run(by_another_caller(&sandbox.call(words)).output().unwrap()).assert_prints(&old);
    plugin.release();
    await_end_of_refresh(&sandbox);
    assert!(sandbox.log().contains("refresh: done"), "{}", sandbox.log());
    sandbox.run(words).assert_prints(&new);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn a_failed_refresh_keeps_the_old_credential_and_pauses() {
    let sandbox = Sandbox::new();
    sandbox.set("KUBERNETES_EXEC_INFO", EXEC_INFO);
    let (plugin, old) = aging(&sandbox, &["plugin"]);
    plugin.exits_with(1);
    sandbox.run(["plugin"]).assert_prints(&old);
    await_end_of_refresh(&sandbox);
    assert!(sandbox.log().contains("refresh: the plugin failed"), "{}", sandbox.log());
    sandbox.run_from_another_client(["plugin"]).assert_prints(&old);
    assert_eq!(plugin.runs(), 2);
}

/// As a client does whose server rejected the credential.
#[test]
fn a_client_that_asks_again_for_the_same_credential_gets_a_new_one() {
    let sandbox = Sandbox::new();
    sandbox.set("KUBERNETES_EXEC_INFO", EXEC_INFO);
    let (plugin, old) = aging(&sandbox, &["plugin"]);
    sandbox.set("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0");
    sandbox.run(["plugin"]).assert_prints(&old);
    let new = credential("new", HOUR);
    plugin.prints(&new);
    sandbox.run(["plugin"]).assert_prints(&new);
    assert_eq!(plugin.runs(), 2);
}
