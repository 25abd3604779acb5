//! What was counted by series in each of many stretches of time: the past of a counter, exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::record::{CallRecord, ENVIRONMENT};
use crate::store::Totals;
use crate::store::sums::Measures;

/// Bits of a latency that choose its bucket within an octave: eight buckets.
const MANTISSA_BITS: u32 = 3;

/// What calls are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesNames {
    pub service: Arc<str>,
    /// The environment of the service.
    pub environment: Option<Arc<str>>,
    pub provider: Arc<str>,
    pub model: Arc<str>,
    pub outcome: &'static str,
    pub cost_status: &'static str,
    /// The kind of error.
    pub error: Option<Arc<str>>,
}

/// The calls of one series in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesSum {
    pub names: Arc<SeriesNames>,
    pub totals: Totals,
    pub latencies: Latencies,
}

/// How many durations and times to the first chunk are in each bucket, by the largest nanosecond in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies {
    pub duration: BTreeMap<u64, u64>,
    pub first_chunk: BTreeMap<u64, u64>,
    /// The sum of the times to the first chunk.
    pub first_chunk_ns: u64,
}

impl SeriesSum {
    pub(crate) fn empty(names: Arc<SeriesNames>) -> Self {
        Self { names, totals: Totals::default(), latencies: Latencies::default() }
    }

    /// Adds the calls of another series with the same names.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.totals.absorb(&other.totals);
        let latencies = &mut self.latencies;
        other.latencies.duration.iter().for_each(|(most, calls)| add(&mut latencies.duration, *most, *calls));
        other
            .latencies
            .first_chunk
            .iter()
            .for_each(|(most, calls)| add(&mut latencies.first_chunk, *most, *calls));
        latencies.first_chunk_ns = latencies.first_chunk_ns.saturating_add(other.latencies.first_chunk_ns);
    }

    /// Counts one call.
    pub(crate) fn count(&mut self, call: &Measures) {
        self.totals.count(call);
        add(&mut self.latencies.duration, largest_with(call.duration()), 1);
        if let Some(ns) = call.first_chunk() {
            add(&mut self.latencies.first_chunk, largest_with(ns), 1);
            self.latencies.first_chunk_ns = self.latencies.first_chunk_ns.saturating_add(ns);
        }
    }
}

impl From<&CallRecord> for SeriesNames {
    fn from(call: &CallRecord) -> Self {
        Self {
            service: call.service.as_str().into(),
            environment: call.tags.get(ENVIRONMENT).map(Into::into),
            provider: call.provider.as_str().into(),
            model: call.model().into(),
            outcome: call.outcome.as_str(),
            cost_status: call.cost_status.as_str(),
            error: call.error_kind.as_deref().map(Into::into),
        }
    }
}

/// Adds calls to a bucket.
pub(crate) fn add(buckets: &mut BTreeMap<u64, u64>, largest: u64, calls: u64) {
    let count = buckets.entry(largest).or_default();
    *count = count.saturating_add(calls);
}

/// The largest nanosecond in the bucket of `ns`. The buckets of the rollups are four times as fine, and each of them is
/// within one of these.
pub(crate) const fn largest_with(ns: u64) -> u64 {
    if ns < 1 << MANTISSA_BITS {
        return ns;
    }
    let shift = 63 - ns.leading_zeros() - MANTISSA_BITS;
    ns | ((1 << shift) - 1)
}

/// The largest nanosecond in the bucket before one that ends with `largest`.
pub(crate) const fn largest_before(largest: u64) -> u64 {
    if largest < 1 << MANTISSA_BITS {
        return largest.saturating_sub(1);
    }
    let shift = 63 - largest.leading_zeros() - MANTISSA_BITS;
    (largest >> shift << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_before_the_next_and_is_an_eighth_of_its_octave() {
        let mut ns = 8;
        for _ in 0..200 {
            let largest = largest_with(ns);
            assert_eq!(largest_with(largest), largest);
            assert!(largest_with(largest + 1) > largest);
            assert_eq!(largest_before(largest_with(largest + 1)), largest);
            assert!((largest - ns) * 8 <= ns, "{ns} to {largest}");
            ns = largest + 1;
        }
        assert_eq!((largest_with(0), largest_with(1_000_000_000)), (0, 1_006_632_959));
    }
}
