//! Rows of the exporter's table as an export request, as the Collector had it.
//!
//! In a table with maps every value is text: numbers, flags and lists are read from it as from senders that write them so.
//! A table with JSON has the types, and its dotted names as nested objects.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event};
use prost::Message;
use serde_json::Value as Json;

use crate::record::ids::parse_hex;
use crate::store::clickhouse::SpanRow;

/// How deep objects are taken apart.
const DEPTH: usize = 16;

/// The request. Rows of one resource and one scope that follow each other are together.
pub(super) fn export(rows: &[SpanRow]) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::default();
    let mut last: Option<&SpanRow> = None;
    for row in rows {
        let same = last.is_some_and(|last| {
            (&last.resource, &last.scope, &last.scope_version)
                == (&row.resource, &row.scope, &row.scope_version)
        });
        if !same {
            request.resource_spans.push(resource(row));
        }
        let scope = request.resource_spans.last_mut().and_then(|spans| spans.scope_spans.last_mut());
        if let Some(scope) = scope {
            scope.spans.push(span(row));
        }
        last = Some(row);
    }
    request.encode_to_vec()
}

fn resource(row: &SpanRow) -> ResourceSpans {
    let scope = InstrumentationScope {
        name: row.scope.clone(),
        version: row.scope_version.clone(),
        ..InstrumentationScope::default()
    };
    ResourceSpans {
        resource: Some(Resource { attributes: attributes(&row.resource), ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn span(row: &SpanRow) -> Span {
    let id = |text: &str| parse_hex(text).unwrap_or_default();
    let start = u64::try_from(row.start).unwrap_or(0);
    let events = row.event_times.iter().zip(&row.event_names).zip(&row.event_attributes);
    Span {
        trace_id: id(&row.trace_id),
        span_id: id(&row.span_id),
        parent_span_id: id(&row.parent_span_id),
        name: row.name.clone(),
        kind: kind(&row.kind),
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(row.duration),
        attributes: attributes(&row.attributes),
        events: events
            .map(|((time, name), of)| Event {
                time_unix_nano: u64::try_from(*time).unwrap_or(0),
                name: name.clone(),
                attributes: attributes(of),
                ..Event::default()
            })
            .collect(),
        status: Some(Status { message: row.status_message.clone(), code: status(&row.status) }),
        ..Span::default()
    }
}

/// `SpanKind` from its name, with or without its prefix.
fn kind(name: &str) -> i32 {
    match name.trim_start_matches("SPAN_KIND_").to_ascii_lowercase().as_str() {
        "internal" => 1,
        "server" => 2,
        "client" => 3,
        "producer" => 4,
        "consumer" => 5,
        _ => 0,
    }
}

/// `Status.code` from its name, with or without its prefix.
fn status(name: &str) -> i32 {
    match name.trim_start_matches("STATUS_CODE_").to_ascii_lowercase().as_str() {
        "ok" => 1,
        "error" => 2,
        _ => 0,
    }
}

fn attributes(object: &str) -> Vec<KeyValue> {
    let mut found = Vec::new();
    if let Ok(Json::Object(members)) = serde_json::from_str(object) {
        flatten(&mut found, String::new(), members, DEPTH);
    }
    found
}

fn flatten(found: &mut Vec<KeyValue>, prefix: String, members: serde_json::Map<String, Json>, depth: usize) {
    for (name, member) in members {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match member {
            Json::Object(inner) if depth > 0 => flatten(found, key, inner, depth - 1),
            member => {
                if let Some(value) = value(member) {
                    let value = Some(AnyValue { value: Some(value) });
                    found.push(KeyValue { key, value, ..KeyValue::default() });
                }
            }
        }
    }
}

fn value(member: Json) -> Option<Value> {
    Some(match member {
        Json::String(text) => Value::StringValue(text),
        Json::Bool(flag) => Value::BoolValue(flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::IntValue(number),
            None => Value::DoubleValue(number.as_f64()?),
        },
        Json::Array(items) => Value::ArrayValue(ArrayValue {
            values: items
                .into_iter()
                .filter_map(value)
                .map(|value| AnyValue { value: Some(value) })
                .collect(),
        }),
        Json::Null | Json::Object(_) => return None,
    })
}
