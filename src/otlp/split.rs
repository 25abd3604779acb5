//! Exports that no receiver refuses for their size.

use std::time::Duration;

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// The most that is sent in one request, in bytes of text: gRPC servers take 4 MiB unless told otherwise. The batch
/// processor counts spans only, and with full content 512 of them are more than any receiver takes, which then refuses
/// them all, for good.
const REQUEST: usize = 3 * 1024 * 1024;

/// What a span takes beside its texts: ids, times, and the frames of its fields.
const SPAN: usize = 128;
const ATTRIBUTE: usize = 16;

/// Splits batches by their bytes. A span larger than the bound goes alone.
#[derive(Debug)]
pub(super) struct Splitting<E> {
    inner: E,
    bound: usize,
}

impl<E> Splitting<E> {
    pub(super) const fn new(inner: E) -> Self {
        Self { inner, bound: REQUEST }
    }
}

impl<E: SpanExporter> SpanExporter for Splitting<E> {
    /// Sends every part, also after one that failed, and tells the first failure.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut result = Ok(());
        for part in parts(batch, self.bound) {
            result = result.and(self.inner.export(part).await);
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn parts(batch: Vec<SpanData>, bound: usize) -> Vec<Vec<SpanData>> {
    let (mut parts, mut part, mut held) = (Vec::new(), Vec::new(), 0);
    for span in batch {
        let size = size(&span);
        if !part.is_empty() && held + size > bound {
            parts.push(std::mem::take(&mut part));
            held = 0;
        }
        held += size;
        part.push(span);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

fn size(span: &SpanData) -> usize {
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry::trace::{Span, Tracer, TracerProvider};
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;

    /// Keeps the number of spans of each request, and fails the first.
    #[derive(Debug, Default)]
    struct Requests(Mutex<Vec<usize>>);

    impl SpanExporter for Requests {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let mut seen = self.0.lock().unwrap();
            seen.push(batch.len());
            if seen.len() == 1 { Err(OTelSdkError::InternalFailure("first".to_owned())) } else { Ok(()) }
        }
    }

    fn spans(sizes: &[usize]) -> Vec<SpanData> {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        for size in sizes {
            let mut span = provider.tracer("t").start("s");
            span.set_attribute(KeyValue::new("a", "x".repeat(*size)));
            span.end();
        }
        exporter.get_finished_spans().unwrap()
    }

    #[tokio::test]
    async fn splits_by_bytes_and_sends_every_part_after_a_failure() {
        let exporter = Splitting { inner: Requests::default(), bound: 1_000 };
        let sent = exporter.export(spans(&[300, 300, 300, 5_000, 10, 10])).await;
        assert_eq!(*exporter.inner.0.lock().unwrap(), [2, 1, 1, 2]);
        assert!(matches!(sent, Err(OTelSdkError::InternalFailure(reason)) if reason == "first"));
    }

    #[tokio::test]
    async fn leaves_a_small_batch_whole_and_an_empty_one_alone() {
        let exporter = Splitting::new(Requests::default());
        let _first_fails = exporter.export(spans(&[10; 512])).await;
        assert!(exporter.export(Vec::new()).await.is_ok());
        assert_eq!(*exporter.inner.0.lock().unwrap(), [512]);
    }
}
