//! DeepInfra's own API next to OpenAI's: `/v1/inference/MODEL`, which reports its charge. Source: deepinfra.com,
//! "Inference API", 2026-10.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Amount, Member, Slot};
use super::target::Target;
use crate::call::Operation;
use crate::json::Json;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: &[], formats: &[recognise], fetches: &[] };

static INFERENCE: Mapped = Mapped {
    request: &[
        (&["stream"], Ask::Stream),
        (&["max_new_tokens"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["stop"], Ask::Stop),
        (&["seed"], Ask::Seed),
    ],
    fields_not_hashed: &["stream", "webhook", "user"],
    input: Input::Prompts(&[&["input"], &["inputs"], &["prompt"], &["queries"], &["documents"]]),
    response: &[
        ("request_id", Say::Id),
        ("results[].generated_text", Say::Text),
        ("text", Say::WholeText),
        ("embeddings[]", Say::Output),
        ("scores[]", Say::Output),
        ("images[]", Say::Output),
        ("token.text", Say::Text),
        (
            "inference_status",
            Say::Usage(&Member::Object(&[&[
                ("tokens_input", Member::Count(Slot::Input)),
                ("tokens_generated", Member::Count(Slot::Output)),
                ("cost", Member::Charge(Amount::Charged, 1.0)),
                ("status", Member::Free),
                ("runtime_ms", Member::Free),
                ("output_length", Member::Free),
            ]])),
        ),
        ("error.type", Say::ErrorCode),
        ("error.message", Say::ErrorMessage),
    ],
    places_are_choices: false,
    unmarked: true,
    ..Mapped::CHAT
};

/// `/v1/inference/MAKER/MODEL`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [version, inference, model @ ..] = target.segments.as_slice() else { return None };
    if version != "v1" || inference != "inference" || !target.is_of(provider::DEEPINFRA) || model.is_empty() {
        return None;
    }
    let recognised = Recognised::new(&INFERENCE, Operation::TextCompletion).model(Some(model.join("/")));
    Some(Recognised { operation_of: Some(operation), ..recognised }.provider(target.provider))
}

/// What a body asks for.
fn operation(body: &Json<'_>) -> Option<Operation> {
    match () {
        () if body.get("queries").is_some() => Some(Operation::Rerank),
        () if body.get("inputs").is_some() => Some(Operation::Embeddings),
        () if body.get("prompt").is_some() => Some(Operation::ImageGeneration),
        () if body.get("audio").is_some() => Some(Operation::Transcription),
        () => None,
    }
}
