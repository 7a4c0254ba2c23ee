//! Failing plugins: they are not run again and again, a credential that is still valid is served
//! instead, and a call reports a long wait.

use crate::support::{
    ApiServer, Caller, Clock, Credential, HOUR, Kubeconfig, MINUTE, Plugin, Run, Sandbox, Screen, Terminal,
    await_that, kubectl,
};

/// Checks for the one line that is printed instead of another run of the plugin.
#[track_caller]
fn assert_repeated_failure(run: &Run, status: i32, seconds: Option<u32>) {
    assert_eq!(run.code(), status, "{run:?}");
    assert!(run.stdout.is_empty(), "{run:?}");
    let text = run.stderr_text();
    assert_eq!(text.lines().count(), 1, "{run:?}");
    assert!(text.starts_with("k8s-token-cache: ") && text.ends_with('\n'), "{run:?}");
    if let Some(seconds) = seconds {
        assert!(text.contains(&format!("{seconds} s")), "names the pause: {run:?}");
    }
}

fn failing(sandbox: &Sandbox) -> Plugin {
    let plugin = sandbox.plugin("plugin");
    plugin.prints("some output").writes_to_stderr("error: no login\n").exits_with(3);
    plugin
}

/// Checks for the result of a call that runs the failing plugin.
#[track_caller]
fn assert_fails(run: &Run) {
    assert_eq!(run.code(), 3, "{run:?}");
    assert_eq!(run.stdout_text(), "some output", "{run:?}");
    assert_eq!(run.stderr_text(), "error: no login\n", "{run:?}");
}

#[test]
fn a_failure_is_repeated_to_the_same_caller_without_another_run() {
    let sandbox = Sandbox::new();
    let plugin = failing(&sandbox);
    let mut caller = Caller::of(&sandbox, sandbox.cache(&plugin));
    assert_fails(&caller.call());
    for _ in 0..5 {
        assert_repeated_failure(&caller.call(), 3, None);
    }
    assert_eq!(plugin.runs(), 1);
}

#[test]
fn a_failure_is_remembered_for_ten_seconds() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = failing(&sandbox);
    let mut caller = Caller::of(&sandbox, sandbox.cache(&plugin));
    assert_fails(&caller.call());
    clock.advance(7);
    assert_repeated_failure(&caller.call(), 3, None);
    assert_eq!(plugin.runs(), 1);
    clock.advance(4);
    assert_fails(&caller.call());
    assert_eq!(plugin.runs(), 2);
    assert_repeated_failure(&caller.call(), 3, Some(10));
}

#[test]
fn a_failure_does_not_stop_another_key() {
    let sandbox = Sandbox::new();
    let plugin = failing(&sandbox);
    assert_fails(&sandbox.cache(&plugin).run());
    assert_fails(&sandbox.cache(&plugin).arg("another").run());
    assert_eq!(plugin.runs(), 2);
}

/// Pollers such as Lens and k9s call a failing login for ever, and each run may open a browser tab.
#[test]
fn without_a_terminal_the_pause_after_failures_doubles_up_to_ten_minutes() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = failing(&sandbox);
    assert_fails(&sandbox.cache(&plugin).run());
    for (failures, pause) in (1..).zip([10, 20, 40, 80, 160, 320, 600, 600]) {
        assert_repeated_failure(&sandbox.cache(&plugin).run(), 3, Some(pause as u32));
        clock.advance(pause - 2);
        assert_repeated_failure(&sandbox.cache(&plugin).run(), 3, None);
        assert_eq!(plugin.runs(), failures);
        clock.advance(4);
        assert_fails(&sandbox.cache(&plugin).run());
    }
}

#[test]
fn the_line_about_a_pause_says_how_to_see_the_plugins_own_message() {
    let sandbox = Sandbox::new();
    let plugin = failing(&sandbox);
    plugin.writes_to_stderr("log in first\n");
    assert_eq!(sandbox.cache(&plugin).run().code(), 3);
    let run = sandbox.cache(&plugin).run();
    let text = run.stderr_text();
    assert!(!text.contains("log in first"), "{run:?}");
    assert!(text.ends_with("; to see its message, set K8S_TOKEN_CACHE_DISABLE=1 for a call\n"), "{run:?}");
    let call = sandbox.cache(&plugin).env("K8S_TOKEN_CACHE_DISABLE", "1");
    assert_eq!(call.run().stderr_text(), "log in first\n");
}

#[test]
fn a_call_from_a_terminal_runs_the_plugin_and_ends_the_pause() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = failing(&sandbox);
    for _ in 0..3 {
        assert_fails(&sandbox.cache(&plugin).run());
        clock.advance(41);
    }
    assert_fails(&sandbox.cache(&plugin).run());
    assert_repeated_failure(&sandbox.cache(&plugin).run(), 3, Some(80));
    let terminal = Terminal::new();
    let mut shell = sandbox.cache(&plugin);
    terminal.show_output(shell.command());
    let run = shell.on_terminal(&terminal).run();
    assert_eq!(run.code(), 3);
    assert_eq!(plugin.runs(), 5);
    assert_repeated_failure(&sandbox.cache(&plugin).run(), 3, Some(10));
}

