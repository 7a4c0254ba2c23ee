//! The background refresh: a credential close to its expiry is served at once and renewed by a detached
//! process.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, pipe};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{
    Call, Caller, Clock, Credential, EXEC_INFO, HOUR, MINUTE, PROGRAM, Plugin, Run, Sandbox, V1, await_that,
    collects_orphans, inherit_as, is_alive,
};

/// A cached credential close to its expiry, and a plugin that would print a new one.
struct Window {
    sandbox: Sandbox,
    clock: Clock,
    log: PathBuf,
    plugin: Plugin,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Window {
    /// A credential that lives an hour and has four minutes left, with refresh ahead set to 5 minutes.
    fn open() -> Option<Window> {
        Window::of("plugin", &[], Some("5m"), HOUR, 4 * MINUTE)
    }

    /// Like `open`, for a client that sets `KUBERNETES_EXEC_INFO`.
    fn with_exec_info(exec_info: &str) -> Option<Window> {
        let sandbox = Sandbox::new();
        sandbox.set_env("KUBERNETES_EXEC_INFO", exec_info);
        Window::in_sandbox(sandbox, "plugin", &[], Some("5m"), HOUR, 4 * MINUTE)
    }

    /// A credential with this lifetime and remaining lifetime, in seconds.
    fn of(plugin: &str, args: &[&str], ahead: Option<&str>, life: i64, left: i64) -> Option<Window> {
        Window::in_sandbox(Sandbox::new(), plugin, args, ahead, life, left)
    }

    fn in_sandbox(
        sandbox: Sandbox,
        plugin: &str,
        args: &[&str],
        ahead: Option<&str>,
        life: i64,
        left: i64,
    ) -> Option<Window> {
        let mut clock = sandbox.clock()?;
        let log = sandbox.new_path("log");
        sandbox.set_env("K8S_TOKEN_CACHE_LOG", &log);
        if let Some(ahead) = ahead {
            sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_AHEAD", ahead);
        }
        let plugin = sandbox.plugin(plugin);
        let old = Credential::token("old").expires_in(life).bytes();
        plugin.prints(&old);
        sandbox.shell(&plugin).args(args).run().assert_prints(&old);
        clock.advance(life - left);
        let new = Credential::token("new").expires_at(clock.now_unix_s() + life).bytes();
        plugin.prints(&new);
        Some(Window { sandbox, clock, log, plugin, old, new })
    }

    fn call(&self) -> Call {
        self.sandbox.shell(&self.plugin)
    }

    /// Calls, and waits until no refresh runs any more.
    fn call_and_wait(&self) -> Run {
        let run = self.call().run();
        self.sandbox.await_quiet();
        run
    }

    /// The log's lines about refreshes: `TIME PID PLUGIN refresh: RESULT`.
    fn refreshes(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(" refresh: ")).map(str::to_owned).collect()
    }

    /// Waits until the exit status of every refresh was collected.
    fn await_collected(&self) {
        for line in self.refreshes() {
            let pid = line.split(' ').nth(1).unwrap().parse().unwrap();
            await_that("the refresh is collected", || !is_alive(pid));
        }
    }
}

#[test]
fn the_old_credential_is_served_until_the_refresh_has_stored_the_new() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    window.call().run().assert_prints(&window.old);
    // The plugin is held, so a call that waited for it would never end.
    window.plugin.await_runs(2);
    for _ in 0..3 {
        window.call().run().assert_prints(&window.old);
    }
    window.plugin.release();
    window.sandbox.await_quiet();
    window.call().run().assert_prints(&window.new);
    window.sandbox.await_quiet();
    assert_eq!(window.plugin.runs(), 2);
    assert_eq!(window.sandbox.entries(), 1);
}

#[test]
fn fifty_calls_in_the_refresh_window_start_one_refresh() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    let calls: Vec<_> = (0..50).map(|_| window.call().by_another_caller().spawn()).collect();
    for call in calls {
        call.finish().assert_prints(&window.old);
    }
    window.plugin.await_runs(2);
    window.plugin.release();
    window.sandbox.await_quiet();
    assert_eq!(window.plugin.runs(), 2);
}

