//! From OTLP spans to calls: which spans are LLM calls, what they say, and which of two nested ones counts.
//!
//! A span is our **own** when it carries any `spanledger.*` fact, whatever its scope is named: a Collector may have
//! passed it on. Any other span of an inference operation is **third-party** and is read by the tables of
//! `third_party`. All other spans are counted and left.

mod attributes;
mod draft;
pub(crate) mod failure;
mod nesting;
mod otlp;
mod price;
pub(crate) mod secrets;
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

use crate::record::{CallRecord, Timestamp};
use draft::Draft;
use nesting::{Nesting, Role, Seen};
use otlp::{Span, Value};

/// Turns batches of spans into records. Shared by all receivers, since the two spans of one call may arrive
/// by different protocols.
#[derive(Debug)]
pub struct Converter {
    prices: Arc<PriceTable>,
    nesting: Mutex<Nesting>,
}

/// What became of one batch. `records.len() + ignored + wrappers + refused` is the number of its spans.
#[derive(Debug, Default)]
pub struct Converted {
    /// The calls, in the order of the batch.
    pub records: Vec<CallRecord>,
    /// Spans that are no LLM calls.
    pub ignored: u64,
    /// Third-party spans that wrap a call which is counted by itself.
    pub wrappers: u64,
    /// Calls that cannot be kept, because their ids are missing or malformed.
    pub refused: u64,
    /// Calls of which a value was out of its range and was bounded or left out.
    pub clamped: u64,
}

impl Converter {
    /// A converter that prices calls without a cost by `prices`.
    #[must_use]
    pub fn new(prices: Arc<PriceTable>) -> Self {
        Self { prices, nesting: Mutex::new(Nesting::default()) }
    }

    /// Converts one batch that arrived at `now`: an OTLP export request in protobuf.
    ///
    /// # Errors
    /// [`Malformed`] when `request` is none; then nothing of it is remembered either.
    pub fn convert(&self, request: &[u8], now: Timestamp) -> Result<Converted, Malformed> {
        let mut result = Converted::default();
        let mut seen = Vec::new();
        otlp::messages(request, otlp::RESOURCE_SPANS, |resource_spans| {
            let resource = Resource::read(resource_spans)?;
            otlp::messages(resource_spans, otlp::SCOPE_SPANS, |scope_spans| {
                let raw_input =
                    resource.raw_input || third_party::excludes_cache(otlp::scope_name(scope_spans)?);
                otlp::messages(scope_spans, otlp::SPANS, |span| {
                    self.read(span, &resource, raw_input, now, &mut result, &mut seen)
                })
            })
        })?;
        self.count_once(&seen, now, &mut result);
        Ok(result)
    }

    /// Reads one span into `result`, and notes in `seen` what nesting needs to know of it.
    fn read(
        &self,
        span: &[u8],
        resource: &Resource<'_>,
        raw_input: bool,
        now: Timestamp,
        result: &mut Converted,
        seen: &mut Vec<Seen>,
    ) -> Result<(), Malformed> {
        let mut draft = Draft::default();
        let span = Span::read(span, |key, value| draft.note(key, value))?;
        let ids = Ids::read(&span);
        let Some(kind) = draft.kind() else {
            result.ignored += 1;
            if let Some(ids) = ids {
                let role = if draft.is_boundary() { Role::Boundary } else { Role::Passage };
                seen.push(Seen { trace: ids.trace, span: ids.span, parent: ids.parent, role });
            }
            return Ok(());
        };
        let Some(ids) = ids else {
            result.refused += 1;
            return Ok(());
        };
        draft.note_status(&span)?;
        if raw_input {
            draft.add_cache_to_input();
        }
        let when = timestamps::bounded(span.start, span.end, now);
        let own = draft.own;
        let marks = own || draft.has_usage();
        let (record, clamped) = draft.finish(ids, when, resource.service, kind, &self.prices);
        result.clamped += u64::from(clamped);
        seen.push(Seen {
            trace: record.trace_id,
            span: record.span_id,
            parent: record.parent_span_id,
            role: Role::Call { kind, own, marks },
        });
        result.records.push(record);
        Ok(())
    }

    /// Takes the third-party wrappers of calls out of the records.
    fn count_once(&self, seen: &[Seen], now: Timestamp, result: &mut Converted) {
        let wrappers = self.nesting.lock().unwrap_or_else(PoisonError::into_inner).wrappers(seen, now);
        if wrappers.is_empty() {
            return;
        }
        let read = result.records.len();
        result.records.retain(|record| !wrappers.contains(&(record.trace_id, record.span_id)));
        result.wrappers = (read - result.records.len()) as u64;
    }
}

/// What the resource says of all its spans.
struct Resource<'a> {
    service: &'a str,
    /// Whether its instrumentation reports input tokens without the cached ones.
    raw_input: bool,
}

impl<'a> Resource<'a> {
    fn read(resource_spans: &'a [u8]) -> Result<Self, Malformed> {
        let mut resource = Self { service: "", raw_input: false };
        otlp::resource_attributes(resource_spans, |key, value| {
            let Value::Text(text) = value else { return };
            if key == attribute::SERVICE_NAME {
                resource.service = value::head(text, value::NAME_BYTES);
            } else if key == third_party::SDK_NAME {
                resource.raw_input = third_party::excludes_cache(text);
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
}

fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    id.iter().any(|byte| *byte != 0).then_some(id)
}
