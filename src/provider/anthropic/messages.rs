//! Anthropic's messages API, also as Vertex AI serves it (`rawPredict`) and as Bedrock invoke passes it through.
//! Source: the API reference's `Message` and its stream events.

mod input;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::billing::{self, Word};
use crate::call::{Operation, RequestFacts, ResponseFacts};
use crate::content::InputContent;
use crate::coverage::Reason;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::error::{self, Fault};
use crate::provider::read::field;
use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::provider::read::usage::common::{ANTHROPIC, CHARGES, ITERATION, iteration};
use crate::provider::read::usage::{Dialect, Member, Slot, Table, Tallied, Tally};
use crate::provider::repeated::Repetition;
use crate::provider::target::Target;
use crate::semconv::{output_type, provider};
use crate::usage::Usage;

#[derive(Debug)]
pub(super) struct AnthropicMessages;

/// Deltas differ in their text alone.
const REPETITION: Repetition =
    Repetition { texts: &["partial_json", "text", "thinking"], ignored: &[], counts: &[] };

/// A whole answer, or the `message` of `message_start`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    content: List<Object<Block<'a>>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    usage: Tallied<'a, Anthropic>,
    /// Billed by time, also where nothing ran in it: files are loaded first. Searches and fetches have one for nothing.
    /// The tool is described at platform.claude.com, "Code execution tool"; that searches have it for nothing is not confirmed there.
    container: Object<IgnoredAny>,
}

/// A stream event; which members it has depends on its type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Step<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    message: Object<Message<'a>>,
    index: Count,
    #[serde(borrow)]
    content_block: Object<Block<'a>>,
    #[serde(borrow)]
    delta: Object<Delta<'a>>,
    #[serde(borrow)]
    usage: Tallied<'a, Anthropic>,
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    partial_json: Text<'a>,
    /// Of `message_delta`.
    #[serde(borrow)]
    stop_reason: Text<'a>,
    /// Of `message_delta`.
    container: Object<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    input: Option<Value>,
}

/// `input_tokens` leaves the two cache counts out.
#[derive(Debug)]
pub(in crate::provider) struct Anthropic;

impl Dialect for Anthropic {
    const NAME: &'static str = "usage";
    const MEMBER: Member = Member::Object(&[TOKENS, ANTHROPIC, CHARGES]);
}

const TOKENS: Table = &[
    ("input_tokens", Member::Count(Slot::Uncached)),
    ("cache_read_input_tokens", Member::Count(Slot::CacheRead)),
    ("cache_creation_input_tokens", Member::Count(Slot::CacheWrite)),
    ("output_tokens", Member::Count(Slot::Output)),
    ("output_tokens_details", Member::Object(&[&[("thinking_tokens", Member::Count(Slot::Reasoning))]])),
    ("iterations", Member::Each(ITERATION, iteration)),
    // Alibaba Cloud repeats the cached tokens under OpenAI's name.
    ("prompt_tokens_details", Member::Object(&[&[("cached_tokens", Member::Count(Slot::CacheRead))]])),
    ("total_tokens", Member::Count(Slot::Total)),
];

/// `/v1/messages` of any host, and Anthropic's models on Vertex AI.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let recognised = Recognised::new(&AnthropicMessages, Operation::Chat).carrying(&["messages"]);
    if target.ends_with(&["v1", "messages"]) {
        return Some(recognised.provider(target.provider));
    }
    let (publisher, model, stream) = target.raw_prediction()?;
    // The token counter is one of the models.
    if publisher != provider::ANTHROPIC || model == "count-tokens" {
        return None;
    }
    let provider = target.provider.or(Some(provider::GCP_VERTEX_AI));
    Some(recognised.provider(provider).model(Some(model)).stream(stream).distinct())
}

impl WireFormat for AnthropicMessages {
    fn stream_framing(&self) -> Framing {
        Framing::Sse
    }

