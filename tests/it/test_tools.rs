//! Tests of the test tools: the movable clock, the check for leftovers, the list of modules.

use std::fs;
use std::path::Path;

use crate::support::{Credential, HOUR, Sandbox};
#[cfg(target_os = "linux")]
use crate::support::{Signal, kill};

/// A file without a `mod` line would never be compiled, and none of its tests would run.
#[test]
fn every_test_file_is_a_module_of_the_test_program() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let listed = fs::read_to_string(directory.join("main.rs")).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let module = file.trim_end_matches(".rs");
        assert!(module == "main" || listed.contains(&format!("\nmod {module};\n")), "{file}");
    }
}

/// Fails if the program reads the time in a way that the test clock does not intercept.
#[test]
fn the_test_clock_moves_the_time_of_the_program() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("a-token").expires_in(HOUR).bytes();
    plugin.prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    assert_eq!(plugin.runs(), 1);
    clock.advance(2 * HOUR);
    sandbox.cache(&plugin).run();
    assert_eq!(plugin.runs(), 2);
}

/// `make test` runs the tests through this script.
#[test]
#[cfg(target_os = "linux")]
fn what_a_command_leaves_behind_is_an_error_and_is_named() {
    let sandbox = Sandbox::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/without-trace");
    let run = |command: &str| {
        let call = sandbox.tool(&script).env("PATIENCE", "0").env("TMPDIR", sandbox.home());
        call.args(["sh", "-c", command]).run()
    };
    let clean = run("exit 3");
    assert_eq!((clean.code(), clean.stderr_text()), (3, String::new()));
    for (command, left) in [
        ("mkdir k8s-token-cache-test-left", "folder "),
        ("mkdir -p .cache/k8s-token-cache", ".cache/k8s-token-cache"),
        ("HOME=$PWD/k8s-token-cache-test-home sleep 1000 >/dev/null 2>&1 & echo $! >pid", "process "),
    ] {
        let dirty = run(command);
        assert_eq!(dirty.code(), 1, "{command}: {dirty:?}");
        assert!(dirty.stderr_text().contains(left), "{command}: {dirty:?}");
    }
    let pid = fs::read_to_string(sandbox.home().join("pid")).unwrap();
    kill(pid.trim().parse().unwrap(), Signal::Kill);
}
