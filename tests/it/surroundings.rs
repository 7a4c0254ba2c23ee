//! Odd surroundings: signals that the parent ignores, a limit for files, job control, sessions.

use std::fs;
use std::io::Write;

use crate::support::{Call, Setting, Terminal, after, is_root, skip};
#[cfg(target_os = "linux")]
use crate::support::{Signal, await_that, kill};

/// The call of a new client, made by a shell that first runs `preparation`.
fn call_after(preparation: &str, call: Call) -> Call {
    after(preparation, call).by_new("kubectl")
}

/// Python, Perl and C programs ignore SIGCHLD, so that their children leave no zombies.
#[test]
#[cfg(target_os = "linux")]
fn signals_that_the_parent_ignores_change_nothing_and_reach_the_plugin() {
    for signals in ["CHLD", "PIPE", "XFSZ", "CHLD PIPE XFSZ INT TERM HUP QUIT TSTP TTIN TTOU"] {
        let setting = Setting::new();
        setting.plugin.records();
        let ignore = format!("trap '' {signals}");
        let direct = call_after(&ignore, setting.sandbox.tool(setting.plugin.command()));
        direct.run().assert_prints(&setting.credential);
        let inherited = setting.plugin.inheritance();
        for is_hit in [false, true] {
            let call = call_after(&ignore, setting.sandbox.cache(&setting.plugin));
            call.run().assert_prints(&setting.credential);
            assert_eq!(setting.plugin.runs(), 2, "{signals}, hit: {is_hit}");
        }
        assert_eq!(setting.plugin.inheritance(), inherited, "{signals}");
        // Without the cache, this process becomes the plugin.
        let call = setting.sandbox.cache(&setting.plugin).env("K8S_TOKEN_CACHE_DISABLE", "1");
        call_after(&ignore, call).run().assert_prints(&setting.credential);
        assert_eq!(setting.plugin.inheritance(), inherited, "{signals}");
    }
}

#[test]
fn the_status_of_a_plugin_is_known_although_the_parent_ignores_its_children() {
    let setting = Setting::new();
    setting.plugin.exits_with(7);
    let run = call_after("trap '' CHLD", setting.sandbox.cache(&setting.plugin)).run();
    assert_eq!(run.code(), 7, "{run:?}");
}

/// SIGXFSZ ends a program that writes beyond the limit.
#[test]
fn a_limit_for_files_does_not_cost_the_credential() {
    for ignore in ["", "trap '' XFSZ; "] {
        for limit in ["0", "1", "8"] {
            let setting = Setting::new();
            let output = setting.sandbox.home().join("output");
            fs::write(&output, &setting.credential).unwrap();
            let log = setting.sandbox.home().join("log");
            fs::write(&log, "2026-01-01T00:00:00Z 1 cat hit: 1h left\n".repeat(300)).unwrap();
            setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", &log);
            let call = || setting.sandbox.program().arg("/bin/cat").arg(&output).by_new("kubectl");
            let limited = || {
                let call = call().env("KUBERNETES_EXEC_INFO", crate::support::EXEC_INFO);
                call_after(&format!("{ignore}ulimit -f {limit}"), call)
            };
            limited().run().assert_prints(&setting.credential);
            let call = call().env("KUBERNETES_EXEC_INFO", crate::support::EXEC_INFO);
            call.run().assert_prints(&setting.credential);
            assert_eq!(setting.sandbox.entries(), 1);
            // A hit writes to the lock file and to the log.
            limited().run().assert_prints(&setting.credential);
            limited().arg("/dev/null").run().assert_prints(&setting.credential);
        }
    }
}

