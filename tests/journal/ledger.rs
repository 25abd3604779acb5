//! What has arrived, as a ledger has it: what comes twice, with the same ids and times, is there once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{Array, Value};
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_sdk::trace::SpanData;

use crate::receiver::Receiver;

/// The calls that have arrived, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) calls: BTreeMap<String, Row>,
    /// The last reports on processes.
    pub(crate) ends: Vec<SpanData>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    span: Vec<u8>,
    pub(crate) started: SystemTime,
    ended: u64,
    pub(crate) outcome: String,
    pub(crate) sequence: Option<u64>,
}

impl Ledger {
    pub(crate) fn add(&mut self, id: String, row: Row) {
        if let Some(before) = self.calls.get(&id) {
            assert_eq!(*before, row, "{id} has two records");
        }
        self.calls.insert(id, row);
    }

    /// What the receiver took from the application itself.
    pub(crate) fn add_received(&mut self, receiver: &Receiver) {
        for span in &receiver.received.lock().unwrap().spans {
            let value = |name: &str| {
                span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value
            };
            let text = |name: &str| match value(name)? {
                OtlpValue::StringValue(text) => Some(text),
                _ => None,
            };
            let sequence = match value("spanledger.sequence") {
                Some(OtlpValue::IntValue(number)) => u64::try_from(number).ok(),
                _ => None,
            };
            if let Some(id) = text("gen_ai.conversation.id") {
                let row = Row {
                    span: span.span_id.clone(),
                    started: UNIX_EPOCH + Duration::from_nanos(span.start_time_unix_nano),
                    ended: span.end_time_unix_nano,
                    outcome: text("spanledger.outcome").unwrap(),
                    sequence,
                };
                self.add(id, row);
            }
        }
    }

    /// What a recovery sends.
    pub(crate) fn add_recovered(&mut self, spans: Vec<SpanData>) {
        for span in spans {
            let value = |name: &str| {
                span.attributes
                    .iter()
                    .find(|attribute| attribute.key.as_str() == name)
                    .map(|found| &found.value)
            };
            let text = |name: &str| match value(name)? {
                Value::String(text) => Some(text.as_str().to_owned()),
                _ => None,
            };
            let Some(id) = text("gen_ai.conversation.id") else {
                assert_eq!(span.name, "spanledger.process");
                self.ends.push(span);
                continue;
            };
            assert_eq!(text("user.id").as_deref(), Some("ada"), "{id}");
            assert_eq!(text("gen_ai.request.model").as_deref(), Some("gpt-4o"), "{id}");
            assert_eq!(text("gen_ai.provider.name").as_deref(), Some("127.0.0.1"), "{id}");
            assert_eq!(text("spanledger.request.hash").unwrap().len(), 32, "{id}");
            let ended = span.end_time.duration_since(UNIX_EPOCH).unwrap().as_nanos();
            let row = Row {
                span: span.span_context.span_id().to_bytes().to_vec(),
                started: span.start_time,
                ended: u64::try_from(ended).unwrap(),
                outcome: text("spanledger.outcome").unwrap(),
                sequence: match value("spanledger.sequence") {
                    Some(Value::I64(number)) => u64::try_from(*number).ok(),
                    _ => None,
                },
            };
            self.add(id, row);
        }
    }

    /// How the processes ended, as they or their recoveries reported.
    pub(crate) fn how_they_ended(&self) -> Vec<String> {
        self.ends.iter().map(|span| attribute(span, "spanledger.process.end").unwrap().to_string()).collect()
    }
}

pub(crate) fn attribute<'a>(span: &'a SpanData, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| &attribute.value)
}

/// The numbers that a report on a process names as lost.
pub(crate) fn lost(report: &SpanData) -> Vec<RangeInclusive<u64>> {
    let Some(Value::Array(Array::String(ranges))) = attribute(report, "spanledger.process.lost") else {
        return Vec::new();
    };
    let number = |text: &str| text.parse().unwrap();
    let range = |text: &str| match text.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(text)..=number(text),
    };
    ranges.iter().map(|text| range(text.as_str())).collect()
}
