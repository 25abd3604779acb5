//! A call as a row of `calls`: what is asked for in columns, the rest as JSON.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::{CallRecord, ModalityTokens, NanoUsd, Origin, Tags, Timestamp};
use crate::store::Totals;
use crate::store::histogram::bucket_of;
use crate::store::identity::Shared;
use crate::store::sums::Measures;

/// One row of `calls`, in the order of its columns.
#[derive(Debug, Clone, Row, Serialize, Deserialize)]
pub(super) struct CallRow {
    pub(super) end: i64,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) version: u64,
    pub(super) counted: bool,
    start: i64,
    length_ns: i64,
    first_chunk_ns: Option<i64>,
    duration_bucket: u16,
    first_chunk_bucket: u16,
    service: String,
    provider: String,
    model: String,
    outcome: String,
    cost_status: String,
    error: String,
    request_model: Option<String>,
    response_model: Option<String>,
    status_code: Option<u16>,
    user: Option<String>,
    tags: Vec<String>,
    request_hash: Option<String>,
    conversation_id: Option<String>,
    key_fingerprint: Option<String>,
    response_id: Option<String>,
    witness: bool,
    /// Whether the account is a witness that waits for the account of a client.
    waits: bool,
    succeeded: u64,
    failed: u64,
    unauthorized: u64,
    rate_limited: u64,
    succeeded_without_usage: u64,
    unpriced: u64,
    reported: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    cost: Option<i64>,
    computed_cost: Option<i64>,
    rest: String,
    /// The service that sent the account: senders that are kept apart may use the same ids. Empty in rows of version 1.
    sender: String,
}

/// What the ledger decided of an account, and by what its row is replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided<'a> {
    pub(super) counted: bool,
    pub(super) waits: bool,
    pub(super) version: u64,
    pub(super) sender: &'a str,
}

/// What no question asks for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<[u8; 8]>,
    origin: u8,
    operation: String,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    finish_reasons: Vec<String>,
    usage_source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modality_tokens: Option<Box<ModalityTokens>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    price_factors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    fetched: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_preview: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    /// What another account gave; see [`Shared`].
    #[serde(skip_serializing_if = "is_zero")]
    shared_facts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_service: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Numbers of the schema: never reuse one.
const ORIGINS: [Origin; 4] = [Origin::Spanledger, Origin::ThirdParty, Origin::Import, Origin::Witness];

/// When the call ended; this is the time it counts at.
pub(super) const fn end_of(call: &CallRecord) -> i64 {
    call.start.0.saturating_add(call.duration_ns)
}

/// A kind of failure as columns have it: empty without one.
pub(super) fn error_text(error: Option<&str>) -> String {
    error.map(|error| format!("={error}")).unwrap_or_default()
}

/// A tag as columns have it. Keys have no `=`.
pub(super) fn tag_text(key: &str, value: &str) -> String {
    format!("{key}={value}")
}

