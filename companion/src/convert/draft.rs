//! What one span says, gathered attribute by attribute, and the record made of it.

mod kind;
mod more;
mod record;
mod usage;

use std::borrow::Cow;

use spanledger::{CostStatus, Outcome, Usage, UsageSource};

use super::attributes::{self, Field, Own};
use super::process::ProcessDraft;
use super::tags::{TagDraft, TagSource};
use super::third_party::{self, Fact, Json, Sender};
use super::value::{self, DOCUMENT_BYTES, NAME_BYTES, TEXT_BYTES};
use crate::otlp::{self, Malformed, SpanView, Text, Value};
use crate::record::{ProcessReport, Tags, Timestamp};

use more::More;
pub(super) use usage::Reading;

/// The event by which OpenTelemetry records an exception, and its two attributes (core, stable).
const EXCEPTION: &str = "exception";
const EXCEPTION_TYPE: &str = "exception.type";
const EXCEPTION_MESSAGE: &str = "exception.message";
/// What a chunk with usage has.
const WITH_USAGE: &str = "\"usage\": {";
/// The attribute of an event that has a finish reason.
const FINISH_REASON: &str = "finish_reason";

/// Facts of one span as they were found.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) sender: Sender<'a>,
    /// Whether any fact is one that only the `spanledger` library states.
    pub(super) own: bool,
    /// Whether a server wrote the span: a provider's or a gateway's account of a call.
    witness: bool,
    /// What a journal reports of its process: no call.
    process: Option<Box<ProcessDraft>>,
    /// Whether any key is about work with a model.
    pub(super) work: bool,
    /// Whether a value was out of its range and left out.
    clamped: bool,
    name: Cow<'a, str>,
    operation: Option<Cow<'a, str>>,
    span_kind: Option<Cow<'a, str>>,
    pub(super) provider: Option<Cow<'a, str>>,
    system: Option<Cow<'a, str>>,
    pub(super) request_model: Option<Cow<'a, str>>,
    pub(super) response_model: Option<Cow<'a, str>>,
    more: More<'a>,
    response_id: Option<Cow<'a, str>>,
    stream: Option<bool>,
    finish_reasons: Option<Vec<String>>,
    /// Seconds.
    first_chunk: Option<f64>,
    pub(super) usage: Usage,
    pub(super) cost: Option<f64>,
    pub(super) service_tier: Option<Cow<'a, str>>,
    pub(super) request_service_tier: Option<Cow<'a, str>>,
    /// The response's tier or the one asked for, as far as the library knew.
    pub(super) either_service_tier: Option<Cow<'a, str>>,
    pub(super) server_address: Option<Cow<'a, str>>,
    status_code: Option<u16>,
    error_type: Option<Cow<'a, str>>,
    error_message: Option<Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
    client_address: Option<Cow<'a, str>>,
    conversation: Option<Cow<'a, str>>,
    key_fingerprint: Option<Cow<'a, str>>,
    response_preview: Option<Cow<'a, str>>,
    pub(super) status: SpanStatus,
    outcome: Option<Outcome>,
    usage_source: Option<UsageSource>,
    pub(super) cost_status: Option<CostStatus>,
    /// What the library's tables give, next to a cost that the provider reported.
    pub(super) computed_cost: Option<f64>,
    pub(super) price_source: Option<Cow<'a, str>>,
    /// As the library wrote them.
    factors: Option<Vec<String>>,
    request_hash: Option<Cow<'a, str>>,
    instance: Option<Cow<'a, str>>,
    sequence: Option<u64>,
    fetched: bool,
    tags: TagDraft,
    /// Attributes that the configuration makes tags.
    tag_sources: &'a [TagSource],
}

/// The status of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SpanStatus {
    #[default]
    Unset,
    Ok,
    Error,
}

/// Whose name an attribute had. The conventions' name overrides another instrumentation's for the same fact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Conventions,
    ThirdParty,
}

impl<'a> Draft<'a> {
    /// A draft of a span that `sender` wrote.
    pub(super) fn of(sender: Sender<'a>, tag_sources: &'a [TagSource]) -> Self {
        Self { sender, tag_sources, ..Self::default() }
    }