/// A call that needs a longer remaining lifetime already runs the plugin.
#[test]
fn a_refresh_does_not_wait_for_a_running_plugin() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    let miss = window.call().env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "10m").spawn();
    window.plugin.await_runs(2);
    window.call().run().assert_prints(&window.old);
    let program = Path::new(PROGRAM);
    let is_ours = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
    await_that("only the miss is left", || {
        window.sandbox.processes().into_iter().filter(is_ours).eq([miss.pid()])
    });
    window.plugin.release();
    miss.finish().assert_prints(&window.new);
    assert_eq!(window.plugin.runs(), 2);
}

/// Here a refresh may end before the last call begins.
#[test]
fn fifty_calls_in_the_window_of_a_fast_plugin_start_one_refresh() {
    let Some(window) = Window::open() else { return };
    let calls: Vec<_> = (0..50).map(|_| window.call().by_another_caller().spawn()).collect();
    for call in calls {
        let run = call.finish();
        assert!(run.stdout == window.old || run.stdout == window.new, "{run:?}");
    }
    window.sandbox.await_quiet();
    assert_eq!(window.plugin.runs(), 2);
}

#[test]
fn outside_the_refresh_window_nothing_is_refreshed() {
    for (ahead, life, left) in [
        (Some("5m"), HOUR, 6 * MINUTE),
        (Some("50m"), HOUR, 51 * MINUTE),
        (Some("5m"), 9 * MINUTE, 6 * MINUTE),
        (Some("0"), HOUR, MINUTE),
    ] {
        let Some(window) = Window::of("plugin", &[], ahead, life, left) else { return };
        window.call_and_wait().assert_prints(&window.old);
        assert_eq!(window.plugin.runs(), 1, "{ahead:?} of {life} s with {left} s left");
    }
    // A setting is taken as it is; only the default is at most a third of the lifetime.
    let Some(window) = Window::of("plugin", &[], Some("50m"), HOUR, 49 * MINUTE) else { return };
    window.call_and_wait().assert_prints(&window.old);
    assert_eq!(window.plugin.runs(), 2);
}

#[test]
fn by_default_only_plugins_known_as_silent_are_refreshed() {
    let silent: [(&str, &[&str]); 4] = [
        ("aws", &["eks", "get-token", "--cluster-name", "a-cluster"]),
        ("aws-iam-authenticator", &["token", "-i", "a-cluster"]),
        ("gke-gcloud-auth-plugin", &[]),
        ("kubelogin", &["get-token", "--login", "azurecli", "--server-id", "an-id"]),
    ];
    let others: [(&str, &[&str]); 4] = [
        ("plugin", &[]),
        ("aws", &["sso", "login"]),
        ("kubelogin", &["get-token", "--oidc-issuer-url=https://issuer", "--oidc-client-id=id"]),
        ("kubelogin", &["get-token", "--login", "devicecode", "--server-id", "an-id"]),
    ];
    let calls = silent.map(|call| (call, 2)).into_iter().chain(others.map(|call| (call, 1)));
    for ((plugin, args), runs) in calls {
        let Some(window) = Window::of(plugin, args, None, HOUR, 4 * MINUTE) else { return };
        window.call().args(args).run().assert_prints(&window.old);
        window.sandbox.await_quiet();
        assert_eq!(window.plugin.runs(), runs, "{plugin} {args:?}");
    }
}

#[test]
fn refresh_ahead_of_zero_turns_the_refresh_off() {
    let args = ["eks", "get-token", "--cluster-name", "a-cluster"];
    let Some(window) = Window::of("aws", &args, Some("0"), HOUR, MINUTE) else { return };
    window.call().args(args).run().assert_prints(&window.old);
    window.sandbox.await_quiet();
    assert_eq!(window.plugin.runs(), 1);
}

