//! What of a call is an attribute, and under which name.

use spanledger::semconv::attribute as name;

use crate::record::CallRecord;
use crate::record::ids::hex;

/// Where an attribute belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Resource,
    Span,
    Intrinsic,
}

impl Scope {
    pub(crate) const ALL: [Self; 3] = [Self::Resource, Self::Span, Self::Intrinsic];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Span => "span",
            Self::Intrinsic => "intrinsic",
        }
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
    /// In nanoseconds.
    Duration(i64),
    /// A status or a kind, as a word.
    Word(&'static str),
}

/// One attribute.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) scope: Scope,
    pub(crate) name: &'static str,
    pub(crate) of: fn(&CallRecord) -> Option<Value>,
}

const fn field(scope: Scope, name: &'static str, of: fn(&CallRecord) -> Option<Value>) -> Field {
    Field { scope, name, of }
}

fn text(value: &str) -> Option<Value> {
    (!value.is_empty()).then(|| Value::Text(value.to_owned()))
}

fn maybe(value: Option<&str>) -> Option<Value> {
    value.and_then(text)
}

fn whole(value: Option<u64>) -> Option<Value> {
    Some(Value::Integer(i64::try_from(value?).unwrap_or(i64::MAX)))
}

#[expect(clippy::cast_precision_loss, reason = "TraceQL's numbers are doubles")]
fn seconds(ns: Option<i64>) -> Option<Value> {
    Some(Value::Number(ns? as f64 / 1e9))
}

const SPAN: Scope = Scope::Span;
const INTRINSIC: Scope = Scope::Intrinsic;

static FIELDS: [Field; 39] = [
    field(Scope::Resource, name::SERVICE_NAME, |call| text(&call.service)),
    field(Scope::Resource, name::DEPLOYMENT_ENVIRONMENT_NAME, |call| text(call.environment())),
    field(SPAN, name::PROVIDER_NAME, |call| text(&call.provider)),
    field(SPAN, name::OPERATION_NAME, |call| text(&call.operation)),
    field(SPAN, name::REQUEST_MODEL, |call| maybe(call.request_model.as_deref())),
    field(SPAN, name::RESPONSE_MODEL, |call| maybe(call.response_model.as_deref())),
    field(SPAN, name::RESPONSE_ID, |call| maybe(call.response_id.as_deref())),
    field(SPAN, name::REQUEST_STREAM, |call| Some(Value::Flag(call.stream))),
    field(SPAN, name::RESPONSE_FINISH_REASONS, |call| text(&call.finish_reasons.join(","))),
    field(SPAN, name::RESPONSE_TIME_TO_FIRST_CHUNK, |call| seconds(call.first_chunk_ns)),
    field(SPAN, name::USAGE_INPUT_TOKENS, |call| whole(call.input_tokens)),
    field(SPAN, name::USAGE_OUTPUT_TOKENS, |call| whole(call.output_tokens)),
    field(SPAN, name::USAGE_TOTAL_TOKENS, |call| whole(call.total_tokens())),
    field(SPAN, name::USAGE_CACHE_READ_TOKENS, |call| whole(call.cache_read_tokens)),
    field(SPAN, name::USAGE_CACHE_WRITE_TOKENS, |call| whole(call.cache_write_tokens)),
    field(SPAN, name::USAGE_REASONING_TOKENS, |call| whole(call.reasoning_tokens)),
    field(SPAN, name::USAGE_COST, |call| Some(Value::Number(call.cost?.as_usd()))),
    field(SPAN, name::COST_STATUS, |call| text(call.cost_status.as_str())),
    field(SPAN, name::COST_PRICE_SOURCE, |call| maybe(call.price_source.as_deref())),
    field(SPAN, name::USAGE_SOURCE, |call| text(call.usage_source.as_str())),
    field(SPAN, name::OUTCOME, |call| text(call.outcome.as_str())),
    field(SPAN, name::ERROR_TYPE, |call| maybe(call.error_type.as_deref())),
    field(SPAN, name::HTTP_RESPONSE_STATUS_CODE, |call| whole(call.status_code.map(u64::from))),
    field(SPAN, name::SERVER_ADDRESS, |call| maybe(call.server_address.as_deref())),
    field(SPAN, name::SERVICE_TIER, |call| maybe(call.service_tier.as_deref())),
    field(SPAN, name::USER_ID, |call| maybe(call.user.as_deref())),
    field(SPAN, name::CLIENT_ADDRESS, |call| maybe(call.client_address.as_deref())),
    field(SPAN, name::CONVERSATION_ID, |call| maybe(call.conversation_id.as_deref())),
    field(SPAN, name::REQUEST_HASH, |call| maybe(call.request_hash.as_deref())),
    field(SPAN, name::INSTANCE, |call| maybe(call.instance.as_deref())),
    field(SPAN, name::SEQUENCE, |call| whole(call.sequence)),
    field(INTRINSIC, "name", |call| Some(Value::Text(span_name(call)))),
    field(INTRINSIC, "kind", |_| Some(Value::Word("client"))),
    field(INTRINSIC, "status", |call| {
        Some(Value::Word(if call.outcome.is_error() { "error" } else { "unset" }))
    }),
    field(INTRINSIC, "statusMessage", |call| maybe(call.error_message.as_deref())),
    field(INTRINSIC, "duration", |call| Some(Value::Duration(call.duration_ns.max(0)))),
    field(INTRINSIC, "trace:id", |call| Some(Value::Text(hex(&call.trace_id)))),
    field(INTRINSIC, "span:id", |call| Some(Value::Text(hex(&call.span_id)))),
    field(INTRINSIC, "span:parentID", |call| Some(Value::Text(hex(&call.parent_span_id?)))),
];

/// Every attribute that the ledger has.
pub(crate) fn all() -> &'static [Field] {
    &FIELDS
}

/// The name of a call's span, as the conventions make it.
pub(crate) fn span_name(call: &CallRecord) -> String {
    let model = call.request_model.as_deref().unwrap_or_else(|| call.model());
    [call.operation.as_str(), model].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The attributes of one scope that a call has.
pub(crate) fn values_of(call: &CallRecord, scope: Scope) -> impl Iterator<Item = (&'static str, Value)> {
    FIELDS
        .iter()
        .filter(move |field| field.scope == scope)
        .filter_map(|field| Some((field.name, (field.of)(call)?)))
}

impl Value {
    /// As TraceQL writes its types.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Integer(_) => "int",
            Self::Number(_) => "float",
            Self::Flag(_) => "bool",
            Self::Duration(_) => "duration",
            Self::Word(_) => "keyword",
        }
    }

    /// As text, without quotes.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Duration(ns) => format!("{ns}ns"),
            Self::Word(word) => (*word).to_owned(),
        }
    }

    /// As a number: durations in seconds.
    #[expect(clippy::cast_precision_loss, reason = "TraceQL's numbers are doubles")]
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Duration(ns) => Some(*ns as f64 / 1e9),
            Self::Text(_) | Self::Flag(_) | Self::Word(_) => None,
        }
    }
}
