//! Reads the request once: parameters, hash, content. Changes it only where the application asked for that.

use http::header::CONTENT_LENGTH;
use opentelemetry::KeyValue;
use reqwest::Request;
use serde_json::Value;

use crate::call::{Call, Caller, Destination, ResponseFacts};
use crate::hash::request_hash;
use crate::outcome::Ending;
use crate::provider::Recognised;
use crate::reader::PIECE_LIMIT;
use crate::settings::Settings;

/// What one look at a request gives.
pub(crate) struct Read {
    pub(crate) call: Call,
    /// Content attributes, where the application opted in.
    pub(crate) content: Vec<KeyValue>,
    /// Usage was asked for on the caller's behalf, so its chunk must not reach the caller.
    pub(crate) asked_for_usage: bool,
}

/// Reads a recognised request. A body that is a stream, longer than 16 MiB or no JSON leaves the facts that
/// the URL gives, and no hash.
pub(crate) fn read(
    settings: &Settings,
    recognised: Recognised,
    request: &mut Request,
    caller: Caller,
) -> Read {
    let Recognised { format, operation, api_type, provider, request: mut facts } = recognised;
    let url = request.url();
    let host = url.host_str().unwrap_or_default();
    let destination = Destination {
        provider: settings.provider(host, provider),
        operation,
        api_type,
        server_address: host.trim_matches(['[', ']']).into(),
        server_port: url.port_or_known_default().unwrap_or_default(),
    };
    let bytes = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let request_bytes = bytes.len() as u64;
    let body = Some(bytes)
        .filter(|bytes| bytes.len() <= PIECE_LIMIT)
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
        .filter(Value::is_object);

    format.read_request_headers(request.headers(), &mut facts);
    let model_of_path = facts.model.clone();
    let mut request_hash_of_body = None;
    let mut content = Vec::new();
    let mut asked_for_usage = false;
    if let Some(mut body) = body {
        format.read_request(&body, &mut facts);
        let undeciding = format.undeciding();
        request_hash_of_body =
            Some(request_hash(&settings.hash_key, &body, undeciding, model_of_path.as_deref()));
        content = settings.capture.question(|| format.read_input(&body));
        if settings.ask_for_usage && facts.stream && format.ask_for_usage(&mut body) {
            asked_for_usage = replace_body(request, &body);
        }
    }
    let call = Call {
        destination,
        caller,
        request: facts,
        request_hash: request_hash_of_body,
        request_bytes,
        status_code: None,
        response: ResponseFacts::default(),
        first_chunk: None,
        ending: Ending::Cancelled,
    };
    Read { call, content, asked_for_usage }
}

fn replace_body(request: &mut Request, body: &Value) -> bool {
    let Ok(bytes) = serde_json::to_vec(body) else { return false };
    if request.headers().contains_key(CONTENT_LENGTH) {
        request.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
    }
    *request.body_mut() = Some(bytes.into());
    true
}
