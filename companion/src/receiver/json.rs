//! OTLP/JSON, as far as this ledger reads it: `lowerCamelCase` names, hexadecimal ids, 64-bit integers as strings or
//! numbers, enumerations as numbers or names. Unknown fields are ignored, as OTLP demands, and `null` is an absent
//! value, as in every protobuf JSON.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, de::IgnoredAny};

use super::Rejected;
use crate::record::ids::parse_hex;

/// Reads an export request.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<ResourceSpans>, serde_json::Error> {
    let request: JsonRequest = serde_json::from_slice(body)?;
    Ok(each(request.resource_spans))
}

/// Writes the answer to one.
pub(super) fn answer(rejected: Option<&Rejected>) -> Vec<u8> {
    let body = rejected.map_or_else(
        || serde_json::json!({}),
        |rejected| {
            serde_json::json!({ "partialSuccess": {
                "rejectedSpans": rejected.spans.to_string(),
                "errorMessage": rejected.message,
            }})
        },
    );
    body.to_string().into_bytes()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRequest {
    resource_spans: Option<Vec<JsonResourceSpans>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonResourceSpans {
    resource: Option<JsonResource>,
    scope_spans: Option<Vec<JsonScopeSpans>>,
}

#[derive(Deserialize)]
struct JsonResource {
    attributes: Option<Vec<JsonPair>>,
}

#[derive(Deserialize)]
struct JsonScopeSpans {
    scope: Option<JsonScope>,
    spans: Option<Vec<JsonSpan>>,
}

#[derive(Deserialize)]
struct JsonScope {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonSpan {
    trace_id: Option<Hex>,
    span_id: Option<Hex>,
    parent_span_id: Option<Hex>,
    name: Option<String>,
    start_time_unix_nano: Option<Integer>,
    end_time_unix_nano: Option<Integer>,
    attributes: Option<Vec<JsonPair>>,
    events: Option<Vec<JsonEvent>>,
    status: Option<JsonStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonEvent {
    time_unix_nano: Option<Integer>,
    name: Option<String>,
    attributes: Option<Vec<JsonPair>>,
}

#[derive(Deserialize)]
struct JsonStatus {
    message: Option<String>,
    code: Option<JsonCode>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonCode {
    Number(i32),
    Name(String),
}

#[derive(Deserialize)]
struct JsonPair {
    key: Option<String>,
    value: Option<JsonValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Integer>,
    double_value: Option<Double>,
    array_value: Option<JsonArray>,
    /// Read over: no fact of a call is a map or bytes.
    #[serde(rename = "kvlistValue")]
    _map: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct JsonArray {
    values: Option<Vec<JsonValue>>,
}

impl From<JsonResourceSpans> for ResourceSpans {
    fn from(json: JsonResourceSpans) -> Self {
        Self {
            resource: json
                .resource
                .map(|resource| Resource { attributes: each(resource.attributes), ..Resource::default() }),
            scope_spans: each(json.scope_spans),
            ..Self::default()
        }
    }
}

impl From<JsonScopeSpans> for ScopeSpans {
    fn from(json: JsonScopeSpans) -> Self {
        Self {
            scope: json.scope.map(|scope| InstrumentationScope {
                name: scope.name.unwrap_or_default(),
                version: scope.version.unwrap_or_default(),
                ..InstrumentationScope::default()
            }),
            spans: each(json.spans),
            ..Self::default()
        }
    }
}

impl From<JsonSpan> for Span {
    fn from(json: JsonSpan) -> Self {
        let id = |id: Option<Hex>| id.map(|Hex(bytes)| bytes).unwrap_or_default();
        Self {
            trace_id: id(json.trace_id),
            span_id: id(json.span_id),
            parent_span_id: id(json.parent_span_id),
            name: json.name.unwrap_or_default(),
            start_time_unix_nano: nanos(json.start_time_unix_nano),
            end_time_unix_nano: nanos(json.end_time_unix_nano),
            attributes: each(json.attributes),
            events: each(json.events),
            status: json.status.map(Status::from),
            ..Self::default()
        }
    }
}

impl From<JsonEvent> for Event {
    fn from(json: JsonEvent) -> Self {
        Self {
            time_unix_nano: nanos(json.time_unix_nano),
            name: json.name.unwrap_or_default(),
            attributes: each(json.attributes),
            ..Self::default()
        }
    }
}

impl From<JsonStatus> for Status {
    fn from(json: JsonStatus) -> Self {
        let code = match json.code {
            Some(JsonCode::Number(code)) => code,
            Some(JsonCode::Name(name)) => {
                StatusCode::from_str_name(&name).unwrap_or(StatusCode::Unset).into()
            }
            None => 0,
        };
        Self { message: json.message.unwrap_or_default(), code }
    }
}

impl From<JsonPair> for KeyValue {
    fn from(json: JsonPair) -> Self {
        Self { key: json.key.unwrap_or_default(), value: json.value.map(AnyValue::from), ..Self::default() }
    }
}

impl From<JsonValue> for AnyValue {
    fn from(json: JsonValue) -> Self {
        let value = if let Some(text) = json.string_value {
            Some(Value::StringValue(text))
        } else if let Some(flag) = json.bool_value {
            Some(Value::BoolValue(flag))
        } else if let Some(Integer(number)) = json.int_value {
            i64::try_from(number).ok().map(Value::IntValue)
        } else if let Some(Double(number)) = json.double_value {
            Some(Value::DoubleValue(number))
        } else {
            json.array_value.map(|array| Value::ArrayValue(ArrayValue { values: each(array.values) }))
        };
        Self { value }
    }
}

/// Nanoseconds since 1970; 0 when absent or out of range.
fn nanos(time: Option<Integer>) -> u64 {
    time.map_or(0, |Integer(number)| u64::try_from(number).unwrap_or(0))
}

fn each<T, U: From<T>>(items: Option<Vec<T>>) -> Vec<U> {
    items.into_iter().flatten().map(U::from).collect()
}

/// A 64-bit integer, signed or not, as a number or a string.
struct Integer(i128);

/// A double, or the strings that JSON has no number for.
struct Double(f64);

/// Bytes as hexadecimal digits of either case. Text that is none gives no bytes, and so an invalid id, since one
/// bad id must not lose the batch around it.
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Integer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit integer, as a number or a string")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Integer, E> {
                Ok(Integer(number.into()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Integer, E> {
                Ok(Integer(number.into()))
            }
            #[expect(clippy::cast_possible_truncation, reason = "a whole number, and `as` saturates")]
            fn visit_f64<E: Error>(self, number: f64) -> Result<Integer, E> {
                if number.fract() == 0.0 { Ok(Integer(number as i128)) } else { Err(E::custom("no integer")) }
            }
            fn visit_str<E: Error>(self, digits: &str) -> Result<Integer, E> {
                digits.parse().map(Integer).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            // "NaN", "Infinity" and "-Infinity" among them.
            Written::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ok(Self(parse_hex(&text).unwrap_or_default()))
    }
}
