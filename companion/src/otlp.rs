//! OTLP export requests, read in place: one view of a span, of a log record and of a data point, with protobuf and JSON
//! as their two sources.
//!
//! Nothing of a request is copied or collected. A part is read when it is asked for, so that neither the number of parts
//! nor their depth costs memory; what fails within a span is that span's alone.

pub(crate) mod export;
pub(crate) mod json;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
pub(crate) mod protobuf;
mod text;

pub(crate) use text::{Text, head};

// Numbers of opentelemetry-proto 1.9, `trace.proto`.
/// `SPAN_KIND_SERVER`.
pub(crate) const KIND_SERVER: u64 = 2;
/// `SPAN_KIND_CONSUMER`.
pub(crate) const KIND_CONSUMER: u64 = 5;
/// `STATUS_CODE_OK`.
pub(crate) const STATUS_OK: u64 = 1;
/// `STATUS_CODE_ERROR`.
pub(crate) const STATUS_ERROR: u64 = 2;

/// Why bytes are no request, or a part of one cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Protobuf: a field is longer than the message that holds it.
    #[error("a field is cut off")]
    CutOff,
    /// Protobuf: a number with too many bytes, field number 0, or a wire type that OTLP does not use.
    #[error("a field is not encoded as protobuf")]
    Encoding,
    /// Protobuf: a field of OTLP has another type here.
    #[error("field {0} has a wrong type")]
    Type(u64),
    /// JSON: the text is no JSON from this byte on.
    #[error("the text is not JSON at byte {0}")]
    Syntax(usize),
    /// JSON: a member of OTLP has another type here.
    #[error("{0} has a wrong type")]
    Member(&'static str),
}

/// A request, or a part of one, in one of the two encodings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Encoded<B> {
    Protobuf(B),
    Json(B),
}

/// Bytes that are read later.
type Part<'a> = Encoded<&'a [u8]>;

/// What a request is of: the names in JSON of its lists. In protobuf their numbers are the same for every signal.
pub(crate) trait Signal {
    const RESOURCES: &'static str;
    const SCOPES: &'static str;
    const ITEMS: &'static str;
}

/// Requests to export spans.
#[derive(Debug)]
pub(crate) enum Spans {}

impl Signal for Spans {
    const RESOURCES: &'static str = "resourceSpans";
    const SCOPES: &'static str = "scopeSpans";
    const ITEMS: &'static str = "spans";
}

/// Requests to export log records.
#[derive(Debug)]
pub(crate) enum Logs {}

impl Signal for Logs {
    const RESOURCES: &'static str = "resourceLogs";
    const SCOPES: &'static str = "scopeLogs";
    const ITEMS: &'static str = "logRecords";
}

/// Requests to export metrics.
#[derive(Debug)]
pub(crate) enum Metrics {}

impl Signal for Metrics {
    const RESOURCES: &'static str = "resourceMetrics";
    const SCOPES: &'static str = "scopeMetrics";
    const ITEMS: &'static str = "metrics";
}

/// An encoding of export requests. The associated types are parts of a request that are not read yet.
///
/// Each method fails when the part that it is given cannot be read. Parts within it that were given to `each` before are
/// good.
pub(crate) trait Encoding {
    /// Items of one resource.
    type Resource<'a>: Copy;
    /// Items of one scope.
    type Scope<'a>: Copy;
    /// One span, log record or metric.
    type Item<'a>: Copy;

    /// Calls `each` with the resources of a request.
    fn resources<'a, S: Signal>(
        request: &'a [u8],
        each: impl FnMut(Self::Resource<'a>),
    ) -> Result<(), Malformed>;

    /// Calls `each` with the attributes of a resource.
    fn resource_attributes<'a>(
        resource: Self::Resource<'a>,
        each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<(), Malformed>;

    /// Calls `each` with the scopes of a resource.
    fn scopes<'a, S: Signal>(
        resource: Self::Resource<'a>,
        each: impl FnMut(Self::Scope<'a>),
    ) -> Result<(), Malformed>;

    /// The name and the version of a scope; empty when it has none.
    fn name_and_version<'a>(scope: Self::Scope<'a>) -> Result<(Text<'a>, Text<'a>), Malformed>;

    /// Calls `each` with the items of a scope.
    fn items<'a, S: Signal>(
        scope: Self::Scope<'a>,
        each: impl FnMut(Self::Item<'a>),
    ) -> Result<(), Malformed>;

    /// Reads a span, and calls `each` with its attributes.
    fn span<'a>(
        span: Self::Item<'a>,
        each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<SpanView<'a>, Malformed>;

    /// Reads a log record, and calls `each` with its attributes.
    fn log<'a>(
        record: Self::Item<'a>,
        each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<LogView<'a>, Malformed>;

    /// Calls `each` with the data points of a metric that is a counter named `name`; of another one with none.
    fn points<'a>(
        metric: Self::Item<'a>,
        name: &str,
        each: impl FnMut(PointView<'a>),
    ) -> Result<(), Malformed>;
}

