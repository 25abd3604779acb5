//! Cohere's API v2: chat and embeddings. The conventions ask for billed tokens, which differ from the used ones.
//! Source: the API reference's `V2ChatResponse` and its stream events.

mod input;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::usage::{self, Meta};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::error::{self, Fault};
use crate::provider::read::field;
use crate::provider::read::lenient::{Count, Object, OneOrMany, Text};
use crate::provider::read::usage::Tallied;
use crate::provider::target::Target;
use crate::semconv::{output_type, provider};
pub(super) use input::texts;

#[derive(Debug)]
struct CohereV2;

/// A whole answer, or one event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    message: Object<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    usage: Tallied<'a, Meta>,
    /// Embeddings.
    #[serde(borrow)]
    meta: Tallied<'a, Meta>,
    /// Of a stream: the place of a content block or a tool call.
    index: Count,
    #[serde(borrow)]
    delta: Object<Delta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Object<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    usage: Tallied<'a, Meta>,
    #[serde(borrow)]
    error: Fault<'a>,
}

/// Content and tool calls are lists in a whole answer, and one object each in an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: OneOrMany<Block<'a>>,
    #[serde(borrow)]
    tool_plan: Text<'a>,
    #[serde(borrow)]
    tool_calls: OneOrMany<ToolCall<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    function: Object<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

/// `/v2/chat` of any host, `/v2/embed` of Cohere's own and below its name.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let operation = if target.ends_with(&["v2", "chat"]) {
        Operation::Chat
    } else if target.ends_with(&["v2", "embed"]) && is_cohere(target) {
        Operation::Embeddings
    } else {
        return None;
    };
    Some(Recognised::new(&CohereV2, operation).provider(target.provider.or(Some(provider::COHERE))))
}

/// Whether the host, or what precedes the version in the path, names Cohere.
pub(super) fn is_cohere(target: &Target<'_>) -> bool {
    target.provider == Some(provider::COHERE)
        || matches!(target.segments.as_slice(), [.., prefix, _, _] if prefix == "cohere")
}

impl WireFormat for CohereV2 {
    fn stream_framing(&self) -> Framing {
        Framing::Sse
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        read_request(body, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["stream", "priority"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        let Ok(answer) = document::<Response<'_>>(body, reading) else { return };
        match answer {
            // Errors have an id as well, and a message that is a text.
            Some(answer) if !answer.is_bare() => {
                answer.read(reading);
                reading.facts.ended = true;
            }
            _ => reading.facts.note_error(error::read(body)),
        }
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        if event.data.trim_ascii() == b"[DONE]" {
            reading.facts.ended = true;
            return;
        }
        let Ok(answer) = document::<Response<'_>>(event.data, reading) else { return };
        match answer {
            Some(answer) if answer.kind.0.is_some() || !answer.is_bare() => answer.read(reading),
            _ => reading.facts.note_error(error::read(event.data)),
        }
    }
}

/// Reads the parameters that both versions of the API share.
pub(super) fn read_request(body: &Json<'_>, facts: &mut RequestFacts) {
    if facts.model.is_none() {
        facts.model = field::string(body, "model");
    }
    facts.stream |= field::is_true(body, "stream");
    facts.max_tokens = field::int(body, "max_tokens");
    facts.temperature = field::float(body, "temperature");
    facts.top_p = field::float(body, "p");
    facts.top_k = field::int(body, "k");
    facts.frequency_penalty = field::float(body, "frequency_penalty");
    facts.presence_penalty = field::float(body, "presence_penalty");
    facts.seed = field::int(body, "seed");
    facts.stop_sequences = field::strings(body, "stop_sequences");
    facts.choice_count = field::int(body, "num_generations");
    facts.encoding_formats = field::strings(body, "embedding_types");
    facts.dimensions = field::int(body, "output_dimension");
    facts.reasoning_level = field::string(body, "reasoning_effort");
    let format = body.get("response_format").and_then(|format| field::string(format, "type"));
    facts.output_type = match format.as_deref() {
        Some("json_object") => Some(output_type::JSON),
        Some("text") => Some(output_type::TEXT),
        _ => None,
    };
}

impl Response<'_> {
    fn is_bare(&self) -> bool {
        self.message.0.is_none()
            && self.delta.0.is_none()
            && !self.usage.is_some()
            && !self.meta.is_some()
            && self.finish_reason.0.is_none()
    }

    fn read(&self, reading: &mut Reading) {
        self.id.note(&mut reading.facts.id);
        let delta = self.delta.0.as_ref();
        let messages = [self.message.0.as_ref(), delta.and_then(|delta| delta.message.0.as_ref())];
        for message in messages.into_iter().flatten() {
            reading.facts.choice(0);
            message.read(self.index.0, reading);
        }
        let facts = &mut reading.facts;
        for reason in
            [Some(&self.finish_reason), delta.map(|delta| &delta.finish_reason)].into_iter().flatten()
        {
            if let Some(reason) = reason.some() {
                facts.finish(0, reason);
            }
        }
        let tallies = [self.usage.as_ref(), self.meta.as_ref(), delta.and_then(|delta| delta.usage.as_ref())];
        for tally in tallies.into_iter().flatten() {
            usage::note(tally, facts);
        }
        facts.note_error(delta.and_then(|delta| delta.error.facts()));
        facts.ended |= self.kind.some() == Some("message-end");
    }
}

impl Message<'_> {
    fn read(&self, index: Option<u64>, reading: &mut Reading) {
        for block in &self.content.0 {
            reading.reasoning(0, block.thinking.some());
            reading.text(0, block.text.some());
        }
        // What the model means to do with its tools, before it calls them.
        reading.reasoning(0, self.tool_plan.some());
        for (position, call) in self.tool_calls.0.iter().enumerate() {
            let function = call.function.0.as_ref();
            reading.tool_call(
                0,
                index.unwrap_or(position as u64),
                call.id.some(),
                function.and_then(|function| function.name.some()),
                function.and_then(|function| function.arguments.some()),
            );
        }
    }
}
