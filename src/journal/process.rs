//! The report of a journal on its process: a span that says how far its sequence goes, whether it has ended, and which
//! calls were lost.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::body::State;
use super::span::{Origin, scope, time};
use crate::semconv::{PROCESS_SPAN, Semconv, attribute, process_end};

/// Ranges that one report names: the newest.
const MAX_RANGES: usize = 100;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Orderly,
    Died,
}

/// What is reported of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) state: &'a State,
    /// `None` while it runs.
    pub(super) end: Option<End>,
    /// Calls that it could not write down, as far as they are counted, of a process that died after them.
    pub(super) skipped: u64,
    /// When, in unix nanoseconds.
    pub(super) time: u64,
}

impl Process<'_> {
    pub(super) fn span(&self) -> SpanData {
        let number = |number: u64| Value::I64(i64::try_from(number).unwrap_or(i64::MAX));
        let mut attributes = vec![
            KeyValue::new(attribute::INSTANCE, self.origin.instance.to_owned()),
            KeyValue::new(attribute::PROCESS_LAST_SEQUENCE, number(self.state.last_sequence)),
        ];
        attributes.extend(self.end.map(|end| {
            KeyValue::new(
                attribute::PROCESS_END,
                match end {
                    End::Orderly => process_end::ORDERLY,
                    End::Died => process_end::DIED,
                },
            )
        }));
        if self.skipped > 0 {
            attributes.push(KeyValue::new(attribute::PROCESS_SKIPPED, number(self.skipped)));
        }
        let lost: Vec<StringValue> = self.state.lost.iter().map(|range| text(&range).into()).collect();
        if !lost.is_empty() {
            let newest = lost[lost.len().saturating_sub(MAX_RANGES)..].to_vec();
            attributes.push(KeyValue::new(attribute::PROCESS_LOST_CALLS, number(self.state.lost_calls())));
            attributes.push(KeyValue::new(attribute::PROCESS_LOST, Value::Array(Array::String(newest))));
            if let Some((from, to)) = self.state.lost_between {
                attributes.push(KeyValue::new(attribute::PROCESS_LOST_FROM, number(from)));
                attributes.push(KeyValue::new(attribute::PROCESS_LOST_TO, number(to)));
            }
        }
        SpanData {
            span_context: self.context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: PROCESS_SPAN.into(),
            start_time: time(self.time),
            end_time: time(self.time),
            attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: scope(self.origin, Semconv::Latest),
        }
    }

    /// The same report has the same ids, also when a recovery that was killed makes it once more.
    fn context(&self) -> SpanContext {
        let hash = |part: u8| {
            let mut hasher = DefaultHasher::new();
            let ended = self.end.map(|end| end as u8);
            (self.origin.instance, part, ended, self.state.last_sequence, self.state.lost_calls())
                .hash(&mut hasher);
            hasher.finish().max(1)
        };
        let trace = u128::from(hash(0)) << 64 | u128::from(hash(1));
        let (trace, span) = (TraceId::from(trace), SpanId::from(hash(2)));
        SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE)
    }
}

fn text(range: &std::ops::RangeInclusive<u64>) -> String {
    match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{}-{}", range.start(), range.end()),
    }
}
