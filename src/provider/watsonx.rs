//! IBM watsonx.ai: chats, generation, embeddings and ranks, of foundation models and of deployments. Source:
//! cloud.ibm.com, "watsonx.ai API", version 2026-01.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Member, Slot, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Suffix(".ml.cloud.ibm.com"), provider::IBM_WATSONX_AI),
    (Host::Suffix(".wxai.ibm.com"), provider::IBM_WATSONX_AI),
];

const NOT_HASHED: &[&str] = &["project_id", "space_id", "time_limit"];

static CHAT: Mapped = Mapped {
    request: &[
        (&["model_id"], Ask::Model),
        (&["max_completion_tokens"], Ask::MaxTokens),
        (&["max_tokens"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["stop"], Ask::Stop),
        (&["seed"], Ask::Seed),
        (&["n"], Ask::Choices),
        (&["frequency_penalty"], Ask::FrequencyPenalty),
        (&["presence_penalty"], Ask::PresencePenalty),
        (&["reasoning_effort"], Ask::ReasoningLevel),
    ],
    fields_not_hashed: NOT_HASHED,
    response: &[
        ("id", Say::Id),
        ("model_id", Say::Model),
        ("model", Say::Model),
        ("choices[].finish_reason", Say::Finish),
        ("choices[].message.content", Say::Text),
        ("choices[].message.reasoning_content", Say::Reasoning),
        ("choices[].message.tool_calls[].function.name", Say::ToolName),
        ("choices[].message.tool_calls[].function.arguments", Say::ToolArguments),
        ("choices[].delta.content", Say::Text),
        ("choices[].delta.reasoning_content", Say::Reasoning),
        ("choices[].delta.tool_calls[].function.name", Say::ToolName),
        ("choices[].delta.tool_calls[].function.arguments", Say::ToolArguments),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
    ],
    note: note_tokens,
    ..Mapped::CHAT
};

/// Each piece of a stream counts what came so far, and zero where it repeats nothing.
static GENERATION: Mapped = Mapped {
    request: &[
        (&["model_id"], Ask::Model),
        (&["parameters", "max_new_tokens"], Ask::MaxTokens),
        (&["parameters", "temperature"], Ask::Temperature),
        (&["parameters", "top_p"], Ask::TopP),
        (&["parameters", "top_k"], Ask::TopK),
        (&["parameters", "random_seed"], Ask::Seed),
        (&["parameters", "stop_sequences"], Ask::Stop),
    ],
    fields_not_hashed: NOT_HASHED,
    input: Input::Prompts(&[&["input"], &["inputs"]]),
    response: &[
        ("model_id", Say::Model),
        ("results[].generated_text", Say::Text),
        ("results[].stop_reason", Say::Finish),
        ("results[].input_token_count", Say::Usage(&Member::Count(Slot::Input))),
        ("results[].generated_token_count", Say::Usage(&Member::Count(Slot::Output))),
        // Embeddings and ranks.
        ("input_token_count", Say::Usage(&Member::Count(Slot::Input))),
    ],
    ..Mapped::CHAT
};

/// `/ml/v1/text/TASK` and `/ml/v1/deployments/ID/text/TASK`; the older `/ml/v1-beta/generation/text`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::IBM_WATSONX_AI) {
        return None;
    }
    let task = match target.last_after(&["generation"]) {
        Some("text") => "generation",
        Some("text_stream") => "generation_stream",
        _ => target.last_after(&["text"])?,
    };
    let (format, operation) = match task.trim_end_matches("_stream") {
        "chat" => (&CHAT, Operation::Chat),
        "generation" => (&GENERATION, Operation::TextCompletion),
        "embeddings" => (&GENERATION, Operation::Embeddings),
        "rerank" => (&GENERATION, Operation::Rerank),
        _ => return None,
    };
    let recognised = Recognised::new(format, operation).provider(target.provider);
    Some(recognised.model(target.after("deployments")).stream(task.ends_with("_stream")))
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
