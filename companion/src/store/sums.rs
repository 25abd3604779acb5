//! The one rule by which calls become [`Totals`]: every store counts the same way.

use spanledger::Outcome;

use std::cmp::Reverse;
use std::sync::Arc;

use crate::record::{CallRecord, NanoUsd, Timestamp, Window};
use crate::store::{FiveMinuteCalls, FiveMinutes, Totals};

/// Five minutes in nanoseconds.
pub(crate) const FIVE_MINUTES: i64 = 300 * Timestamp::SECOND;

/// The part of a window that is whole multiples of five minutes since 1970.
pub(crate) const fn whole_five_minutes(window: Window) -> Window {
    let up = window.from.0.saturating_add(FIVE_MINUTES - 1).div_euclid(FIVE_MINUTES) * FIVE_MINUTES;
    let down = window.to.0.div_euclid(FIVE_MINUTES) * FIVE_MINUTES;
    Window { from: Timestamp(up), to: Timestamp(down) }
}

impl FiveMinutes {
    pub(crate) fn empty(at: Timestamp, name: Arc<str>) -> Self {
        Self { at, name, totals: Totals::default(), first_chunks: 0, first_chunk_ns: 0 }
    }

    /// Counts one call.
    pub(crate) fn count(&mut self, call: &Measures) {
        self.totals.count(call);
        if let Some(ns) = call.first_chunk() {
            self.first_chunks = self.first_chunks.saturating_add(1);
            self.first_chunk_ns = self.first_chunk_ns.saturating_add(ns);
        }
    }
}

/// The calls of the `most` values with the most of them in each five minutes, and of the others together. `found` is by time.
pub(crate) fn most_called(found: Vec<FiveMinutes>, most: usize) -> Vec<FiveMinuteCalls> {
    let mut calls: Vec<FiveMinuteCalls> = Vec::with_capacity(found.len());
    for same in found.chunk_by(|a, b| a.at == b.at) {
        let mut ranked: Vec<&FiveMinutes> = same.iter().collect();
        ranked.sort_by_key(|found| Reverse(found.totals.calls));
        let rest = ranked.split_off(most.min(ranked.len()));
        let named = |found: &FiveMinutes| {
            let (at, name) = (found.at, Some(Arc::clone(&found.name)));
            FiveMinuteCalls { at, name, calls: found.totals.calls }
        };
        calls.extend(ranked.into_iter().map(named));
        if let Some(first) = rest.first() {
            let rest = rest.iter().map(|found| found.totals.calls).fold(0, u64::saturating_add);
            calls.push(FiveMinuteCalls { at: first.at, name: None, calls: rest });
        }
    }
    calls
}

/// What of one call is counted and summed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measures {
    pub(crate) outcome: Outcome,
    pub(crate) status_code: Option<u16>,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cache_read_tokens: Option<u64>,
    pub(crate) cache_write_tokens: Option<u64>,
    pub(crate) reasoning_tokens: Option<u64>,
    pub(crate) cost: Option<NanoUsd>,
    pub(crate) computed_cost: Option<NanoUsd>,
    pub(crate) duration_ns: i64,
    pub(crate) first_chunk_ns: Option<i64>,
}

impl From<&CallRecord> for Measures {
    fn from(call: &CallRecord) -> Self {
        Self {
            outcome: call.outcome,
            status_code: call.status_code,
            input_tokens: call.input_tokens,
            output_tokens: call.output_tokens,
            cache_read_tokens: call.cache_read_tokens,
            cache_write_tokens: call.cache_write_tokens,
            reasoning_tokens: call.reasoning_tokens,
            cost: call.cost,
            computed_cost: call.computed_cost,
            duration_ns: call.duration_ns,
            first_chunk_ns: call.first_chunk_ns,
        }
    }
}

impl Measures {
    /// The duration as it is measured: a clock set back during a call makes it negative, which counts as 0.
    pub(crate) fn duration(&self) -> u64 {
        u64::try_from(self.duration_ns).unwrap_or(0)
    }