/// kubectl reads its plugin's stdout to the end, and a script may hold a lock by a descriptor.
#[test]
fn a_running_refresh_holds_no_descriptor_of_the_caller() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    let (mut reader, writer) = pipe().unwrap();
    let mut call = window.call().by_another_caller();
    // A number that is not in use between here and the program.
    inherit_as(call.command(), writer.as_raw_fd(), 900);
    let running = call.spawn();
    drop(writer);
    // `finish` waits for the end of stdout and stderr.
    running.finish().assert_prints(&window.old);
    window.plugin.await_runs(2);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the descriptor is closed");
    assert!(is_alive(window.plugin.pids()[1]), "while the refresh still runs");
    window.plugin.release();
    window.sandbox.await_quiet();
}

#[test]
fn a_refresh_has_its_own_session_and_only_the_null_device() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    window.call().stdin("input").run().assert_prints(&window.old);
    window.plugin.await_runs(2);
    let plugin = window.plugin.pids()[1];
    await_that("two processes are left", || window.sandbox.processes().len() >= 2);
    let refresh = stat(plugin).parent;
    assert!(window.sandbox.processes().contains(&refresh), "the parent of the plugin is ours");

    let own = stat(std::process::id());
    for process in [plugin, refresh] {
        assert_ne!(stat(process).session, own.session);
        assert_eq!(stat(process).terminal, 0);
    }
    assert_eq!(stat(refresh).session, refresh, "the refresh leads its session");
    assert_eq!(open_files(refresh, 0..=2), vec!["/dev/null"; 3]);
    assert_eq!(open_files(plugin, [0, 2]), vec!["/dev/null"; 2]);
    window.plugin.release();
    window.sandbox.await_quiet();
    assert!(!is_alive(plugin));
    if collects_orphans() {
        await_that("the refresh leaves no zombie", || !is_alive(refresh));
    }
}

/// In a container without an init, the first process never collects orphans, so every refresh would
/// leave a zombie.
#[test]
fn without_an_init_process_there_is_at_most_one_refresh() {
    let Some(mut window) = Window::open() else { return };
    let Some(mut caller) = Caller::in_container_without_init(&window.sandbox, window.call()) else { return };
    caller.call().assert_prints(&window.old);
    await_that("the refresh is done", || window.refreshes().len() == 1);
    assert!(window.refreshes()[0].ends_with("refresh: done"));
    // Before it is a zombie, the next call would start another refresh.
    await_that("the refresh is a zombie", || has_zombie(&window.sandbox.processes()));
    window.clock.advance(HOUR - 4 * MINUTE);
    caller.call().assert_prints(&window.new);
    assert!(window.refreshes()[1].contains("refresh: not started"));
    assert_eq!(window.plugin.runs(), 2);
    drop(caller);
    // With an init process it is refreshed.
    let newer = Credential::token("newer").expires_at(window.clock.now_unix_s() + HOUR).bytes();
    window.plugin.prints(&newer);
    window.call_and_wait().assert_prints(&window.new);
    window.call_and_wait().assert_prints(&newer);
}

/// Whether one of these processes has a child that has ended and that it has not waited for.
fn has_zombie(parents: &[u32]) -> bool {
    let is_zombie = |stat: &str| {
        // The name, in parentheses, may contain blanks and parentheses. State and parent follow.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let parent = fields.strip_prefix("Z ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        parent.is_some_and(|parent| parents.contains(&parent))
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|entry| entry.path().join("stat"))
        .any(|stat| fs::read_to_string(stat).is_ok_and(|stat| is_zombie(&stat)))
}

struct Stat {
    parent: u32,
    session: u32,
    terminal: i64,
}

/// Fields of `/proc/PID/stat`, see proc_pid_stat(5).
fn stat(pid: u32) -> Stat {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in parentheses, may contain blanks and parentheses.
    let fields: Vec<i64> = text[text.rfind(')').unwrap() + 3..]
        .split_whitespace()
        .take(4)
        .map(|field| field.parse().unwrap())
        .collect();
    Stat { parent: fields[0] as u32, session: fields[2] as u32, terminal: fields[3] }
}

