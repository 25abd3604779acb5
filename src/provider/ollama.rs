//! Ollama's own API: chat, generate and embeddings, streamed as one JSON document per line by default.
//! Source: `docs/api.md` of Ollama.

mod input;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;

use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::evidence::is_of_a_page;
use crate::provider::family::Family;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::{document, refuse};
use crate::provider::read::error::{self, Fault};
use crate::provider::read::field;
use crate::provider::read::lenient::{Count, Flag, List, Object, Text};
use crate::provider::read::usage::{Member, Named, Slot, Tally};
use crate::provider::target::Target;
use crate::provider::target::hosts::Host;
use crate::semconv::{output_type, provider};

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    // Ollama's own port: on a loopback host nothing else tells it from other servers.
    (Host::Port(11434), provider::OLLAMA),
    (Host::Name("ollama.com"), provider::OLLAMA),
];

/// What one path answers.
#[derive(Debug)]
struct Ollama {
    /// Whether the response is a stream when the request does not say.
    streams: bool,
}

static GENERATION: Ollama = Ollama { streams: true };
static EMBEDDING: Ollama = Ollama { streams: false };

/// A response, or one line of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    model: Text<'a>,
    /// Chat.
    #[serde(borrow)]
    message: Object<Message<'a>>,
    /// Generate.
    #[serde(borrow)]
    response: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    embedding: Option<IgnoredAny>,
    embeddings: Option<IgnoredAny>,
    done: Flag,
    #[serde(borrow)]
    done_reason: Text<'a>,
    prompt_eval_count: Count,
    #[serde(borrow)]
    error: Fault<'a>,
}

/// Every member of a response, whose counts are next to all else.
const RESPONSE: Member = Member::Object(&[&[
    ("prompt_eval_count", Member::Count(Slot::Input)),
    ("eval_count", Member::Count(Slot::Output)),
    ("total_duration", Member::Free),
    ("load_duration", Member::Free),
    ("prompt_eval_duration", Member::Free),
    ("eval_duration", Member::Free),
    ("model", Member::Free),
    ("remote_model", Member::Free),
    ("remote_host", Member::Free),
    ("created_at", Member::Free),
    ("message", Member::Free),
    ("response", Member::Free),
    ("thinking", Member::Free),
    ("tool_calls", Member::Free),
    ("logprobs", Member::Free),
    ("context", Member::Free),
    ("embedding", Member::Free),
    ("embeddings", Member::Free),
    ("done", Member::Free),
    ("done_reason", Member::Free),
    ("error", Member::Free),
]]);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    tool_calls: List<Object<ToolCall<'a>>>,
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
    arguments: Option<Value>,
}

/// `/api/chat` and its like. These names are common, so below a prefix they count only where the host or the
/// prefix tells of Ollama.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [prefix @ .., api, action] = target.segments.as_slice() else { return None };
    let known = target.provider == Some(provider::OLLAMA);
    if api != "api" || !(prefix.is_empty() || known || prefix.last().is_some_and(|last| last == "ollama")) {
        return None;
    }
    let (format, operation) = match action.as_ref() {
        "chat" => (&GENERATION, Operation::Chat),
        "generate" => (&GENERATION, Operation::TextCompletion),
        "embed" | "embeddings" => (&EMBEDDING, Operation::Embeddings),
        _ => return None,
    };
    let prompts: &[&str] = if operation == Operation::Chat { &["messages"] } else { &["prompt", "input"] };
    let recognised = Recognised::new(format, operation).carrying(prompts);
    let is_none: Option<fn(&Json<'_>) -> bool> = match operation {
        Operation::Chat | Operation::TextCompletion => Some(|body| loads(body) || is_of_a_page(body)),
        _ => None,
    };
    Some(Recognised { is_none, ..recognised.provider(target.provider.or(Some(provider::OLLAMA))) })
}