    /// The time to the first chunk, under the same rule.
    pub(crate) fn first_chunk(&self) -> Option<u64> {
        self.first_chunk_ns.map(|ns| u64::try_from(ns).unwrap_or(0))
    }
}

impl Totals {
    /// Counts one call. Totals saturate, so that no hostile number wraps one around.
    pub(crate) fn count(&mut self, call: &Measures) {
        let one = |condition: bool| u64::from(condition);
        let known = |tokens: Option<u64>| tokens.unwrap_or(0);
        let completed = call.outcome == Outcome::Completed;
        let compared = call.cost.zip(call.computed_cost);
        let without_usage = call.input_tokens.is_none() && call.output_tokens.is_none();
        self.absorb(&Self {
            calls: 1,
            succeeded: one(completed),
            failed: one(call.outcome.is_error()),
            unauthorized: one(matches!(call.status_code, Some(401 | 403))),
            rate_limited: one(call.status_code == Some(429)),
            succeeded_without_usage: one(completed && without_usage),
            unpriced: one(!without_usage && call.cost.is_none()),
            input_tokens: known(call.input_tokens),
            output_tokens: known(call.output_tokens),
            cache_read_tokens: known(call.cache_read_tokens),
            cache_write_tokens: known(call.cache_write_tokens),
            reasoning_tokens: known(call.reasoning_tokens),
            cost: call.cost.unwrap_or_default(),
            duration_ns: call.duration(),
            reported: one(compared.is_some()),
            reported_cost: compared.map_or(NanoUsd(0), |(reported, _)| reported),
            computed_cost: compared.map_or(NanoUsd(0), |(_, computed)| computed),
        });
    }

    /// Takes out calls that were counted.
    pub(crate) fn subtract(&mut self, other: &Self) {
        let take = |sum: &mut u64, less: u64| *sum = sum.saturating_sub(less);
        take(&mut self.calls, other.calls);
        take(&mut self.succeeded, other.succeeded);
        take(&mut self.failed, other.failed);
        take(&mut self.unauthorized, other.unauthorized);
        take(&mut self.rate_limited, other.rate_limited);
        take(&mut self.succeeded_without_usage, other.succeeded_without_usage);
        take(&mut self.unpriced, other.unpriced);
        take(&mut self.input_tokens, other.input_tokens);
        take(&mut self.output_tokens, other.output_tokens);
        take(&mut self.cache_read_tokens, other.cache_read_tokens);
        take(&mut self.cache_write_tokens, other.cache_write_tokens);
        take(&mut self.reasoning_tokens, other.reasoning_tokens);
        take(&mut self.duration_ns, other.duration_ns);
        take(&mut self.reported, other.reported);
        let take = |sum: &mut NanoUsd, less: NanoUsd| sum.0 = sum.0.saturating_sub(less.0);
        take(&mut self.cost, other.cost);
        take(&mut self.reported_cost, other.reported_cost);
        take(&mut self.computed_cost, other.computed_cost);
    }

    /// Adds the totals of other calls.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.calls, other.calls);
        add(&mut self.succeeded, other.succeeded);
        add(&mut self.failed, other.failed);
        add(&mut self.unauthorized, other.unauthorized);
        add(&mut self.rate_limited, other.rate_limited);
        add(&mut self.succeeded_without_usage, other.succeeded_without_usage);
        add(&mut self.unpriced, other.unpriced);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.cache_read_tokens, other.cache_read_tokens);
        add(&mut self.cache_write_tokens, other.cache_write_tokens);
        add(&mut self.reasoning_tokens, other.reasoning_tokens);
        add(&mut self.duration_ns, other.duration_ns);
        add(&mut self.reported, other.reported);
        let add = |sum: &mut NanoUsd, more: NanoUsd| sum.0 = sum.0.saturating_add(more.0);
        add(&mut self.cost, other.cost);
        add(&mut self.reported_cost, other.reported_cost);
        add(&mut self.computed_cost, other.computed_cost);
    }
}
