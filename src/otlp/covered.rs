//! One LLM span per call: a client library's own span around a call of ours is exported as a plain span.
//!
//! Libraries such as rig record each call through `tracing`, which the bridge exports. Backends would show both spans as
//! LLM calls, and add both to tokens and cost. Where a call of ours ended within such a span, its `gen_ai.*` attributes
//! are left out; the span itself stays, so that the trace keeps its shape. A call that did not pass the middleware is
//! exported as the library recorded it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::{Context, KeyValue, SpanId, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::semconv::{SCOPE, attribute, operation};

/// With what the attributes of an LLM span begin.
const GEN_AI: &str = "gen_ai.";

/// Spans around calls that are remembered: of more, all of the older half is forgotten.
const REMEMBERED: usize = 4_096;

/// Passes spans on to another processor, those around a call without the attributes that would make them a second one.
#[derive(Debug)]
pub(super) struct Covered<P> {
    next: P,
    around: Mutex<Around>,
}

/// Spans that are still open and have a call of ours within them, in two generations.
#[derive(Debug, Default)]
struct Around {
    newer: HashSet<(TraceId, SpanId)>,
    older: HashSet<(TraceId, SpanId)>,
}

impl<P> Covered<P> {
    pub(super) fn over(next: P) -> Self {
        Self { next, around: Mutex::default() }
    }

    /// Makes an LLM span around a call of ours a plain one. A span ends after those within it, so that what covers it
    /// passes upwards span by span, as far as to an agent or a tool: those are no second account of the call.
    fn settle(&self, span: &mut SpanData) {
        let role = Role::of(span);
        let id = span.span_context.span_id();
        let trace = span.span_context.trace_id();
        let mut around = self.around.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = around.take((trace, id)) && role != Role::Boundary;
        if covered && role == Role::Model {
            span.attributes.retain(|attribute| !attribute.key.as_str().starts_with(GEN_AI));
        }
        let parent_is_here = span.parent_span_id != SpanId::INVALID && !span.parent_span_is_remote;
        if parent_is_here && (covered || role == Role::Call) {
            around.add((trace, span.parent_span_id));
        }
    }
}

impl Around {
    fn add(&mut self, span: (TraceId, SpanId)) {
        if self.newer.len() >= REMEMBERED / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(span);
    }

    /// Whether a call ended within `span`, which has ended itself.
    fn take(&mut self, span: (TraceId, SpanId)) -> bool {
        self.newer.remove(&span) | self.older.remove(&span)
    }
}

/// What a span is to a call of ours below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A call of ours.
    Call,
    /// Another account of a call of a model.
    Model,
    /// An agent, a tool or a workflow.
    Boundary,
    Other,
}

impl Role {
    fn of(span: &SpanData) -> Self {
        if span.instrumentation_scope.name() == SCOPE {
            return Self::Call;
        }
        let mut role = Self::Other;
        for KeyValue { key, value, .. } in &span.attributes {
            role = match key.as_str() {
                attribute::OPERATION_NAME if CALLS.contains(&&*value.as_str()) => Self::Model,
                attribute::OPERATION_NAME => Self::Boundary,
                attribute::USAGE_INPUT_TOKENS | attribute::USAGE_OUTPUT_TOKENS if role == Self::Other => {
                    Self::Model
                }
                _ => role,
            };
        }
        role
    }
}

/// Operations that are one request to a model.
const CALLS: [&str; 12] = [
    operation::CHAT,
    operation::TEXT_COMPLETION,
    operation::EMBEDDINGS,
    operation::GENERATE_CONTENT,
    operation::IMAGE_GENERATION,
    operation::VIDEO_GENERATION,
    operation::TRANSCRIPTION,
    operation::SPEECH,
    operation::RERANK,
    operation::OCR,
    operation::CLASSIFICATION,
    // As rig names speech.
    "audio_generation",
];

impl<P: SpanProcessor> SpanProcessor for Covered<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        self.settle(&mut span);
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