    /// The call's tags, those of its resource included, and how many were left out or shortened.
    pub(super) fn take_tags(&mut self, resource: &TagDraft) -> (Tags, u64) {
        std::mem::take(&mut self.tags).finish(resource)
    }

    /// The report of a journal on its process, if the span is one.
    pub(super) fn process(&mut self, service: &str, at: Timestamp) -> Option<ProcessReport> {
        let instance = self.instance.as_deref().map(str::to_owned);
        self.process.take()?.finish(instance, service, at)
    }

    /// Notes an attribute.
    pub(super) fn note(&mut self, key: Text<'_>, value: Value<'a>) {
        let key = &*key.head(NAME_BYTES);
        if let Some(field) = attributes::field(key) {
            self.set(field, value, Rank::Conventions, std::convert::identity);
        } else if let Some(field) = self.sender.own_field(key).or_else(|| third_party::field(key)) {
            self.note_third_party(field, value);
        } else if third_party::may_cost(key, value) {
            self.more.set(Fact::Unparsed, value, std::convert::identity);
        } else if !self.tags.note_own(key, value)
            && let Value::Text(module) = value
        {
            self.sender = self.sender.in_module(key, &module.head(NAME_BYTES));
        }
        if !self.tag_sources.is_empty() {
            self.tags.note(self.tag_sources, key, value);
        }
        if ProcessDraft::is_about(key) {
            self.process.get_or_insert_default().note(key, value);
        }
        self.work = self.work || third_party::is_llm_work(key);
    }

    fn note_third_party(&mut self, field: Field, value: Value<'a>) {
        match (field, value) {
            (Field::Json(document), Value::Text(text)) => {
                self.note_document(document, text, Rank::ThirdParty)
            }
            (_, Value::Text(text)) if text.head(1) == "\"" => {
                if let Some(text) = value::unquoted(&text.head(DOCUMENT_BYTES)) {
                    self.set(field, Value::Text(Text::Plain(&text)), Rank::ThirdParty, |text| {
                        Cow::Owned(text.into_owned())
                    });
                }
            }
            _ => self.set(field, value, Rank::ThirdParty, std::convert::identity),
        }
    }

    fn note_document(&mut self, document: &Json, text: Text<'_>, rank: Rank) {
        document.read(text, |field, member| {
            if let Some(member) = value::of_json(member) {
                self.set(field, member, rank, |text| Cow::Owned(text.into_owned()));
            }
        });
    }

    /// Sets the fact that `field` names; `keep` makes a text last as long as the draft.
    fn set<'v>(
        &mut self,
        field: Field,
        value: Value<'v>,
        rank: Rank,
        keep: impl Fn(Cow<'v, str>) -> Cow<'a, str>,
    ) {
        let name = |value| value::text(value, NAME_BYTES).map(&keep);
        let long = |value| value::text(value, TEXT_BYTES).map(&keep);
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
            Field::InputOf(part) => self.set_tokens(|usage| part.of(&mut usage.input_modality), value, rank),
            Field::CacheReadOf(part) => {
                self.set_tokens(|usage| part.of(&mut usage.cache_read_modality), value, rank)
            }
            Field::OutputOf(part) => {
                self.set_tokens(|usage| part.of(&mut usage.output_modality), value, rank)
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
            Field::ErrorMessage => put(&mut self.error_message, long(value), rank),
            Field::User => put(&mut self.user, name(value), rank),
            Field::ClientAddress => put(&mut self.client_address, name(value), rank),
            Field::Conversation => put(&mut self.conversation, name(value), rank),
            Field::ResponsePreview => put(&mut self.response_preview, long(value), rank),
            Field::Own(field) => self.set_own(field, value, &keep),
            Field::More(fact) => self.more.set(fact, value, &keep),
            // A document within a document is none.
            Field::Json(_) => {}
        }
    }

    fn set_tokens(&mut self, slot: impl Fn(&mut Usage) -> &mut Option<u64>, value: Value<'_>, rank: Rank) {
        let tokens = value::tokens(value);
        self.clamped |= tokens.is_none();
        put(slot(&mut self.usage), tokens, rank);
    }

