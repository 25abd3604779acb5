//! The only access to the clock: everything that decides takes the time as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::record::Timestamp;

/// This time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// This time by the clock that never goes back: what durations and deadlines are measured by.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
