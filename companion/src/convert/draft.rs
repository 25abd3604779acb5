//! What one span says, gathered attribute by attribute, and the record made of it.

use std::borrow::Cow;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use spanledger::semconv::error_type;
use spanledger::semconv::operation;
use spanledger::{CostStatus, Outcome, PriceTable, Usage, UsageSource};

use super::attributes::{self, Field, Own};
use super::failure::{self, Failure, Kind as FailureKind};
use super::kind::Kind;
use super::otlp::{Span, Value};
use super::secrets;
use super::third_party::{self, Meaning};
use super::timestamps::CallTime;
use super::value::{self, NAME_BYTES, TEXT_BYTES};
use super::wire::Malformed;
use super::{Ids, Sender};
use crate::record::{CallRecord, ModalityTokens, Origin};

/// The event by which OpenTelemetry records an exception, and its two attributes (core, stable).
const EXCEPTION: &str = "exception";
const EXCEPTION_TYPE: &str = "exception.type";
const EXCEPTION_MESSAGE: &str = "exception.message";

/// Facts of one span as they were found.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    /// Whether any fact is one that only the `spanledger` library states.
    pub(super) own: bool,
    /// Whether a value was out of its range and left out.
    clamped: bool,
    /// Whether the span is of who serves the call, and not of who makes it.
    witness: bool,
    operation: Option<Cow<'a, str>>,
    span_kind: Option<Cow<'a, str>>,
    pub(super) provider: Option<Cow<'a, str>>,
    system: Option<Cow<'a, str>>,
    pub(super) request_model: Option<Cow<'a, str>>,
    pub(super) response_model: Option<Cow<'a, str>>,
    response_id: Option<Cow<'a, str>>,
    stream: Option<bool>,
    finish_reasons: Option<Vec<String>>,
    first_chunk: Option<f64>,
    pub(super) usage: Usage,
    pub(super) cost: Option<f64>,
    pub(super) service_tier: Option<Cow<'a, str>>,
    pub(super) request_service_tier: Option<Cow<'a, str>>,
    /// The answer's tier or the one asked for, whichever the library knew.
    pub(super) either_service_tier: Option<Cow<'a, str>>,
    pub(super) server_address: Option<Cow<'a, str>>,
    status_code: Option<u16>,
    error_type: Option<Cow<'a, str>>,
    error_message: Option<Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
    client_address: Option<Cow<'a, str>>,
    conversation: Option<Cow<'a, str>>,
    response_preview: Option<Cow<'a, str>>,
    failed: bool,
    outcome: Option<Outcome>,
    usage_source: Option<UsageSource>,
    pub(super) cost_status: Option<CostStatus>,
    pub(super) price_source: Option<Cow<'a, str>>,
    request_hash: Option<Cow<'a, str>>,
    instance: Option<Cow<'a, str>>,
    sequence: Option<u64>,
}

/// Whose name an attribute had. The conventions' name overrules another instrumentation's for the same fact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Conventions,
    ThirdParty,
}

impl<'a> Draft<'a> {
    /// Notes an attribute.
    pub(super) fn note(&mut self, key: &str, value: Value<'a>) {
        if let Some(field) = attributes::field(key) {
            self.set(field, value, Rank::Conventions);
        } else if let Some(field) = third_party::field(key) {
            self.set(field, value, Rank::ThirdParty);
        }
    }

