//! The OTLP receivers. gRPC and HTTP differ in how they read a batch and how they word a response; what
//! happens to a batch in between is here, once.

pub mod admission;
mod grpc;
mod http;
pub(crate) mod json;
mod offload;
mod refusal;
#[cfg(test)]
mod tests;
mod unsupported_signals;

pub use grpc::router as grpc_router;
pub use http::router as http_router;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock;
use crate::convert::Converter;
use crate::metrics::{Metrics, SpanResult};
use crate::store::writer::{AppendError, WriterHandle};
use crate::text::log_throttle::LogThrottle;
use crate::text::seconds::Seconds;
use offload::Offload;
use refusal::Refusal;

/// The retry delay that a sender gets after a refusal for lack of capacity.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Between two log lines about appends that fail: on a full disk every request does.
const FAILURE_LOG_INTERVAL: Seconds = Seconds(60);

/// Takes batches from every entrance to the ledger.
#[derive(Debug, Clone)]
pub struct Intake {
    converter: Arc<Converter>,
    writer: WriterHandle,
    metrics: Arc<Metrics>,
    failures: Arc<LogThrottle>,
    offload: Offload,
}

/// What of an accepted batch was refused, for the protocol's partial success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) spans: i64,
    pub(crate) message: String,
}

impl Intake {
    /// An intake that converts with `converter`, keeps with `writer` and counts in `metrics`.
    #[must_use]
    pub fn new(converter: Arc<Converter>, writer: WriterHandle, metrics: Arc<Metrics>) -> Self {
        Self {
            converter,
            writer,
            metrics,
            failures: Arc::new(LogThrottle::new(FAILURE_LOG_INTERVAL)),
            offload: Offload::default(),
        }
    }

    /// Takes one export request, and returns when its calls are durable. `read` gives the request in protobuf, of at
    /// most `bytes` bytes. `None` means that nothing was refused.
    async fn accept(
        &self,
        bytes: usize,
        read: impl FnOnce() -> Result<Bytes, Refusal> + Send + 'static,
    ) -> Result<Option<Rejected>, Refusal> {
        let converter = Arc::clone(&self.converter);
        let convert = move || {
            let request = read()?;
            converter.convert(&request, clock::now()).map_err(|error| Refusal::Malformed(error.to_string()))
        };
        // What waits for the disk are the calls alone.
        let converted = self.offload.run(bytes, convert).await.ok_or(Refusal::Unavailable)??;
        let calls = converted.records.len() as u64;
        let count = |result, spans| self.metrics.count_spans(result, spans);
        match self.writer.append_with(converted.records, converted.passages, converted.skipped.clone()).await
        {
            Ok(appended) => {
                count(SpanResult::Accepted, appended.inserted);
                count(SpanResult::Duplicate, appended.duplicates);
                count(SpanResult::TooOld, appended.too_old);
                count(SpanResult::OtherAccount, appended.other_accounts);
                self.metrics.count_undone(appended.undone);
            }
            Err(error) => {
                count(SpanResult::Dropped, calls);
                return Err(match error {
                    AppendError::Full { .. } => Refusal::Overloaded(RETRY_AFTER),
                    other => {
                        if let Some(suppressed) = self.failures.allow(clock::now()) {
                            tracing::error!(
                                error = %other, calls, suppressed, "append failed, refused as retryable"
                            );
                        }
                        Refusal::Unavailable
                    }
                });
            }
        }
        count(SpanResult::Ignored, converted.ignored);
        count(SpanResult::Refused, converted.refused);
        self.metrics.count_skipped(&converted.skipped);
        self.metrics.count_clamped(converted.clamped);
        Ok((converted.refused > 0).then(|| Rejected {
            spans: i64::try_from(converted.refused).unwrap_or(i64::MAX),
            message: "trace id or span id is missing, all zeros or of a wrong length".to_owned(),
        }))
    }
}
