//! Runs a wire format over requests and answers as the middleware does, without a network.

use serde_json::Value;

use super::{Framing, Reading, Recognised, recognise};
use crate::call::{RequestFacts, ResponseFacts};
use crate::content::{Capture, InputContent};
use crate::decoder::Decoder;
use crate::json::Json;
use crate::memory::Limits;
use crate::semconv::attribute;

const LIMITS: Limits = Limits { piece: 1 << 20, process: usize::MAX };

pub(super) fn recognised(url: &str) -> Option<Recognised> {
    recognise(&http::Method::POST, &url.parse().unwrap())
}

/// What URL and body say of a request.
pub(super) fn request(url: &str, body: &Value) -> RequestFacts {
    let Recognised { format, mut request, .. } = recognised(url).unwrap();
    format.read_request(&Json::read(body.to_string().as_bytes()).unwrap(), &mut request);
    request
}

pub(super) fn input(url: &str, body: &Value) -> InputContent {
    recognised(url).unwrap().format.read_input(&Json::read(body.to_string().as_bytes()).unwrap())
}

/// The text that asks for the usage of a stream on the caller's behalf.
pub(super) fn asking(url: &str, text: &str) -> Option<String> {
    let body = Json::read(text.as_bytes()).unwrap();
    let asking = recognised(url).unwrap().format.ask_for_usage(text.as_bytes(), &body)?;
    Some(String::from_utf8(asking).unwrap())
}

/// The output messages of a response, whole or streamed, in the conventions' form.
pub(super) fn output(url: &str, framing: Framing, body: &str) -> Value {
    let format = recognised(url).unwrap().format;
    let mut reading = Reading { content: Capture::full().output(), ..Reading::default() };
    if framing == Framing::Whole {
        format.read_document(body.as_bytes(), &mut reading);
    } else {
        let mut decoder = Decoder::new(framing, LIMITS);
        decoder.push(body.as_bytes(), &mut |event| format.read_piece(event, &mut reading));
        decoder.finish(&mut |event| format.read_piece(event, &mut reading));
        format.finish(&mut reading);
    }
    let attributes = Capture::full().response_attributes(reading.content.unwrap());
    let messages = attributes.iter().find(|attribute| attribute.key.as_str() == attribute::OUTPUT_MESSAGES);
    serde_json::from_str(&messages.unwrap().value.as_str()).unwrap()
}

/// What a response of one document says.
pub(super) fn whole(url: &str, body: &str) -> ResponseFacts {
    let mut reading = Reading::default();
    recognised(url).unwrap().format.read_document(body.as_bytes(), &mut reading);
    reading.facts
}

/// What the headers of a response say, and then its body.
pub(super) fn with_headers(url: &str, headers: &[(&'static str, &str)], body: &str) -> ResponseFacts {
    let headers = headers.iter().map(|(name, value)| {
        (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
    });
    let format = recognised(url).unwrap().format;
    let mut reading = Reading::default();
    format.read_headers(&headers.collect(), &mut reading);
    format.read_document(body.as_bytes(), &mut reading);
    reading.facts.settle_header_usage();
    reading.facts
}

/// What a stream says, the same for each of three chunkings.
pub(super) fn stream(url: &str, framing: Framing, body: &[u8]) -> ResponseFacts {
    let read = |size: usize| {
        let format = recognised(url).unwrap().format;
        let mut reading = Reading::default();
        let mut decoder = Decoder::new(framing, LIMITS);
        let mut see = |event: super::Event<'_>| {
            format.read_piece(event, &mut reading);
            reading.facts.end_piece();
        };
        for chunk in body.chunks(size) {
            decoder.push(chunk, &mut see);
        }
        decoder.finish(&mut see);
        format.finish(&mut reading);
        reading.facts
    };
    let facts = read(body.len().max(1));
    assert_eq!(read(1), facts);
    assert_eq!(read(7), facts);
    facts
}

/// The finish reasons in order of the choices.
pub(super) fn reasons(facts: &ResponseFacts) -> Vec<&str> {
    facts.finish_reasons.values().map(String::as_str).collect()
}

/// The error's code and message.
pub(super) fn error(facts: &ResponseFacts) -> Option<(Option<&str>, Option<&str>)> {
    facts.error.as_ref().map(|error| (error.code.as_deref(), error.message.as_deref()))
}
