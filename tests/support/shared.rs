//! What the tests of every platform need.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// Waits for a condition that must come true, and fails the test when it does not.
#[track_caller]
pub fn await_that(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Says that a test was skipped, past the test harness, which hides what passing tests print.
pub fn skip(why: &str) {
    let test = thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {test}: {why}");
}
