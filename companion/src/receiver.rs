//! The OTLP receivers. gRPC and HTTP differ in how they read a batch and how they word a response; what
//! happens to a batch in between is here, once.

pub(crate) mod admission;
mod body;
mod grpc;
mod http;
mod offload;
mod refusal;
mod rejected;
pub(crate) mod sender;
mod shares;
mod signal;
#[cfg(test)]
mod tests;

pub(crate) use grpc::router as grpc_router;
pub(crate) use http::router as http_router;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use spanledger::PriceTable;
use spanledger::journal::Taken;

use crate::clock;
use crate::convert::{Converted, Converter, MetricsSender};
use crate::metrics::{Metrics, SpanResult};
use crate::otlp::export::ExportResponse;
use crate::otlp::{Encoded, Spans};
use crate::record::{CallRecord, Passage, SkipReason, SkippedHours};
use crate::store::Appended;
use crate::store::own_clock::OwnClock;
use crate::store::sqlite::SqliteAppender;
use crate::store::writer::{AppendError, Writer, WriterHandle, WriterOptions};
use crate::text::log_throttle::LogThrottle;
use crate::text::seconds::Seconds;
use offload::Offload;
use refusal::Refusal;
use rejected::Rejected;
use sender::Scope;
use signal::Kept;

/// The retry delay that a sender gets after a refusal for lack of capacity.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Between two log lines about appends that fail: on a full disk every request does.
const FAILURE_LOG_INTERVAL: Seconds = Seconds(60);

/// What a ledger gets to be closed.
const CLOSING: Duration = Duration::from_secs(60);

/// Calls of a large request that are held at a time. The rest of it is read when these are durable, so that a request of
/// nothing but the smallest calls takes no more memory than others.
const PART: usize = 4096;

/// Takes batches from every entrance to the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    converter: Arc<Converter>,
    writer: WriterHandle,
    metrics: Arc<Metrics>,
    failures: Arc<LogThrottle>,
    offload: Offload,
    clock: OwnClock,
    too_old: Arc<LogThrottle>,
    /// Calls and counts that the ledger could not take, until it can note that.
    dropped: Arc<Mutex<SkippedHours>>,
}

impl Intake {
    /// An intake that converts with `converter`, keeps with `writer` and counts in `metrics`. Calls without a time of
    /// their own have that of the ledger's `clock`.
    #[must_use]
    pub(crate) fn new(
        converter: Arc<Converter>,
        writer: WriterHandle,
        metrics: Arc<Metrics>,
        clock: OwnClock,
    ) -> Self {
        Self {
            converter,
            writer,
            metrics,
            failures: Arc::new(LogThrottle::new(FAILURE_LOG_INTERVAL)),
            offload: Offload::default(),
            clock,
            too_old: Arc::new(LogThrottle::new(FAILURE_LOG_INTERVAL)),
            dropped: Arc::default(),
        }
    }

