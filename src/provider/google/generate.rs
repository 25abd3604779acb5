//! Gemini's `generateContent`, of the Gemini API and of Vertex AI, streamed as server-sent events or as one JSON
//! array. Source: the API references' `GenerateContentResponse` and `UsageMetadata`.

mod input;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::grounding::Grounding;
use super::tokens::{self, UsageMetadata};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::coverage::Reason;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::{document, parse};
use crate::provider::read::error::{self, Fault};
use crate::provider::read::field;
use crate::provider::read::lenient::{Count, Flag, List, Object, Text};
use crate::provider::read::usage::{Slot, Tallied};
use crate::provider::repeated::Repetition;
use crate::provider::target::Target;
use crate::semconv::{output_type, provider};
pub(super) use input::{holds_sound, message};

/// One of the two services: with `enum-encoding=int` they number the same names differently.
#[derive(Debug)]
pub(super) struct GenerateContent {
    finish_reasons: &'static [&'static str],
}

/// By number in `google.ai.generativelanguage.v1beta.Candidate.FinishReason`.
pub(super) static GEMINI: GenerateContent = GenerateContent {
    finish_reasons: &[
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "OTHER",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "IMAGE_SAFETY",
    ],
};

/// By number in `google.cloud.aiplatform.v1.Candidate.FinishReason`.
static VERTEX_AI: GenerateContent = GenerateContent {
    finish_reasons: &[
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_OTHER",
        "UNEXPECTED_TOOL_CALL",
        "NO_IMAGE",
    ],
};

/// In what pieces differ, next to their text: every piece counts what there is so far, and rates its safety.
const REPETITION: Repetition = Repetition {
    texts: &["code", "text"],
    ignored: &[
        &["createTime"],
        &["candidates", "avgLogprobs"],
        &["candidates", "logprobsResult"],
        &["candidates", "safetyRatings"],
        &["candidates", "content", "parts", "thoughtSignature"],
    ],
    counts: &["candidatesTokenCount", "thoughtsTokenCount", "tokenCount", "totalTokenCount"],
};

/// A whole answer, or one piece of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    candidates: List<Object<Candidate<'a>>>,
    #[serde(borrow)]
    usage_metadata: Tallied<'a, UsageMetadata>,
    #[serde(borrow)]
    model_version: Text<'a>,
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    prompt_feedback: Object<PromptFeedback<'a>>,
    /// Some write it here instead of in the candidate. Source: langchain4j/langchain4j#4553, 2026-02.
    #[serde(borrow)]
    grounding_metadata: Object<Grounding<'a>>,
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow)]
    block_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Candidate<'a> {
    index: Count,
    #[serde(borrow)]
    content: Object<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    grounding_metadata: Object<Grounding<'a>>,
    /// The pages that the prompt names, which cost nothing but tokens.
    url_context_metadata: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: List<Object<Part<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    thought: Flag,
    #[serde(borrow)]
    function_call: Object<FunctionCall<'a>>,
    #[serde(borrow)]
    executable_code: Object<Code<'a>>,
    #[serde(borrow)]
    inline_data: Object<Data<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FunctionCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    args: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Code<'a> {
    #[serde(borrow)]
    code: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    mime_type: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
}

/// `.../models/MODEL:generateContent` and `:streamGenerateContent`, also of tuned models and endpoints.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let (model, action) = model_action(target)?;
    let stream = match action {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return None,
    };
    let vertex = is_vertex(target);
    let format = if vertex { &VERTEX_AI } else { &GEMINI };
    let recognised = Recognised::new(format, Operation::GenerateContent).provider(Some(provider_of(target)));
    Some(recognised.model(Some(model)).stream(stream).carrying(&["contents"]).distinct())
}

/// Model and action of a path that ends in `models/MODEL:ACTION`.
pub(super) fn model_action<'t>(target: &'t Target<'_>) -> Option<(&'t str, &'t str)> {
    let [.., collection, last] = target.segments.as_slice() else { return None };
    let known = matches!(collection.as_ref(), "models" | "tunedModels" | "endpoints");
    last.rsplit_once(':').filter(|(model, _)| known && !model.is_empty())
}

