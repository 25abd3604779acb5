//! The thread that exports.

use std::time::Duration;

use futures_executor::block_on;
use opentelemetry::metrics::Counter;
use opentelemetry::{Context, InstrumentationScope, KeyValue, global};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::backoff::Backoff;
use super::failure::{self, Failure};
use super::queue::{Batch, Queue, Task, Waited};
use crate::journal::outbox;
use crate::semconv::{SCOPE, attribute, error_type, metric, unit};
use crate::span_size::batches;

/// Tries of a batch that is refused in words that may mean the receiver as well: some minutes, with the default waits.
pub(super) const UNCLEAR_TRIES: u32 = 20;

/// Calls that are read from a journal at a time: its segments are read for each time.
const BACKLOG: usize = 2048;

/// How long to wait for records that are on their way to the disk.
const SOON: Duration = Duration::from_millis(100);

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
            Task::Backlog => worker.deliver_backlog(&exporter),
            Task::Stop => break,
        }
    }
    worker.report_overflow();
    let lost = give_up(&queue.clear());
    // The journals' last word: that the process ends in order. Without it, it has died.
    let reports = outbox::finish();
    if !reports.is_empty() && block_on(exporter.export(reports)).is_ok() {
        outbox::conclude();
    }
    queue.close(lost);
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
    /// Sends calls that only a journal has.
    fn deliver_backlog<E: SpanExporter>(&mut self, exporter: &E) {
        let spans = outbox::backlog(BACKLOG);
        if spans.is_empty() {
            self.queue.wait(SOON);
        }
        for batch in batches(spans, self.queue.limits.batch, self.queue.limits.request) {
            self.deliver(exporter, &Batch::from_journal(batch));
        }
    }

    /// Tries until the batch is taken, refused for good, or the time is up.
    fn deliver<E: SpanExporter>(&mut self, exporter: &E, batch: &Batch) {
        let mut tries = 0;
        loop {
            let Err(error) = block_on(exporter.export(batch.spans.clone())) else {
                self.delivered(exporter, batch, tries);
                return;
            };
            tries += 1;
            let spans = batch.spans.len() as u64;
            let failure = failure::of(&error);
            if failure == Failure::Refused || (failure == Failure::Unclear && tries >= UNCLEAR_TRIES) {
                tracing::error!(%error, spans, tries, "the receiver refused spans for good; they are dropped");
                outbox::refused(&batch.spans);
                lose(spans, error_type::REFUSED);
                self.queue.settle(batch, spans);
                self.backoff.reset();
                return;
            }
            if tries == 1 {
                tracing::warn!(%error, "spans cannot be delivered; they are kept, and retried with backoff");
            }
            self.report_overflow();
            match self.queue.wait(self.backoff.next()) {
                Waited::ForTheWholeTime => {}
                Waited::Hurried => self.backoff.reset(),
                Waited::TimeIsUp => {
                    self.queue.settle(batch, give_up(&batch.spans));
                    return;
                }
            }
        }
    }

    fn delivered<E: SpanExporter>(&mut self, exporter: &E, batch: &Batch, failures: u32) {
        outbox::delivered(&batch.spans);
        self.queue.settle(batch, 0);
        self.backoff.reset();
        let still_dropping = self.report_overflow();
        if failures > 0 || (self.overflowing && !still_dropping) {
            self.overflowing = false;
            let lost = std::mem::take(&mut self.lost);
            tracing::info!(failures, lost, "spans are delivered again");
        }
        let news = outbox::news();
        if !news.is_empty() {
            // The next report says it as well.
            let _said_again = block_on(exporter.export(news));
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

/// Leaves spans to the journals, and counts those that none has.
fn give_up(spans: &[SpanData]) -> u64 {
    let lost = spans.iter().filter(|span| !outbox::returned(span)).count() as u64;
    lose(lost, error_type::SHUTDOWN);
    lost
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
    let meter = global::meter_provider().meter_with_scope(scope);
    meter.u64_counter(metric::LOST_SPANS).with_unit(unit::SPANS).build()
}
