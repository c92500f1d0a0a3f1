//! The clock port: time is asked for, never taken.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time of day.
///
/// ```
/// use lgsp_core::{Clock, SystemClock};
/// assert!(SystemClock.unix_millis() > 1_700_000_000_000);
/// ```
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the time of day.
    fn now(&self) -> SystemTime;

    /// Returns milliseconds since 1970-01-01T00:00:00Z; 0 for a clock set before it.
    fn unix_millis(&self) -> i64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Returns whole seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> i64 {
        self.unix_millis() / 1000
    }
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
