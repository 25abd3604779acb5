//! Models behind endpoints of the customer's own: Databricks, SageMaker, Azure ML, Vertex AI, Hugging Face, and servers
//! of one's own. The endpoint's name says nothing of the model server behind it, so its members tell whose format a
//! response has: OpenAI's, Anthropic's, Google's, or one of the small ones, which have no member with two meanings.

mod payload;

use http::HeaderMap;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::anthropic::messages;
use super::format::{Event, Framing, Reading, Recognised, WireFormat};
use super::mapped::{Ask, Input, Mapped, Said, Say};
use super::openai::{chunk, prompts, read_messages, usage};
use super::read::document::{DONE, Unreadable, document, leniently};
use super::read::error;
use super::read::lenient::{List, Text};
use super::read::usage::{Dialect, Member, Slot, Tally};
use crate::call::{ErrorFacts, Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::memory::{Buffer, Limits};

/// A model behind an endpoint.
#[derive(Debug)]
pub(super) struct Served {
    stream: Framing,
}

/// What is held of a document that is cut into parts, where no reader of a whole response says otherwise.
const PART: Limits = Limits { piece: 1 << 20, process: crate::memory::DEFAULT_LIMIT };

/// Streams are server-sent events.
pub(super) static SERVED: Served = Served { stream: Framing::Sse };
/// Streams are AWS event streams of the pieces that the server behind sends.
pub(super) static SERVED_IN_PARTS: Served = Served { stream: Framing::EventStream };

/// A call to an endpoint of this name; `operation` is what the body asks for.
pub(super) fn call(format: &'static Served, endpoint: Option<&str>) -> Recognised {
    let recognised = Recognised::new(format, Operation::Chat).model(endpoint);
    Recognised { operation_of: Some(operation), ..recognised }
}

/// What a body asks for.
fn operation(body: &Json<'_>) -> Option<Operation> {
    let has = |name: &str| body.get(name).is_some();
    let instances = body.get("instances").and_then(|instances| instances.as_array()?.first());
    match instances {
        Some(instance) => operation(instance),
        None if has("messages") || has("contents") => Some(Operation::Chat),
        None if has("query") && (has("documents") || has("texts")) => Some(Operation::Rerank),
        None if has("prompt") || has("inputs") || has("text_input") => Some(Operation::TextCompletion),
        None if has("input") || has("texts") || has("content") => Some(Operation::Embeddings),
        None => None,
    }
}

/// The small formats' members.
static SMALL: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["temperature"], Ask::Temperature),
        (&["max_tokens"], Ask::MaxTokens),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["seed"], Ask::Seed),
        (&["stop"], Ask::Stop),
        // Text Generation Inference.
        (&["parameters", "max_new_tokens"], Ask::MaxTokens),
        (&["parameters", "temperature"], Ask::Temperature),
        (&["parameters", "top_p"], Ask::TopP),
        (&["parameters", "top_k"], Ask::TopK),
        (&["parameters", "seed"], Ask::Seed),
        (&["parameters", "stop"], Ask::Stop),
        // SGLang and vLLM.
        (&["sampling_params", "max_new_tokens"], Ask::MaxTokens),
        (&["sampling_params", "max_tokens"], Ask::MaxTokens),
        (&["sampling_params", "temperature"], Ask::Temperature),
        (&["sampling_params", "top_p"], Ask::TopP),
        (&["sampling_params", "top_k"], Ask::TopK),
        (&["sampling_params", "seed"], Ask::Seed),
    ],
    input: Input::Prompts(&[&["prompt"], &["inputs"], &["input"], &["text_input"], &["text"]]),
    response: RESPONSE,
    places_are_choices: false,
    note: note_counts,
    ..Mapped::CHAT
};

const RESPONSE: &[Said] = &[
    // Text Generation Inference: one object, a list, or the tokens of a stream.
    ("generated_text", Say::WholeText),
    ("[].generated_text", Say::WholeText),
    ("token.text", Say::Text),
    ("details.finish_reason", Say::Finish),
    ("[].details.finish_reason", Say::Finish),
    ("details.generated_tokens", Say::Usage(&Member::Count(Slot::Output))),
    ("[].details.generated_tokens", Say::Usage(&Member::Count(Slot::Output))),
    ("details.input_length", Say::Usage(&Member::Count(Slot::Input))),
    // SGLang.
    ("text", Say::WholeText),
    ("meta_info", Say::Usage(&META_INFO)),
    ("meta_info.id", Say::Id),
    ("meta_info.finish_reason.type", Say::Finish),
    ("meta_info.finish_reason", Say::Finish),
    // vLLM.
    ("request_id", Say::Id),
    ("text[]", Say::WholeText),
    // Workers AI.
    ("response", Say::Text),
    ("tool_calls[].name", Say::ToolName),
    // Triton.
    ("model_name", Say::Model),
    ("text_output", Say::Text),
    ("outputs[].name", Say::Output),
    // MLflow and Vertex AI's predictions: texts, or responses of their own.
    ("predictions[]", Say::WholeText),
    ("predictions[].generated_text", Say::WholeText),
    ("predictions[].content", Say::WholeText),
    ("predictions.choices[].message.content", Say::WholeText),
    ("predictions[].choices[].message.content", Say::WholeText),
    ("predictions.choices[].finish_reason", Say::Finish),
    ("predictions.usage", Say::Usage(&usage::OpenAi::MEMBER)),
    ("predictions[].usage", Say::Usage(&usage::OpenAi::MEMBER)),
    // Azure ML's prompt flows.
    ("output", Say::WholeText),
    ("answer", Say::WholeText),
    // Embeddings and ranks.
    ("model", Say::Model),
    ("id", Say::Id),
    ("usage", Say::Usage(&usage::OpenAi::MEMBER)),
];

