//! Running totals: the totals of a window are the difference of two of them.

use crate::record::{CallRecord, NanoUsd};
use crate::store::Totals;
use crate::store::sums::Measures;

/// Totals over all calls up to one. Wide enough that no hostile number stops them from being exact.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Running {
    counts: [u128; 14],
    /// Nano-dollars: the cost, and of the calls with a reported one the reported and the computed.
    costs: [i128; 3],
}

impl Running {
    /// These totals and one more call.
    pub(super) fn with(mut self, call: &CallRecord) -> Self {
        let mut one = Totals::default();
        one.count(&Measures::from(call));
        for (sum, more) in self.counts.iter_mut().zip(counts(&one)) {
            *sum += u128::from(more);
        }
        for (sum, more) in self.costs.iter_mut().zip([one.cost, one.reported_cost, one.computed_cost]) {
            *sum += i128::from(more.0);
        }
        self
    }

    /// These totals without a call that is in them.
    pub(super) fn without(mut self, call: &CallRecord) -> Self {
        let mut one = Totals::default();
        one.count(&Measures::from(call));
        for (sum, less) in self.counts.iter_mut().zip(counts(&one)) {
            *sum = sum.saturating_sub(u128::from(less));
        }
        for (sum, less) in self.costs.iter_mut().zip([one.cost, one.reported_cost, one.computed_cost]) {
            *sum -= i128::from(less.0);
        }
        self
    }

    /// Whether there is no call.
    pub(super) const fn is_empty(&self) -> bool {
        self.counts[0] == 0
    }

    /// What came after `before`. Saturates, as [`Totals::count`] does.
    pub(super) fn since(&self, before: &Self) -> Totals {
        let count =
            |index: usize| u64::try_from(self.counts[index] - before.counts[index]).unwrap_or(u64::MAX);
        let cost = |index: usize| {
            let cost = (self.costs[index] - before.costs[index]).clamp(i64::MIN.into(), i64::MAX.into());
            NanoUsd(i64::try_from(cost).unwrap_or(i64::MAX))
        };
        Totals {
            calls: count(0),
            succeeded: count(1),
            failed: count(2),
            unauthorized: count(3),
            rate_limited: count(4),
            succeeded_without_usage: count(5),
            unpriced: count(6),
            input_tokens: count(7),
            output_tokens: count(8),
            cache_read_tokens: count(9),
            cache_write_tokens: count(10),
            reasoning_tokens: count(11),
            duration_ns: count(12),
            reported: count(13),
            cost: cost(0),
            reported_cost: cost(1),
            computed_cost: cost(2),
        }
    }
}

/// In the order in which [`Running::since`] takes them apart.
const fn counts(totals: &Totals) -> [u64; 14] {
    [
        totals.calls,
        totals.succeeded,
        totals.failed,
        totals.unauthorized,
        totals.rate_limited,
        totals.succeeded_without_usage,
        totals.unpriced,
        totals.input_tokens,
        totals.output_tokens,
        totals.cache_read_tokens,
        totals.cache_write_tokens,
        totals.reasoning_tokens,
        totals.duration_ns,
        totals.reported,
    ]
}
