//! What the writer counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::store::writer::AppendError;
use crate::store::{Appended, Maintained, NAMED};

/// Upper bounds of the buckets of [`WriterStats::latency`], in seconds; one more bucket is above them.
pub(crate) const LATENCY_BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Counters of one writer since its start.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WriterStats {
    /// New calls written.
    pub appended: u64,
    /// Calls that were known.
    pub duplicates: u64,
    /// Calls of which a name is counted as `_OTHER`, by dimension.
    pub others: [u64; NAMED.len()],
    /// Calls refused because too many waited.
    pub refused: u64,
    /// Calls that the store did not take.
    pub failed: u64,
    /// Groups of batches written.
    pub groups: u64,
    /// Calls deleted by retention.
    pub deleted: u64,
    /// Seconds of history that are past their age and not deleted yet.
    pub behind_seconds: u64,
    /// Sending processes whose numbers are followed no longer.
    pub forgotten_instances: u64,
    /// Runs of the housekeeping that failed.
    pub maintain_failures: u64,
    /// Calls that wait to be written now.
    pub waiting: u64,
    /// Batches by time from hand-over to durability; see [`LATENCY_BOUNDS`]. Not cumulative.
    pub latency: [u64; LATENCY_BOUNDS.len() + 1],
    /// Sum of those times in seconds.
    pub latency_sum: f64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    appended: AtomicU64,
    duplicates: AtomicU64,
    others: [AtomicU64; NAMED.len()],
    refused: AtomicU64,
    failed: AtomicU64,
    groups: AtomicU64,
    deleted: AtomicU64,
    behind_seconds: AtomicU64,
    forgotten_instances: AtomicU64,
    maintain_failures: AtomicU64,
    latency: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    latency_sum_ns: AtomicU64,
}

impl Counters {
    pub(super) fn refused(&self, calls: usize) {
        add(&self.refused, calls as u64);
    }

    pub(super) fn committed(&self) {
        add(&self.groups, 1);
    }

    pub(super) fn answered(&self, answer: &Result<Appended, AppendError>, calls: usize, after: Duration) {
        match answer {
            Ok(appended) => {
                add(&self.appended, appended.inserted);
                add(&self.duplicates, appended.duplicates);
                for (counter, more) in self.others.iter().zip(appended.others) {
                    add(counter, more);
                }
                let seconds = after.as_secs_f64();
                let bucket = LATENCY_BOUNDS.iter().take_while(|bound| seconds > **bound).count();
                add(&self.latency[bucket], 1);
                add(&self.latency_sum_ns, u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
            }
            Err(_) => add(&self.failed, calls as u64),
        }
    }

    pub(super) fn maintained(&self, maintained: Maintained) {
        add(&self.deleted, maintained.deleted);
        add(&self.forgotten_instances, maintained.forgotten_instances);
        self.behind_seconds.store(maintained.behind_seconds, Ordering::Relaxed);
    }

    pub(super) fn maintain_failed(&self) {
        add(&self.maintain_failures, 1);
    }

    pub(super) fn snapshot(&self, waiting: usize) -> WriterStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriterStats {
            appended: get(&self.appended),
            duplicates: get(&self.duplicates),
            others: std::array::from_fn(|dimension| get(&self.others[dimension])),
            refused: get(&self.refused),
            failed: get(&self.failed),
            groups: get(&self.groups),
            deleted: get(&self.deleted),
            behind_seconds: get(&self.behind_seconds),
            forgotten_instances: get(&self.forgotten_instances),
            maintain_failures: get(&self.maintain_failures),
            waiting: waiting as u64,
            latency: std::array::from_fn(|bucket| get(&self.latency[bucket])),
            latency_sum: Duration::from_nanos(get(&self.latency_sum_ns)).as_secs_f64(),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
