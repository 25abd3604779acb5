//! Recognises inference calls and reads what providers write. One wire format a file; each is a stateless
//! [`WireFormat`] that fills plain facts.

pub(crate) mod lenient;

use serde_json::Value;

use crate::call::{Operation, RequestFacts, ResponseFacts};
use crate::content::{InputContent, OutputContent};

/// How a body is cut into the pieces a [`WireFormat`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One JSON document.
    Whole,
    /// Server-sent events.
    Sse,
    /// One JSON document a line.
    JsonLines,
    /// One JSON array whose elements are the events.
    JsonArray,
    /// AWS `application/vnd.amazon.eventstream`.
    EventStream,
}

/// One piece of a streamed body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    /// The SSE `event:` field, or the event-stream `:event-type` / `:exception-type`.
    pub(crate) name: Option<&'a str>,
    /// Whether the framing itself marks this event as an error (`:message-type: exception` or `error`).
    pub(crate) exception: bool,
    pub(crate) data: &'a [u8],
}

/// What one reading of an answer fills in.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) facts: ResponseFacts,
    /// Collects output messages, where the application opted into content.
    pub(crate) content: Option<OutputContent>,
}

/// How one API writes requests, answers and streams. Implementations hold no state, read leniently (an
/// unexpected shape is skipped, never an error) and keep "absent" apart from zero.
pub(crate) trait WireFormat: Sync + std::fmt::Debug {
    /// The framing of a streamed answer, when the content type does not tell.
    fn stream_framing(&self) -> Framing;

    /// Reads the request body's parameters over what the path said (`facts.model`, `facts.stream`).
    fn read_request(&self, body: &Value, facts: &mut RequestFacts);

    /// The top-level members that do not decide the answer and stay out of the request hash.
    fn undeciding(&self) -> &'static [&'static str];

    /// The request's messages in the conventions' form.
    fn read_input(&self, body: &Value) -> InputContent;

    /// Reads an answer that is one JSON document, errors included.
    fn read_body(&self, body: &[u8], reading: &mut Reading);

    /// Reads one event of a stream, errors included.
    fn read_event(&self, event: Event<'_>, reading: &mut Reading);

    /// Reads facts that stand only in headers (Bedrock's token counts, say).
    fn read_headers(&self, _headers: &http::HeaderMap, _reading: &mut Reading) {}

    /// Adds the member that asks for usage in a stream; `false` when the format has none or the caller asked
    /// already.
    fn ask_for_usage(&self, _body: &mut Value) -> bool {
        false
    }
}

/// A request that is an inference call, by method, host and path.
#[derive(Debug)]
pub(crate) struct Recognised {
    pub(crate) format: &'static dyn WireFormat,
    pub(crate) operation: Operation,
    /// `openai.api.type`, where the wire format has one.
    pub(crate) api_type: Option<&'static str>,
    /// From the host table or a provider's own path; `None` for a gateway nobody knows.
    pub(crate) provider: Option<&'static str>,
    /// What the path alone says: model, stream.
    pub(crate) request: RequestFacts,
}

pub(crate) fn recognise(_method: &http::Method, _url: &reqwest::Url) -> Option<Recognised> {
    None
}