fn open_files(pid: u32, descriptors: impl IntoIterator<Item = u32>) -> Vec<String> {
    descriptors
        .into_iter()
        .map(|number| {
            let target = fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
            target.to_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_refresh_tells_the_plugin_that_it_is_not_interactive() {
    let cluster = json!({"server": "https://a-server", "config": {"a": [1, "ä"]}});
    let asked = json!({"kind": "ExecCredential", "apiVersion": V1,
                       "spec": {"interactive": true, "cluster": cluster}});
    let Some(window) = Window::with_exec_info(&asked.to_string()) else { return };
    window.plugin.records();
    // Another caller: one that asks again would have rejected the credential.
    window.call().by_another_caller().run().assert_prints(&window.old);
    window.sandbox.await_quiet();
    assert_eq!(window.plugin.runs(), 2);
    let received = window.plugin.environ_value("KUBERNETES_EXEC_INFO").unwrap();
    let received: Value = serde_json::from_slice(received.as_encoded_bytes()).unwrap();
    let mut expected = asked;
    expected["spec"]["interactive"] = json!(false);
    assert_eq!(received, expected);
}

#[test]
fn a_refresh_sets_no_exec_info_that_the_caller_did_not_set() {
    let Some(window) = Window::open() else { return };
    window.plugin.records();
    window.call_and_wait().assert_prints(&window.old);
    assert_eq!(window.plugin.runs(), 2);
    assert_eq!(window.plugin.environ_value("KUBERNETES_EXEC_INFO"), None);
}

#[test]
fn a_failed_refresh_keeps_the_old_credential_and_prints_nothing() {
    for (output, status) in [("no login", 1), ("not a credential", 0), ("", 0)] {
        let Some(window) = Window::open() else { return };
        window.plugin.prints(output).exits_with(status).writes_to_stderr("error: no login\n");
        window.call_and_wait().assert_prints(&window.old);
        assert_eq!(window.plugin.runs(), 2);
        window.call_and_wait().assert_prints(&window.old);
        assert_eq!(window.plugin.runs(), 2);
    }
}

#[test]
fn the_pause_after_a_failed_refresh_grows_up_to_ten_minutes() {
    if !collects_orphans() {
        return;
    }
    let Some(mut window) = Window::of("plugin", &[], Some("2h"), 10 * HOUR, HOUR) else { return };
    window.plugin.exits_with(1);
    window.call_and_wait().assert_prints(&window.old);
    let mut runs = 2;
    for pause in [30, 60, 120, 240, 480, 600, 600] {
        assert_eq!(window.plugin.runs(), runs, "before a pause of {pause} s");
        window.clock.advance(pause - 5);
        window.call_and_wait().assert_prints(&window.old);
        assert_eq!(window.plugin.runs(), runs, "shortly before the end of a pause of {pause} s");
        window.clock.advance(10);
        // The moved clock leaves the first process no time to collect it.
        window.await_collected();
        window.call_and_wait().assert_prints(&window.old);
        runs += 1;
    }
    assert_eq!(window.plugin.runs(), runs);
    // A success resets the pause.
    window.plugin.exits_with(0);
    window.clock.advance(601);
    window.await_collected();
    window.call_and_wait().assert_prints(&window.old);
    window.call_and_wait().assert_prints(&window.new);
    assert_eq!(window.plugin.runs(), runs + 1);
}

#[test]
fn a_plugin_that_hangs_in_a_refresh_is_killed_with_its_children() {
    let Some(mut window) = Window::open() else { return };
    // 60 s until SIGTERM and 10 s until SIGKILL take 0.35 s.
    window.clock = window.clock.speed(200);
    window.plugin.hold().starts_a_child_and_ignores_signals();
    window.call().run().assert_prints(&window.old);
    window.plugin.await_runs(2);
    await_that("the plugin's child runs", || window.plugin.children().len() == 1);
    let left: Vec<u32> = [window.plugin.pids()[1], window.plugin.children()[0]].into();
    await_that("the plugin and its child are gone", || !left.iter().any(|&pid| is_alive(pid)));
    window.sandbox.await_quiet();
    window.call().run().assert_prints(&window.old);
}

#[test]
fn clear_during_a_refresh_discards_its_result() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    window.call().run().assert_prints(&window.old);
    window.plugin.await_runs(2);
    assert_eq!(window.sandbox.program().arg("--clear").run().code(), 0);
    window.plugin.release();
    window.sandbox.await_quiet();
    assert_eq!(window.sandbox.entries(), 0);
}

#[test]
fn clear_of_one_command_during_its_refresh_discards_the_result() {
    let Some(window) = Window::open() else { return };
    window.plugin.hold();
    window.call().run().assert_prints(&window.old);
    window.plugin.await_runs(2);
    let clear = window.sandbox.program().arg("--clear").arg(window.plugin.command());
    assert_eq!(clear.run().code(), 0);
    window.plugin.release();
    window.sandbox.await_quiet();
    assert_eq!(window.sandbox.entries(), 0);
}

#[test]
fn clear_during_a_miss_discards_its_result() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).hold();
    let miss = sandbox.cache(&plugin).spawn();
    plugin.await_runs(1);
    assert_eq!(sandbox.program().arg("--clear").run().code(), 0);
    plugin.release();
    miss.finish().assert_prints(&credential);
    assert_eq!(sandbox.entries(), 0);
}

