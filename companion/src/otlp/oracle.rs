//! Requests of the generated types as JSON, in the ways in which senders write it: what protobuf and JSON say of the same
//! request must be the same.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// How a sender writes JSON.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// Integers of 64 bits as numbers, not as strings.
    pub(crate) bare_integers: bool,
    /// Enumerations by their names.
    pub(crate) named: bool,
    /// The members of every object in the opposite order, with members that OTLP does not have and `null`s between.
    pub(crate) odd: bool,
    /// Every character but digits as an escape, ids in capitals.
    pub(crate) escaped: bool,
}

impl Style {
    /// Every style.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0_u8..16).map(|bits| Self {
            bare_integers: bits & 1 != 0,
            named: bits & 2 != 0,
            odd: bits & 4 != 0,
            escaped: bits & 8 != 0,
        })
    }

    /// `request` in this style.
    pub(crate) fn write(self, request: &ExportTraceServiceRequest) -> String {
        let resources = request.resource_spans.iter().map(|resource| self.resource_spans(resource));
        self.object([("resourceSpans", list(resources))])
    }

    fn object<'a>(self, members: impl IntoIterator<Item = (&'a str, String)>) -> String {
        let mut members: Vec<String> =
            members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        if self.odd {
            members.reverse();
            members.insert(0, "\"future\": {\"a\" : [1.5e3,{\"b\":[]} ,null, true]}".to_owned());
            members.push(" \"later\\u0041\" :null ".to_owned());
        }
        format!("{{{}}}", members.join(","))
    }

    fn string(self, text: &str) -> String {
        if !self.escaped {
            return serde_json::Value::from(text).to_string();
        }
        let units = text.encode_utf16().map(|unit| match char::from_u32(unit.into()) {
            Some(digit) if digit.is_ascii_digit() => digit.to_string(),
            _ => format!("\\u{unit:04X}"),
        });
        format!("\"{}\"", units.collect::<String>())
    }

    fn integer(self, number: impl std::fmt::Display) -> String {
        if self.bare_integers { number.to_string() } else { format!("\"{number}\"") }
    }

    fn enumeration(self, number: i32, name: Option<&str>) -> String {
        name.filter(|_| self.named).map_or_else(|| number.to_string(), |name| format!("\"{name}\""))
    }

    fn id(self, bytes: &[u8]) -> String {
        let digits = crate::record::ids::hex(bytes);
        format!("\"{}\"", if self.escaped { digits.to_ascii_uppercase() } else { digits })
    }

    fn resource_spans(self, spans: &ResourceSpans) -> String {
        let Resource { attributes, .. } = spans.resource.clone().unwrap_or_default();
        self.object([
            ("resource", self.object([("attributes", self.pairs(&attributes))])),
            ("scopeSpans", list(spans.scope_spans.iter().map(|scope| self.scope_spans(scope)))),
        ])
    }

    fn scope_spans(self, spans: &ScopeSpans) -> String {
        let InstrumentationScope { name, version, .. } = spans.scope.clone().unwrap_or_default();
        self.object([
            ("scope", self.object([("name", self.string(&name)), ("version", self.string(&version))])),
            ("spans", list(spans.spans.iter().map(|span| self.span(span)))),
        ])
    }

    fn span(self, span: &Span) -> String {
        let Status { message, code } = span.status.clone().unwrap_or_default();
        let kind = SpanKind::try_from(span.kind).ok().map(|kind| kind.as_str_name());
        let status = StatusCode::try_from(code).ok().map(|code| code.as_str_name());
        self.object([
            ("traceId", self.id(&span.trace_id)),
            ("spanId", self.id(&span.span_id)),
            ("parentSpanId", self.id(&span.parent_span_id)),
            ("name", self.string(&span.name)),
            ("kind", self.enumeration(span.kind, kind)),
            ("startTimeUnixNano", self.integer(span.start_time_unix_nano)),
            ("endTimeUnixNano", self.integer(span.end_time_unix_nano)),
            ("attributes", self.pairs(&span.attributes)),
            ("events", list(span.events.iter().map(|event| self.event(event)))),
            (
                "status",
                self.object([("message", self.string(&message)), ("code", self.enumeration(code, status))]),
            ),
        ])
    }

    fn event(self, event: &Event) -> String {
        self.object([
            ("timeUnixNano", self.integer(event.time_unix_nano)),
            ("name", self.string(&event.name)),
            ("attributes", self.pairs(&event.attributes)),
        ])
    }

    fn pairs(self, pairs: &[KeyValue]) -> String {
        list(pairs.iter().map(|pair| {
            let value = pair.value.as_ref().map_or_else(|| "null".to_owned(), |value| self.value(value));
            self.object([("key", self.string(&pair.key)), ("value", value)])
        }))
    }

    fn value(self, value: &AnyValue) -> String {
        let Some(value) = &value.value else { return self.object([]) };
        let member = match value {
            Value::StringValue(text) => ("stringValue", self.string(text)),
            Value::BoolValue(flag) => ("boolValue", flag.to_string()),
            Value::IntValue(number) => ("intValue", self.integer(number)),
            Value::DoubleValue(number) if number.is_finite() => ("doubleValue", format!("{number:?}")),
            // Python writes the bare words.
            Value::DoubleValue(number) => {
                let word = if number.is_nan() {
                    "NaN"
                } else if *number > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                };
                ("doubleValue", if self.bare_integers { word.to_owned() } else { format!("\"{word}\"") })
            }
            Value::ArrayValue(array) => {
                let values = list(array.values.iter().map(|value| self.value(value)));
                ("arrayValue", self.object([("values", values)]))
            }
            Value::KvlistValue(map) => ("kvlistValue", self.object([("values", self.pairs(&map.values))])),
            Value::BytesValue(_) => ("bytesValue", "\"AQ==\"".to_owned()),
            Value::StringValueStrindex(index) => ("stringValueStrindex", index.to_string()),
        };
        self.object([member])
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
