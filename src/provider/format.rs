//! What a wire format is: how one API writes requests, responses and streams, read into plain facts.

use serde_json::Value;

use crate::call::{ErrorFacts, Operation, RequestFacts, ResponseFacts, Retrieval, Unparsed};
use crate::content::{InputContent, OutputContent};
use crate::json::Json;
use crate::memory::{Buffer, Limit};
use crate::provider::evidence::{self, Evidence};
use crate::provider::read::{document, error, reported, state};
use crate::provider::repeated::{self, Channel, Repeated, Repetition};

/// How a body is cut into the pieces a [`WireFormat`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One JSON document.
    Whole,
    /// Server-sent events.
    Sse,
    /// One JSON document per line.
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

/// What one reading of a response fills in.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) facts: ResponseFacts,
    /// Collects output messages, where the application opted into content.
    pub(crate) content: Option<OutputContent>,
    /// The beginning of a document that the next part of a stream goes on with.
    pub(crate) part: Option<Buffer>,
    /// The document at hand is not JSON to the letter, and nothing of it was noted.
    pub(crate) unreadable: bool,
    /// The last document ends before its end.
    pub(crate) cut: bool,
    /// The events that the next ones may repeat.
    pub(crate) repeated: Repeated,
    /// The bound on what reading takes.
    pub(crate) memory_limit: Limit,
}

impl Reading {
    /// Appends generated text of one choice.
    pub(super) fn text(&mut self, choice: u64, text: Option<&str>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        self.facts.generated(text.len());
        self.repeated.note(Channel::Text, choice, text);
        if let Some(content) = &mut self.content {
            content.text(choice, text);
        }
    }

    /// Appends reasoning text of one choice.
    pub(super) fn reasoning(&mut self, choice: u64, text: Option<&str>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        self.facts.generated(text.len());
        self.repeated.note(Channel::Reasoning, choice, text);
        if let Some(content) = &mut self.content {
            content.reasoning(choice, text);
        }
    }

    /// Appends to the `index`-th tool call of one choice; `arguments` may come in fragments.
    pub(super) fn tool_call(
        &mut self,
        choice: u64,
        index: u64,
        id: Option<&str>,
        name: Option<&str>,
        arguments: Option<&str>,
    ) {
        let arguments = arguments.unwrap_or_default();
        self.facts.generated(name.map_or(0, str::len) + arguments.len());
        match (id, name) {
            (None, None) => self.repeated.note(Channel::Arguments(index), choice, arguments),
            _ => self.repeated.note_more(),
        }
        if let Some(content) = &mut self.content {
            content.tool_call(choice, index, id, name, arguments);
        }
    }

    /// Adds a tool call that came in one piece and without an index.
    pub(super) fn whole_tool_call(
        &mut self,
        choice: u64,
        id: Option<&str>,
        name: Option<&str>,
        arguments: Option<&Value>,
    ) {
        let arguments = arguments.map(Value::to_string);
        let index = self.facts.whole_tool_calls;
        self.facts.whole_tool_calls += 1;
        self.tool_call(choice, index, id, name, arguments.as_deref());
    }
}

/// How one API writes requests, answers and streams. Implementations hold no state, read leniently (an
/// unexpected shape is skipped, never an error) and keep "absent" apart from zero.
pub(crate) trait WireFormat: Sync + std::fmt::Debug {
    /// The framing of a streamed answer, when the content type does not tell.
    fn stream_framing(&self) -> Framing;

    /// Whether this is one of OpenAI's formats, which have attributes of their own.
    fn is_openai(&self) -> bool {
        false
    }