impl CallRow {
    /// The row of an account.
    pub(super) fn of(call: &CallRecord, shared: &Shared, decided: Decided<'_>) -> Self {
        let Decided { counted, waits, version, sender } = decided;
        let measures = Measures::from(call);
        let mut totals = Totals::default();
        totals.count(&measures);
        let origin = ORIGINS.iter().position(|origin| *origin == call.origin);
        let rest = Rest {
            parent_span_id: call.parent_span_id,
            origin: origin.and_then(|place| u8::try_from(place).ok()).unwrap_or(1),
            operation: call.operation.clone(),
            stream: call.stream,
            error_type: call.error_type.clone(),
            finish_reasons: call.finish_reasons.clone(),
            usage_source: call.usage_source.as_str().to_owned(),
            price_source: call.price_source.clone(),
            service_tier: call.service_tier.clone(),
            server_address: call.server_address.clone(),
            modality_tokens: call.modality_tokens.clone(),
            price_factors: call.price_factors.clone(),
            client_address: call.client_address.clone(),
            instance: call.instance.clone(),
            sequence: call.sequence,
            fetched: call.fetched,
            response_preview: call.response_preview.clone(),
            error_message: call.error_message.clone(),
            scope: call.scope.clone(),
            shared_facts: shared.facts,
            own_service: shared.own_service.clone(),
        };
        Self {
            end: end_of(call),
            trace_id: call.trace_id,
            span_id: call.span_id,
            version,
            counted,
            start: call.start.0,
            length_ns: call.duration_ns,
            first_chunk_ns: call.first_chunk_ns,
            duration_bucket: bucket_of(measures.duration()),
            first_chunk_bucket: measures.first_chunk().map_or(0, bucket_of),
            service: call.service.clone(),
            provider: call.provider.clone(),
            model: call.model().to_owned(),
            outcome: call.outcome.as_str().to_owned(),
            cost_status: call.cost_status.as_str().to_owned(),
            error: error_text(call.error_kind.as_deref()),
            request_model: call.request_model.clone(),
            response_model: call.response_model.clone(),
            status_code: call.status_code,
            user: call.user.clone(),
            tags: call.tags.iter().map(|(key, value)| tag_text(key.as_str(), value)).collect(),
            request_hash: call.request_hash.clone(),
            conversation_id: call.conversation_id.clone(),
            key_fingerprint: call.key_fingerprint.clone(),
            response_id: call.response_id.clone(),
            witness: call.origin == Origin::Witness,
            waits,
            succeeded: totals.succeeded,
            failed: totals.failed,
            unauthorized: totals.unauthorized,
            rate_limited: totals.rate_limited,
            succeeded_without_usage: totals.succeeded_without_usage,
            unpriced: totals.unpriced,
            reported: totals.reported,
            input_tokens: call.input_tokens,
            output_tokens: call.output_tokens,
            cache_read_tokens: call.cache_read_tokens,
            cache_write_tokens: call.cache_write_tokens,
            reasoning_tokens: call.reasoning_tokens,
            cost: call.cost.map(|cost| cost.0),
            computed_cost: call.computed_cost.map(|cost| cost.0),
            rest: serde_json::to_string(&rest).unwrap_or_default(),
            sender: sender.to_owned(),
        }
    }

    /// The call as it counts, and what of it other accounts gave. What this version does not know reads as absent.
    pub(super) fn into_call(self) -> (CallRecord, Shared) {
        let rest: Rest = serde_json::from_str(&self.rest).unwrap_or_default();
        let mut tags = Tags::default();
        for tag in &self.tags {
            if let Some((key, value)) = tag.split_once('=') {
                tags.add(key, value);
            }
        }
        let call = CallRecord {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: rest.parent_span_id,
            origin: ORIGINS.get(usize::from(rest.origin)).copied().unwrap_or(Origin::ThirdParty),
            start: Timestamp(self.start),
            duration_ns: self.length_ns,
            first_chunk_ns: self.first_chunk_ns,
            service: self.service,
            provider: self.provider,
            operation: rest.operation,
            request_model: self.request_model,
            response_model: self.response_model,
            response_id: self.response_id,
            stream: rest.stream,
            outcome: Outcome::parse(&self.outcome).unwrap_or(Outcome::Failed),
            status_code: self.status_code,
            error_type: rest.error_type,
            error_kind: self.error.strip_prefix('=').map(str::to_owned),
            finish_reasons: rest.finish_reasons,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
            reasoning_tokens: self.reasoning_tokens,
            usage_source: UsageSource::parse(&rest.usage_source).unwrap_or(UsageSource::None),
            cost: self.cost.map(NanoUsd),
            cost_status: CostStatus::parse(&self.cost_status).unwrap_or(CostStatus::NoUsage),
            price_source: rest.price_source,
            service_tier: rest.service_tier,
            server_address: rest.server_address,
            modality_tokens: rest.modality_tokens,
            price_factors: rest.price_factors,
            computed_cost: self.computed_cost.map(NanoUsd),
            tags,
            user: self.user,
            client_address: rest.client_address,
            conversation_id: self.conversation_id,
            key_fingerprint: None,
            request_hash: self.request_hash,
            instance: rest.instance,
            sequence: rest.sequence,
            fetched: rest.fetched,
            response_preview: rest.response_preview,
            error_message: rest.error_message,
            scope: rest.scope,
        };
        (call, Shared { facts: rest.shared_facts, own_service: rest.own_service })
    }

    /// Whether the account is a witness that waits for the account of a client.
    pub(super) const fn waits(&self) -> bool {
        self.waits && self.witness
    }

    /// The service that sent the account, as the key of the row has it.
    pub(super) fn sender(&self) -> &str {
        &self.sender
    }

    /// Notes which credential made the call.
    pub(super) fn keep_key(&mut self, key: Option<&str>) {
        self.key_fingerprint = key.map(str::to_owned);
    }

    /// The fingerprint of the credential, which the ledger keeps and does not give back with a call.
    pub(super) fn key(&self) -> Option<String> {
        self.key_fingerprint.clone()
    }
}
