//! One call as the ledger keeps it: plain facts from any instrumentation.

mod deployment;
pub(crate) mod ids;
mod modality;
mod passage;
mod process;
mod receipt;
mod skipped;
mod tags;

pub(crate) use deployment::{ENVIRONMENT, deployment, service_and_environment};
pub(crate) use modality::{ModalityTokens, Parts};
pub(crate) use passage::Passage;
pub(crate) use process::{ProcessEnd, ProcessReport};
pub(crate) use receipt::{Ends, Receipt};
#[cfg(test)]
pub(crate) use skipped::OTHER_SCOPES;
pub(crate) use skipped::{SkipReason, SkippedHours, SkippedSpans, hours_of};

pub use tags::Tags;
pub(crate) use tags::{TAG_VALUE_BYTES, TagKey, parse_tag};

use std::fmt;

use spanledger::{CostStatus, Outcome, UsageSource};

/// Nanoseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Nanoseconds in a second.
    pub const SECOND: i64 = 1_000_000_000;

    /// This time plus `seconds`, which may be negative; saturates.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(Self::SECOND)))
    }
}

/// A half-open span of time, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first time inside.
    pub from: Timestamp,
    /// The first time after.
    pub to: Timestamp,
}

impl Window {
    /// The last `seconds` before `now`.
    #[must_use]
    pub const fn last(seconds: i64, now: Timestamp) -> Self {
        Self { from: now.plus_seconds(-seconds), to: now }
    }
}

/// US dollars in whole nano-dollars, so that totals are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// The nearest amount to `usd`; `None` when it is not finite or out of range (9.2 billion dollars).
    #[must_use]
    pub fn from_usd(usd: f64) -> Option<Self> {
        let nanos = (usd * 1e9).round();
        // The bounds are exact in f64, and `as` saturates, so nothing wraps.
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (nanos.is_finite() && nanos.abs() < 9.2e18).then_some(Self(nanos as i64))
    }

    /// The amount as dollars, for display and for JSON.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "display only; totals are made on the integers")]
    pub fn as_usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.as_usd())
    }
}

/// Who wrote the span a record was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The `spanledger` library, directly or through a Collector.
    Spanledger,
    /// Any other instrumentation of an LLM call.
    ThirdParty,
    /// Rows read by `spanledger import`.
    Import,
    /// A provider's or gateway's own span about the call. Not counted next to a client's account, and counted by itself
    /// when none has come for two hours.
    Witness,
}

