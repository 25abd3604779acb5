//! The signals of which calls are kept, and how what became of them is counted and named.

use crate::convert::Items;
use crate::metrics::{Metrics, SpanResult};
use crate::otlp::{Logs, Spans};

/// A signal of which calls are kept.
pub(super) trait Kept: Items + 'static {
    /// The member of a response in JSON that says how many items were rejected.
    const REJECTED: &'static str;
    /// What one item is called in words.
    const ITEM: &'static str;

    /// Counts what became of `number` items.
    fn count(metrics: &Metrics, result: SpanResult, number: u64);
}

impl Kept for Spans {
    const REJECTED: &'static str = "rejectedSpans";
    const ITEM: &'static str = "span";

    fn count(metrics: &Metrics, result: SpanResult, number: u64) {
        metrics.count_spans(result, number);
    }
}

impl Kept for Logs {
    const REJECTED: &'static str = "rejectedLogRecords";
    const ITEM: &'static str = "log record";

    fn count(metrics: &Metrics, result: SpanResult, number: u64) {
        metrics.count_log_records(result, number);
    }
}
