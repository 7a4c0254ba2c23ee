//! Exit statuses, one test per row of their table, and what the program writes to stderr.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use crate::support::{Call, Credential, HOUR, Run, Sandbox};

/// Checks for an error message of the program: one line that begins with its name, perhaps hints.
#[track_caller]
fn assert_own_error(run: &Run, status: i32) {
    assert_eq!(run.code(), status, "{run:?}");
    assert!(run.stdout.is_empty(), "{run:?}");
    let text = run.stderr_text();
    assert!(text.starts_with("k8s-token-cache: "), "{run:?}");
    assert!(text.ends_with('\n') && text.lines().count() <= 3, "{run:?}");
    assert!(!text.contains("panicked"), "{run:?}");
    assert!(!text.lines().next().unwrap().ends_with('.'), "{run:?}");
}

#[test]
fn the_exit_status_is_that_of_the_plugin() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    for status in [0, 1, 2, 3, 77, 126, 127, 128, 254, 255] {
        plugin.prints("some output").exits_with(status);
        // The argument makes another cache key: failures are remembered per key.
        let run = sandbox.cache(&plugin).arg(status.to_string()).run();
        assert_eq!(run.code(), i32::from(status), "{run:?}");
        assert_eq!(run.stdout_text(), "some output");
        assert!(run.stderr.is_empty(), "{run:?}");
    }
}

#[test]
fn a_missing_plugin_exits_with_127() {
    let sandbox = Sandbox::new();
    for command in ["no-such-plugin", "/no/such/plugin", "./no-such-plugin", "no/such/plugin"] {
        let run = sandbox.program().arg(command).run();
        assert_own_error(&run, 127);
        assert!(run.stderr_text().contains(command), "{run:?}");
    }
    // A directory on PATH is not a command.
    fs::create_dir_all(sandbox.home().join("bin/folder")).unwrap();
    sandbox.set_env("PATH", sandbox.home().join("bin"));
    assert_ne!(sandbox.program().arg("folder").run().code(), 0);
}

/// kubectl does not show its installHint, because it finds the wrapper.
#[test]
fn a_known_plugin_that_is_missing_comes_with_an_install_hint() {
    let sandbox = Sandbox::new();
    sandbox.set_env("PATH", sandbox.home());
    let calls: [&[&str]; 4] = [
        &["aws", "eks", "get-token", "--cluster-name", "a-cluster"],
        &["gke-gcloud-auth-plugin"],
        &["kubelogin", "get-token", "--login", "azurecli", "--server-id", "an-id"],
        &["kubelogin", "get-token", "--oidc-issuer-url=https://issuer", "--oidc-client-id=an-id"],
    ];
    for call in calls {
        let run = sandbox.program().args(call).run();
        assert_own_error(&run, 127);
        assert!(run.stderr_text().lines().count() >= 2, "{run:?}");
    }
}

#[test]
fn a_plugin_that_cannot_be_executed_exits_with_126() {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("not-executable");
    fs::write(&file, "#!/bin/sh\nexit 0\n").unwrap();
    assert_own_error(&sandbox.program().arg(&file).run(), 126);
    assert_own_error(&sandbox.program().arg(sandbox.home()).run(), 126);
}

#[test]
fn a_plugin_killed_by_a_signal_exits_with_128_plus_its_number() {
    let sandbox = Sandbox::new();
    for (name, number) in [("HUP", 1), ("INT", 2), ("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
        let plugin = sandbox.plugin(name);
        plugin.prints("some output").dies_of(name);
        let run = sandbox.cache(&plugin).run();
        assert_eq!(run.code(), 128 + number, "{run:?}");
        assert_eq!(run.stdout_text(), "some output");
    }
}

#[test]
fn a_usage_error_exits_with_2() {
    let sandbox = Sandbox::new();
    let calls: &[&[&str]] = &[
        &[],
        &["--"],
        &["--no-such-option"],
        &["--no-such-option", "aws"],
        &["-x"],
        &["--List"],
        &["--list=yes"],
        &["--list", "--no-such-option"],
        &["--key-env"],
        &["--key-env=A"],
    ];
    for call in calls {
        let run = sandbox.program().args(*call).run();
        assert_eq!(run.code(), 2, "{call:?}: {run:?}");
        assert!(run.stdout.is_empty(), "{call:?}: {run:?}");
        assert!(run.stderr_text().starts_with("k8s-token-cache: "), "{call:?}: {run:?}");
    }
}

#[test]
fn an_invalid_setting_exits_with_2_and_names_variable_and_value() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    for variable in ["K8S_TOKEN_CACHE_REFRESH_MARGIN", "K8S_TOKEN_CACHE_REFRESH_AHEAD"] {
        for value in ["soon", "30", "-30s", "1.5.5h", "s", "5 m", "1d", "99999999999999999999h"] {
            let run = sandbox.cache(&plugin).env(variable, value).run();
            assert_own_error(&run, 2);
            assert!(run.stderr_text().contains(variable), "{run:?}");
            assert!(run.stderr_text().contains(value), "{run:?}");
        }
    }
    let run = sandbox.cache(&plugin).env("K8S_TOKEN_CACHE_ENCRYPTION", "rot13").run();
    assert_own_error(&run, 2);
    assert!(run.stderr_text().contains("rot13"), "{run:?}");
    assert_eq!(plugin.runs(), 0);
}

