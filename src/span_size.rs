//! How large spans are on the wire, and how many go into one request.

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// Spans of one request, unless configured otherwise.
pub(crate) const SPANS: usize = 512;

/// Bytes of one request. gRPC servers take 4 MiB unless configured otherwise, and refuse what is larger for good.
pub(crate) const REQUEST: usize = 3 * 1024 * 1024;

/// What a span takes in addition to its texts: ids, times, and the frames of its fields.
const SPAN: usize = 128;
const ATTRIBUTE: usize = 16;

/// The size of a span in a request, in bytes: its texts, and an allowance for everything else.
pub(crate) fn of(span: &SpanData) -> usize {
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

/// Splits spans into requests of at most so many spans and bytes, in order. A span larger than that goes alone.
pub(crate) fn batches(spans: Vec<SpanData>, most: usize, bytes: usize) -> Vec<Vec<SpanData>> {
    let mut batches: Vec<Vec<SpanData>> = Vec::new();
    let mut held = usize::MAX;
    for span in spans {
        let size = of(&span);
        match batches.last_mut() {
            Some(batch) if batch.len() < most && held.saturating_add(size) <= bytes => {
                held += size;
                batch.push(span);
            }
            _ => {
                held = size;
                batches.push(vec![span]);
            }
        }
    }
    batches
}
