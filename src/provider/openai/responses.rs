//! OpenAI Responses.

mod input;
mod response;

use super::common;
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::field;
use crate::provider::repeated::Repetition;
use crate::provider::target::Target;
use crate::semconv::{openai_api_type, provider};

/// OpenAI Responses.
#[derive(Debug)]
struct OpenAiResponses;

const FIELDS_NOT_HASHED: &[&str] = &[
    "stream",
    "stream_options",
    "user",
    "metadata",
    "store",
    "background",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    // OpenRouter.
    "cache_control",
    "trace",
    "service_tier",
    "request_id",
    "session_id",
];

/// `.../responses`, and `.../responses/compact`, which has a model shorten a conversation. Children of
/// `/responses/{id}` read or cancel an earlier call.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let compacted = target.ends_with(&["responses", "compact"]);
    let path = match target.segments.as_slice() {
        [path @ .., _] if compacted => path,
        path => path,
    };
    let codex = path.ends_with(&["codex".into(), "responses".into()]);
    let agent = target.is_of(provider::PERPLEXITY) && target.ends_with(&["v1", "agent"]);
    let responses = path.last().is_some_and(|last| last == "responses");
    if !agent && !(responses && (codex || common::is_api(target, path))) {
        return None;
    }
    let recognised = Recognised::new(&OpenAiResponses, Operation::Chat)
        .api_type(openai_api_type::RESPONSES)
        .carrying(&["input", "prompt"]);
    Some(recognised.provider(common::provider_of(target)).model(common::deployment(target)).kept())
}

/// `.../responses/ID`: the response of a background call is fetched, and may be resumed as a stream.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let [path @ .., id] = target.segments.as_slice() else { return None };
    if path.last().is_none_or(|last| last != "responses") || !common::is_api(target, path) {
        return None;
    }
    let recognised = Recognised::new(&OpenAiResponses, Operation::Chat).api_type(openai_api_type::RESPONSES);
    let recognised = recognised.provider(common::provider_of(target)).fetches(id);
    let recognised = recognised.stream(target.parameter("stream") == Some("true"));
    // On an unknown host the id tells.
    Some(if id.starts_with("resp_") { recognised.distinct() } else { recognised })
}

impl WireFormat for OpenAiResponses {
    fn stream_framing(&self) -> Framing {
        Framing::Sse
    }

    fn is_openai(&self) -> bool {
        true
    }

    fn repetition(&self) -> Option<&'static Repetition> {
        Some(&response::REPETITION)
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        if let Some(model) = field::string(body, "model") {
            facts.model = Some(model);
        }
        facts.stream |= field::is_true(body, "stream");
        facts.max_tokens = field::int(body, "max_output_tokens");
        facts.temperature = field::float(body, "temperature");
        facts.top_p = field::float(body, "top_p");
        facts.frequency_penalty = field::float(body, "frequency_penalty");
        facts.presence_penalty = field::float(body, "presence_penalty");
        let format = body.get("text").and_then(|text| text.get("format"));
        facts.output_type = format.and_then(common::output_format);
        facts.reasoning_level =
            body.get("reasoning").and_then(|reasoning| field::string(reasoning, "effort"));
        facts.previous_response_id = field::string(body, "previous_response_id");
        facts.conversation_id = field::string(body, "conversation")
            .or_else(|| body.get("conversation").and_then(|conversation| field::string(conversation, "id")));
        if let Some(prompt) = body.get("prompt") {
            facts.prompt_name = field::string(prompt, "id");
            facts.prompt_version = field::string(prompt, "version");
        }
        facts.service_tier = field::string(body, "service_tier");
        facts.provider_tools = common::asks_for_plugins(body, facts.model.as_deref().unwrap_or_default());
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        FIELDS_NOT_HASHED
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        response::read_body(body, reading)
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        response::read_event(event, reading);
    }
}

#[cfg(test)]
mod tests;
