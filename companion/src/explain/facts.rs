//! What the ledger has of a call, next to what the sender wrote where that differs.

use serde::{Deserialize, Serialize};

use crate::record::ids::hex;
use crate::record::{CallRecord, Origin};
use crate::store::CallAccount;
use crate::text::time::rfc3339;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    /// As it is shown and counted; `None` where it is not known.
    pub(crate) value: Option<String>,
    /// As the call's own span has it, where that differs: a name that was made uniform, or a fact that another account of
    /// the call added.
    pub(crate) sent: Option<String>,
}

/// The facts that are text of a response, or may repeat text of a request.
pub(super) const CONTENT: [&str; 2] = ["response preview", "error message"];

/// What a fact is that the span itself does not have.
const ABSENT: &str = "(not sent)";

/// The facts that are known, in the order in which a reader asks for them.
pub(super) fn facts(account: &CallAccount) -> Vec<Fact> {
    let (call, own) = (&account.call, &account.own);
    let mut facts: Vec<Fact> = READERS
        .iter()
        .filter_map(|(name, read)| {
            let (value, sent) = (read(call), read(own));
            let sent = (value != sent).then(|| sent.unwrap_or_else(|| ABSENT.to_owned()));
            (value.is_some() || sent.is_some()).then(|| Fact { name: (*name).to_owned(), value, sent })
        })
        .collect();
    // Made uniform here, so that both accounts have the same kind.
    if let Some(kind) = facts.iter_mut().find(|fact| fact.name == "error") {
        kind.sent = own.error_type.clone().filter(|own| Some(own) != kind.value.as_ref());
    }
    facts
}

type Reader = fn(&CallRecord) -> Option<String>;

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn list(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join(", "))
}

const READERS: [(&str, Reader); 37] = [
    ("trace id", |call| Some(hex(&call.trace_id))),
    ("span id", |call| Some(hex(&call.span_id))),
    ("parent span id", |call| call.parent_span_id.map(|id| hex(&id))),
    ("response id", |call| call.response_id.clone()),
    ("start", |call| Some(rfc3339(call.start))),
    ("recorded by", |call| {
        let origin = match call.origin {
            Origin::Spanledger => "spanledger",
            Origin::ThirdParty => "third-party instrumentation",
            Origin::Import => "import",
            Origin::Witness => "the provider or gateway",
        };
        Some(if call.scope.is_empty() { origin.to_owned() } else { format!("{origin}, {}", call.scope) })
    }),
    ("process", |call| call.instance.clone()),
    ("number within the process", |call| call.sequence.map(|number| number.to_string())),
    ("service", |call| some(&call.service)),
    ("user", |call| call.user.clone()),
    ("tags", |call| {
        let tags: Vec<String> = call.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        list(&tags)
    }),
    ("client address", |call| call.client_address.clone()),
    ("conversation", |call| call.conversation_id.clone()),
    ("provider", |call| some(&call.provider)),
    ("host", |call| call.server_address.clone()),
    ("operation", |call| some(&call.operation)),
    ("request model", |call| call.request_model.clone()),
    ("response model", |call| call.response_model.clone()),
    ("stream", |call| Some(if call.stream { "yes" } else { "no" }.to_owned())),
    ("request hash", |call| call.request_hash.clone()),
    ("outcome", |call| Some(call.outcome.as_str().to_owned())),
    ("HTTP status", |call| call.status_code.map(|status| status.to_string())),
    ("error", |call| call.error_kind.clone().or_else(|| call.error_type.clone())),
    ("error message", |call| call.error_message.clone()),
    ("finish reasons", |call| list(&call.finish_reasons)),
    ("input tokens", |call| call.input_tokens.map(|tokens| tokens.to_string())),
    ("cache-read tokens", |call| call.cache_read_tokens.map(|tokens| tokens.to_string())),
    ("cache-write tokens", |call| call.cache_write_tokens.map(|tokens| tokens.to_string())),
    ("output tokens", |call| call.output_tokens.map(|tokens| tokens.to_string())),
    ("reasoning tokens", |call| call.reasoning_tokens.map(|tokens| tokens.to_string())),
    ("tokens by modality", |call| {
        call.modality_tokens.as_deref().and_then(|tokens| serde_json::to_string(tokens).ok())
    }),
    ("usage source", |call| Some(call.usage_source.as_str().to_owned())),
    ("cost status", |call| Some(call.cost_status.as_str().to_owned())),
    ("price source", |call| call.price_source.clone()),
    ("service tier", |call| call.service_tier.clone()),
    ("price factors", |call| list(&call.price_factors)),
    ("response preview", |call| call.response_preview.clone()),
];