    fn set(&mut self, field: Field, value: Value<'a>, rank: Rank) {
        let name = |value| value::text(value, NAME_BYTES);
        match field {
            Field::Operation => put(&mut self.operation, name(value), rank),
            Field::SpanKind => put(&mut self.span_kind, name(value), rank),
            Field::Provider => put(&mut self.provider, name(value), rank),
            Field::System => put(&mut self.system, name(value), rank),
            Field::RequestModel => put(&mut self.request_model, name(value), rank),
            Field::ResponseModel => put(&mut self.response_model, name(value), rank),
            Field::ResponseId => put(&mut self.response_id, name(value), rank),
            Field::Stream => put(&mut self.stream, value::flag(value), rank),
            Field::FinishReasons => put(&mut self.finish_reasons, value::names(value), rank),
            Field::FirstChunk => put(&mut self.first_chunk, value::number(value), rank),
            Field::InputTokens => self.set_tokens(|usage| &mut usage.input_tokens, value, rank),
            Field::OutputTokens => self.set_tokens(|usage| &mut usage.output_tokens, value, rank),
            Field::CacheRead => self.set_tokens(|usage| &mut usage.cache_read_tokens, value, rank),
            Field::CacheWrite => self.set_tokens(|usage| &mut usage.cache_write_tokens, value, rank),
            Field::Reasoning => self.set_tokens(|usage| &mut usage.reasoning_tokens, value, rank),
            Field::InputOf(part) => {
                self.set_tokens(|usage| part.of(&mut usage.input_modality), value, rank);
            }
            Field::CacheReadOf(part) => {
                self.set_tokens(|usage| part.of(&mut usage.cache_read_modality), value, rank);
            }
            Field::OutputOf(part) => {
                self.set_tokens(|usage| part.of(&mut usage.output_modality), value, rank);
            }
            Field::Cost => {
                let usd = value::usd(value);
                self.clamped |= usd.is_none();
                put(&mut self.cost, usd, rank);
            }
            Field::ServiceTier => put(&mut self.service_tier, name(value), rank),
            Field::RequestServiceTier => put(&mut self.request_service_tier, name(value), rank),
            Field::ServerAddress => put(&mut self.server_address, name(value), rank),
            Field::StatusCode => put(&mut self.status_code, value::status(value), rank),
            Field::ErrorType => put(&mut self.error_type, name(value), rank),
            Field::ErrorMessage => put(&mut self.error_message, value::text(value, TEXT_BYTES), rank),
            Field::User => put(&mut self.user, name(value), rank),
            Field::ClientAddress => put(&mut self.client_address, name(value), rank),
            Field::Conversation => put(&mut self.conversation, name(value), rank),
            Field::ResponsePreview => {
                put(&mut self.response_preview, value::text(value, TEXT_BYTES), rank);
            }
            Field::Own(field) => self.set_own(field, value),
        }
    }

    fn set_tokens(&mut self, slot: impl Fn(&mut Usage) -> &mut Option<u64>, value: Value<'_>, rank: Rank) {
        let tokens = value::tokens(value);
        self.clamped |= tokens.is_none();
        put(slot(&mut self.usage), tokens, rank);
    }

    fn set_own(&mut self, field: Own, value: Value<'a>) {
        self.own = true;
        let text = || value::text(value, NAME_BYTES);
        match field {
            Own::Outcome => self.outcome = text().and_then(|text| Outcome::parse(&text)).or(self.outcome),
            Own::UsageSource => {
                self.usage_source = text().and_then(|text| UsageSource::parse(&text)).or(self.usage_source);
            }
            Own::CostStatus => {
                self.cost_status = text().and_then(|text| CostStatus::parse(&text)).or(self.cost_status);
            }
            Own::PriceSource => self.price_source = text(),
            Own::ServiceTier => self.either_service_tier = text(),
            Own::RequestHash => self.request_hash = text(),
            Own::Instance => self.instance = text(),
            // Numbered from 1; the bound keeps it within the ledger's signed integers.
            Own::Sequence => {
                let number =
                    value::count(value).filter(|number| (1..=i64::MAX.unsigned_abs()).contains(number));
                self.sequence = number.or(self.sequence);
            }
        }
    }

    /// What kind of call the span is; `None` when it is none.
    pub(super) fn kind(&self) -> Option<Kind> {
        let stated = self.stated();
        if self.own {
            let embeddings = matches!(stated, Some(Meaning::Call(Kind::Embeddings, _)));
            return Some(if embeddings { Kind::Embeddings } else { Kind::Generation });
        }
        match stated {
            Some(Meaning::Call(kind, _)) => Some(kind),
            Some(Meaning::Boundary | Meaning::Other) => None,
            // The oldest instrumentations name no operation: a model and a provider, or tokens, make a call.
            None => {
                let model = self.request_model.is_some() || self.response_model.is_some();
                let more = self.provider.is_some() || self.system.is_some() || self.has_usage();
                (model && more).then_some(Kind::Generation)
            }
        }
    }

    /// Whether the span is an agent, a tool or a workflow.
    pub(super) fn is_boundary(&self) -> bool {
        self.stated() == Some(Meaning::Boundary)
    }