#[test]
fn durations_use_the_syntax_of_go() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(10 * HOUR).bytes());
    for value in ["30s", "1m30s", "1.5h", "500ms", "0", "0s", "+30s", "1h0m0.5s", "100us", "7ns"] {
        let run = sandbox.cache(&plugin).env("K8S_TOKEN_CACHE_REFRESH_MARGIN", value).run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{value}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let sandbox = Sandbox::new();
    let help = sandbox.program().arg("--help").run();
    assert_eq!((help.code(), help.stderr_text()), (0, String::new()));
    for option in ["--list", "--clear", "--key-env", "--version"] {
        assert!(help.stdout_text().contains(option), "{option}");
    }
    let version = sandbox.program().arg("--version").run();
    version.assert_prints(concat!("k8s-token-cache ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// Every name and option stays available to the wrapped command.
#[test]
fn options_after_the_command_belong_to_the_command() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.records().prints(&credential);
    for arguments in [&["--help"][..], &["--version"], &["--list"], &["--", "--clear"], &["-x"]] {
        sandbox.cache(&plugin).args(arguments).run().assert_prints(&credential);
        assert_eq!(plugin.argv(), arguments);
    }
    let after_dashes = sandbox.program().arg("--").arg(plugin.command()).arg("--help");
    after_dashes.run().assert_prints(&credential);
}

#[test]
fn a_command_that_begins_with_a_dash_needs_a_double_dash() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("-plugin");
    plugin.prints("its output");
    sandbox.set_env("PATH", sandbox.home().join("plugins"));
    assert_eq!(sandbox.program().arg("-plugin").run().code(), 2);
    assert_eq!(plugin.runs(), 0);
    sandbox.set_env("PATH", format!("{}:/usr/bin:/bin", sandbox.home().join("plugins").display()));
    sandbox.program().args(["--", "-plugin"]).run().assert_prints("its output");
}

#[test]
fn a_hit_writes_nothing_to_stderr() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).writes_to_stderr("a message of the plugin\n");
    let miss = sandbox.cache(&plugin).run();
    assert_eq!(miss.stderr_text(), "a message of the plugin\n");
    sandbox.cache(&plugin).run().assert_prints(&credential);
}

/// Runs a call whose standard output is a pipe without a reader.
fn run_without_reader(mut call: Call) -> Run {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    call.command().stdout(writer);
    call.run()
}

/// As with `| head -c0` or an interrupted client. The credential is stored for the next call.
#[test]
fn a_closed_output_pipe_causes_no_panic_and_no_second_run() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential);
    assert_own_error(&run_without_reader(sandbox.cache(&plugin)), 1);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    assert_eq!(plugin.runs(), 1);
    // With nothing left to store, it dies of SIGPIPE like any other program.
    for call in [sandbox.cache(&plugin), sandbox.program().arg("--list")] {
        let run = run_without_reader(call);
        assert_eq!(run.status.signal(), Some(libc::SIGPIPE), "{run:?}");
        assert_eq!(run.stderr_text(), "");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_failed_write_to_stdout_exits_with_1() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").expires_in(HOUR).bytes());
    let full = |mut call: Call| {
        call.command().stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        call.run()
    };
    for _ in ["miss", "hit"] {
        assert_own_error(&full(sandbox.cache(&plugin)), 1);
    }
    assert_own_error(&full(sandbox.program().arg("--list")), 1);
    assert_eq!(plugin.runs(), 1);
}
