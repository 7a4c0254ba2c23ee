//! A failure of the plugin, and for how long it answers further calls.
//!
//! One kubectl runs a failing plugin five times, and pollers (Lens, Headlamp, k9s, operators) call a
//! failing login for ever. So the caller that saw a failure gets it again for ten seconds, and calls
//! without a terminal get it for a pause that doubles with every failure, up to ten minutes.

use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A plugin that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The exit status that the client got.
    pub status: u8,
    /// When the plugin ended.
    pub unix_ms: u64,
}

impl Failure {
    pub fn new(status: u8, now: Duration) -> Failure {
        Failure { status, unix_ms: unix_ms(now) }
    }

    /// Returns the rest of a `pause` that began with this failure. `None` if it is over, and for a failure in
    /// the future.
    pub fn remaining(&self, pause: Duration, now: Duration) -> Option<Duration> {
        let elapsed = now.checked_sub(Duration::from_millis(self.unix_ms))?;
        pause.checked_sub(elapsed).filter(|left| !left.is_zero())
    }

    /// Returns how long the caller that saw this failure still gets it again.
    pub fn remaining_for_caller(&self, now: Duration) -> Option<Duration> {
        self.remaining(FIRST_PAUSE, now)
    }
}

/// Returns how long calls without a terminal get the last of `failures` failures in a row again.
pub fn pause_after(failures: u8) -> Duration {
    let doublings = u32::from(failures.saturating_sub(1)).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// Milliseconds since the Unix epoch.
pub fn unix_ms(now: Duration) -> u64 {
    now.as_secs().saturating_mul(1000).saturating_add(u64::from(now.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1_769_846_400_123);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_caller_gets_its_failure_again_for_ten_seconds() {
        let failure = Failure::new(3, NOW);
        for (after, left) in [(0, Some(10)), (9, Some(1)), (10, None), (11, None)] {
            assert_eq!(failure.remaining_for_caller(NOW + seconds(after)), left.map(seconds), "{after}");
        }
        assert_eq!(failure.remaining_for_caller(NOW - seconds(1)), None);
    }

    #[test]
    fn the_pause_doubles_with_every_failure_up_to_ten_minutes() {
        let pauses = [0, 1, 2, 3, 4, 5, 6, 7, 8, u8::MAX].map(|failures| pause_after(failures).as_secs());
        assert_eq!(pauses, [10, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    }
}