#[test]
fn the_plugin_has_the_limit_for_files_that_its_caller_set() {
    let setting = Setting::new();
    let script = "ulimit -f 1; exec \"$@\"";
    let plugin = ["/bin/sh", "-c", "head -c 100000 /dev/zero >\"$HOME/large\"; exit 3"];
    let run = setting.sandbox.program().args(plugin).behind(["/bin/sh", "-c", script, "sh"]).run();
    assert_eq!(run.code(), 3, "{run:?}");
    assert!(fs::metadata(setting.sandbox.home().join("large")).unwrap().len() <= 1024);
}

#[test]
#[cfg(target_os = "linux")]
fn a_call_that_was_stopped_and_continued_prints_the_credential() {
    let state = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().unwrap_or_default().chars().next()
    };
    for signal in [Signal::Stop, Signal::TerminalStop, Signal::TerminalInput, Signal::TerminalOutput] {
        let setting = Setting::new();
        setting.plugin.hold();
        let call = setting.sandbox.cache(&setting.plugin).spawn();
        setting.plugin.await_runs(1);
        let both = [call.pid(), setting.plugin.pids()[0]];
        both.iter().for_each(|pid| kill(*pid, signal));
        await_that("both are stopped", || both.iter().all(|pid| state(*pid) == Some('T')));
        both.iter().for_each(|pid| kill(*pid, Signal::Continue));
        setting.plugin.release();
        call.finish().assert_prints(&setting.credential);
        assert_eq!(setting.sandbox.entries(), 1);
    }
}

/// The terminal sends the signal to the foreground group, to which such a plugin does not belong.
#[test]
fn ctrl_c_reaches_a_plugin_in_a_session_of_its_own() {
    let setting = Setting::new();
    let terminal = Terminal::new();
    setting.plugin.records().hold().catches_signals_and_exits_with(7);
    let call = setting.sandbox.program().arg("setsid").arg(setting.plugin.command());
    if setting.sandbox.tool("setsid").arg("true").run_if_found().is_none() {
        return skip("no 'setsid'");
    }
    let call = call.on_terminal(&terminal).spawn();
    setting.plugin.await_record();
    let mut person = &terminal.person;
    person.write_all(b"\x03").unwrap();
    let run = call.finish();
    assert_eq!(run.status.code(), Some(7), "{run:?}");
    assert_eq!(setting.plugin.signals(), ["INT"]);
}

/// As with `go run` and Go's os/exec: kubectl refuses to start such a program.
#[test]
fn an_empty_or_relative_element_of_path_starts_no_program() {
    let setting = Setting::new();
    let directory = setting.plugin.command().parent().unwrap();
    for path in [
        "",
        ":/usr/bin:/bin",
        "/usr/bin::/bin",
        "/usr/bin:/bin:",
        ".:/bin",
        "plugins:/bin",
        "../plugins:/bin",
    ] {
        let call = setting.sandbox.program().env("PATH", path).current_dir(directory).arg("plugin");
        let run = call.run();
        assert_eq!(run.code(), 127, "{path}: {run:?}");
    }
    assert_eq!(setting.plugin.runs(), 0);
    // A path is not searched for.
    let call = setting.sandbox.program().current_dir(directory).arg("./plugin");
    call.run().assert_prints(&setting.credential);
}

#[test]
fn an_encryption_key_that_cannot_be_kept_does_not_cost_the_credential() {
    let setting = Setting::new();
    let state = setting.sandbox.home().join("state");
    setting.sandbox.set_env("XDG_STATE_HOME", &state);
    fs::write(&state, "in the way").unwrap();
    if is_root() || cfg!(target_os = "macos") {
        setting.sandbox.set_env("HOME", "/proc/no/such/home");
    }
    for _ in 0..2 {
        setting.sandbox.cache(&setting.plugin).run().assert_prints(&setting.credential);
    }
    assert_eq!(setting.plugin.runs(), 2);
    // An invalid value is still an error.
    let run = setting.sandbox.cache(&setting.plugin).env("K8S_TOKEN_CACHE_ENCRYPTION", "paper").run();
    assert_eq!((run.code(), setting.plugin.runs()), (2, 2), "{run:?}");
}
