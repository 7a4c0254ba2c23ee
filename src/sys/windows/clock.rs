//! The wall clock, and a steady clock that is never set.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// The time since the Unix epoch. Zero if the clock is set to an earlier time.
pub fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The time since an arbitrary moment. Setting the clock does not change it.
pub fn steady_clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
