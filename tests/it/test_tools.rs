//! What the other tests stand on: the clock that moves, and that no test file is left out.

use std::fs;
use std::path::Path;

use crate::support::{Credential, HOUR, Sandbox};

/// A file without its `mod` line would compile nowhere and fail nothing.
#[test]
fn every_test_file_is_part_of_the_tests() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let listed = fs::read_to_string(directory.join("main.rs")).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let module = file.trim_end_matches(".rs");
        assert!(module == "main" || listed.contains(&format!("\nmod {module};\n")), "{file}");
    }
}

/// Fails when the program asks the time where the test clock cannot answer.
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