    /// In what events with text may differ from one before and be read by comparing them with it.
    fn repetition(&self) -> Option<&'static Repetition> {
        None
    }

    /// Reads the request body's parameters over what the path said (`facts.model`, `facts.stream`).
    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts);

    /// Reads parameters that stand only in the request's headers (Bedrock's guardrail, say).
    fn read_request_headers(&self, _headers: &http::HeaderMap, _facts: &mut RequestFacts) {}

    /// The top-level members that do not decide the response and stay out of the request hash.
    fn fields_not_hashed(&self) -> &'static [&'static str];

    /// The request's messages in the conventions' form.
    fn read_input(&self, body: &Json<'_>) -> InputContent;

    /// Reads a response that is one JSON document, errors included. One that is not JSON to the letter is left to
    /// [`document::leniently`]: readers call [`read_document`](dyn WireFormat::read_document).
    fn read_body(&self, body: &[u8], reading: &mut Reading);

    /// Reads one event of a stream, errors included, likewise: readers call
    /// [`read_piece`](dyn WireFormat::read_piece).
    fn read_event(&self, event: Event<'_>, reading: &mut Reading);

    /// Whether a response may be nothing but what the model wrote or spoke, instead of a document.
    fn writes_text(&self) -> bool {
        false
    }

    /// Whether a stream that came to its end without a mark is whole: the API has none.
    fn ends_unmarked(&self) -> bool {
        false
    }

    /// Reads facts that stand only in headers (Bedrock's token counts, say).
    fn read_headers(&self, _headers: &http::HeaderMap, _reading: &mut Reading) {}

    /// The text of a request for a stream, changed so that it asks for usage. `None` where the format has no such
    /// member, or where the caller asked already. `text` is what `body` was read from.
    fn ask_for_usage(&self, _text: &[u8], _body: &Json<'_>) -> Option<Vec<u8>> {
        None
    }
}

impl dyn WireFormat {
    /// Reads a response that is one document. Gives whether it was read whole.
    pub(crate) fn read_document(&self, body: &[u8], reading: &mut Reading) -> bool {
        document::leniently(body, false, reading, |body, reading| {
            self.read_body(body, reading);
            if !reading.unreadable {
                state::read(body, &mut reading.facts);
                reported::read(body, &mut reading.facts);
            }
        })
    }

    /// Reads one piece of a stream. What counts so far may be read with a later one: [`finish`](Self::finish) comes last.
    pub(crate) fn read_piece(&self, event: Event<'_>, reading: &mut Reading) {
        match self.repetition() {
            Some(repetition) => repeated::read(event, reading, repetition, &|event, reading| {
                self.read_whole_piece(event, reading);
            }),
            None => self.read_whole_piece(event, reading),
        }
    }

    /// Reads what the pieces of a stream have left for its end.
    pub(crate) fn finish(&self, reading: &mut Reading) {
        repeated::settle(reading, &|event, reading| self.read_whole_piece(event, reading));
    }

    /// As [`read_piece`](Self::read_piece), without a look at the pieces before.
    pub(super) fn read_whole_piece(&self, event: Event<'_>, reading: &mut Reading) {
        // What is cut ends a stream; in its midst it is a piece that no one can read.
        if std::mem::take(&mut reading.cut) {
            reading.facts.unparsed = Some(Unparsed::Malformed);
        }
        let read = document::leniently(event.data, true, reading, |data, reading| {
            self.read_event(Event { data, ..event }, reading);
            if !reading.unreadable {
                reported::read(data, &mut reading.facts);
            }
        });
        if !read && (event.exception || event.name == Some("error") || error::is_marked(event.data)) {
            reading.facts.note_error(Some(ErrorFacts::default()));
        }
    }
}

/// A request that is an inference call, by method, host and path.
#[derive(Debug, Clone)]
pub(crate) struct Recognised {
    pub(crate) format: &'static dyn WireFormat,
    pub(crate) operation: Operation,
    /// `openai.api.type`, where the wire format has one.
    pub(crate) api_type: Option<&'static str>,
    /// From the host table or a provider's own path; `None` for an unknown gateway.
    pub(crate) provider: Option<&'static str>,
    /// What the path alone says: model, stream.
    pub(crate) request: RequestFacts,
    /// What the body must show, so that this is a call.
    pub(crate) evidence: Evidence,
    /// The members of which a body must carry one, so that it is a call at an unknown host.
    pub(crate) prompts: &'static [&'static str],
    /// Whether the host is in the table, or in the application's own network.
    pub(crate) known_host: bool,
    /// The operation by the body, where the path serves several.
    pub(crate) operation_of: Option<fn(&Json<'_>) -> Option<Operation>>,
    /// Whether the response can be had more than once.
    pub(crate) retrieval: Retrieval,
    /// Whether no other kind of API has such a path, so that it is enough where the body cannot be read.
    pub(crate) distinct: bool,
    /// Whether a body shows that this is no call, whatever the path: what asks a model for nothing.
    pub(crate) is_none: Option<fn(&Json<'_>) -> bool>,
}

impl Recognised {
    /// A call that host and path decide, of an operation that names neither model nor stream in the path.
    pub(super) fn new(format: &'static dyn WireFormat, operation: Operation) -> Self {
        Self {
            format,
            operation,
            api_type: None,
            provider: None,
            request: RequestFacts::default(),
            evidence: Evidence::Path,
            prompts: evidence::ANY_PROMPT,
            known_host: false,
            operation_of: None,
            retrieval: Retrieval::Once,
            distinct: false,
            is_none: None,
        }
    }

    /// With `openai.api.type`.
    pub(super) fn api_type(self, api_type: &'static str) -> Self {
        Self { api_type: Some(api_type), ..self }
    }

    /// With `gen_ai.provider.name`.
    pub(super) fn provider(self, provider: Option<&'static str>) -> Self {
        Self { provider, ..self }
    }

    /// With the model that the path names.
    pub(super) fn model(mut self, model: Option<impl Into<String>>) -> Self {
        self.request.model = model.map(Into::into);
        self
    }

    /// With what the path says of streaming.
    pub(super) fn stream(mut self, stream: bool) -> Self {
        self.request.stream = stream;
        self
    }

    /// With a body that must carry one of these prompts: the path serves other things as well, also at this host.
    pub(super) fn needs_prompt(self, prompts: &'static [&'static str]) -> Self {
        Self { evidence: Evidence::Prompt, prompts, distinct: false, ..self }
    }

    /// With the members that hold the prompt.
    pub(super) fn carrying(self, prompts: &'static [&'static str]) -> Self {
        Self { prompts, ..self }
    }

    /// With a response that the provider keeps.
    pub(super) fn kept(self) -> Self {
        Self { retrieval: Retrieval::Kept, ..self }
    }

    /// With the id of the call whose response is fetched.
    pub(super) fn fetches(self, id: &str) -> Self {
        Self { retrieval: Retrieval::Fetch(id.to_owned()), ..self }
    }

    /// With a path that no other kind of API has.
    pub(super) fn distinct(self) -> Self {
        Self { distinct: true, ..self }
    }
}
