//! Calls as JSON: every fact the ledger keeps, `null` where it was not reported.

use serde::Serialize;

use crate::record::ids::hex;
use crate::record::{CallRecord, ModalityTokens, NanoUsd, Origin, Tags};
use crate::store::CallPage;
use crate::text::number::in_seconds;
use crate::text::time::rfc3339;

pub(super) fn render(page: &CallPage) -> Result<String, serde_json::Error> {
    let document = Document { calls: page.calls.iter().map(Call::of).collect(), next: page.next };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

/// One call on a line of its own.
pub(super) fn line(call: &CallRecord) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(&Call::of(call))? + "\n")
}

#[derive(Serialize)]
struct Document<'a> {
    calls: Vec<Call<'a>>,
    next: Option<i64>,
}

/// One call; the fields of the CSV form in the same order.
#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub(super) start: String,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_span_id: Option<String>,
    pub(super) origin: &'static str,
    pub(super) service: &'a str,
    pub(super) provider: &'a str,
    pub(super) operation: &'a str,
    pub(super) request_model: Option<&'a str>,
    pub(super) response_model: Option<&'a str>,
    pub(super) response_id: Option<&'a str>,
    pub(super) stream: bool,
    pub(super) outcome: &'static str,
    pub(super) status_code: Option<u16>,
    pub(super) error_type: Option<&'a str>,
    pub(super) error_kind: Option<&'a str>,
    pub(super) error_message: Option<&'a str>,
    pub(super) finish_reasons: &'a [String],
    pub(super) duration_seconds: f64,
    pub(super) time_to_first_chunk_seconds: Option<f64>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) cache_read_tokens: Option<u64>,
    pub(super) cache_write_tokens: Option<u64>,
    pub(super) reasoning_tokens: Option<u64>,
    pub(super) usage_source: &'static str,
    pub(super) cost_usd: Option<f64>,
    pub(super) cost_status: &'static str,
    pub(super) price_source: Option<&'a str>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) server_address: Option<&'a str>,
    pub(super) modality_tokens: Option<&'a ModalityTokens>,
    pub(super) price_factors: &'a [String],
    pub(super) computed_cost_usd: Option<f64>,
    pub(super) user: Option<&'a str>,
    pub(super) client_address: Option<&'a str>,
    pub(super) conversation_id: Option<&'a str>,
    pub(super) request_hash: Option<&'a str>,
    pub(super) instance: Option<&'a str>,
    pub(super) sequence: Option<u64>,
    pub(super) response_preview: Option<&'a str>,
    pub(super) tags: &'a Tags,
}

impl<'a> Call<'a> {
    pub(super) fn of(call: &'a CallRecord) -> Self {
        Self {
            start: rfc3339(call.start),
            trace_id: hex(&call.trace_id),
            span_id: hex(&call.span_id),
            parent_span_id: call.parent_span_id.as_ref().map(|id| hex(id)),
            origin: match call.origin {
                Origin::Spanledger => "spanledger",
                Origin::ThirdParty => "third_party",
                Origin::Import => "import",
                Origin::Witness => "witness",
            },
            service: &call.service,
            provider: &call.provider,
            operation: &call.operation,
            request_model: call.request_model.as_deref(),
            response_model: call.response_model.as_deref(),
            response_id: call.response_id.as_deref(),
            stream: call.stream,
            outcome: call.outcome.as_str(),
            status_code: call.status_code,
            error_type: call.error_type.as_deref(),
            error_kind: call.error_kind.as_deref(),
            error_message: call.error_message.as_deref(),
            finish_reasons: &call.finish_reasons,
            duration_seconds: in_seconds(call.duration_ns),
            time_to_first_chunk_seconds: call.first_chunk_ns.map(in_seconds),
            input_tokens: call.input_tokens,
            output_tokens: call.output_tokens,
            cache_read_tokens: call.cache_read_tokens,
            cache_write_tokens: call.cache_write_tokens,
            reasoning_tokens: call.reasoning_tokens,
            usage_source: call.usage_source.as_str(),
            cost_usd: call.cost.map(NanoUsd::as_usd),
            cost_status: call.cost_status.as_str(),
            price_source: call.price_source.as_deref(),
            service_tier: call.service_tier.as_deref(),
            server_address: call.server_address.as_deref(),
            modality_tokens: call.modality_tokens.as_deref(),
            price_factors: &call.price_factors,
            computed_cost_usd: call.computed_cost.map(NanoUsd::as_usd),
            user: call.user.as_deref(),
            client_address: call.client_address.as_deref(),
            conversation_id: call.conversation_id.as_deref(),
            request_hash: call.request_hash.as_deref(),
            instance: call.instance.as_deref(),
            sequence: call.sequence,
            response_preview: call.response_preview.as_deref(),
            tags: &call.tags,
        }
    }
}