/// The host's provider, or at an unknown gateway the service whose path this is.
pub(super) fn provider_of(target: &Target<'_>) -> &'static str {
    let service = if is_vertex(target) { provider::GCP_VERTEX_AI } else { provider::GCP_GEMINI };
    target.provider.unwrap_or(service)
}

/// Whether the host or, at a gateway, the path is Vertex AI's.
fn is_vertex(target: &Target<'_>) -> bool {
    target.provider == Some(provider::GCP_VERTEX_AI)
        || target.segments.iter().any(|segment| segment == "publishers" || segment == "endpoints")
}

impl WireFormat for GenerateContent {
    /// Without `alt=sse` a stream is one array, under the content type of any JSON.
    fn stream_framing(&self) -> Framing {
        Framing::JsonArray
    }

    fn repetition(&self) -> Option<&'static Repetition> {
        Some(&REPETITION)
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        read_request(body, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        // Vertex AI's labels sort the bill; `store` asks the Gemini API to keep a log.
        &["labels", "store", "serviceTier", "service_tier"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        // An error before the first piece of an array stream is an array itself.
        if !body.trim_ascii_start().starts_with(b"[") {
            return self.read_one(body, reading);
        }
        let Ok(answers) = parse::<List<Object<Response<'_>>>>(body, reading) else { return };
        for answer in answers.iter().flat_map(|answers| &answers.0).filter_map(|answer| answer.0.as_ref()) {
            self.read(answer, reading);
        }
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        self.read_one(event.data, reading);
    }
}

/// Reads the parameters of a request; Google takes each name in two spellings.
fn read_request(body: &Json<'_>, facts: &mut RequestFacts) {
    let either = |camel: &str, snake: &str| body.get(camel).or_else(|| body.get(snake));
    facts.service_tier = field::string(body, "serviceTier").or_else(|| field::string(body, "service_tier"));
    facts.sound = field::list(body, "contents").iter().any(holds_sound);
    let Some(config) = either("generationConfig", "generation_config") else { return };
    let int = |camel, snake| field::int(config, camel).or_else(|| field::int(config, snake));
    let float = |camel, snake| field::float(config, camel).or_else(|| field::float(config, snake));
    let strings = |camel, snake| match field::strings(config, camel) {
        texts if texts.is_empty() => field::strings(config, snake),
        texts => texts,
    };
    let text = |camel, snake| field::string(config, camel).or_else(|| field::string(config, snake));
    facts.max_tokens = int("maxOutputTokens", "max_output_tokens");
    facts.temperature = float("temperature", "temperature");
    facts.top_p = float("topP", "top_p");
    facts.top_k = int("topK", "top_k");
    facts.seed = int("seed", "seed");
    facts.choice_count = int("candidateCount", "candidate_count");
    facts.presence_penalty = float("presencePenalty", "presence_penalty");
    facts.frequency_penalty = float("frequencyPenalty", "frequency_penalty");
    facts.stop_sequences = strings("stopSequences", "stop_sequences");
    let thinking = config.get("thinkingConfig").or_else(|| config.get("thinking_config"));
    facts.reasoning_level = thinking.and_then(|thinking| {
        field::string(thinking, "thinkingLevel").or_else(|| field::string(thinking, "thinking_level"))
    });
    let modalities = strings("responseModalities", "response_modalities");
    let asks = |modality: &str| modalities.iter().any(|asked| asked.eq_ignore_ascii_case(modality));
    facts.output_type = if asks("IMAGE") {
        Some(output_type::IMAGE)
    } else if asks("AUDIO") {
        Some(output_type::SPEECH)
    } else {
        match text("responseMimeType", "response_mime_type").as_deref() {
            Some("application/json") => Some(output_type::JSON),
            Some("text/plain") => Some(output_type::TEXT),
            _ => None,
        }
    };
}

impl GenerateContent {
    fn read_one(&self, data: &[u8], reading: &mut Reading) {
        let Ok(answer) = document::<Response<'_>>(data, reading) else { return };
        match answer {
            Some(answer) => self.read(&answer, reading),
            None => reading.facts.note_error(error::read(data)),
        }
    }

    fn read(&self, answer: &Response<'_>, reading: &mut Reading) {
        let facts = &mut reading.facts;
        answer.response_id.note(&mut facts.id);
        answer.model_version.note(&mut facts.model);
        if let Some(tally) = answer.usage_metadata.as_ref() {
            tokens::note(tally, facts);
        }
        facts.note_error(answer.error.facts());
        if let Some(grounding) = &answer.grounding_metadata.0 {
            grounding.read(facts);
        }
        if let Some(reason) = answer.prompt_feedback.0.as_ref().and_then(|said| said.block_reason.some()) {
            // A blocked prompt has no candidate, and this is why.
            facts.choice(0);
            facts.finish(0, reason);
        }
        for (position, candidate) in answer.candidates.0.iter().enumerate() {
            let Some(candidate) = &candidate.0 else { continue };
            let choice = candidate.index.0.unwrap_or(position as u64);
            reading.facts.choice(choice);
            if let Some(reason) = candidate.finish_reason.some() {
                let name = reason.parse::<usize>().ok().and_then(|number| self.finish_reasons.get(number));
                reading.facts.finish(choice, name.unwrap_or(&reason));
            }
            reading.facts.fetched |= candidate.url_context_metadata.is_some();
            if let Some(grounding) = &candidate.grounding_metadata.0 {
                grounding.read(&mut reading.facts);
            }
            if let Some(content) = &candidate.content.0 {
                content.read(choice, reading);
                // Images cost more than text, and the count does not tell which it is.
                let tally = answer.usage_metadata.as_ref().filter(|_| content.makes_images());
                if tally.is_some_and(|tally| {
                    tally.get(Slot::Output).is_some_and(|output| output > 0)
                        && tally.get(Slot::OutputImage).is_none()
                }) {
                    reading
                        .facts
                        .unpriced
                        .note(Reason::Member, "usageMetadata.candidatesTokensDetails".to_owned());
                }
            }
        }
    }
}

impl Content<'_> {
    /// Whether the model made images; what its code draws costs nothing.
    fn makes_images(&self) -> bool {
        let parts = || self.parts.0.iter().filter_map(|part| part.0.as_ref());
        let image = |data: &Data<'_>| data.mime_type.some().is_some_and(|kind| kind.starts_with("image/"));
        parts().any(|part| part.inline_data.0.as_ref().is_some_and(|data| image(data)))
            && !parts().any(|part| part.executable_code.0.is_some())
    }

    fn read(&self, choice: u64, reading: &mut Reading) {
        for part in self.parts.0.iter().filter_map(|part| part.0.as_ref()) {
            if part.thought.0 == Some(true) {
                reading.reasoning(choice, part.text.some());
            } else {
                reading.text(choice, part.text.some());
            }
            if let Some(call) = &part.function_call.0 {
                reading.whole_tool_call(choice, call.id.some(), call.name.some(), call.args.as_ref());
            }
            if let Some(code) = &part.executable_code.0 {
                reading.text(choice, code.code.some());
            }
            if let Some(data) = &part.inline_data.0 {
                reading.facts.generated(data.data.some().map_or(0, str::len));
            }
        }
    }
}
