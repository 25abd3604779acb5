//! When a call happened, from timestamps that may be wrong.

use crate::record::{Receipt, Timestamp};

/// 2020-01-01 UTC, before any call this ledger could be about: what is earlier is an unset or broken clock.
const EARLIEST: i64 = 1_577_836_800 * Timestamp::SECOND;
/// How far a sender's clock may run ahead of the local one.
const AHEAD: i64 = 600 * Timestamp::SECOND;
/// How much later than a clock that is not believed a call must end to keep its own time.
const APART: i64 = 86_400 * Timestamp::SECOND;
/// How long after its end a call may arrive and still confirm the clock.
const LATE: i64 = 3_600 * Timestamp::SECOND;
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
    /// Whether its own end is not ahead of the clock of the ledger, and whether it is about when that says.
    pub(super) before: bool,
    pub(super) agrees: bool,
    /// What it is kept with where its end cannot be right.
    pub(super) moved: Option<Moved>,
}

/// The time that is taken for an end that cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// That of the start.
    ToStart,
    /// That of the receipt: the start cannot be right either.
    ToReceipt,
}

impl CallTime {
    pub(super) fn end(self) -> Timestamp {
        Timestamp(self.start.0.saturating_add(self.duration_ns))
    }
}

/// Bounds a span's times. The end counts, since windows count calls by it: an end outside
/// `[2020, receipt + 10 min]` becomes the start, or the receipt where that is no better. A start that is no earlier time gives the
/// duration 0, and no call is longer than a day.
///
/// An end more than a day after a receipt by a clock that is not believed stays: a machine without a battery begins
/// years ago, and what arrives before its clock is set must not be found there.
pub(super) fn bounded(start: u64, end: u64, receipt: Receipt) -> CallTime {
    let now = receipt.time;
    let latest = now.0.saturating_add(AHEAD);
    let may_be_right = |nanos: i64| !receipt.believed && nanos > now.0.max(EARLIEST).saturating_add(APART);
    let plausible = |nanos: u64| {
        i64::try_from(nanos).ok().filter(|nanos| (EARLIEST..=latest).contains(nanos) || may_be_right(*nanos))
    };
    let (first, last) = (plausible(start), plausible(end));
    // A start without a usable end is the better time of the two, unless both are unusable.
    let end_at = last.or(first).unwrap_or(now.0);
    let from = first.unwrap_or(end_at).min(end_at).max(end_at.saturating_sub(LONGEST));
    let clamped = first != Some(from) || last != Some(end_at);
    let ahead = end > latest.max(0).unsigned_abs();
    let moved = match (first, last) {
        (_, Some(_)) => None,
        (Some(_), None) => Some(Moved::ToStart),
        (None, None) => Some(Moved::ToReceipt),
    };
    let before = last.is_some_and(|end| end <= latest);
    let agrees = before && last.is_some_and(|end| end >= now.0.saturating_sub(LATE));
    CallTime { start: Timestamp(from), duration_ns: end_at - from, clamped, ahead, before, agrees, moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_kept_with_the_better_of_its_times_and_what_that_is_is_known() {
        let now = Timestamp(EARLIEST + 100 * LONGEST);
        let at = |days: i64| (now.0 + days * LONGEST).unsigned_abs();
        let kept = |start, end| {
            let time = bounded(start, end, now.into());
            ((time.end().0 - now.0) / LONGEST, time.moved, time.ahead)
        };
        assert_eq!(kept(at(-3), at(-3)), (-3, None, false));
        assert_eq!(kept(at(-3), at(1)), (-3, Some(Moved::ToStart), true));
        assert_eq!(kept(at(-3), 0), (-3, Some(Moved::ToStart), false));
        assert_eq!(kept(at(1), at(2)), (0, Some(Moved::ToReceipt), true));
        // Unset, or of a clock that is years behind.
        assert_eq!(kept(0, 0), (0, Some(Moved::ToReceipt), false));
        assert_eq!(kept(at(-900), at(-900)), (0, Some(Moved::ToReceipt), false));
        assert_eq!(kept(0, at(-2)), (-2, None, false));
    }

    #[test]
    fn a_clock_that_is_not_believed_moves_nothing_that_ends_more_than_a_day_ahead() {
        let now = Timestamp(EARLIEST + 100 * LONGEST);
        let kept = |hours: i64, believed| {
            let end = (now.0 + hours * LONGEST / 24).unsigned_abs();
            let time = bounded(end, end, Receipt { time: now, believed });
            assert_eq!((time.before, time.agrees), (hours <= 0, (-1..=0).contains(&hours)), "{hours}");
            ((time.end().0 - now.0) * 24 / LONGEST, time.moved)
        };
        for hours in [-30, -1, 0, 25, 9_600] {
            assert_eq!(kept(hours, false), (hours, None));
        }
        for (hours, believed) in [(2, false), (2, true), (9_600, true)] {
            assert_eq!(kept(hours, believed), (0, Some(Moved::ToReceipt)));
        }
    }
}