#[test]
fn clearing_ends_the_pause() {
    for clear_one in [true, false] {
        let sandbox = Sandbox::new();
        let plugin = failing(&sandbox);
        assert_fails(&sandbox.cache(&plugin).run());
        let clear = sandbox.program().arg("--clear").env("KUBERNETES_EXEC_INFO", crate::support::EXEC_INFO);
        let clear = if clear_one { clear.arg(plugin.command()) } else { clear };
        assert_eq!(clear.run().code(), 0);
        assert_fails(&sandbox.cache(&plugin).run());
        assert_eq!(plugin.runs(), 2);
    }
}

#[test]
fn output_that_cannot_be_cached_is_not_a_failure() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let mut caller = Caller::of(&sandbox, sandbox.cache(&plugin));
    for output in [Credential::token("t").bytes(), b"no credential".to_vec(), Vec::new()] {
        plugin.prints(&output);
        caller.call().assert_prints(&output);
        caller.call().assert_prints(&output);
    }
    assert_eq!(plugin.runs(), 6);
}

#[test]
fn a_plugin_that_cannot_be_started_counts_as_a_failure() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let missing = sandbox.home().join("aws");
    let call = sandbox.program().arg(&missing).env("KUBERNETES_EXEC_INFO", crate::support::EXEC_INFO);
    let mut caller = Caller::of(&sandbox, call);
    assert_eq!(caller.call().code(), 127);
    let plugin = Plugin::new(sandbox.home(), "aws");
    plugin.prints("its output");
    let repeated = caller.call();
    assert_repeated_failure(&repeated, 127, None);
    assert!(!repeated.stderr_text().contains("message"), "it has none: {repeated:?}");
    assert_eq!(plugin.runs(), 0);
    clock.advance(11);
    caller.call().assert_prints("its output");
}

#[test]
fn a_plugin_ended_by_ctrl_c_is_not_a_failure() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.dies_of("INT");
    let mut caller = Caller::of(&sandbox, sandbox.cache(&plugin));
    assert_eq!(caller.call().code(), 130);
    assert_eq!(caller.call().code(), 130);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn a_failure_with_a_future_timestamp_is_ignored() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = failing(&sandbox);
    let mut caller = Caller::of(&sandbox, sandbox.cache(&plugin));
    assert_fails(&caller.call());
    clock.advance(-MINUTE);
    assert_fails(&caller.call());
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn a_success_ends_the_pause() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = failing(&sandbox);
    let mut caller = Caller::of(&sandbox, sandbox.cache(&plugin));
    assert_fails(&caller.call());
    clock.advance(11);
    assert_fails(&caller.call());
    clock.advance(21);
    let credential = Credential::token("t").expires_at(clock.now_unix_s() + HOUR).bytes();
    plugin.prints(&credential).exits_with(0).writes_to_stderr("");
    caller.call().assert_prints(&credential);
    clock.advance(2 * HOUR);
    plugin.prints("some output").exits_with(3).writes_to_stderr("error: no login\n");
    assert_fails(&caller.call());
    assert_repeated_failure(&caller.call(), 3, Some(10));
}

#[test]
fn waiting_calls_get_the_failure_of_the_call_they_waited_for() {
    let sandbox = Sandbox::new();
    let plugin = failing(&sandbox);
    plugin.hold();
    let holder = sandbox.cache(&plugin).by_another_caller().spawn();
    plugin.await_runs(1);
    let waiters: Vec<_> = (0..20).map(|_| sandbox.cache(&plugin).spawn()).collect();
    for waiter in &waiters {
        sandbox.await_waiting(waiter.pid());
    }
    plugin.release();
    assert_fails(&holder.finish());
    for waiter in waiters {
        assert_repeated_failure(&waiter.finish(), 3, None);
    }
    assert_eq!(plugin.runs(), 1);
}

#[test]
fn one_kubectl_runs_a_failing_plugin_once_and_reports_its_error() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let get = |kubeconfig: Kubeconfig| {
        kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run()
    };
    let plugin = failing(&sandbox);
    let direct = get(Kubeconfig::direct([plugin.command()]));
    let without_cache = plugin.runs();
    assert!(without_cache > 1, "kubectl runs it more than once by itself");
    for kubectls in 1..=2 {
        let cached = get(Kubeconfig::cached([plugin.command()]));
        assert_eq!(plugin.runs(), without_cache + kubectls);
        // Ends the pause for the next kubectl, which has no terminal.
        sandbox.program().arg("--clear").run();
        assert_eq!(cached.code(), direct.code());
        let text = cached.stderr_text();
        assert_eq!(text.matches("error: no login").count(), 1, "{cached:?}");
        let last = text.lines().last().unwrap();
        let direct = direct.stderr_text();
        let (_, reason) = direct.lines().last().unwrap().split_once(" failed with ").unwrap();
        assert!(last.ends_with(&format!(" failed with {reason}")), "{cached:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn twenty_kubectls_at_once_run_a_failing_plugin_once() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = failing(&sandbox);
    plugin.hold();
    let kubeconfig = Kubeconfig::cached([plugin.command()]);
    let kubectls: Vec<_> = (0..20)
        .map(|_| kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).spawn())
        .collect();
    await_that("every kubectl waits for its credential", || sandbox.waiting() == 20);
    plugin.release();
    for kubectl in kubectls {
        let run = kubectl.finish();
        assert_eq!(run.code(), 1, "{run:?}");
        assert!(run.stderr_text().contains("failed with exit code 3"), "{run:?}");
    }
    assert_eq!(plugin.runs(), 1);
}