    fn repetition(&self) -> Option<&'static Repetition> {
        Some(&REPETITION)
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        read_request(body, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["stream", "metadata", "service_tier", "cache_control", "inference_geo", "speed"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        read_body(body, reading)
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        read_event(event, reading);
    }
}

/// Reads the parameters of a request.
pub(in crate::provider) fn read_request(body: &Json<'_>, facts: &mut RequestFacts) {
    if facts.model.is_none() {
        facts.model = field::string(body, "model");
    }
    facts.stream |= field::is_true(body, "stream");
    facts.max_tokens = field::int(body, "max_tokens");
    facts.temperature = field::float(body, "temperature");
    facts.top_p = field::float(body, "top_p");
    facts.top_k = field::int(body, "top_k");
    facts.stop_sequences = field::strings(body, "stop_sequences");
    facts.service_tier = field::string(body, "service_tier");
    for (name, usual, word) in [("speed", "standard", Word::Speed), ("inference_geo", "global", Word::Region)]
    {
        if field::string(body, name).is_some_and(|asked| !asked.is_empty() && asked != usual) {
            facts.asked.insert(word);
        }
    }
    let output = body.get("output_config");
    facts.reasoning_level = output.and_then(|output| field::string(output, "effort"));
    let format = output.and_then(|output| output.get("format")).or_else(|| body.get("output_format"));
    if format.is_some_and(|format| field::is(format, "type", "json_schema")) {
        facts.output_type = Some(output_type::JSON);
    }
}

/// Reads the messages of a request.
pub(in crate::provider) fn read_input(body: &Json<'_>) -> InputContent {
    input::read(body)
}

/// Reads a whole answer.
pub(in crate::provider) fn read_body(body: &[u8], reading: &mut Reading) {
    let Ok(message) = document::<Message<'_>>(body, reading) else { return };
    match message {
        Some(message) if message.is_answer() => {
            message.read(reading);
            reading.facts.ended = true;
        }
        _ => reading.facts.note_error(error::read(body)),
    }
}

/// Reads one stream event.
pub(in crate::provider) fn read_event(event: Event<'_>, reading: &mut Reading) {
    // Some gateways end the stream as OpenAI does.
    if event.data.trim_ascii() == b"[DONE]" {
        reading.facts.ended = true;
        return;
    }
    let Ok(step) = document::<Step<'_>>(event.data, reading) else { return };
    let step = step.unwrap_or_default();
    match step.kind.some().or(event.name) {
        Some("message_start") => {
            if let Some(message) = &step.message.0 {
                message.read(reading);
            }
        }
        Some("content_block_start") => {
            if let Some(block) = &step.content_block.0 {
                block.read(step.index.0.unwrap_or(0), reading);
            }
        }
        Some("content_block_delta") => {
            if let Some(delta) = &step.delta.0 {
                delta.read(step.index.0.unwrap_or(0), reading);
            }
        }
        Some("message_delta") => {
            if let Some(delta) = &step.delta.0 {
                if let Some(reason) = delta.stop_reason.some() {
                    reading.facts.finish(0, reason);
                }
                let searches = step.usage.as_ref().and_then(|tally| tally.get(Slot::WebSearch));
                note_container(&delta.container, searches.is_some_and(|count| count > 0), &mut reading.facts);
            }
            if let Some(tally) = step.usage.as_ref() {
                note(tally, &mut reading.facts);
            }
        }
        Some("message_stop") => reading.facts.ended = true,
        Some("error") => {
            let error = step.error.facts().or_else(|| error::read(event.data));
            reading.facts.note_error(Some(error.unwrap_or_default()));
        }
        // `ping`, `content_block_stop`, and what is still to be invented.
        _ => reading.facts.note_error(step.error.facts()),
    }
}

impl Message<'_> {
    /// Whether this is a message rather than an error: errors have an id at most.
    fn is_answer(&self) -> bool {
        self.usage.is_some() || self.stop_reason.0.is_some() || !self.content.0.is_empty()
    }

    fn read(&self, reading: &mut Reading) {
        let facts = &mut reading.facts;
        facts.choice(0);
        self.id.note(&mut facts.id);
        self.model.note(&mut facts.model);
        if let Some(reason) = self.stop_reason.some() {
            facts.finish(0, reason);
        }
        if let Some(tally) = self.usage.as_ref() {
            note(tally, facts);
        }
        let looks_up = |block: &Object<Block<'_>>| block.0.as_ref().is_some_and(|block| block.looks_up());
        note_container(&self.container, self.content.0.iter().any(looks_up), facts);
        for (index, block) in self.content.0.iter().enumerate() {
            if let Some(block) = &block.0 {
                block.read(index as u64, reading);
            }
        }
    }
}

impl Block<'_> {
    /// Whether this is a search or a fetch of Anthropic's own.
    fn looks_up(&self) -> bool {
        self.kind.some() == Some("server_tool_use")
            && matches!(self.name.some(), Some("web_search" | "web_fetch"))
    }

    fn read(&self, index: u64, reading: &mut Reading) {
        match self.kind.some() {
            Some("text") => reading.text(0, self.text.some()),
            Some("thinking") => reading.reasoning(0, self.thinking.some()),
            Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
                if self.kind.some() == Some("server_tool_use") && self.name.some().is_some_and(runs_code) {
                    reading.facts.billing.add(billing::Count::CodeExecution, 1);
                }
                // At the head of a stream the input is an empty object, and its text follows in deltas.
                let input = self.input.as_ref().filter(|input| **input != serde_json::json!({}));
                let arguments = input.map(Value::to_string);
                reading.tool_call(0, index, self.id.some(), self.name.some(), arguments.as_deref());
            }
            // Results of server tools, and redacted thinking, are nothing the model says.
            _ => {}
        }
    }
}

/// Notes a container, whose time the response does not report.
fn note_container(container: &Object<IgnoredAny>, looks_up: bool, facts: &mut ResponseFacts) {
    if container.0.is_some() && !looks_up {
        facts.unpriced.note(Reason::Member, "container".to_owned());
    }
}

/// Whether a server tool runs code, in containers that are billed by time.
fn runs_code(name: &str) -> bool {
    name.ends_with("code_execution")
}

impl Delta<'_> {
    fn read(&self, index: u64, reading: &mut Reading) {
        reading.text(0, self.text.some());
        reading.reasoning(0, self.thinking.some());
        if let Some(json) = self.partial_json.some() {
            reading.tool_call(0, index, None, None, Some(json));
        }
    }
}

/// Counts are cumulative: later ones replace all before.
fn note(tally: &Tally<'_>, facts: &mut ResponseFacts) {
    tally.note(facts);
    let (read, write) = (tally.get(Slot::CacheRead), tally.get(Slot::CacheWrite));
    facts.usage.merge_uncached(tally.get(Slot::Uncached), read, write);
    facts.count(Usage {
        output_tokens: tally.get(Slot::Output),
        reasoning_tokens: tally.get(Slot::Reasoning),
        ..Usage::default()
    });
}