/// One call. Absent is not zero: what was not reported is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// With `span_id` the identity of the call.
    pub trace_id: [u8; 16],
    /// With `trace_id` the identity of the call.
    pub span_id: [u8; 8],
    /// The parent span, if any.
    pub parent_span_id: Option<[u8; 8]>,
    /// Who wrote the span.
    pub origin: Origin,
    /// When the call began.
    pub start: Timestamp,
    /// From the request to the end of the body, in nanoseconds.
    pub duration_ns: i64,
    /// From the request to the first generated output, in nanoseconds; streams only.
    pub first_chunk_ns: Option<i64>,
    /// `service.name` of the sender; empty when it gave none.
    pub service: String,
    /// `gen_ai.provider.name`; empty when it gave none.
    pub provider: String,
    /// `gen_ai.operation.name`.
    pub operation: String,
    /// The model asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The provider's id of the response.
    pub response_id: Option<String>,
    /// Whether the request asked for a stream.
    pub stream: bool,
    /// How the call ended.
    pub outcome: Outcome,
    /// The HTTP status, if a response came.
    pub status_code: Option<u16>,
    /// `error.type`: the sender's own word.
    pub error_type: Option<String>,
    /// What the call failed of, in one name for all senders; the sender's own word where it is none of the known ones.
    pub error_kind: Option<String>,
    /// Finish reasons by choice.
    pub finish_reasons: Vec<String>,
    /// All input tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// All output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// Subset of the input.
    pub cache_read_tokens: Option<u64>,
    /// Subset of the input.
    pub cache_write_tokens: Option<u64>,
    /// Subset of the output.
    pub reasoning_tokens: Option<u64>,
    /// Where the token counts come from.
    pub usage_source: UsageSource,
    /// The cost; `None` when unpriced or without usage.
    pub cost: Option<NanoUsd>,
    /// How far the cost can be trusted.
    pub cost_status: CostStatus,
    /// Which table and revision priced the call.
    pub price_source: Option<String>,
    /// The service tier, which may decide the price: the response's, else the one asked for.
    pub service_tier: Option<String>,
    /// `server.address`: the host that was called, which may decide the price.
    pub server_address: Option<String>,
    /// Tokens by modality, which may have prices of their own.
    pub modality_tokens: Option<Box<ModalityTokens>>,
    /// What else decided the price (`spanledger.cost.factors`): cache lifetimes, server tools, speed, region, passes of
    /// other models.
    pub price_factors: Vec<String>,
    /// What the price tables give for a call whose `cost` is what the provider or the sender reported.
    pub computed_cost: Option<NanoUsd>,
    /// `spanledger.tag.*`, and the environment.
    pub tags: Tags,
    /// `user.id`.
    pub user: Option<String>,
    /// `client.address`.
    pub client_address: Option<String>,
    /// `gen_ai.conversation.id`.
    pub conversation_id: Option<String>,
    /// `spanledger.key.fingerprint`: which credential made the call. The ledger counts it by hour and service, and does not give
    /// it back with the call.
    pub key_fingerprint: Option<String>,
    /// `spanledger.request.hash`.
    pub request_hash: Option<String>,
    /// `spanledger.instance`.
    pub instance: Option<String>,
    /// `spanledger.sequence`, from 1.
    pub sequence: Option<u64>,
    /// Whether the response was fetched by its id (`spanledger.response.fetched`), which may happen any number of times.
    pub fetched: bool,
    /// The preview of the response, if the application opted in.
    pub response_preview: Option<String>,
    /// The error's text, if the sender gave one.
    pub error_message: Option<String>,
    /// The instrumentation scope that wrote a third-party span; empty when it has no name.
    pub scope: String,
}

/// A call of which nothing is known: no ids, no names, no usage, at the beginning of 1970.
impl Default for CallRecord {
    fn default() -> Self {
        Self {
            trace_id: [0; 16],
            span_id: [0; 8],
            parent_span_id: None,
            origin: Origin::ThirdParty,
            start: Timestamp(0),
            duration_ns: 0,
            first_chunk_ns: None,
            service: String::new(),
            provider: String::new(),
            operation: String::new(),
            request_model: None,
            response_model: None,
            response_id: None,
            stream: false,
            outcome: Outcome::Completed,
            status_code: None,
            error_type: None,
            error_kind: None,
            finish_reasons: Vec::new(),
            input_tokens: None,
            output_tokens: None,
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            usage_source: UsageSource::None,
            cost: None,
            cost_status: CostStatus::NoUsage,
            price_source: None,
            service_tier: None,
            server_address: None,
            modality_tokens: None,
            price_factors: Vec::new(),
            computed_cost: None,
            tags: Tags::default(),
            user: None,
            client_address: None,
            conversation_id: None,
            key_fingerprint: None,
            request_hash: None,
            instance: None,
            sequence: None,
            fetched: false,
            response_preview: None,
            error_message: None,
            scope: String::new(),
        }
    }
}

impl CallRecord {
    /// The model a report names: the one that answered, else the one asked for, else empty.
    #[must_use]
    pub fn model(&self) -> &str {
        self.response_model.as_deref().or(self.request_model.as_deref()).unwrap_or_default()
    }

    /// `deployment.environment.name` of the sender, as a tag; empty when it gave none.
    #[must_use]
    pub fn environment(&self) -> &str {
        self.tags.get(ENVIRONMENT).unwrap_or_default()
    }

    /// The service in its environment.
    pub(crate) fn deployment(&self) -> std::borrow::Cow<'_, str> {
        deployment(&self.service, self.environment())
    }

    /// Input and output together; `None` when neither is known.
    #[must_use]
    pub fn total_tokens(&self) -> Option<u64> {
        match (self.input_tokens, self.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        }
    }

    /// Failed in the sense of success rates: an error outcome. What the caller dropped or cancelled is
    /// neither a failure nor a success.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.outcome.is_error()
    }

    /// Whether the whole answer arrived.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Completed)
    }
}