/// A span without its attributes, which are read on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanView<'a> {
    /// `None` when missing, of a wrong length, or all zeros, which is no id in OTLP.
    pub(crate) trace_id: Option<[u8; 16]>,
    /// As `trace_id`.
    pub(crate) span_id: Option<[u8; 8]>,
    /// As `trace_id`.
    pub(crate) parent_span_id: Option<[u8; 8]>,
    pub(crate) name: Text<'a>,
    /// A number of `SpanKind`.
    pub(crate) kind: u64,
    /// Nanoseconds since 1970; 0 when absent.
    pub(crate) start: u64,
    /// As `start`.
    pub(crate) end: u64,
    pub(crate) status_code: u64,
    pub(crate) status_message: Text<'a>,
    events: Part<'a>,
}

impl<'a> SpanView<'a> {
    /// A span that has nothing yet but its events.
    const fn of(events: Part<'a>) -> Self {
        Self {
            trace_id: None,
            span_id: None,
            parent_span_id: None,
            name: Text::EMPTY,
            kind: 0,
            start: 0,
            end: 0,
            status_code: 0,
            status_message: Text::EMPTY,
            events,
        }
    }

    /// Calls `each` with the events.
    pub(crate) fn events(
        &self,
        each: impl FnMut(EventView<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        match self.events {
            Part::Protobuf(span) => protobuf::events(span, each),
            Part::Json(events) => json::events(events, each),
        }
    }
}

/// An event of a span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventView<'a> {
    /// Nanoseconds since 1970; 0 when absent.
    pub(crate) time: u64,
    pub(crate) name: Text<'a>,
    attributes: Part<'a>,
}

impl<'a> EventView<'a> {
    /// Calls `each` with its attributes.
    pub(crate) fn attributes(&self, each: impl FnMut(Text<'a>, Value<'a>)) -> Result<(), Malformed> {
        match self.attributes {
            Part::Protobuf(event) => protobuf::event_attributes(event, each),
            Part::Json(attributes) => json::attributes(attributes, each),
        }
    }
}

/// A log record without its attributes, which are read on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogView<'a> {
    /// As [`SpanView::trace_id`].
    pub(crate) trace_id: Option<[u8; 16]>,
    /// The span during which it was written; as [`SpanView::trace_id`].
    pub(crate) span_id: Option<[u8; 8]>,
    /// Nanoseconds since 1970; where the record has none, when it was observed; 0 when absent.
    pub(crate) time: u64,
    pub(crate) event_name: Text<'a>,
    /// The body, if it is a string.
    pub(crate) body: Text<'a>,
}

impl LogView<'_> {
    const EMPTY: Self =
        Self { trace_id: None, span_id: None, time: 0, event_name: Text::EMPTY, body: Text::EMPTY };
}

/// A data point of a counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PointView<'a> {
    /// Since when it counts, in nanoseconds since 1970; 0 when absent.
    pub(crate) start: u64,
    /// As `start`: until when.
    pub(crate) time: u64,
    pub(crate) value: u64,
    /// Whether the value is the total since the start, rather than since the last export.
    pub(crate) cumulative: bool,
    attributes: Part<'a>,
}

impl<'a> PointView<'a> {
    /// Calls `each` with its attributes.
    pub(crate) fn attributes(&self, each: impl FnMut(Text<'a>, Value<'a>)) -> Result<(), Malformed> {
        match self.attributes {
            Part::Protobuf(point) => protobuf::point_attributes(point, each),
            Part::Json(attributes) => json::attributes(attributes, each),
        }
    }
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// A value of an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Text<'a>),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(List<'a>),
    /// A map or bytes, which state no fact that the ledger keeps. They are not read.
    Other,
}

/// A list of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a>(Part<'a>);

impl<'a> List<'a> {
    /// Its values, up to one that cannot be read.
    pub(crate) fn items(self) -> impl Iterator<Item = Value<'a>> {
        let (mut protobuf, mut json) = match self.0 {
            Part::Protobuf(list) => (Some(protobuf::items(list)), None),
            Part::Json(list) => (None, Some(json::items(list))),
        };
        std::iter::from_fn(move || match (&mut protobuf, &mut json) {
            (Some(items), _) => items.next(),
            (_, Some(items)) => items.next(),
            _ => None,
        })
    }
}

/// An id of `N` bytes, unless it is all zeros, which is no id in OTLP.
fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    id.iter().any(|byte| *byte != 0).then_some(id)
}