const META_INFO: Member = Member::Object(&[&[
    ("prompt_tokens", Member::Count(Slot::Input)),
    ("completion_tokens", Member::Count(Slot::Output)),
    ("cached_tokens", Member::Count(Slot::CacheRead)),
    ("reasoning_tokens", Member::Count(Slot::Reasoning)),
    ("cached_tokens_details", Member::Free),
    ("id", Member::Free),
    ("finish_reason", Member::Free),
    ("weight_version", Member::Free),
    ("e2e_latency", Member::Free),
    ("total_retractions", Member::Free),
    ("spec_verify_ct", Member::Free),
    ("input_token_logprobs", Member::Free),
    ("output_token_logprobs", Member::Free),
    ("input_top_logprobs", Member::Free),
    ("output_top_logprobs", Member::Free),
    ("completion_tokens_wo_jump_forward", Member::Free),
    ("queue_time", Member::Free),
    ("request_received_ts", Member::Free),
    ("response_sent_to_client_ts", Member::Free),
    ("hidden_states", Member::Free),
    ("num_retractions", Member::Free),
]]);

fn note_counts(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}

/// Whose format a document has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Marks<'a> {
    choices: List<IgnoredAny>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    stop_reason: Option<IgnoredAny>,
    content_block: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
    delta: Option<IgnoredAny>,
    index: Option<IgnoredAny>,
}

enum Family {
    OpenAi,
    Anthropic,
    Small,
}

fn family(data: &[u8], reading: &mut Reading) -> Result<Family, Unreadable> {
    let Some(marks) = document::<Marks<'_>>(data, reading)? else { return Ok(Family::Small) };
    let anthropic = marks.kind.some().is_some_and(|kind| {
        matches!(kind, "message" | "message_start" | "message_delta" | "message_stop" | "ping")
            || kind.starts_with("content_block_")
    });
    Ok(if !marks.choices.0.is_empty() {
        Family::OpenAi
    } else if anthropic {
        Family::Anthropic
    } else {
        Family::Small
    })
}

impl WireFormat for Served {
    fn stream_framing(&self) -> Framing {
        self.stream
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        // The endpoint is what is asked for, whatever the body calls the model behind it.
        let endpoint = facts.model.take();
        SMALL.read_request(body, facts);
        facts.model = endpoint.or(facts.model.take());
        if body.get("max_completion_tokens").is_some() {
            facts.max_tokens = super::read::field::int(body, "max_completion_tokens");
        }
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["stream", "stream_options", "user", "metadata"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        if body.get("messages").is_some() {
            return read_messages(body);
        }
        let names = ["prompt", "inputs", "input", "text_input", "text", "texts", "query"];
        let messages = names.iter().flat_map(|name| prompts(body, name)).collect();
        InputContent { messages, ..InputContent::default() }
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        match family(body, reading) {
            Ok(Family::OpenAi) => chunk::read_body(body, reading),
            Ok(Family::Anthropic) => messages::read_body(body, reading),
            Ok(Family::Small) => SMALL.read_body(body, reading),
            Err(Unreadable) => {}
        }
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        if event.exception {
            let said = error::read(event.data).unwrap_or_default();
            let code = event.name.map(str::to_owned).or(said.code);
            return reading.facts.note_error(Some(ErrorFacts { code, message: said.message }));
        }
        if self.stream == Framing::EventStream {
            let mut held = reading.part.take().unwrap_or_else(|| Buffer::new(PART));
            let all = payload::each(event.data, &mut held, |data| {
                leniently(data, false, reading, |data, reading| {
                    read_piece(Event { data, name: None, ..event }, reading);
                });
            });
            if let Err(full) = all {
                reading.facts.unparsed = Some(full.into());
            }
            reading.part = Some(held);
            return;
        }
        read_piece(event, reading);
    }

    fn ends_unmarked(&self) -> bool {
        true
    }

    fn read_headers(&self, headers: &HeaderMap, reading: &mut Reading) {
        super::huggingface::read_headers(headers, reading);
    }
}

fn read_piece(event: Event<'_>, reading: &mut Reading) {
    if event.data.trim_ascii() == DONE {
        reading.facts.ended = true;
        return;
    }
    match family(event.data, reading) {
        Ok(Family::OpenAi) => chunk::read_event(event, reading),
        Ok(Family::Anthropic) => messages::read_event(event, reading),
        Ok(Family::Small) => SMALL.read_event(event, reading),
        Err(Unreadable) => {}
    }
}