/// Whether a request asks the model for nothing: without a prompt it loads the model, or unloads it. Source: `docs/api.md` of
/// Ollama, "Load a model". An empty list alone may be of a client that adds its messages elsewhere.
fn loads(body: &Json<'_>) -> bool {
    let empty = |name: &str| match body.get(name) {
        None | Some(Json::Null) => true,
        Some(Json::String(text)) => text.decoded().is_empty(),
        Some(Json::Array(messages)) => messages.is_empty() && body.get("keep_alive").is_some(),
        Some(_) => false,
    };
    ["prompt", "messages", "input"].into_iter().all(empty) && !field::is_true(body, "stream")
}

impl WireFormat for Ollama {
    fn stream_framing(&self) -> Framing {
        Framing::JsonLines
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        facts.model = field::string(body, "model");
        facts.stream = body.get("stream").and_then(Json::as_bool).unwrap_or(self.streams) && self.streams;
        let options = body.get("options").unwrap_or(&Json::Null);
        facts.max_tokens = field::int(options, "num_predict");
        facts.temperature = field::float(options, "temperature");
        facts.top_p = field::float(options, "top_p");
        facts.top_k = field::int(options, "top_k");
        facts.frequency_penalty = field::float(options, "frequency_penalty");
        facts.presence_penalty = field::float(options, "presence_penalty");
        facts.seed = field::int(options, "seed");
        facts.stop_sequences = field::strings(options, "stop");
        facts.dimensions = field::int(body, "dimensions");
        // `true` and `false` are no level.
        facts.reasoning_level = field::string(body, "think");
        // `json`, or a JSON schema.
        let json = match body.get("format") {
            Some(Json::String(format)) => format.decoded() == "json",
            format => matches!(format, Some(Json::Object(_))),
        };
        facts.output_type = json.then_some(output_type::JSON);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["stream", "keep_alive"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        read(body, reading)
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        read(event.data, reading);
    }
}

/// Reads a response or one line of it: the shapes are the same.
fn read(data: &[u8], reading: &mut Reading) {
    let Ok(answer) = document::<Response<'_>>(data, reading) else { return };
    let Some(answer) = answer else {
        return reading.facts.note_error(error::read(data));
    };
    // Counts are in the last line alone, which is read again for what no one knows.
    let mut tally = None;
    if answer.prompt_eval_count.0.is_some() || answer.done.0 == Some(true) || answer.embeds() {
        let tally = tally.insert(Tally::default());
        let named = Named { name: "response", member: const { &RESPONSE }, tally };
        if named.deserialize(&mut serde_json::Deserializer::from_slice(data)).is_err() {
            return refuse(data, reading).unwrap_or_default();
        }
    }
    answer.model.note(&mut reading.facts.model);
    let generated = answer.message.0.is_some() || answer.response.0.is_some() || answer.done.0.is_some();
    if generated {
        reading.facts.choice(0);
    }
    reading.reasoning(0, answer.thinking.some());
    reading.text(0, answer.response.some());
    if let Some(message) = &answer.message.0 {
        message.read(reading);
    }
    let facts = &mut reading.facts;
    if let Some(tally) = tally {
        tally.note(facts);
        facts.count(tally.usage());
    }
    if let Some(reason) = answer.done_reason.some() {
        facts.finish(0, reason);
    }
    // Ollama's errors are a member; a proxy's have other shapes, and nothing of a response next to them.
    let bare = !generated && answer.model.0.is_none() && answer.prompt_eval_count.0.is_none();
    let error = answer.error.facts();
    facts.note_error(if bare { error.or_else(|| error::read(data)) } else { error });
    facts.ended |= answer.done.0 == Some(true);
}

impl Response<'_> {
    fn embeds(&self) -> bool {
        self.embedding.is_some() || self.embeddings.is_some()
    }
}

impl Message<'_> {
    fn read(&self, reading: &mut Reading) {
        reading.reasoning(0, self.thinking.some());
        reading.text(0, self.content.some());
        for call in self.tool_calls.0.iter().filter_map(|call| call.0.as_ref()) {
            if let Some(function) = &call.function.0 {
                let arguments = function.arguments.as_ref();
                reading.whole_tool_call(0, call.id.some(), function.name.some(), arguments);
            }
        }
    }
}