    /// An intake into a ledger file, for a command that writes it alone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn into_ledger(appender: SqliteAppender, prices: PriceTable) -> std::io::Result<Self> {
        let own_clock = appender.clock();
        let writer = Writer::start(appender, WriterOptions::new(clock::now))?;
        Ok(Self::new(Arc::new(Converter::new(Arc::new(prices))), writer, Arc::default(), own_clock))
    }

    /// Takes no more, and closes the ledger.
    pub(crate) async fn close(&self) {
        self.writer.stop(CLOSING).await;
    }

    /// Takes a request that was made of a journal, and tells what became of it.
    pub(crate) async fn take(&self, request: Bytes) -> Taken {
        match self.accept::<Spans>(request.len(), move || Ok(Encoded::Protobuf(request))).await {
            Ok(_) => Taken::Delivered,
            Err(Refusal::Malformed(_) | Refusal::Failed) => Taken::Refused,
            Err(_) => Taken::NotNow,
        }
    }

    /// Takes one export request, and returns when its calls are durable. `read` gives the request, of at most `bytes`
    /// bytes. The response tells what of it was refused.
    async fn accept<S: Kept>(
        &self,
        bytes: usize,
        read: impl FnOnce() -> Result<Encoded<Bytes>, Refusal> + Send + 'static,
    ) -> Result<ExportResponse, Refusal> {
        let (intake, scope) = (self.clone(), Scope::current());
        // What waits for the disk are calls alone: those of a small request after it was read, those of a large one part
        // by part.
        let most = if offload::is_large(bytes) { PART } else { usize::MAX };
        let work = move || intake.convert::<S>(read()?, most, &scope);
        let (converted, mut rejected) = self.offload.run(bytes, work).await??;
        let calls = converted.records.len() as u64;
        let dropped = std::mem::take(&mut *self.dropped());
        let mut skipped = converted.skipped.clone();
        skipped.absorb(&dropped);
        let appended = self
            .writer
            .append_with(converted.records, converted.passages, converted.processes, skipped)
            .await;
        if appended.is_err() {
            self.dropped().absorb(&dropped);
        }
        self.note::<S>(appended, calls, &mut rejected)?;
        S::count(&self.metrics, SpanResult::Ignored, converted.ignored);
        S::count(&self.metrics, SpanResult::Refused, converted.refused + converted.malformed);
        self.metrics.count_skipped(&converted.skipped);
        self.metrics.count_clamped(converted.clamped);
        self.metrics.count_tags_cut(converted.tags_cut);
        self.metrics.count_ahead(converted.ahead);
        self.metrics.count_moved(converted.moved_to_start, converted.moved_to_receipt);
        Ok(ExportResponse { partial_success: rejected.partial_success() })
    }

    /// Takes one export request of metrics, of which one counter is kept: requests that the library did not recognise.
    /// What cannot be read is discarded like all other metrics.
    async fn accept_metrics(
        &self,
        bytes: usize,
        read: impl FnOnce() -> Result<Encoded<Bytes>, Refusal> + Send + 'static,
    ) -> Result<ExportResponse, Refusal> {
        let intake = self.clone();
        let scope = Scope::current();
        let work = move || {
            let (converter, now) = (&intake.converter, intake.clock.now());
            let may_write = |service: &str| scope.may_write(service);
            let sender = MetricsSender { number: scope.number(), may_write: &may_write };
            let found = match read()? {
                Encoded::Protobuf(bytes) => converter.unrecognised(Encoded::Protobuf(&bytes), sender, now),
                Encoded::Json(bytes) => converter.unrecognised(Encoded::Json(&bytes), sender, now),
            }
            .unwrap_or_default();
            intake.metrics.count_skipped(&found.counted);
            intake.metrics.count_unfollowed(found.unfollowed);
            // What was read of a cumulative counter is not new the next time: it is kept until the ledger takes it.
            intake.dropped().absorb(&found.counted);
            let mut rejected = Rejected::of("data point");
            rejected.add(found.strange, &scope.refusal());
            rejected.warn(found.unfollowed, "not counted: too many counters are followed");
            Ok(rejected)
        };
        let mut rejected = self.offload.run(bytes, work).await??;
        self.metrics.count_metrics_request();
        let skipped = std::mem::take(&mut *self.dropped());
        let appended = self.writer.append_with(Vec::new(), Vec::new(), Vec::new(), skipped.clone()).await;
        if appended.is_err() {
            self.dropped().absorb(&skipped);
        }
        self.note::<Spans>(appended, 0, &mut rejected)?;
        Ok(ExportResponse { partial_success: rejected.partial_success() })
    }

    /// Converts a request, and appends all but the last of its calls in parts of `most`. A sender that is asked to retry
    /// after a part was appended does no harm: the ledger keeps a call once.
    fn convert<S: Kept>(
        &self,
        request: Encoded<Bytes>,
        most: usize,
        scope: &Scope,
    ) -> Result<(Converted, Rejected), Refusal> {
        let mut rejected = Rejected::of(S::ITEM);
        let mut appended = Ok(());
        let mut strange = 0;
        let part = |mut records: Vec<CallRecord>, mut passages: Vec<Passage>, mut processes| {
            if appended.is_ok() {
                strange += scope.keep(&mut records, &mut processes).unwrap_or(0);
                passages.retain(|_| scope.connects());
                let calls = records.len() as u64;
                appended = self.note::<S>(
                    self.writer.append_blocking(records, passages, processes),
                    calls,
                    &mut rejected,
                );
            }
        };
        let converted = match &request {
            Encoded::Protobuf(bytes) => {
                self.converter.parts::<S>(Encoded::Protobuf(bytes), self.clock.receipt_now(), most, part)
            }
            Encoded::Json(bytes) => {
                self.converter.parts::<S>(Encoded::Json(bytes), self.clock.receipt_now(), most, part)
            }
        };
        let mut converted = converted.map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.clock.hear(converted.ends);
        let (records, processes) = (&mut converted.records, &mut converted.processes);
        if let Some(number) = scope.keep(records, processes) {
            rejected.add(number + strange, &scope.refusal());
            strange += number;
            converted.passages.clear();
        }
        appended?;
        let refused = converted.refused + converted.malformed + strange;
        converted.skipped.add_many(self.clock.now(), "", SkipReason::Refused, refused);
        rejected.add(converted.refused, "trace id or span id is missing, all zeros or of a wrong length");
        if let Some(reason) = converted.reason {
            rejected.add(converted.malformed, &format!("malformed, in the first {reason}"));
        }
        rejected.warn(
            converted.moved_to_receipt,
            "kept with the time of receipt: its times are before 2020, or more than 10 min ahead of the receiver's clock",
        );
        rejected.warn(
            converted.moved_to_start,
            "kept with the time of the start: the end is before 2020, or more than 10 min ahead of the receiver's clock",
        );
        rejected.warn(
            converted.ends.beyond,
            "the end is more than a day ahead of the receiver's clock, which is not believed until a call agrees with it",
        );
        converted.refused += strange;
        Ok((converted, rejected))
    }

    fn dropped(&self) -> MutexGuard<'_, SkippedHours> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what became of an append of `calls` calls.
    fn note<S: Kept>(
        &self,
        appended: Result<Appended, AppendError>,
        calls: u64,
        rejected: &mut Rejected,
    ) -> Result<(), Refusal> {
        let count = |result, number| S::count(&self.metrics, result, number);
        match appended {
            Ok(appended) => {
                count(SpanResult::Accepted, appended.inserted);
                count(SpanResult::Duplicate, appended.duplicates);
                count(SpanResult::TooOld, appended.too_old);
                count(SpanResult::Refused, appended.without_place + appended.not_taken);
                count(SpanResult::OtherAccount, appended.other_accounts);
                self.metrics.count_undone(appended.undone);
                self.metrics.count_forgotten(appended.forgotten);
                rejected.add(appended.too_old, "older than what the ledger keeps");
                let reason =
                    "no place is left for calls that end in that microsecond, the clock does not move";
                rejected.add(appended.without_place, reason);
                let reason =
                    "the page of the ledger on which they belong is damaged, `spanledger verify` names it";
                rejected.add(appended.not_taken, reason);
                if appended.too_old > 0
                    && let Some(suppressed) = self.too_old.allow(clock::now())
                {
                    tracing::warn!(
                        calls = appended.too_old,
                        suppressed,
                        "calls are older than what the ledger keeps"
                    );
                }
                Ok(())
            }
            Err(error) => {
                count(SpanResult::Dropped, calls);
                self.dropped().add_many(self.clock.now(), "", SkipReason::Dropped, calls);
                if let AppendError::Full { .. } = error {
                    return Err(Refusal::Overloaded(RETRY_AFTER));
                }
                if let Some(suppressed) = self.failures.allow(clock::now()) {
                    tracing::error!(%error, calls, suppressed, "append failed, refused as retryable");
                }
                Err(Refusal::Unavailable)
            }
        }
    }
}