    /// Whether any number of tokens is known.
    pub(super) fn has_usage(&self) -> bool {
        !self.usage.is_empty()
    }

    /// What the operation says, else the span kind. OpenLLMetry writes `unknown` where it does not know.
    fn stated(&self) -> Option<Meaning> {
        let name =
            self.operation.as_deref().filter(|name| *name != "unknown").or(self.span_kind.as_deref())?;
        Some(third_party::meaning(name))
    }

    /// Takes the error out of the span's status and of its exception event.
    pub(super) fn note_status(&mut self, span: &Span<'a>) -> Result<(), Malformed> {
        self.failed = span.status_code == StatusCode::Error as u64;
        if !self.failed {
            return Ok(());
        }
        if !span.status_message.is_empty() {
            self.error_message = Some(Cow::Borrowed(value::head(span.status_message, TEXT_BYTES)));
        }
        span.event_attributes(EXCEPTION, |key, value| match key {
            EXCEPTION_TYPE => put(&mut self.error_type, value::text(value, NAME_BYTES), Rank::ThirdParty),
            EXCEPTION_MESSAGE => {
                put(&mut self.error_message, value::text(value, TEXT_BYTES), Rank::ThirdParty);
            }
            _ => {}
        })
    }

    /// Takes the side of the call that the span is of out of its kind.
    pub(super) const fn note_side(&mut self, kind: u64) {
        self.witness = kind == SpanKind::Server as u64 || kind == SpanKind::Consumer as u64;
    }

    /// Adds the cached tokens to the input of a sender that counts as the provider's API does.
    pub(super) fn add_cache_to_input(&mut self) {
        let name = self.provider.clone().or_else(|| self.system.clone()).map(third_party::provider_name);
        if !self.own && name.is_some_and(|name| third_party::counts_cache_apart(&name)) {
            self.usage.input_tokens = self.usage.input_tokens.map(|input| input + self.cached());
        }
    }

    fn cached(&self) -> u64 {
        self.usage.cache_read_tokens.unwrap_or(0) + self.usage.cache_write_tokens.unwrap_or(0)
    }

    /// The record, and whether a value had to be bounded.
    pub(super) fn finish(
        mut self,
        ids: Ids,
        time: CallTime,
        sender: Sender<'_>,
        kind: Kind,
        prices: &PriceTable,
    ) -> (CallRecord, bool) {
        // Cached tokens are a part of the input; an input below them was counted without them.
        let cached = self.cached();
        if !self.own && self.usage.input_tokens.is_some_and(|input| input < cached) {
            self.usage.input_tokens = self.usage.input_tokens.map(|input| input + cached);
        }
        if !self.own {
            self.provider = self.provider.or(self.system.take()).map(third_party::provider_name);
            self.operation = Some(match self.operation.as_deref().map(third_party::meaning) {
                Some(Meaning::Call(_, name)) => Cow::Borrowed(name),
                _ if kind == Kind::Embeddings => Cow::Borrowed(operation::EMBEDDINGS),
                _ => Cow::Borrowed(operation::CHAT),
            });
        }
        let failure = self.failure();
        if !self.own {
            self.status_code = failure.status;
        }
        let outcome = self.outcome.unwrap_or_else(|| self.inferred_outcome(failure.kind));
        let error_kind = outcome.is_error().then(|| self.name_failure(outcome, failure));
        let usage_source = self.usage_source.unwrap_or(match (self.usage.is_empty(), outcome) {
            (true, _) => UsageSource::None,
            (false, Outcome::Completed) => UsageSource::Provider,
            (false, _) => UsageSource::Partial,
        });
        let cost = self.cost(usage_source, time, prices);
        // What an application or an SDK fills in freely; all other facts are numbers and names.
        let text =
            |text: Option<Cow<'_, str>>, bytes| text.map(|text| secrets::removed(text.into_owned(), bytes));
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, then the bound holds")]
        let first_chunk_ns = self
            .first_chunk
            .filter(|seconds| *seconds >= 0.0)
            .map(|seconds| ((seconds * 1e9) as i64).min(time.duration_ns));
        let record = CallRecord {
            trace_id: ids.trace,
            span_id: ids.span,
            parent_span_id: ids.parent,
            origin: match (self.witness, self.own) {
                (true, _) => Origin::Witness,
                (false, true) => Origin::Spanledger,
                (false, false) => Origin::ThirdParty,
            },
            start: time.start,
            duration_ns: time.duration_ns,
            first_chunk_ns,
            service: sender.service.to_owned(),
            provider: self.provider.unwrap_or_default().into_owned(),
            operation: self.operation.unwrap_or_default().into_owned(),
            request_model: self.request_model.map(Cow::into_owned),
            response_model: self.response_model.map(Cow::into_owned),
            response_id: self.response_id.map(Cow::into_owned),
            stream: self.stream.unwrap_or(first_chunk_ns.is_some()),
            outcome,
            status_code: self.status_code,
            error_type: text(self.error_type, NAME_BYTES),
            error_kind: text(error_kind.map(Cow::Owned), NAME_BYTES),
            finish_reasons: self.finish_reasons.unwrap_or_default(),
            input_tokens: self.usage.input_tokens,
            output_tokens: self.usage.output_tokens,
            cache_read_tokens: self.usage.cache_read_tokens,
            cache_write_tokens: self.usage.cache_write_tokens,
            reasoning_tokens: self.usage.reasoning_tokens,
            usage_source,
            cost: cost.amount,
            cost_status: cost.status,
            price_source: cost.source,
            service_tier: self
                .service_tier
                .or(self.either_service_tier)
                .or(self.request_service_tier)
                .map(Cow::into_owned),
            server_address: self.server_address.map(Cow::into_owned),
            modality_tokens: ModalityTokens::of(&self.usage),
            user: text(self.user, NAME_BYTES),
            client_address: self.client_address.map(Cow::into_owned),
            conversation_id: text(self.conversation, NAME_BYTES),
            request_hash: self.request_hash.map(Cow::into_owned),
            instance: self.instance.map(Cow::into_owned),
            sequence: self.sequence,
            response_preview: text(self.response_preview, TEXT_BYTES),
            error_message: text(self.error_message, TEXT_BYTES),
            scope: sender.scope.to_owned(),
        };
        (record, self.clamped || time.clamped)
    }

