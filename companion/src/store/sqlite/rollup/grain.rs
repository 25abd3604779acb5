//! The sizes of rollup buckets, in minutes, and from times to minutes and back.

use crate::record::Timestamp;

pub(crate) const MINUTE_NS: i64 = 60_000_000_000;
pub(crate) const FIVE: i64 = 5;
pub(crate) const HOUR: i64 = 60;

/// The minute of a time in nanoseconds, in minutes since 1970.
pub(crate) const fn minute_of(end: i64) -> i64 {
    end.div_euclid(MINUTE_NS)
}

/// The time at which a minute begins; saturates.
pub(crate) const fn minute_start(minute: i64) -> Timestamp {
    Timestamp(minute.saturating_mul(MINUTE_NS))
}
