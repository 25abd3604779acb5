//! Cohere's API v1: chat, generate and embeddings, streamed as one JSON document per line. Bedrock passes these
//! shapes through. Source: the API reference's `NonStreamedChatResponse` and `StreamedChatResponse`.

mod input;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::Value;

use super::usage::{self, Meta};
use super::v2;
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::lenient::{Count, Flag, List, Object, Text};
use crate::provider::read::usage::Tallied;
use crate::provider::read::{error, field};
use crate::provider::target::Target;
use crate::semconv::provider;

#[derive(Debug)]
struct CohereV1;

/// A whole answer, or one event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    /// Chat.
    #[serde(borrow)]
    response_id: Text<'a>,
    /// Generate and embeddings.
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    generations: List<Object<Generation<'a>>>,
    #[serde(borrow)]
    tool_calls: List<Object<ToolCall<'a>>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    meta: Tallied<'a, Meta>,
    /// Of a stream: the choice, where several were asked for.
    index: Count,
    #[serde(borrow)]
    event_type: Text<'a>,
    is_finished: Flag,
    #[serde(borrow)]
    tool_call_delta: Object<ToolCall<'a>>,
    /// Of `stream-end`: the whole answer, whose text was streamed before.
    #[serde(borrow)]
    response: Object<End<'a>>,
    embeddings: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct End<'a> {
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    generations: List<Object<Generation<'a>>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    meta: Tallied<'a, Meta>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Generation<'a> {
    index: Count,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    index: Count,
    #[serde(borrow)]
    name: Text<'a>,
    /// An object, or in a delta a piece of its text.
    parameters: Option<Value>,
    #[serde(borrow)]
    text: Text<'a>,
}

/// The paths of Cohere's own hosts, and of gateways below its name: other APIs have the same names.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [.., version, action] = target.segments.as_slice() else { return None };
    if version != "v1" || !v2::is_cohere(target) {
        return None;
    }
    let operation = match action.as_ref() {
        "chat" => Operation::Chat,
        "generate" => Operation::TextCompletion,
        "embed" => Operation::Embeddings,
        _ => return None,
    };
    Some(Recognised::new(&CohereV1, operation).provider(target.provider.or(Some(provider::COHERE))))
}

impl WireFormat for CohereV1 {
    fn stream_framing(&self) -> Framing {
        Framing::JsonLines
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        v2::read_request(body, facts);
        facts.conversation_id = field::string(body, "conversation_id");
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["stream"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        read(body, reading);
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        read(event.data, reading);
    }
}

/// Reads the messages of a request.
pub(in crate::provider) fn read_input(body: &Json<'_>) -> InputContent {
    input::read(body)
}

/// Reads a whole answer or one event of a stream.
pub(in crate::provider) fn read(data: &[u8], reading: &mut Reading) {
    let Ok(answer) = document::<Response<'_>>(data, reading) else { return };
    match answer {
        Some(answer) if !answer.is_bare() => answer.read(data, reading),
        _ => reading.facts.note_error(error::read(data)),
    }
}

impl Response<'_> {
    /// Errors have an id and a message only.
    fn is_bare(&self) -> bool {
        self.event_type.0.is_none()
            && self.text.0.is_none()
            && self.finish_reason.0.is_none()
            && !self.meta.is_some()
            && self.generations.0.is_empty()
            && self.embeddings.is_none()
    }

    fn read(&self, data: &[u8], reading: &mut Reading) {
        (if self.response_id.0.is_some() { &self.response_id } else { &self.id }).note(&mut reading.facts.id);
        let choice = self.index.0.unwrap_or(0);
        if self.embeddings.is_none() && self.generations.0.is_empty() {
            reading.facts.choice(choice);
        }
        // Tool calls come in deltas and once more as a whole; the text next to them is the model's plan.
        match self.event_type.some() {
            Some("tool-calls-generation" | "search-queries-generation" | "search-results") => {}
            Some("tool-calls-chunk") => {
                let Some(call) = &self.tool_call_delta.0 else {
                    return reading.reasoning(choice, self.text.some());
                };
                call.read(0, reading);
            }
            _ => {
                reading.text(choice, self.text.some());
                for (position, call) in self.tool_calls.0.iter().enumerate() {
                    if let Some(call) = &call.0 {
                        call.read(position as u64, reading);
                    }
                }
            }
        }
        read_generations(&self.generations.0, true, reading);
        if let Some(reason) = self.finish_reason.some() {
            reading.facts.finish(choice, reason);
        }
        if let Some(tally) = self.meta.as_ref() {
            usage::note(tally, &mut reading.facts);
        }
        if let Some(end) = &self.response.0 {
            end.read(reading);
        }
        let facts = &mut reading.facts;
        if self.finish_reason.some().is_some_and(|reason| reason.starts_with("ERROR")) {
            facts.note_error(Some(error::read(data).unwrap_or_default()));
        }
        let whole = self.event_type.0.is_none() && self.is_finished.0.is_none();
        facts.ended |= whole || self.is_finished.0 == Some(true);
    }
}

impl End<'_> {
    fn read(&self, reading: &mut Reading) {
        let facts = &mut reading.facts;
        (if self.response_id.0.is_some() { &self.response_id } else { &self.id }).note(&mut facts.id);
        if let Some(reason) = self.finish_reason.some() {
            facts.finish(0, reason);
        }
        if let Some(tally) = self.meta.as_ref() {
            usage::note(tally, facts);
        }
        read_generations(&self.generations.0, false, reading);
    }
}

/// Reads the choices of a generate answer; at the end of a stream their texts are known.
fn read_generations(generations: &[Object<Generation<'_>>], texts: bool, reading: &mut Reading) {
    for (position, generation) in generations.iter().enumerate() {
        let Some(generation) = &generation.0 else { continue };
        let choice = generation.index.0.unwrap_or(position as u64);
        reading.facts.choice(choice);
        if let Some(reason) = generation.finish_reason.some() {
            reading.facts.finish(choice, reason);
        }
        if texts {
            reading.text(choice, generation.text.some());
        }
    }
}

impl ToolCall<'_> {
    fn read(&self, position: u64, reading: &mut Reading) {
        let parameters = match &self.parameters {
            Some(Value::String(piece)) => Some(piece.clone()),
            other => other.as_ref().map(Value::to_string),
        };
        let arguments = parameters.as_deref().or_else(|| self.text.some());
        reading.tool_call(0, self.index.0.unwrap_or(position), None, self.name.some(), arguments);
    }
}