/// The lock file was deleted, so another call stored a newer credential during the refresh.
#[test]
fn a_late_refresh_does_not_overwrite_a_newer_credential() {
    let Some(mut window) = Window::open() else { return };
    window.plugin.hold();
    window.call().run().assert_prints(&window.old);
    window.plugin.await_runs(2);
    fs::remove_file(window.sandbox.lock_file()).unwrap();
    window.clock.advance(5 * MINUTE);
    window.plugin.prints(&window.new);
    let miss = window.call().spawn();
    window.plugin.await_runs(3);
    window.plugin.release_run(window.plugin.pids()[2]);
    miss.finish().assert_prints(&window.new);

    let late = Credential::token("late").expires_at(window.clock.now_unix_s() + 2 * HOUR).bytes();
    window.plugin.prints(&late).release();
    window.sandbox.await_quiet();
    window.call().run().assert_prints(&window.new);
    assert_eq!(window.plugin.runs(), 3);
}

#[test]
fn a_clock_jump_serves_no_credential_of_another_time() {
    let Some(mut window) = Window::open() else { return };
    // Forward past the expiry: a miss.
    window.clock.advance(2 * HOUR);
    let later = Credential::token("later").expires_at(window.clock.now_unix_s() + HOUR).bytes();
    window.plugin.prints(&later);
    window.call_and_wait().assert_prints(&later);
    assert_eq!(window.plugin.runs(), 2);
    // Back by an hour: the entry is from the future, so this is a miss.
    window.clock.advance(-HOUR);
    let again = Credential::token("again").expires_at(window.clock.now_unix_s() + HOUR).bytes();
    window.plugin.prints(&again);
    window.call_and_wait().assert_prints(&again);
    window.call_and_wait().assert_prints(&again);
    assert_eq!(window.plugin.runs(), 3);
}

/// A wrong clock may have left such a row; it must not stop refreshes.
#[test]
fn a_refresh_pause_with_a_future_timestamp_is_ignored() {
    if !collects_orphans() {
        return;
    }
    let Some(mut window) = Window::of("plugin", &[], Some("2h"), 10 * HOUR, HOUR) else { return };
    window.plugin.exits_with(1);
    window.clock.advance(30 * MINUTE);
    window.call_and_wait().assert_prints(&window.old);
    assert_eq!(window.plugin.runs(), 2);
    window.clock.advance(-30 * MINUTE);
    window.await_collected();
    window.call_and_wait().assert_prints(&window.old);
    assert_eq!(window.plugin.runs(), 3);
}

#[test]
fn a_refresh_is_invisible_to_a_client_like_kubectl() {
    let Some(window) = Window::with_exec_info(EXEC_INFO) else { return };
    window.plugin.writes_to_stderr("a message of the plugin\n");
    window.call().by_another_caller().run().assert_prints(&window.old);
    window.sandbox.await_quiet();
    window.call().by_another_caller().run().assert_prints(&window.new);
    assert_eq!(window.plugin.runs(), 2);
}
