//! Export requests, of which the constant part is encoded once: a message in protobuf may be written in pieces.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use spanledger::semconv::attribute;

/// Spans of one request: what the SDKs' batch processors send at most.
pub(crate) const BATCH: u64 = 512;
/// Together 1,000 series. A request is of one service, as an SDK sends it.
const SERVICES: u64 = 25;
const MODELS: u64 = 40;

// Field numbers of opentelemetry-proto's `trace.proto` and `common.proto`, with the wire type.
const FIRST_FIELD: u8 = 1 << 3 | 2;
const SECOND_FIELD: u8 = 2 << 3 | 2;
const PARENT_SPAN_ID: u8 = 4 << 3 | 2;
const START: u8 = 7 << 3 | 1;
const END: u8 = 8 << 3 | 1;
const ATTRIBUTE: u8 = 9 << 3 | 2;
const INT: u8 = 3 << 3;

pub(crate) struct Requests {
    /// By service.
    resources: Vec<Vec<u8>>,
    /// By model, what all of its spans say.
    constant: Vec<Vec<u8>>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        let resource = |number| {
            let service = vec![pair(attribute::SERVICE_NAME, text(&format!("service-{number}")))];
            Resource { attributes: service, ..Resource::default() }.encode_to_vec()
        };
        Self {
            resources: (0..SERVICES).map(resource).collect(),
            constant: (0..MODELS)
                .map(|number| constant(&format!("model-{number}")).encode_to_vec())
                .collect(),
        }
    }

    /// The request with the spans from `number * BATCH` on, which ended just before `now`.
    pub(crate) fn encoded(&self, number: u64, now: u64) -> Bytes {
        let resource = &self.resources[(number % SERVICES) as usize];
        let mut spans = Vec::with_capacity(BATCH as usize * 1100);
        let mut own = Vec::with_capacity(512);
        for number in number * BATCH..(number + 1) * BATCH {
            own.clear();
            write_own(&mut own, number, now);
            let constant = &self.constant[(number % MODELS) as usize];
            spans.push(SECOND_FIELD);
            varint(&mut spans, (constant.len() + own.len()) as u64);
            spans.extend_from_slice(constant);
            spans.extend_from_slice(&own);
        }
        let mut head = Vec::new();
        field(&mut head, FIRST_FIELD, resource);
        head.push(SECOND_FIELD);
        varint(&mut head, spans.len() as u64);
        let mut request = Vec::with_capacity(spans.len() + head.len() + 8);
        request.push(FIRST_FIELD);
        varint(&mut request, (head.len() + spans.len()) as u64);
        request.extend_from_slice(&head);
        request.extend_from_slice(&spans);
        Bytes::from(request)
    }
}

fn constant(model: &str) -> Span {
    let stop = ArrayValue { values: vec![AnyValue { value: Some(text("stop")) }] };
    Span {
        name: format!("chat {model}"),
        kind: 3,
        attributes: vec![
            pair(attribute::OPERATION_NAME, text("chat")),
            pair(attribute::PROVIDER_NAME, text("openai")),
            pair(attribute::REQUEST_MODEL, text(model)),
            pair(attribute::RESPONSE_MODEL, text(model)),
            pair(attribute::RESPONSE_FINISH_REASONS, Value::ArrayValue(stop)),
            pair(attribute::REQUEST_STREAM, Value::BoolValue(true)),
            pair(attribute::RESPONSE_TIME_TO_FIRST_CHUNK, Value::DoubleValue(0.3)),
            pair(attribute::SERVER_ADDRESS, text("api.openai.com")),
            pair(attribute::SERVER_PORT, Value::IntValue(443)),
            pair(attribute::HTTP_RESPONSE_STATUS_CODE, Value::IntValue(200)),
            pair(attribute::USAGE_SOURCE, text("provider")),
            pair(attribute::USAGE_COST, Value::DoubleValue(0.001)),
            pair(attribute::COST_STATUS, text("exact")),
            pair(attribute::COST_PRICE_SOURCE, text("genai-prices 0.2.1")),
            pair(attribute::OUTCOME, text("completed")),
            pair(attribute::INSTANCE, text("4f2b6a1c9d8e7f00")),
        ],
        ..Span::default()
    }
}

/// Writes what only span `number` says: ids, times and six attributes.
fn write_own(to: &mut Vec<u8>, number: u64, now: u64) {
    // Ids are spread like random ones, and the same in every run.
    let random = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    to.extend_from_slice(&[FIRST_FIELD, 16]);
    to.extend_from_slice(&random.to_be_bytes());
    to.extend_from_slice(&random.rotate_left(17).to_be_bytes());
    field(to, SECOND_FIELD, &random.rotate_left(31).to_be_bytes());
    field(to, PARENT_SPAN_ID, &random.rotate_left(43).to_be_bytes());
    to.push(START);
    to.extend_from_slice(&(now - 1_500_000_000 - random % 1_000_000_000).to_le_bytes());
    to.push(END);
    to.extend_from_slice(&(now - random % 1_000_000).to_le_bytes());
    let mut digits = [0; 41];
    digits[..9].copy_from_slice(b"chatcmpl-");
    hexadecimal(&mut digits[9..25], random);
    text_attribute(to, attribute::RESPONSE_ID, &digits[..25]);
    hexadecimal(&mut digits[25..], random);
    text_attribute(to, attribute::REQUEST_HASH, &digits[9..]);
    let mut user = *b"user-0000";
    for (place, digit) in user.iter_mut().rev().zip([1, 10, 100, 1000]) {
        *place = b'0' + (random % 1000 / digit % 10) as u8;
    }
    text_attribute(to, attribute::USER_ID, &user);
    int_attribute(to, attribute::USAGE_INPUT_TOKENS, random % 4000);
    int_attribute(to, attribute::USAGE_OUTPUT_TOKENS, random % 900);
    int_attribute(to, attribute::SEQUENCE, number + 1);
}

/// Keys and values of at most 60 bytes, so that every length is one byte.
fn text_attribute(to: &mut Vec<u8>, key: &str, value: &[u8]) {
    let inner = value.len() as u8 + 2;
    to.extend_from_slice(&[ATTRIBUTE, key.len() as u8 + inner + 4]);
    field(to, FIRST_FIELD, key.as_bytes());
    to.extend_from_slice(&[SECOND_FIELD, inner]);
    field(to, FIRST_FIELD, value);
}

fn int_attribute(to: &mut Vec<u8>, key: &str, value: u64) {
    let inner = 2 + (63 - (value | 1).leading_zeros() as u8) / 7;
    to.extend_from_slice(&[ATTRIBUTE, key.len() as u8 + inner + 4]);
    field(to, FIRST_FIELD, key.as_bytes());
    to.extend_from_slice(&[SECOND_FIELD, inner, INT]);
    varint(to, value);
}

fn field(to: &mut Vec<u8>, key: u8, value: &[u8]) {
    to.push(key);
    varint(to, value.len() as u64);
    to.extend_from_slice(value);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn hexadecimal(to: &mut [u8], value: u64) {
    for (place, shift) in to.iter_mut().rev().zip((0..64).step_by(4)) {
        *place = b"0123456789abcdef"[(value >> shift & 15) as usize];
    }
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}
