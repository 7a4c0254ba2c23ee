//! Shared by the tests of every platform: waiting for a condition, and skipping a test.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` is true. Fails the test after 60 s.
#[track_caller]
pub fn await_that(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Reports on stderr that a test is skipped. Writes directly, because the test harness hides the output
/// of passing tests.
pub fn skip(why: &str) {
    let test = thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {test}: {why}");
}
