//! How often one request hash was seen, and at what cost.

use crate::record::NanoUsd;

/// Calls of one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sightings {
    pub(crate) calls: u64,
    pub(crate) cost: NanoUsd,
    /// The newest end, and the series of that call.
    pub(crate) last: i64,
    pub(crate) series: i64,
}

impl Sightings {
    pub(crate) const fn one(end: i64, series: i64, cost: NanoUsd) -> Self {
        Self { calls: 1, cost, last: end, series }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.cost = NanoUsd(self.cost.0.saturating_sub(other.cost.0));
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.cost = NanoUsd(self.cost.0.saturating_add(other.cost.0));
        if other.last >= self.last {
            self.last = other.last;
            self.series = other.series;
        }
    }
}
