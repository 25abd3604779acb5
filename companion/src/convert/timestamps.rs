//! When a call happened, from timestamps that may be wrong.

use crate::record::Timestamp;

/// 2020-01-01 UTC, before any call this ledger could be about: what is earlier is an unset or broken clock.
const EARLIEST: i64 = 1_577_836_800 * Timestamp::SECOND;
/// How far a sender's clock may run ahead of the local one.
const AHEAD: i64 = 600 * Timestamp::SECOND;
/// The longest call: a day. Longer ones are broken clocks, and would drown every sum of durations.
pub(super) const LONGEST: i64 = 86_400 * Timestamp::SECOND;

/// Start and duration within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallTime {
    pub(super) start: Timestamp,
    pub(super) duration_ns: i64,
    /// Whether anything had to be changed.
    pub(super) clamped: bool,
    /// Whether the end was too far ahead.
    pub(super) ahead: bool,
}

impl CallTime {
    pub(super) fn end(self) -> Timestamp {
        Timestamp(self.start.0.saturating_add(self.duration_ns))
    }
}

/// Bounds a span's times. The end counts, since windows count calls by it: an end outside
/// `[2020, now + 10 min]` becomes `now`. A start that is no earlier time gives the duration 0, and no call is longer
/// than a day.
pub(super) fn bounded(start: u64, end: u64, now: Timestamp) -> CallTime {
    let latest = now.0.saturating_add(AHEAD);
    let plausible =
        |nanos: u64| i64::try_from(nanos).ok().filter(|nanos| (EARLIEST..=latest).contains(nanos));
    let (first, last) = (plausible(start), plausible(end));
    // A start without a usable end is the better time of the two, unless both are unusable.
    let end_at = last.or(first).unwrap_or(now.0);
    let from = first.unwrap_or(end_at).min(end_at).max(end_at.saturating_sub(LONGEST));
    let clamped = first != Some(from) || last != Some(end_at);
    let ahead = end > latest.max(0).unsigned_abs();
    CallTime { start: Timestamp(from), duration_ns: end_at - from, clamped, ahead }
}
