//! Model servers that people run themselves, by the paths of their own APIs: llama.cpp, vLLM, LM Studio and Triton. Such
//! paths are everyday words, so they are known on private hosts only. Source: `tools/server/README.md` of llama.cpp, the
//! documentation of LM Studio's REST API v1, and Triton's generate extension.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, COMMON_PARAMETERS, Input, Mapped, Say};
use super::openai::usage::OpenAi;
use super::read::usage::{Dialect, Member, Slot, Table};
use super::served::{self, SERVED};
use super::target::Target;
use crate::call::Operation;

pub(super) const FAMILY: Family =
    Family { hosts: &[], formats: &[llama_cpp, lm_studio, triton, vllm], fetches: &[] };

static LLAMA_CPP: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["n_predict"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["seed"], Ask::Seed),
        (&["stop"], Ask::Stop),
    ],
    fields_not_hashed: &["stream", "cache_prompt", "id_slot"],
    input: Input::Prompts(&[&["prompt"], &["content"]]),
    response: &[
        ("model", Say::Model),
        ("content", Say::Text),
        ("stop_type", Say::Finish),
        ("stop", Say::End),
        ("tokens_evaluated", Say::Usage(&Member::Count(Slot::Input))),
        ("tokens_predicted", Say::Usage(&Member::Count(Slot::Output))),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/completion`, `/infill` and `/embedding`.
fn llama_cpp(target: &Target<'_>) -> Option<Recognised> {
    let [action] = target.segments.as_slice() else { return None };
    let operation = match action.as_ref() {
        "completion" | "infill" => Operation::TextCompletion,
        "embedding" => Operation::Embeddings,
        _ => return None,
    };
    target.private.then(|| Recognised::new(&LLAMA_CPP, operation).provider(target.provider))
}

/// What a chat used, next to how fast it was.
const STATS: Table = &[
    ("input_tokens", Member::Count(Slot::Input)),
    ("total_output_tokens", Member::Count(Slot::Output)),
    ("reasoning_output_tokens", Member::Count(Slot::Reasoning)),
    ("tokens_per_second", Member::Free),
    ("time_to_first_token_seconds", Member::Free),
    ("model_load_time_seconds", Member::Free),
];

static LM_STUDIO: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["max_output_tokens"], Ask::MaxTokens),
        (&["reasoning"], Ask::ReasoningLevel),
        (&["previous_response_id"], Ask::PreviousResponse),
    ],
    fields_not_hashed: &["stream", "store"],
    input: Input::Prompts(&[&["system_prompt"], &["input"]]),
    response: &[
        ("response_id", Say::Id),
        ("model_instance_id", Say::Model),
        ("output[].content", Say::WholeText),
        ("stats", Say::Usage(&Member::Object(&[STATS]))),
        // Events of a stream, of which the last repeats the whole response.
        ("type", Say::Event),
        ("content", Say::Text),
        ("result.response_id", Say::Id),
        ("result.stats", Say::Usage(&Member::Object(&[STATS]))),
    ],
    last_events: &["chat.end"],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/api/v1/chat`.
fn lm_studio(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["api", "v1", "chat"];
    let recognised = Recognised::new(&LM_STUDIO, Operation::Chat).provider(target.provider);
    (path && target.private).then_some(recognised)
}

/// `/v2/models/MODEL/generate`, `/generate_stream` and `/infer`, also of one version of a model.
fn triton(target: &Target<'_>) -> Option<Recognised> {
    let at = target.segments.iter().position(|segment| segment == "models")?;
    let (before, after) = target.segments.split_at(at);
    let (model, action) = match after {
        [_, model, action] => (model, action),
        [_, model, versions, _, action] if versions == "versions" => (model, action),
        _ => return None,
    };
    if before.last().is_none_or(|version| version != "v2") || !target.private {
        return None;
    }
    let recognised = served::call(&SERVED, Some(model.as_ref())).provider(target.provider);
    let recognised = Recognised { operation: Operation::TextCompletion, operation_of: None, ..recognised };
    match action.as_ref() {
        "generate" | "infer" => Some(recognised),
        "generate_stream" => Some(recognised.stream(true)),
        _ => None,
    }
}

/// `/inference/v1/generate`, which takes token numbers and gives some.
fn vllm(target: &Target<'_>) -> Option<Recognised> {
    let recognised = Recognised::new(&VLLM, Operation::TextCompletion).provider(target.provider);
    (target.private && target.segments == ["inference", "v1", "generate"]).then_some(recognised)
}

static VLLM: Mapped = Mapped {
    request: COMMON_PARAMETERS,
    fields_not_hashed: &["stream", "request_id", "priority", "cache_salt"],
    input: Input::Prompts(&[]),
    response: &[
        ("request_id", Say::Id),
        ("model", Say::Model),
        ("choices[].finish_reason", Say::Finish),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
    ],
    ..Mapped::CHAT
};
