//! From OTLP spans to calls: which spans are LLM calls, what they say, and which of two nested ones counts.
//!
//! A span is **ours** when it carries any `spanledger.*` fact, whatever its scope is named: a Collector may have
//! passed it on. Any other span of an inference operation is **foreign** and is read by the tables of
//! `foreign`. All other spans are counted and left.

mod draft;
mod foreign;
mod moment;
mod names;
mod nesting;
mod price;
pub(crate) mod secrets;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use value::cut;

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use spanledger::PriceTable;
use spanledger::semconv::attribute;

use crate::record::{CallRecord, Timestamp};
use draft::Draft;
use nesting::{Nesting, Role, Seen};

/// Turns batches of spans into records. Shared by all receivers, since the two spans of one call may arrive
/// through different doors.
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
    /// Foreign spans that wrap a call which is counted by itself.
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

    /// Converts one batch that arrived at `now`. Takes the spans, so that their strings move into the records.
    #[must_use]
    pub fn convert(&self, batch: Vec<ResourceSpans>, now: Timestamp) -> Converted {
        let mut result = Converted::default();
        let mut seen = Vec::new();
        for resource_spans in batch {
            let resource = Resource::read(&resource_spans);
            for scope_spans in resource_spans.scope_spans {
                let raw_input = resource.raw_input
                    || scope_spans.scope.as_ref().is_some_and(|scope| foreign::excludes_cache(&scope.name));
                result.records.reserve(scope_spans.spans.len());
                for span in scope_spans.spans {
                    self.read(span, &resource, raw_input, now, &mut result, &mut seen);
                }
            }
        }
        self.count_once(&seen, now, &mut result);
        result
    }

    /// Reads one span into `result`, and notes in `seen` what nesting needs to know of it.
    fn read(
        &self,
        span: Span,
        resource: &Resource,
        raw_input: bool,
        now: Timestamp,
        result: &mut Converted,
        seen: &mut Vec<Seen>,
    ) {
        let ids = Ids::read(&span);
        let mut draft = Draft::read(span.attributes);
        let Some(kind) = draft.kind() else {
            result.ignored += 1;
            if let Some(ids) = ids {
                let role = if draft.is_boundary() { Role::Boundary } else { Role::Passage };
                seen.push(Seen { trace: ids.trace, span: ids.span, parent: ids.parent, role });
            }
            return;
        };
        let Some(ids) = ids else {
            result.refused += 1;
            return;
        };
        draft.note_status(span.status, span.events);
        if raw_input {
            draft.add_cache_to_input();
        }
        let when = moment::bounded(span.start_time_unix_nano, span.end_time_unix_nano, now);
        let ours = draft.ours;
        let marks = ours || draft.has_usage();
        let (record, clamped) = draft.finish(ids, when, &resource.service, kind, &self.prices);
        result.clamped += u64::from(clamped);
        seen.push(Seen {
            trace: record.trace_id,
            span: record.span_id,
            parent: record.parent_span_id,
            role: Role::Call { kind, ours, marks },
        });
        result.records.push(record);
    }

    /// Takes the foreign wrappers of calls out of the records.
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
struct Resource {
    service: String,
    /// Whether its instrumentation reports input tokens without the cached ones.
    raw_input: bool,
}

impl Resource {
    fn read(spans: &ResourceSpans) -> Self {
        let mut service = String::new();
        let mut raw_input = false;
        for pair in spans.resource.iter().flat_map(|resource| &resource.attributes) {
            let Some(text) = value::borrowed(pair.value.as_ref()) else { continue };
            if pair.key == attribute::SERVICE_NAME {
                service = value::cut(text.to_owned(), value::NAME_BYTES);
            } else if pair.key == foreign::SDK_NAME {
                raw_input = foreign::excludes_cache(text);
            }
        }
        Self { service, raw_input }
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
    fn read(span: &Span) -> Option<Self> {
        Some(Self {
            trace: id(&span.trace_id)?,
            span: id(&span.span_id)?,
            // A malformed parent is no reason to lose the call.
            parent: id(&span.parent_span_id),
        })
    }
}

fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    id.iter().any(|byte| *byte != 0).then_some(id)
}
