//! Reads the request once: parameters, hash, content.

use http::header::CONTENT_LENGTH;
use opentelemetry::KeyValue;
use reqwest::Request;

use crate::call::{Call, Caller, Destination, Ending, ResponseFacts, Retrieval};
use crate::form::Kind;
use crate::hash::request_hash;
use crate::json::Json;
use crate::key_fingerprint;
use crate::memory::Lease;
use crate::provider::read::field;
use crate::provider::{Recognised, asked_tier, payment};
use crate::reader::PIECE_LIMIT;
use crate::settings::Settings;

/// What one look at a request gives.
pub(crate) struct Read {
    pub(crate) call: Call,
    /// Content attributes, where the application opted in.
    pub(crate) content: Vec<KeyValue>,
    /// The body that asks for usage on the caller's behalf. Where it is sent, the usage chunk must not reach the
    /// caller.
    pub(crate) asking_for_usage: Option<Vec<u8>>,
    /// The boundary of a form that passes as a stream, whose parameters are still to come.
    pub(crate) form_boundary: Option<String>,
}

/// What a byte of a body becomes at most while it is read, such as the two of an element `1,`.
const TREE: usize = 16;
/// What the values of a body are at most, whatever its length.
const TREE_LIMIT: usize = 24 * 1024 * 1024;

/// Reads a recognised request. A body that is a stream, longer than 16 MiB or no JSON leaves the facts that
/// the URL gives, and no hash; one of too many values and a form leave their parameters. `None` where the body shows that this is no
/// call.
pub(crate) fn read(
    settings: &Settings,
    recognised: Recognised,
    request: &Request,
    caller: Caller,
) -> Option<Read> {
    let Recognised { format, operation, api_type, provider, .. } = recognised;
    let mut facts = recognised.request.clone();
    let url = request.url();
    let host = url.host_str().unwrap_or_default();
    let mut destination = Destination {
        provider: settings.provider_names.name(host, provider),
        operation,
        api_type,
        openai: format.is_openai(),
        server_address: host.trim_matches(['[', ']']).into(),
        server_port: url.port_or_known_default().unwrap_or_default(),
    };
    let key_fingerprint =
        settings.key_fingerprint.then(|| key_fingerprint::of(&settings.hash_key, request)).flatten();
    format.read_request_headers(request.headers(), &mut facts);
    facts.payment = facts.payment.or_else(|| payment::of_headers(request.headers()));
    let bytes = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let request_bytes = bytes.len() as u64;
    let lease = Lease::take((TREE * bytes.len()).min(TREE_LIMIT), settings.memory_limit);
    let body = Some(bytes)
        .filter(|bytes| bytes.len() <= PIECE_LIMIT && lease.is_some())
        .and_then(Json::read_in_part)
        .filter(|(body, _)| matches!(body, Json::Object(_)));
    let (body, whole) = body.map_or((None, true), |(body, whole)| (Some(body), whole));

    // Forms are read where there is no JSON, whatever the headers say.
    let form = if body.is_none() { Kind::of(request.headers()) } else { None };
    let fields = form.clone().map(|form| form.fields(bytes)).filter(|fields| !fields.is_empty());
    let fields = fields.map(|fields| fields.json());
    let fields = fields.as_deref().and_then(|text| Json::read(text.as_bytes()));

    let model_of_path = facts.model.clone();
    if let Some(body) = body.as_ref().or(fields.as_ref()) {
        format.read_request(body, &mut facts);
        facts.long_cache = asks_for_long_cache(body);
        let asked = recognised.operation_of.and_then(|operation_of| operation_of(body));
        destination.operation = asked.unwrap_or(operation);
    }
    facts.service_tier = facts.service_tier.or_else(|| asked_tier(request.headers()));
    let trusted = settings.provider_names.of_host.contains_key(host);
    let is_shown = |body: Option<&Json<'_>>| recognised.is_shown(body, &facts, trusted);
    let shown = is_shown(body.as_ref()) || fields.is_some() && is_shown(fields.as_ref());
    if !shown {
        return None;
    }

    facts.bound();

    let fetches = matches!(recognised.retrieval, Retrieval::Fetch(_));
    let request_unparsed = (body.is_none() && fields.is_none() || !whole) && !fetches;
    let streams = request.body().is_some_and(|body| body.as_bytes().is_none());
    let form_boundary = match form {
        Some(Kind::Multipart(boundary)) if streams => Some(boundary),
        _ => None,
    };
    let mut request_hash_of_body = None;
    let mut content = Vec::new();
    let mut asking_for_usage = None;
    if let Some(body) = body.filter(|_| whole) {
        let fields_not_hashed = format.fields_not_hashed();
        request_hash_of_body =
            Some(request_hash(&settings.hash_key, &body, fields_not_hashed, model_of_path.as_deref()));
        content = settings.capture.request_attributes(|| format.read_input(&body));
        if settings.ask_for_usage && facts.stream {
            asking_for_usage = format.ask_for_usage(bytes, &body);
        }
    }
    let call = Call {
        destination,
        caller,
        request: facts,
        request_hash: request_hash_of_body,
        key_fingerprint,
        request_unparsed,
        request_bytes,
        status_code: None,
        response: ResponseFacts::default(),
        retrieval: recognised.retrieval,
        first_chunk: None,
        ending: Ending::Cancelled,
    };
    Some(Read { call, content, asking_for_usage, form_boundary })
}

/// Whether a request wants some of its prompt to be cached for an hour: `cache_control` of Anthropic and of gateways to it, and
/// `cachePoint` of Bedrock, anywhere in it.
fn asks_for_long_cache(value: &Json<'_>) -> bool {
    match value {
        Json::Array(items) => items.iter().any(asks_for_long_cache),
        Json::Object(members) => members.iter().any(|(name, value)| match name {
            "cache_control" | "cachePoint" => field::is(value, "ttl", "1h"),
            _ => asks_for_long_cache(value),
        }),
        _ => false,
    }
}

/// Sends `body` instead.
pub(crate) fn replace_body(request: &mut Request, body: Vec<u8>) {
    if request.headers().contains_key(CONTENT_LENGTH) {
        request.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    }
    *request.body_mut() = Some(body.into());
}