    /// What the call failed of, by all that the span has on it.
    fn failure(&self) -> Failure {
        let failed = self.failed || self.error_type.is_some() || self.outcome.is_some_and(Outcome::is_error);
        let text = self.error_message.as_deref().filter(|_| failed);
        Failure::read(self.status_code, self.error_type.as_deref(), text.into_iter())
    }

    /// How a call ended whose span has no outcome of ours.
    fn inferred_outcome(&self, failure: Option<FailureKind>) -> Outcome {
        let code = self.status_code.filter(|code| *code >= 400);
        if !self.failed && self.error_type.is_none() && code.is_none() {
            return Outcome::Completed;
        }
        // The response had begun where anything of it is known, or its status is no error.
        let begun = self.response_id.is_some() || self.first_chunk.is_some() || self.has_usage();
        match failure {
            Some(FailureKind::Timeout) if code.is_none() => Outcome::TimedOut,
            Some(FailureKind::Connection) if begun || self.status_code == Some(200) => Outcome::Truncated,
            _ => Outcome::Failed,
        }
    }

    /// Makes sure that a failed call has an error type, and names the kind of its failure.
    fn name_failure(&mut self, outcome: Outcome, failure: Failure) -> String {
        let kind = match outcome {
            Outcome::Truncated => Some(FailureKind::Truncated),
            Outcome::TimedOut => Some(FailureKind::Timeout),
            _ => failure.kind,
        };
        let own = self.error_type.get_or_insert_with(|| {
            let class = self.error_message.as_deref().and_then(failure::class_in).map(str::to_owned);
            let code = || failure.status.filter(|code| *code >= 400).map(|code| code.to_string());
            Cow::Owned(class.or_else(code).unwrap_or_else(|| error_type::OTHER.to_owned()))
        });
        kind.map_or_else(|| own.clone().into_owned(), |kind| kind.as_str().to_owned())
    }
}

/// Sets a fact, unless a lower rank would overrule a fact that is known.
fn put<T>(slot: &mut Option<T>, value: Option<T>, rank: Rank) {
    if value.is_some() && (rank == Rank::Conventions || slot.is_none()) {
        *slot = value;
    }
}
