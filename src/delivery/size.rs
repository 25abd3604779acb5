//! How large a span is on the wire.

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// What a span takes in addition to its texts: ids, times, and the frames of its fields.
const SPAN: usize = 128;
const ATTRIBUTE: usize = 16;

/// The size of a span in a request, in bytes: its texts, and an allowance for everything else.
pub(super) fn of(span: &SpanData) -> usize {
    let attributes = |list: &[KeyValue]| list.iter().map(of_attribute).sum::<usize>();
    let events = span.events.iter().map(|event| SPAN + event.name.len() + attributes(&event.attributes));
    let links = span.links.iter().map(|link| SPAN + attributes(&link.attributes));
    SPAN + span.name.len() + attributes(&span.attributes) + events.sum::<usize>() + links.sum::<usize>()
}

fn of_attribute(attribute: &KeyValue) -> usize {
    let value = match &attribute.value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => texts.iter().map(|text| ATTRIBUTE + text.as_str().len()).sum(),
        Value::Array(Array::Bool(list)) => ATTRIBUTE * list.len(),
        Value::Array(Array::I64(list)) => ATTRIBUTE * list.len(),
        Value::Array(Array::F64(list)) => ATTRIBUTE * list.len(),
        _ => ATTRIBUTE,
    };
    ATTRIBUTE + attribute.key.as_str().len() + value
}
