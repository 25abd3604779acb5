//! From OTLP spans to calls: which spans are LLM calls, and what they say. Which of several accounts of one call counts
//! is decided by the store (`store::identity`).
//!
//! A span is our **own** when it carries any `spanledger.*` fact, whatever its scope is named: a Collector may have
//! passed it on. Any other span of an inference operation is **third-party** and is read by the tables of
//! `third_party`. All other spans are counted and left.

mod attributes;
mod draft;
pub(crate) mod failure;
mod kind;
mod otlp;
mod price;
pub(crate) mod secrets;
mod stream_ends;
#[cfg(test)]
mod tests;
mod third_party;
mod timestamps;
mod value;
mod wire;

pub(crate) use value::cut;
pub use wire::Malformed;

use std::sync::{Arc, Mutex, PoisonError};

use spanledger::PriceTable;
use spanledger::semconv::attribute;

use crate::record::{CallRecord, Passage, SkippedHours, Timestamp};
use draft::Draft;
use otlp::{Span, Value};
use stream_ends::StreamEnds;
use third_party::Sender;

/// Turns batches of spans into records. Shared by all receivers.
#[derive(Debug)]
pub struct Converter {
    prices: Arc<PriceTable>,
    stream_ends: Mutex<StreamEnds>,
}

/// What became of one batch. `records.len() + ignored + refused` is the number of its spans.
#[derive(Debug, Default)]
pub struct Converted {
    /// The calls, in the order of the batch.
    pub records: Vec<CallRecord>,
    /// Spans that are no calls and may connect accounts of one call.
    pub passages: Vec<Passage>,
    /// Spans that are no LLM calls.
    pub ignored: u64,
    /// Which of the ignored spans are about work with a model, and why they are no calls.
    pub skipped: SkippedHours,
    /// Calls that cannot be kept, because their ids are missing or malformed.
    pub refused: u64,
    /// Calls of which a value was out of its range and was bounded or left out.
    pub clamped: u64,
}

impl Converter {
    /// A converter that prices calls without a cost by `prices`.
    #[must_use]
    pub fn new(prices: Arc<PriceTable>) -> Self {
        Self { prices, stream_ends: Mutex::default() }
    }

    /// Converts one batch that arrived at `now`: an OTLP export request in protobuf.
    ///
    /// # Errors
    /// [`Malformed`] when `request` is none.
    pub fn convert(&self, request: &[u8], now: Timestamp) -> Result<Converted, Malformed> {
        let mut result = Converted::default();
        otlp::messages(request, otlp::RESOURCE_SPANS, |resource_spans| {
            let resource = Resource::read(resource_spans)?;
            otlp::messages(resource_spans, otlp::SCOPE_SPANS, |scope_spans| {
                let (scope, version) = otlp::scope(scope_spans)?;
                let sender = Sender::of(scope, version, resource.sdk);
                otlp::messages(scope_spans, otlp::SPANS, |span| {
                    self.read(span, resource.service, sender, now, &mut result)
                })
            })
        })?;
        Ok(result)
    }

    /// Reads one span into `result`.
    fn read<'a>(
        &self,
        span: &'a [u8],
        service: &str,
        sender: Sender<'a>,
        now: Timestamp,
        result: &mut Converted,
    ) -> Result<(), Malformed> {
        let mut draft = Draft::of(sender);
        let span = Span::read(span, |key, value| draft.note(key, value))?;
        draft.note_span(&span)?;
        let ids = Ids::read(&span);
        let when = timestamps::bounded(span.start, span.end, now);
        let kind = match draft.kind() {
            Ok(kind) => kind,
            Err(reason) => {
                result.ignored += 1;
                if draft.work {
                    result.skipped.add(when.end(), draft.sender.label(), reason);
                }
                result.passages.extend(ids.and_then(|ids| ids.passage(reason.is_boundary())));
                return Ok(());
            }
        };
        let Some(ids) = ids else {
            result.refused += 1;
            return Ok(());
        };
        let (opens, lasted) = (draft.opens_stream(), draft.log_duration());
        let (mut record, clamped) = draft.finish(ids, when, service, kind, &self.prices);
        result.clamped += u64::from(clamped);
        if opens || lasted.is_some() {
            let mut ends = self.stream_ends.lock().unwrap_or_else(PoisonError::into_inner);
            match lasted {
                Some(lasted) => ends.close(&mut record, lasted),
                None => ends.open(&record, now),
            }
        }
        result.records.push(record);
        Ok(())
    }
}

/// What the resource says of all its spans.
struct Resource<'a> {
    service: &'a str,
    /// The SDK that sent them.
    sdk: &'a str,
}

impl<'a> Resource<'a> {
    fn read(resource_spans: &'a [u8]) -> Result<Self, Malformed> {
        let mut resource = Self { service: "", sdk: "" };
        otlp::resource_attributes(resource_spans, |key, value| {
            let Value::Text(text) = value else { return };
            if key == attribute::SERVICE_NAME {
                resource.service = value::head(text, value::NAME_BYTES);
            } else if key == third_party::SDK_NAME {
                resource.sdk = text;
            }
        })?;
        Ok(resource)
    }
}

/// The ids of a span. All zeros is no id, says OTLP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    trace: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
}

impl Ids {
    fn read(span: &Span<'_>) -> Option<Self> {
        Some(Self {
            trace: id(span.trace_id)?,
            span: id(span.span_id)?,
            // A malformed parent is no reason to lose the call.
            parent: id(span.parent_span_id),
        })
    }

    /// The span as a passage between accounts of a call; `None` when nothing is above it and nothing ends at it.
    fn passage(self, boundary: bool) -> Option<Passage> {
        let passage =
            Passage { trace_id: self.trace, span_id: self.span, parent_span_id: self.parent, boundary };
        (boundary || self.parent.is_some()).then_some(passage)
    }
}

fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    id.iter().any(|byte| *byte != 0).then_some(id)
}
