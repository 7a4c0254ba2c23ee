//! The clocks as std reads them.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Since the Unix epoch; zero if the clock stands before it.
pub fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Since some moment; nobody sets this clock.
pub fn steady_clock() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}
