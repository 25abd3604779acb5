//! Spans as each sender writes them, made by hand after its source, and the call that each is.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event};
use prost::Message;
use serde_json::{Value as Json, json};

use super::{Converted, NOW, converted, converter};
use crate::record::CallRecord;

mod agents;
mod details;
mod errors;
mod exactness;
mod frameworks;
mod gateways;
mod logs;
mod observability;
mod skipped;
mod streams;

/// A span of a sender, of one second that ended at [`NOW`].
#[derive(Debug)]
pub(super) struct Sent<'a> {
    pub(super) scope: &'a str,
    pub(super) version: &'a str,
    pub(super) name: &'a str,
    /// The status code, and its message.
    pub(super) status: (i32, &'a str),
    pub(super) attributes: Json,
    /// Name, milliseconds after the start, attributes.
    pub(super) events: Vec<(&'a str, u64, Json)>,
}

impl Default for Sent<'_> {
    fn default() -> Self {
        Self {
            scope: "app",
            version: "",
            name: "",
            status: (0, ""),
            attributes: json!({}),
            events: Vec::new(),
        }
    }
}

impl Sent<'_> {
    /// The span with its ids.
    pub(super) fn span(&self, id: u8, parent: Option<u8>) -> Span {
        let end = u64::try_from(NOW.0).unwrap();
        let start = end - 1_000_000_000;
        let event = |(name, millis, attributes): &(&str, u64, Json)| Event {
            time_unix_nano: start + millis * 1_000_000,
            name: (*name).to_owned(),
            attributes: pairs(attributes),
            ..Event::default()
        };
        Span {
            trace_id: vec![7; 16],
            span_id: vec![id; 8],
            parent_span_id: parent.map_or_else(Vec::new, |parent| vec![parent; 8]),
            name: self.name.to_owned(),
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes: pairs(&self.attributes),
            events: self.events.iter().map(event).collect(),
            status: Some(Status { code: self.status.0, message: self.status.1.to_owned() }),
            ..Span::default()
        }
    }

    pub(super) fn convert(&self) -> Converted {
        converted(&batch(self.scope, self.version, vec![self.span(1, None)])).unwrap()
    }

    /// The one call that it is.
    pub(super) fn call(&self) -> CallRecord {
        let mut converted = self.convert();
        assert_eq!(converted.records.len(), 1, "{converted:?}");
        converted.records.remove(0)
    }

    /// Checks the facts of the one call that it is.
    pub(super) fn is(&self, expected: &Json) {
        let call = self.call();
        let found = facts(&call);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(found.get(name), Some(value), "{name} of {call:#?}");
        }
    }
}

pub(super) fn batch(scope: &str, version: &str, spans: Vec<Span>) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: scope.to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Resource { attributes: pairs(&json!({ "service.name": "shop" })), ..Resource::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn pairs(attributes: &Json) -> Vec<KeyValue> {
    let pair = |(key, value): (&String, &Json)| KeyValue {
        key: key.clone(),
        value: Some(any_value(value)),
        ..KeyValue::default()
    };
    attributes.as_object().unwrap().iter().map(pair).collect()
}

fn any_value(value: &Json) -> AnyValue {
    AnyValue {
        value: Some(match value {
            Json::String(text) => Value::StringValue(text.clone()),
            Json::Bool(flag) => Value::BoolValue(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Value::IntValue(number),
                None => Value::DoubleValue(number.as_f64().unwrap()),
            },
            Json::Array(items) => {
                Value::ArrayValue(ArrayValue { values: items.iter().map(any_value).collect() })
            }
            Json::Null | Json::Object(_) => panic!("no attribute is {value}"),
        }),
    }
}

/// The facts of a call that a sender may state.
fn facts(call: &CallRecord) -> Json {
    json!({
        "provider": call.provider,
        "operation": call.operation,
        "request": call.request_model,
        "response": call.response_model,
        "id": call.response_id,
        "stream": call.stream,
        "finish": call.finish_reasons,
        "first_chunk_ms": call.first_chunk_ns.map(|ns| ns / 1_000_000),
        "input": call.input_tokens,
        "output": call.output_tokens,
        "read": call.cache_read_tokens,
        "write": call.cache_write_tokens,
        "reasoning": call.reasoning_tokens,
        "source": call.usage_source.as_str(),
        // Millionths of a dollar.
        "cost": call.cost.map(|cost| cost.0 / 1_000),
        "cost_status": call.cost_status.as_str(),
        "price_source": call.price_source.as_deref().map(|source| source.split('/').next().unwrap().to_owned()),
        "tier": call.service_tier,
        "outcome": call.outcome.as_str(),
        "status": call.status_code,
        "error": call.error_type,
        "kind": call.error_kind,
        "user": call.user,
        "conversation": call.conversation_id,
    })
}

/// Adds the members of `more` to those of `attributes`.
fn merge(attributes: &mut Json, more: Json) {
    let Json::Object(more) = more else { panic!("{more} is no object") };
    attributes.as_object_mut().unwrap().extend(more);
}
