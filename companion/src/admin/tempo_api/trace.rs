//! The calls of a trace as OpenTelemetry spans: as protobuf, and as Tempo writes that in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use serde_json::{Value as Json, json};

use crate::record::CallRecord;
use crate::traceql::{Scope, Value, span_name, values_of};

/// `SPAN_KIND_CLIENT` and `STATUS_CODE_ERROR`.
const CLIENT: i32 = 3;
const ERROR: i32 = 2;

/// The response of the second version.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Found {
    #[prost(message, optional, tag = "1")]
    pub(super) trace: Option<TracesData>,
}

/// The spans of calls, by service.
pub(super) fn of(calls: &[CallRecord]) -> TracesData {
    TracesData {
        resource_spans: calls
            .chunk_by(|one, other| one.service == other.service)
            .map(resource_spans)
            .collect(),
    }
}

fn resource_spans(calls: &[CallRecord]) -> ResourceSpans {
    let attributes = calls.first().map(|call| pairs(call, Scope::Resource)).unwrap_or_default();
    let scope = InstrumentationScope { name: scope(calls).to_owned(), ..InstrumentationScope::default() };
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope),
            spans: calls.iter().map(span).collect(),
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

/// The instrumentation of third-party spans; ours otherwise.
fn scope(calls: &[CallRecord]) -> &str {
    calls
        .first()
        .map(|call| call.scope.as_str())
        .filter(|scope| !scope.is_empty())
        .unwrap_or(spanledger::semconv::SCOPE)
}

fn span(call: &CallRecord) -> Span {
    let status = call
        .outcome
        .is_error()
        .then(|| Status { code: ERROR, message: call.error_message.clone().unwrap_or_default() });
    Span {
        trace_id: call.trace_id.to_vec(),
        span_id: call.span_id.to_vec(),
        parent_span_id: call.parent_span_id.map(|id| id.to_vec()).unwrap_or_default(),
        name: span_name(call),
        kind: CLIENT,
        start_time_unix_nano: call.start.0.unsigned_abs(),
        end_time_unix_nano: end(call),
        attributes: pairs(call, Scope::Span),
        status,
        ..Span::default()
    }
}

fn end(call: &CallRecord) -> u64 {
    call.start.0.saturating_add(call.duration_ns.max(0)).unsigned_abs()
}

fn pairs(call: &CallRecord, scope: Scope) -> Vec<KeyValue> {
    let pair = |(name, value): (&str, Value)| {
        let value = match value {
            Value::Integer(number) => any_value::Value::IntValue(number),
            Value::Number(number) => any_value::Value::DoubleValue(number),
            Value::Flag(flag) => any_value::Value::BoolValue(flag),
            other => any_value::Value::StringValue(other.text()),
        };
        KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    };
    values_of(call, scope).map(pair).collect()
}

/// The same in JSON, with ids in Base64 as Tempo writes them.
pub(super) fn json(calls: &[CallRecord]) -> Vec<Json> {
    let written = |call: &CallRecord, scope: Scope| -> Vec<Json> {
        values_of(call, scope)
            .map(|(name, value)| json!({"key": name, "value": super::any(&value)}))
            .collect()
    };
    let span = |call: &CallRecord| {
        let mut span = json!({
            "traceId": STANDARD.encode(call.trace_id),
            "spanId": STANDARD.encode(call.span_id),
            "name": span_name(call),
            "kind": "SPAN_KIND_CLIENT",
            "startTimeUnixNano": call.start.0.to_string(),
            "endTimeUnixNano": end(call).to_string(),
            "attributes": written(call, Scope::Span),
            "status": {},
        });
        if let Some(parent) = call.parent_span_id {
            span["parentSpanId"] = STANDARD.encode(parent).into();
        }
        if call.outcome.is_error() {
            span["status"] = json!({"code": "STATUS_CODE_ERROR", "message": call.error_message.clone().unwrap_or_default()});
        }
        span
    };
    let of_service = |calls: &[CallRecord]| {
        let resource = calls.first().map(|call| written(call, Scope::Resource)).unwrap_or_default();
        json!({
            "resource": {"attributes": resource},
            "scopeSpans": [{"scope": {"name": scope(calls)}, "spans": calls.iter().map(span).collect::<Vec<_>>()}],
        })
    };
    calls.chunk_by(|one, other| one.service == other.service).map(of_service).collect()
}
