//! A call from the journal as the span it was.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::body::{Close, Open};
use crate::cost::CostStatus;
use crate::instance::instance;
use crate::outcome::Outcome;
use crate::semconv::{SCHEMA_URL, SCHEMA_URL_V1_41, SCOPE, Semconv, attribute};
use crate::usage::UsageSource;

/// Which process the calls are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// `spanledger.instance`.
    pub(super) instance: &'a str,
    /// The version of the library there.
    pub(super) version: &'a str,
}

impl Origin<'static> {
    /// This process.
    pub(super) fn here() -> Self {
        Self { instance: instance(), version: env!("CARGO_PKG_VERSION") }
    }
}

/// The span of a call that has ended: the same ids, times and attributes, without content.
pub(super) fn ended(origin: Origin<'_>, open: Open, close: Close) -> SpanData {
    let mut attributes = open.attributes.clone();
    // What was known at the beginning is written again at the end, and counts as it is there.
    attributes.retain(|early| !close.attributes.iter().any(|late| late.key == early.key));
    attributes.extend(close.attributes);
    attributes.push(KeyValue::new(attribute::INSTANCE, origin.instance.to_owned()));
    attributes.push(KeyValue::new(attribute::SEQUENCE, i64::try_from(close.sequence).unwrap_or(i64::MAX)));
    let status = if close.is_error { Status::error(Cow::Borrowed("")) } else { Status::Unset };
    span(origin, open, attributes, close.ended, status)
}

/// The span of a call whose process died: it ended, as far as is known, when the process wrote last.
pub(super) fn interrupted(origin: Origin<'_>, open: Open, last: u64) -> SpanData {
    let mut attributes = open.attributes.clone();
    attributes.extend([
        KeyValue::new(attribute::OUTCOME, Outcome::Interrupted.as_str()),
        KeyValue::new(attribute::USAGE_SOURCE, UsageSource::None.as_str()),
        KeyValue::new(attribute::COST_STATUS, CostStatus::NoUsage.as_str()),
        KeyValue::new(attribute::INSTANCE, origin.instance.to_owned()),
    ]);
    let ended = last.max(open.started);
    span(origin, open, attributes, ended, Status::Unset)
}

fn span(origin: Origin<'_>, open: Open, attributes: Vec<KeyValue>, ended: u64, status: Status) -> SpanData {
    SpanData {
        name: name(&attributes),
        span_context: open.context,
        parent_span_id: open.parent,
        parent_span_is_remote: open.parent_is_remote,
        span_kind: SpanKind::Client,
        start_time: time(open.started),
        end_time: time(ended),
        attributes,
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status,
        instrumentation_scope: scope(origin, open.semconv),
    }
}

/// `{operation} {request model}`, as of every call.
fn name(attributes: &[KeyValue]) -> Cow<'static, str> {
    let of = |name| {
        let found = attributes.iter().find(|attribute| attribute.key.as_str() == name)?;
        if let Value::String(text) = &found.value { Some(text.as_str()) } else { None }
    };
    let operation = of(attribute::OPERATION_NAME).unwrap_or_default();
    match of(attribute::REQUEST_MODEL) {
        Some(model) => Cow::Owned([operation, model].join(" ")),
        None => Cow::Owned(operation.to_owned()),
    }
}

pub(super) fn scope(origin: Origin<'_>, semconv: Semconv) -> InstrumentationScope {
    let schema = match semconv {
        Semconv::Latest => SCHEMA_URL,
        Semconv::V1_41 => SCHEMA_URL_V1_41,
    };
    let scope = InstrumentationScope::builder(SCOPE).with_schema_url(schema);
    if origin.version.is_empty() {
        scope.build()
    } else {
        scope.with_version(origin.version.to_owned()).build()
    }
}

pub(super) fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}
