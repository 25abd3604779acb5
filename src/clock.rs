//! The only access to the clocks.

use std::time::{Instant, SystemTime};

/// This time by the clock that never goes back: what durations and deadlines are measured by.
#[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// This time by the calendar.
#[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
pub(crate) fn timestamp() -> SystemTime {
    SystemTime::now()
}
