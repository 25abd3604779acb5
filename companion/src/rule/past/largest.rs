//! The largest calls of each user at each service within two days.

use std::collections::HashMap;
use std::ops::Range;

use super::{AHEAD, HOUR, LAG, Piece, slot_of};
use crate::record::{Timestamp, Window};
use crate::store::sums::FIVE_MINUTES;
use crate::store::{Filter, Querier, StoreError};

/// How far back.
const KEPT: i64 = 48 * HOUR;
/// The largest calls are kept by six hours.
const BUCKET: i64 = 6 * HOUR;
const BUCKETS: usize = 9;
/// Users looked at in each piece of time, those with the largest calls.
const USERS: usize = 1_000;
/// Users remembered.
const MOST: usize = 10_000;
/// The past is read from the calls themselves, by the hour. Of an hour with more calls each five minutes are read by themselves,
/// and so many of their calls.
const CALLS: u64 = 40_000;
/// A user is known after calls in so many hours.
const KNOWN: u32 = 10;

/// What is remembered of one user at one service.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// By bucket, modulo their number: which bucket, and the most tokens of a call in it.
    buckets: [(i64, u64); BUCKETS],
    /// The hours with calls, as bits of the hour modulo 64.
    hours: u64,
    last: i64,
}

/// The largest calls of the calls that match a filter.
#[derive(Debug, Default)]
pub(crate) struct LargestCalls {
    users: HashMap<(String, String), Recent>,
    /// What was read, in cells.
    read: Option<Range<i64>>,
    /// The end of the first of what was read that had calls.
    first: Option<i64>,
}

impl LargestCalls {
    /// Reads what has happened since the last time, then what was before, the newest first, until `piece` is used up. Returns
    /// whether nothing is missing.
    pub(super) fn extend(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        now: Timestamp,
        mut piece: Piece,
    ) -> Result<bool, StoreError> {
        let target = slot_of(now) - LAG;
        let mut read = self.read.clone().unwrap_or(target..target);
        if !(-AHEAD..=KEPT).contains(&(target - read.end)) {
            read = target..target;
            self.users.clear();
            self.first = None;
        }
        let oldest = target - KEPT;
        self.read = Some(read.clone());
        while read.end < target && !piece.is_used_up() {
            let slots = read.end..(hour_of(read.end) + HOUR).min(target);
            read.end = self.read(querier, filter, slots, false, &mut piece)?.end;
            self.read = Some(read.clone());
        }
        while read.start > oldest && !piece.is_used_up() {
            let slots = hour_of(read.start - 1).max(oldest)..read.start;
            read.start = self.read(querier, filter, slots, true, &mut piece)?.start;
            self.read = Some(read.clone());
        }
        Ok(self.is_current(now))
    }

    /// Whether nothing is missing that can be known at `now`.
    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        let target = slot_of(now) - LAG;
        let whole =
            |read: &Range<i64>| (target..=target + AHEAD).contains(&read.end) && read.start <= target - KEPT;
        self.read.as_ref().is_some_and(whole)
    }

    /// Reads some time of one hour, or its newest or oldest five minutes where it has many calls, and returns which.
    fn read(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        mut slots: Range<i64>,
        newest: bool,
        piece: &mut Piece,
    ) -> Result<Range<i64>, StoreError> {
        let mut calls = querier.totals(window(&slots), filter)?.calls;
        if calls > CALLS && slots.end - slots.start > 1 {
            slots = if newest { slots.end - 1..slots.end } else { slots.start..slots.start + 1 };
            calls = querier.totals(window(&slots), filter)?.calls;
        }
        let mut window = window(&slots);
        if calls > CALLS {
            let part = i128::from(window.to.0 - window.from.0) * i128::from(CALLS) / i128::from(calls);
            window.to = Timestamp(window.from.0.saturating_add(i64::try_from(part).unwrap_or(i64::MAX)));
        }
        piece.take(calls.min(CALLS));
        if calls > 0 {
            self.first = Some(self.first.map_or(slots.end, |first| first.min(slots.end)));
        }
        let bucket = slots.start.div_euclid(BUCKET);
        let place = usize::try_from(bucket.rem_euclid(BUCKETS as i64)).unwrap_or_default();
        for call in querier.largest_calls(window, filter, 0, USERS)? {
            let recent = self.users.entry((call.service, call.user)).or_default();
            let (known, tokens) = recent.buckets[place];
            recent.buckets[place] =
                (bucket, if known == bucket { tokens.max(call.tokens) } else { call.tokens });
            recent.hours |= 1 << slots.start.div_euclid(HOUR).rem_euclid(64);
            recent.last = recent.last.max(slots.end);
        }
        self.forget();
        Ok(slots)
    }

    /// Forgets those who called the longest ago where there are too many.
    fn forget(&mut self) {
        let Some(too_many) = self.users.len().checked_sub(MOST).filter(|more| *more > 0) else { return };
        let mut order: Vec<_> = self.users.iter().map(|(name, recent)| (recent.last, name)).collect();
        let (_, (last, name), _) = order.select_nth_unstable(too_many - 1);
        let newest_gone = (*last, (*name).clone());
        self.users.retain(|name, recent| (recent.last, name) > (newest_gone.0, &newest_gone.1));
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, Option<i64>) {
        (self.users.len(), self.users.values().map(|recent| recent.last).min())
    }

    /// How long there have been calls, in cells, to the hour; no longer than what is remembered.
    pub(crate) fn age(&self, now: Timestamp) -> i64 {
        self.first.map_or(0, |first| (slot_of(now) - first).clamp(0, KEPT))
    }

    /// The most tokens that a call of this user had within two days; nothing of one who is hardly known.
    pub(crate) fn of(&self, service: &str, user: &str, now: Timestamp) -> Option<u64> {
        let recent = self.users.get(&(service.to_owned(), user.to_owned()))?;
        let oldest = slot_of(now).div_euclid(BUCKET) - BUCKETS as i64;
        let kept = recent.buckets.iter().filter(|(bucket, _)| *bucket > oldest);
        (recent.hours.count_ones() >= KNOWN).then(|| kept.map(|(_, tokens)| *tokens).max()).flatten()
    }
}

/// The first cell of the hour that a cell is in.
const fn hour_of(slot: i64) -> i64 {
    slot.div_euclid(HOUR) * HOUR
}

fn window(slots: &Range<i64>) -> Window {
    let at = |slot: i64| Timestamp(slot.saturating_mul(FIVE_MINUTES));
    Window { from: at(slots.start), to: at(slots.end) }
}