    fn set_own<'v>(&mut self, field: Own, value: Value<'v>, keep: impl Fn(Cow<'v, str>) -> Cow<'a, str>) {
        self.own = true;
        let text = || value::text(value, NAME_BYTES).map(&keep);
        match field {
            Own::Outcome => self.outcome = text().and_then(|text| Outcome::parse(&text)).or(self.outcome),
            Own::UsageSource => {
                self.usage_source = text().and_then(|text| UsageSource::parse(&text)).or(self.usage_source);
            }
            Own::CostStatus => {
                self.cost_status = text().and_then(|text| CostStatus::parse(&text)).or(self.cost_status);
            }
            Own::ComputedCost => {
                let usd = value::usd(value);
                self.clamped |= usd.is_none();
                self.computed_cost = usd.or(self.computed_cost);
            }
            Own::PriceSource => self.price_source = text(),
            Own::KeyFingerprint => self.key_fingerprint = text(),
            Own::Factors => self.factors = value::factors(value),
            Own::ServiceTier => self.either_service_tier = text(),
            Own::Fetched => self.fetched |= value::flag(value) == Some(true),
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

    /// What decides the price next to tokens, tier and host.
    pub(super) fn factors(&self) -> &[String] {
        self.factors.as_deref().filter(|_| self.own).unwrap_or(&self.more.factors)
    }

    /// Notes what is not an attribute: the name, the status, the exception and the time of the first chunk.
    pub(super) fn note_span(&mut self, span: &SpanView<'a>) -> Result<(), Malformed> {
        self.name = span.name.head(NAME_BYTES);
        self.witness = matches!(span.kind, otlp::KIND_SERVER | otlp::KIND_CONSUMER);
        self.status = match span.status_code {
            otlp::STATUS_OK => SpanStatus::Ok,
            otlp::STATUS_ERROR => SpanStatus::Error,
            _ => SpanStatus::Unset,
        };
        let dialect = self.sender.dialect;
        if self.status != SpanStatus::Error
            && dialect.first_chunk_events.is_empty()
            && dialect.finish_reason_event.is_none()
        {
            return Ok(());
        }
        if self.status == SpanStatus::Error && !span.status_message.is_empty() {
            let text = Some(span.status_message.head(TEXT_BYTES));
            put(&mut self.error_message, text, Rank::Conventions);
        }
        span.events(|event| {
            let name = &*event.name.head(NAME_BYTES);
            let first_chunk =
                dialect.first_chunk_events.contains(&name) && self.more.first_chunk_at.is_none();
            if first_chunk {
                self.more.first_chunk_at = i64::try_from(event.time).ok().filter(|time| *time > 0);
            }
            if let Some(chunks) = dialect.chunks.filter(|chunks| name.starts_with(chunks.events)) {
                event.attributes(|key, value| {
                    let Value::Text(text) = value else { return };
                    if key.head(NAME_BYTES) != chunks.attribute {
                        return;
                    }
                    if first_chunk {
                        self.note_document(chunks.first, text, Rank::ThirdParty);
                    }
                    if text.head(DOCUMENT_BYTES).contains(WITH_USAGE) {
                        self.note_document(chunks.usage, text, Rank::Conventions);
                    }
                })?;
                return Ok(());
            }
            let exception = name == EXCEPTION && self.status == SpanStatus::Error;
            let finished = dialect.finish_reason_event == Some(name);
            if !exception && !finished {
                return Ok(());
            }
            event.attributes(|key, value| match &*key.head(NAME_BYTES) {
                EXCEPTION_TYPE if exception => {
                    put(&mut self.error_type, value::text(value, NAME_BYTES), Rank::ThirdParty);
                }
                EXCEPTION_MESSAGE if exception => {
                    put(&mut self.error_message, value::text(value, TEXT_BYTES), Rank::ThirdParty);
                }
                FINISH_REASON if finished => {
                    put(&mut self.finish_reasons, value::names(value), Rank::ThirdParty);
                }
                _ => {}
            })
        })
    }
}

/// Sets a fact, unless a lower rank would override a fact that is known.
fn put<T>(slot: &mut Option<T>, value: Option<T>, rank: Rank) {
    if value.is_some() && (rank == Rank::Conventions || slot.is_none()) {
        *slot = value;
    }
}
