//! Spans that wait, in the order they came, within a bound.

use std::collections::VecDeque;
use std::env;
use std::time::Duration;

use opentelemetry_sdk::trace::SpanData;

use crate::span_size;

/// The bounds of a delivery.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Spans that wait in each lane.
    pub(crate) spans: usize,
    /// Their bytes in each lane, as [`span_size::of`] counts them: content can make a span a thousand times larger.
    pub(crate) bytes: usize,
    /// Spans of one request.
    pub(crate) batch: usize,
    /// Bytes of one request.
    pub(crate) request: usize,
    /// The longest that a span waits for others to go with it.
    pub(crate) delay: Duration,
    /// The wait after the first failure. Each further one doubles it.
    pub(crate) first_wait: Duration,
    /// The longest wait between two tries.
    pub(crate) longest_wait: Duration,
    /// The longest that a flush may take.
    pub(crate) flush: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two and a half minutes at 50 calls per second: a restart of the Collector loses nothing.
            spans: 8192,
            bytes: 32 * 1024 * 1024,
            batch: span_size::SPANS,
            request: span_size::REQUEST,
            delay: Duration::from_secs(5),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
            // As in the SDK's batch processor.
            flush: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The defaults, with what the specification's `OTEL_BSP_*` variables change.
    #[expect(clippy::disallowed_methods, reason = "the specification's variables are read here")]
    pub(crate) fn from_env() -> Self {
        let number = |name| env::var(name).ok().and_then(|value: String| value.trim().parse::<usize>().ok());
        let defaults = Self::default();
        let spans = number("OTEL_BSP_MAX_QUEUE_SIZE").filter(|size| *size > 0).unwrap_or(defaults.spans);
        let batch =
            number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").filter(|size| *size > 0).unwrap_or(defaults.batch);
        let delay = number("OTEL_BSP_SCHEDULE_DELAY")
            .map_or(defaults.delay, |milliseconds| Duration::from_millis(milliseconds as u64));
        Self { spans, batch: batch.min(spans), delay, ..defaults }
    }
}

/// One queue.
#[derive(Debug, Default)]
pub(super) struct Lane {
    spans: VecDeque<(SpanData, usize)>,
    bytes: usize,
    /// All spans that were ever let in, and those that have left, delivered or not.
    pub(super) entered: u64,
    pub(super) left: u64,
}

impl Lane {
    /// Lets a span in, or gives it back when the lane is full.
    pub(super) fn push(&mut self, span: SpanData, limits: &Limits) -> Option<SpanData> {
        let size = span_size::of(&span);
        // A single span may be larger than the bound: it is let in when nothing else waits.
        let fits = self.spans.is_empty() || self.bytes + size <= limits.bytes;
        if self.spans.len() >= limits.spans || !fits {
            return Some(span);
        }
        self.spans.push_back((span, size));
        self.bytes += size;
        self.entered += 1;
        None
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Moves spans into `batch`, in order, as long as they fit into one request.
    pub(super) fn take(&mut self, batch: &mut Vec<SpanData>, bytes: &mut usize, limits: &Limits) {
        while batch.len() < limits.batch
            && let Some((_, size)) = self.spans.front()
            && (batch.is_empty() || *bytes + size <= limits.request)
            && let Some((span, size)) = self.spans.pop_front()
        {
            self.bytes -= size;
            *bytes += size;
            batch.push(span);
        }
    }

    /// Gives up everything that waits.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = SpanData> + use<> {
        self.bytes = 0;
        self.left += self.spans.len() as u64;
        std::mem::take(&mut self.spans).into_iter().map(|(span, _)| span)
    }
}
