//! The plugin runs as its client would run it: stdin, stderr, descriptors, signals, the terminal.

use std::io::Write;
use std::process::Stdio;

use crate::support::{
    Credential, EXEC_INFO, Plugin, Sandbox, Screen, Signal, Terminal, await_that, is_alive, kill,
};

fn credential() -> Vec<u8> {
    Credential::token("t").expires_as("2099-01-01T00:00:00Z").bytes()
}

#[test]
fn standard_input_reaches_the_plugin() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let input: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    plugin.reads_stdin().prints(credential());
    sandbox.cache(&plugin).stdin(input.clone()).run().assert_prints(credential());
    assert!(plugin.stdin() == input);
}

#[test]
fn standard_error_of_the_plugin_is_passed_through_unchanged() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.writes_to_stderr(b"\xff progress\r 10 %\x1b[0m").prints(credential());
    let run = sandbox.cache(&plugin).run();
    assert_eq!(run.stdout, credential());
    assert_eq!(run.stderr, b"\xff progress\r 10 %\x1b[0m");
}

/// An agent that a plugin starts may keep the plugin's stdout open as long as it lives.
#[test]
fn a_process_left_behind_by_the_plugin_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(credential()).starts_a_child_and_ignores_signals();
    for _ in ["miss", "hit"] {
        let mut call = sandbox.cache(&plugin);
        // The test reads stderr to its end, so the agent must not hold it.
        call.command().stderr(Stdio::null());
        call.run().assert_prints(credential());
    }
    let [agent] = plugin.children()[..] else { panic!("the plugin ran once") };
    assert!(is_alive(agent));
    kill(agent, Signal::Kill);
}

#[test]
fn a_plugin_is_found_on_path() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("a-plugin-on-path");
    plugin.prints(credential());
    sandbox.set_env("PATH", format!("/nowhere:{}/plugins:/usr/bin:/bin", sandbox.home().display()));
    for _ in 0..2 {
        let call = sandbox.program().arg("a-plugin-on-path").env("KUBERNETES_EXEC_INFO", EXEC_INFO);
        call.by_new("kubectl").run().assert_prints(credential());
    }
    assert_eq!(plugin.runs(), 1);
}

/// Compares descriptors, blocked and ignored signals with and without the cache.
#[test]
#[cfg(target_os = "linux")]
fn the_plugin_inherits_the_same_descriptors_and_signals_as_directly() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.records().prints(credential());
    let inheritance = |call: crate::support::Call| {
        call.run().assert_prints(credential());
        plugin.inheritance()
    };
    let direct = inheritance(sandbox.tool(plugin.command()));
    let cached = inheritance(sandbox.cache(&plugin));
    assert_eq!(plugin.runs(), 2);
    assert_eq!(cached, direct);
}

fn held(sandbox: &Sandbox) -> Plugin {
    let plugin = sandbox.plugin("plugin");
    plugin.records().prints(credential()).hold();
    plugin
}

#[test]
fn a_signal_is_forwarded_to_the_plugin_and_its_status_is_returned() {
    for (signal, name) in [(Signal::Terminate, "TERM"), (Signal::Interrupt, "INT"), (Signal::HangUp, "HUP")] {
        let sandbox = Sandbox::new();
        let plugin = held(&sandbox);
        plugin.catches_signals_and_exits_with(7);
        let call = sandbox.cache(&plugin).spawn();
        plugin.await_record();
        call.signal(signal);
        assert_eq!(call.finish().code(), 7);
        assert_eq!(plugin.signals(), [name]);
    }
}

#[test]
fn a_forwarded_signal_that_kills_the_plugin_exits_with_128_plus_it() {
    let sandbox = Sandbox::new();
    let plugin = held(&sandbox);
    let call = sandbox.cache(&plugin).spawn();
    plugin.await_record();
    call.signal(Signal::Terminate);
    let run = call.finish();
    assert_eq!(run.status.code(), Some(128 + 15), "{run:?}");
    assert!(run.stdout.is_empty());
    assert_eq!(sandbox.entries(), 0);
}

#[test]
fn a_plugin_can_prompt_on_the_terminal() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::new();
    let screen = Screen::of(&terminal);
    let plugin = sandbox.plugin("plugin");
    plugin.records().writes_to_stderr("Password: ").reads_a_line().prints(credential());
    let call = sandbox.cache(&plugin).on_terminal(&terminal).spawn();
    await_that("the question is on the terminal", || screen.text().contains("Password: "));
    let mut person = &terminal.person;
    person.write_all(b"open sesame\n").unwrap();
    let run = call.finish();
    assert_eq!((run.code(), run.stdout), (0, credential()));
    assert_eq!(plugin.stdin(), b"open sesame\n");
    assert_eq!(plugin.terminals(), [0, 2]);
}

#[test]
fn ctrl_c_at_the_terminal_reaches_the_plugin() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::new();
    let plugin = held(&sandbox);
    plugin.catches_signals_and_exits_with(7);
    let call = sandbox.cache(&plugin).on_terminal(&terminal).spawn();
    plugin.await_record();
    let mut person = &terminal.person;
    person.write_all(b"\x03").unwrap();
    let run = call.finish();
    assert_eq!(run.status.code(), Some(7), "{run:?}");
    assert_eq!(plugin.signals(), ["INT"]);
    // An interrupt is not a failure: the same caller may retry at once.
    plugin.release();
    sandbox.cache(&plugin).run().assert_prints(credential());
}

#[test]
fn a_hit_prints_nothing_on_the_terminal() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::new();
    let screen = Screen::of(&terminal);
    let plugin = sandbox.plugin("plugin");
    plugin.prints(credential());
    sandbox.cache(&plugin).run().assert_prints(credential());
    let run = sandbox.cache(&plugin).on_terminal(&terminal).run();
    assert_eq!((run.code(), run.stdout), (0, credential()));
    assert_eq!(screen.text(), "");
}
