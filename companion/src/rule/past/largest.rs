//! The largest calls of each user at each service within two days.

use std::collections::HashMap;

use super::{HOUR, LAG, slot_of};
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
/// The past is read from the calls themselves. So many of them are read in one evaluation at most, and the rest later.
const BUDGET: u64 = 50_000;
/// A user is known after calls in so many pieces of time.
const KNOWN: u32 = 10;

/// What is remembered of one user at one service.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// By bucket, modulo their number: which bucket, and the most tokens of a call in it.
    buckets: [(i64, u64); BUCKETS],
    pieces: u32,
    last: i64,
}

/// The largest calls of the calls that match a filter.
#[derive(Debug, Default)]
pub(crate) struct LargestCalls {
    users: HashMap<(String, String), Recent>,
    /// What was read, in cells: from where, and up to where.
    read: Option<(i64, i64)>,
}

impl LargestCalls {
    /// Reads what has happened since the last time, and some of what was before.
    pub(super) fn extend(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let target = slot_of(now) - LAG;
        let (mut from, mut to) = self.read.unwrap_or((target, target));
        if target - to > KEPT {
            (from, to) = (target, target);
            self.users.clear();
        }
        while to < target {
            let next = (to + HOUR).min(target);
            self.piece(querier, filter, to, next)?;
            to = next;
        }
        let mut budget = BUDGET;
        while from > target - KEPT && budget > 0 {
            let next = (from - HOUR).max(target - KEPT);
            let calls = querier.totals(window(next, from), filter)?.calls;
            self.piece(querier, filter, next, from)?;
            (from, budget) = (next, budget.saturating_sub(calls.max(1)));
        }
        self.read = Some((from.max(target - KEPT), to));
        while self.users.len() > MOST {
            let oldest = self.users.iter().min_by_key(|(name, recent)| (recent.last, (*name).clone()));
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { break };
            self.users.remove(&name);
        }
        Ok(())
    }

    fn piece(
        &mut self,
        querier: &dyn Querier,
        filter: &Filter,
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        let bucket = from.div_euclid(BUCKET);
        let place = usize::try_from(bucket.rem_euclid(BUCKETS as i64)).unwrap_or_default();
        for call in querier.largest_calls(window(from, to), filter, 0, USERS)? {
            let recent = self.users.entry((call.service, call.user)).or_default();
            let (known, tokens) = recent.buckets[place];
            recent.buckets[place] =
                (bucket, if known == bucket { tokens.max(call.tokens) } else { call.tokens });
            recent.pieces = recent.pieces.saturating_add(1);
            recent.last = recent.last.max(to);
        }
        Ok(())
    }

    /// The most tokens that a call of this user had within two days; nothing of one who is hardly known.
    pub(crate) fn of(&self, service: &str, user: &str, now: Timestamp) -> Option<u64> {
        let recent = self.users.get(&(service.to_owned(), user.to_owned()))?;
        let oldest = slot_of(now).div_euclid(BUCKET) - BUCKETS as i64;
        let kept = recent.buckets.iter().filter(|(bucket, _)| *bucket > oldest);
        (recent.pieces >= KNOWN).then(|| kept.map(|(_, tokens)| *tokens).max()).flatten()
    }
}

fn window(from: i64, to: i64) -> Window {
    Window { from: Timestamp(from * FIVE_MINUTES), to: Timestamp(to * FIVE_MINUTES) }
}
