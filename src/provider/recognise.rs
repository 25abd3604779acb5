//! Which requests are inference calls: POST, and a path that one of the wire formats knows.

use std::borrow::Cow;

use super::{
    Recognised, anthropic_messages, bedrock_converse, bedrock_invoke, cohere_v1, cohere_v2, gemini,
    gemini_embeddings, hosts, ollama, openai_chat, openai_completions, openai_embeddings, openai_responses,
};

/// Where a request goes, cut up once for all wire formats.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// Lower case, without port; an IPv6 address stands in brackets.
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    /// The path's segments, percent-decoded after the cut, so that `%3A` equals `:` and `%2F` cuts nothing.
    /// Empty segments (doubled and trailing slashes) are left out.
    pub(crate) segments: Vec<Cow<'a, str>>,
}

/// Asked in this order: a provider's own paths before those that any gateway may serve.
const FORMATS: &[fn(&Target<'_>) -> Option<Recognised>] = &[
    anthropic_messages::recognise,
    gemini::recognise,
    gemini_embeddings::recognise,
    bedrock_converse::recognise,
    bedrock_invoke::recognise,
    cohere_v1::recognise,
    cohere_v2::recognise,
    ollama::recognise,
    openai_chat::recognise,
    openai_completions::recognise,
    openai_responses::recognise,
    openai_embeddings::recognise,
];

/// What the request's method, host and path say, or `None` when it is not an inference call.
pub(crate) fn recognise(method: &http::Method, url: &reqwest::Url) -> Option<Recognised> {
    if method != http::Method::POST {
        return None;
    }
    let target = Target::new(url)?;
    FORMATS.iter().find_map(|recognise| recognise(&target))
}

impl<'a> Target<'a> {
    /// `None` for a URL without a host.
    pub(crate) fn new(url: &'a reqwest::Url) -> Option<Self> {
        let segments =
            url.path_segments()?.filter(|segment| !segment.is_empty()).map(percent_decoded).collect();
        Some(Self { host: url.host_str()?, port: url.port_or_known_default(), segments })
    }

    /// Whether the path ends in these segments.
    pub(crate) fn ends_with(&self, tail: &[&str]) -> bool {
        self.segments.len() >= tail.len()
            && self.segments[self.segments.len() - tail.len()..].iter().zip(tail).all(|(a, b)| a == b)
    }

    /// The segment after the first one that reads `name`.
    pub(crate) fn after(&self, name: &str) -> Option<&str> {
        let at = self.segments.iter().position(|segment| segment == name)?;
        self.segments.get(at + 1).map(AsRef::as_ref)
    }

    /// Publisher, model and streaming of Vertex AI's `.../publishers/PUBLISHER/models/MODEL:streamRawPredict`, which
    /// passes the publisher's own API through.
    pub(crate) fn raw_prediction(&self) -> Option<(&str, &str, bool)> {
        let [.., publishers, publisher, models, last] = self.segments.as_slice() else { return None };
        let (model, action) = last.rsplit_once(':')?;
        let stream = match action {
            "rawPredict" => false,
            "streamRawPredict" => true,
            _ => return None,
        };
        (publishers == "publishers" && models == "models").then_some((publisher, model, stream))
    }

    /// `gen_ai.provider.name` by the host table.
    pub(crate) fn provider(&self) -> Option<&'static str> {
        hosts::provider(self.host, self.port)
    }
}

/// RFC 3986 section 2.1; an escape that is none stands for itself, and what is not UTF-8 is replaced.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let hex = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests;
