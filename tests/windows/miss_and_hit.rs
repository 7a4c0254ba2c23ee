//! The main path: when the plugin runs, and the exit status of a call.

use crate::support::{HOUR, Run, Sandbox, credential};

#[test]
fn a_hit_prints_the_same_bytes_without_the_plugin() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("größer", HOUR);
    plugin.prints(&credential);
    for _ in 0..3 {
        sandbox.run_from_another_client(["aws", "eks", "get-token"]).assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 1);
    sandbox.run_from_client(["aws", "eks", "get-token", "--region", "x"]).assert_prints(&credential);
    assert_eq!(plugin.runs(), 2, "other arguments are another key");
}

#[test]
fn sixteen_parallel_misses_run_the_plugin_once() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential).hold();
    let calls: Vec<_> = (0..16).map(|_| sandbox.call(["aws"]).spawn().unwrap()).collect();
    plugin.await_runs(1);
    plugin.release();
    for call in calls {
        Run(call.wait_with_output().unwrap()).assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 1);
}

#[test]
fn parallel_misses_of_different_keys_do_not_wait_and_are_all_stored() {
    let sandbox = Sandbox::new();
    let (slow, quick) = (sandbox.plugin("slow.cmd"), sandbox.plugin("quick.cmd"));
    let credential = credential("t", HOUR);
    slow.prints(&credential).hold();
    quick.prints(&credential);
    let held = sandbox.call(["slow"]).spawn().unwrap();
    slow.await_runs(1);
    let calls: Vec<_> =
        (0..6).map(|key| sandbox.call(["quick", &key.to_string()]).spawn().unwrap()).collect();
    for call in calls {
        Run(call.wait_with_output().unwrap()).assert_prints(&credential);
    }
    slow.release();
    Run(held.wait_with_output().unwrap()).assert_prints(&credential);
    for key in 0..6 {
        sandbox.run(["quick", &key.to_string()]).assert_prints(&credential);
    }
    assert_eq!(quick.runs(), 6);
}

#[test]
fn a_failing_plugin_runs_once_for_the_same_client() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    plugin.exits_with(9);
    let failures = [(); 3].map(|()| sandbox.run_from_client(["aws"]));
    assert_eq!(failures.each_ref().map(Run::status), [9; 3]);
    assert_eq!(plugin.runs(), 1);
    failures[1].assert_own_error(9, "'aws' failed with status 9");
}

#[test]
fn exit_status_and_output_are_those_of_the_plugin() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin.bat");
    // A status that does not fit in a byte is never reported as a success.
    for (number, status) in [(1, 1), (3, 3), (126, 126), (255, 255), (256, 255), (9009, 255)] {
        plugin.prints("some output").exits_with(number);
        let run = sandbox.run(["plugin", &number.to_string()]);
        assert_eq!((run.status(), run.stdout(), run.stderr()), (status, "some output", ""));
    }
}

#[test]
fn a_broken_program_exits_with_126_and_a_missing_one_with_127() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.programs()).unwrap();
    std::fs::write(sandbox.programs().join("broken.exe"), "no program").unwrap();
    for missing in ["no-such-plugin", r"C:\no\such\plugin", "aws"] {
        sandbox.run([missing]).assert_own_error(127, missing);
    }
    sandbox.run(["broken"]).assert_own_error(126, "broken");
}

#[test]
fn a_usage_error_or_invalid_setting_exits_with_2() {
    let sandbox = Sandbox::new();
    sandbox.run(["--no-such-option"]).assert_own_error(2, "--no-such-option");
    sandbox.run(["--refresh-in-background", "--list"]).assert_own_error(2, "");
    for (variable, value) in [
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon"),
        ("K8S_TOKEN_CACHE_REFRESH_AHEAD", "30"),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "sometimes"),
    ] {
        sandbox.set(variable, value);
        sandbox.run(["aws"]).assert_own_error(2, variable);
        sandbox.unset(variable);
    }
}

#[test]
fn the_encryption_key_variable_is_used_and_not_passed_to_the_plugin() {
    let sandbox = Sandbox::new();
    sandbox.set("K8S_TOKEN_CACHE_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    for _ in 0..2 {
        sandbox.run(["aws"]).assert_prints(&credential);
    }
    assert_eq!((plugin.runs(), plugin.variable("K8S_TOKEN_CACHE_ENCRYPTION_KEY")), (1, None));
    assert!(!sandbox.key_file().exists());
}