/// A cached credential with 20 s left, which is inside the margin, and a plugin that now fails.
fn inside_the_margin(output: &str, status: u8) -> Option<(Sandbox, Clock, Plugin, Vec<u8>)> {
    let sandbox = Sandbox::new();
    let mut clock = sandbox.clock()?;
    sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0");
    let plugin = sandbox.plugin("aws");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential);
    sandbox.shell(&plugin).run().assert_prints(&credential);
    plugin.prints(output).exits_with(status).writes_to_stderr("error: no login\n");
    clock.advance(HOUR - 20);
    Some((sandbox, clock, plugin, credential))
}

#[test]
fn a_valid_credential_inside_the_margin_is_served_if_the_plugin_fails() {
    for (output, status) in [("", 1), ("no credential", 0), ("{\"kind\":", 7)] {
        let Some((sandbox, mut clock, plugin, credential)) = inside_the_margin(output, status) else {
            return;
        };
        let run = sandbox.shell(&plugin).by_another_caller().run();
        assert_eq!((run.code(), &run.stdout), (0, &credential), "{run:?}");
        assert_eq!(run.stderr_text(), "error: no login\n", "no message of the program without a terminal");
        assert_eq!(plugin.runs(), 2);
        // An expired credential is not served.
        clock.advance(30);
        let run = sandbox.shell(&plugin).by_another_caller().run();
        assert_eq!((run.code(), run.stdout_text().as_str()), (i32::from(status), output));
    }
}

#[test]
fn a_valid_credential_inside_the_margin_is_served_without_a_plugin() {
    let Some((sandbox, _clock, plugin, credential)) = inside_the_margin("", 1) else { return };
    std::fs::remove_file(plugin.command()).unwrap();
    sandbox.shell(&plugin).run().assert_prints(&credential);
}

#[test]
fn one_line_on_the_terminal_warns_of_a_credential_inside_the_margin() {
    let Some((sandbox, _clock, plugin, credential)) = inside_the_margin("", 1) else { return };
    let terminal = Terminal::new();
    let screen = Screen::of(&terminal);
    let run = sandbox.shell(&plugin).on_terminal(&terminal).run();
    assert_eq!((run.code(), &run.stdout), (0, &credential), "{run:?}");
    await_that("the warning is on the terminal", || screen.text().contains("k8s-token-cache: "));
    assert_eq!(screen.text().matches("k8s-token-cache: ").count(), 1, "{:?}", screen.text());
    assert!(!screen.text().contains("\"token\""));
}

#[test]
fn a_wait_of_more_than_five_seconds_is_reported_once() {
    let sandbox = Sandbox::new();
    let Some(clock) = sandbox.clock() else { return };
    // Five seconds pass in 50 ms; the limits of one and five minutes are not reached.
    let _clock = clock.speed(100);
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).hold();
    let holder = sandbox.cache(&plugin).spawn();
    plugin.await_runs(1);
    let terminal = Terminal::new();
    let screen = Screen::of(&terminal);
    let watched = sandbox.cache(&plugin).on_terminal(&terminal).spawn();
    let unwatched = sandbox.cache(&plugin).spawn();
    await_that("the line is on the terminal", || screen.text().contains("waiting"));
    plugin.release();
    holder.finish().assert_prints(&credential);
    unwatched.finish().assert_prints(&credential);
    let run = watched.finish();
    assert_eq!((run.code(), &run.stdout), (0, &credential));
    assert_eq!(screen.text().matches("k8s-token-cache: ").count(), 1, "{:?}", screen.text());
    assert_eq!(screen.text().lines().count(), 1, "{:?}", screen.text());
}

/// Several clients in one process, such as a pool of threads, are one caller.
#[test]
fn parallel_calls_of_one_caller_run_a_failing_plugin_once() {
    let sandbox = Sandbox::new();
    let plugin = failing(&sandbox);
    plugin.hold();
    let calls: Vec<_> = (0..8).map(|_| sandbox.cache(&plugin).spawn()).collect();
    for call in &calls {
        sandbox.await_waiting(call.pid());
    }
    plugin.release();
    for call in calls {
        assert_eq!(call.finish().code(), 3);
    }
    assert_eq!(plugin.runs(), 1);
}
