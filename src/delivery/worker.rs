//! The thread that exports.

use futures_executor::block_on;
use opentelemetry::metrics::Counter;
use opentelemetry::{Context, InstrumentationScope, KeyValue, global};
use opentelemetry_sdk::trace::SpanExporter;

use super::backoff::Backoff;
use super::failure::{self, Failure};
use super::queue::{Batch, Queue, Task, Waited};
use crate::semconv::{SCOPE, attribute, error_type, metric, unit};

/// Tries of a batch that is refused in words that may mean the receiver as well: some minutes, with the default waits.
const UNCLEAR_TRIES: u32 = 20;

/// Exports until it is asked to stop.
pub(super) fn run<E: SpanExporter>(queue: &Queue, mut exporter: E) {
    // What the exporter's libraries do must not be exported in turn.
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    let backoff = Backoff::new(queue.limits.first_wait, queue.limits.longest_wait);
    let mut worker = Worker { queue, backoff, lost: 0, overflowing: false };
    loop {
        match queue.next() {
            Task::Resource(resource) => exporter.set_resource(&resource),
            Task::Export(batch) => worker.deliver(&exporter, &batch),
            Task::Stop => break,
        }
    }
    worker.report_overflow();
    lose(queue.close(), error_type::SHUTDOWN);
    // Its only failure is that it was shut down before.
    let _shut_down = exporter.shutdown();
}

struct Worker<'a> {
    queue: &'a Queue,
    backoff: Backoff,
    /// Dropped since that was logged first.
    lost: u64,
    overflowing: bool,
}

impl Worker<'_> {
    /// Tries until the batch is taken, refused for good, or the time is up.
    fn deliver<E: SpanExporter>(&mut self, exporter: &E, batch: &Batch) {
        let mut tries = 0;
        loop {
            let Err(error) = block_on(exporter.export(batch.spans.clone())) else {
                self.delivered(batch, tries);
                return;
            };
            tries += 1;
            let spans = batch.spans.len();
            let failure = failure::of(&error);
            if failure == Failure::Refused || (failure == Failure::Unclear && tries >= UNCLEAR_TRIES) {
                tracing::error!(%error, spans, tries, "the receiver refused spans for good; they are dropped");
                lose(spans as u64, error_type::REFUSED);
                self.queue.settle(batch, false);
                self.backoff.reset();
                return;
            }
            if tries == 1 {
                tracing::warn!(%error, "spans cannot be delivered; they are kept in memory, and retried with backoff");
            }
            self.report_overflow();
            match self.queue.wait(self.backoff.next()) {
                Waited::ForTheWholeTime => {}
                Waited::Hurried => self.backoff.reset(),
                Waited::TimeIsUp => {
                    lose(spans as u64, error_type::SHUTDOWN);
                    self.queue.settle(batch, false);
                    return;
                }
            }
        }
    }

    fn delivered(&mut self, batch: &Batch, failures: u32) {
        self.queue.settle(batch, true);
        self.backoff.reset();
        let still_dropping = self.report_overflow();
        if failures > 0 || (self.overflowing && !still_dropping) {
            self.overflowing = false;
            let lost = std::mem::take(&mut self.lost);
            tracing::info!(failures, lost, "spans are delivered again");
        }
    }

    /// Counts what was dropped for want of room, and logs the first of it. Whether there was any.
    fn report_overflow(&mut self) -> bool {
        let dropped = self.queue.overflowed();
        if dropped == 0 {
            return false;
        }
        lose(dropped, error_type::QUEUE_FULL);
        self.lost += dropped;
        if !std::mem::replace(&mut self.overflowing, true) {
            tracing::error!(
                spans = self.queue.limits.spans,
                "the queue of spans is full, so that newer ones are dropped; \
                 OTEL_BSP_MAX_QUEUE_SIZE sets its size, and {} counts them",
                metric::LOST_SPANS
            );
        }
        true
    }
}

/// Counts spans that will not be delivered.
fn lose(spans: u64, reason: &'static str) {
    if spans > 0 {
        counter().add(spans, &[KeyValue::new(attribute::ERROR_TYPE, reason)]);
    }
}

/// Made at each use, which is rare: the provider may be installed later than the delivery.
fn counter() -> Counter<u64> {
    let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
    global::meter_provider()
        .meter_with_scope(scope)
        .u64_counter(metric::LOST_SPANS)
        .with_unit(unit::SPANS)
        .build()
}
