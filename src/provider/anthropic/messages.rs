//! Anthropic's messages API, also as Vertex AI serves it (`rawPredict`) and as Bedrock invoke passes it through.
//! Source: the API reference's `Message` and its stream events.

mod block;
mod input;
#[cfg(test)]
mod tests;
mod usage;

use serde::Deserialize;
use serde::de::IgnoredAny;

use self::block::{Block, Delta};
use self::usage::Anthropic;
use crate::billing::Word;
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::error::{self, Fault};
use crate::provider::read::field;
use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::provider::read::usage::Tallied;
use crate::provider::read::usage::copilot::Copilot;
use crate::provider::repeated::Repetition;
use crate::provider::target::Target;
use crate::semconv::{output_type, provider};

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
    /// Billed by time, also where nothing ran in it: files are loaded first.
    container: Object<IgnoredAny>,
    #[serde(borrow)]
    copilot_usage: Tallied<'a, Copilot>,
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
    copilot_usage: Tallied<'a, Copilot>,
    #[serde(borrow)]
    error: Fault<'a>,
}

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
    facts.free_code = field::list(body, "tools").iter().any(runs_code_for_nothing);
    facts.redeems_credit = body.get("fallback_credit_token").is_some_and(|token| *token != Json::Null);
    let output = body.get("output_config");
    facts.reasoning_level = output.and_then(|output| field::string(output, "effort"));
    let format = output.and_then(|output| output.get("format")).or_else(|| body.get("output_format"));
    if format.is_some_and(|format| field::is(format, "type", "json_schema")) {
        facts.output_type = Some(output_type::JSON);
    }
}

/// Whether this is one of the web tools with which code execution costs nothing. Source: platform.claude.com, "Code execution
/// tool": `web_search_20260209`, `web_fetch_20260209` or later.
fn runs_code_for_nothing(tool: &Json<'_>) -> bool {
    let kind = field::text(tool, "type").unwrap_or_default();
    let version = kind.strip_prefix("web_search_").or_else(|| kind.strip_prefix("web_fetch_"));
    version.and_then(|version| version.parse::<u32>().ok()).is_some_and(|version| version >= 20_260_209)
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
    if let Some(tally) = step.copilot_usage.as_ref() {
        tally.note(&mut reading.facts);
    }
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
                reading.facts.container |= delta.container.0.is_some();
            }
            if let Some(tally) = step.usage.as_ref() {
                usage::note(tally, &mut reading.facts);
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
        if let Some(reason) = self.stop_reason.some() {
            facts.finish(0, reason);
        }
        facts.container |= self.container.0.is_some();
        for (index, block) in self.content.0.iter().enumerate() {
            if let Some(block) = &block.0 {
                block.read(index as u64, reading);
            }
        }
        // Model and counts of a whole answer are those of its end.
        let facts = &mut reading.facts;
        self.model.note(&mut facts.model);
        if let Some(tally) = self.usage.as_ref() {
            usage::note(tally, facts);
        }
        if let Some(tally) = self.copilot_usage.as_ref() {
            tally.note(facts);
        }
    }
}
