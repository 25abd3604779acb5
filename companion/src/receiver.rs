//! The OTLP entrances. gRPC and HTTP differ in how they read a batch and how they word an answer; what
//! happens to a batch in between stands here, once.

pub mod auth;
pub mod limits;
pub mod listener;
pub mod tls;

mod greeting;
mod grpc;
mod http;
pub(crate) mod json;
mod passed_over;
mod refusal;
#[cfg(test)]
mod tests;
mod work;

pub use grpc::router as grpc_router;
pub use http::router as http_router;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock;
use crate::convert::Converter;
use crate::metrics::{Metrics, SpanResult};
use crate::seconds::Seconds;
use crate::seldom::Seldom;
use crate::store::writer::{AppendError, WriterHandle};
use refusal::Refusal;
use work::Work;

/// When a sender is told to come again after a refusal for want of room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Between two log lines about appends that fail: on a full disk every request does.
const FAILURES_SAID: Seconds = Seconds(60);

/// Takes batches from every entrance to the ledger.
#[derive(Debug, Clone)]
pub struct Intake {
    converter: Arc<Converter>,
    writer: WriterHandle,
    metrics: Arc<Metrics>,
    failures: Arc<Seldom>,
    work: Work,
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
            failures: Arc::new(Seldom::new(FAILURES_SAID)),
            work: Work::default(),
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
        let converted = self.work.run(bytes, convert).await.ok_or(Refusal::Unavailable)??;
        let calls = converted.records.len() as u64;
        let count = |result, spans| self.metrics.count_spans(result, spans);
        if !converted.records.is_empty() {
            match self.writer.append(converted.records).await {
                Ok(appended) => {
                    count(SpanResult::Accepted, appended.inserted);
                    count(SpanResult::Duplicate, appended.duplicates);
                    count(SpanResult::TooOld, appended.too_old);
                }
                Err(error) => {
                    count(SpanResult::Dropped, calls);
                    return Err(match error {
                        AppendError::Full { .. } => Refusal::Overloaded(RETRY_AFTER),
                        other => {
                            if let Some(unsaid) = self.failures.say(clock::now()) {
                                tracing::error!(
                                    error = %other, calls, unsaid, "append failed, the sender is told to retry"
                                );
                            }
                            Refusal::Unavailable
                        }
                    });
                }
            }
        }
        count(SpanResult::Ignored, converted.ignored);
        count(SpanResult::Wrapper, converted.wrappers);
        count(SpanResult::Refused, converted.refused);
        self.metrics.count_clamped(converted.clamped);
        Ok((converted.refused > 0).then(|| Rejected {
            spans: i64::try_from(converted.refused).unwrap_or(i64::MAX),
            message: "trace id or span id is missing, all zeros or of a wrong length".to_owned(),
        }))
    }
}
