//! Cloudflare Workers AI: models by their names in the path, directly and through AI Gateway, or in the body next to
//! their input, where other providers' models are served as well. Every response is within `result`. Sources:
//! developers.cloudflare.com, "Workers AI REST API", 2026-10, and "AI Gateway: REST API", 2026-11.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, COMMON_PARAMETERS, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::field;
use super::read::usage::{Dialect, Slot, Tally};
use super::served::SERVED;
use super::target::Target;
use super::target::hosts::Host;
use super::wrapped::Wrapped;
use crate::call::Operation;
use crate::json::Json;
use crate::semconv::provider;

pub(super) const FAMILY: Family =
    Family { hosts: HOSTS, formats: &[recognise, run, universal], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.cloudflare.com"), provider::CLOUDFLARE),
    (Host::Name("gateway.ai.cloudflare.com"), provider::CLOUDFLARE),
];

const TEXT: Mapped = Mapped {
    request: COMMON_PARAMETERS,
    response: &[
        ("result.response", Say::WholeText),
        ("result.tool_calls[].name", Say::ToolName),
        ("result.usage", Say::Usage(&OpenAi::MEMBER)),
        ("result.id", Say::Id),
        ("result.model", Say::Model),
        ("result.choices[].message.content", Say::WholeText),
        ("result.choices[].finish_reason", Say::Finish),
        ("result.output[].content[].text", Say::WholeText),
        ("result.text", Say::WholeText),
        ("result.image", Say::Output),
        ("result.audio", Say::Output),
        // Events of a stream, and of models in OpenAI's format.
        ("response", Say::Text),
        ("tool_calls[].name", Say::ToolName),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        ("id", Say::Id),
        ("choices[].delta.content", Say::Text),
        ("choices[].delta.reasoning_content", Say::Reasoning),
        ("choices[].finish_reason", Say::Finish),
    ],
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

static CHATS: Mapped = TEXT;
static OTHERS: Mapped = Mapped { input: Input::Prompts(&[&["prompt"], &["text"], &["query"]]), ..TEXT };

/// `.../ai/run/@cf/AUTHOR/MODEL`, `.../workers-ai/@cf/AUTHOR/MODEL`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::CLOUDFLARE) {
        return None;
    }
    let at = target.segments.iter().position(|segment| segment == "@cf" || segment == "@hf")?;
    let model = target.segments[at..].join("/");
    let operation = operation(&model);
    let format = if operation == Operation::Chat { &CHATS } else { &OTHERS };
    Some(Recognised::new(format, operation).provider(target.provider).model(Some(model)))
}

/// A request within `input` and a response within `result`, in the format of the model's maker.
static RUN: Wrapped = Wrapped {
    outer: Mapped {
        request: &[(&["model"], Ask::Model)],
        response: &[("result.image", Say::Output), ("result.audio", Say::Output)],
        places_are_choices: false,
        ..Mapped::CHAT
    },
    request: Some("input"),
    response: &["result"],
    inner: &SERVED,
};

/// `.../accounts/ACCOUNT/ai/run`.
fn run(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["ai", "run"]) && target.is_of(provider::CLOUDFLARE);
    let recognised = Recognised::new(&RUN, Operation::Chat).provider(target.provider);
    path.then_some(Recognised { operation_of: Some(asked), ..recognised })
}

fn asked(body: &Json<'_>) -> Option<Operation> {
    field::string(body, "model").map(|model| operation(&model))
}

/// `/v1/ACCOUNT/GATEWAY` of AI Gateway, which takes a list of requests to providers and gives the response of the first
/// that succeeds in that provider's format.
fn universal(target: &Target<'_>) -> Option<Recognised> {
    let gateway = target.host == "gateway.ai.cloudflare.com" && target.segments.len() == 3;
    let recognised = Recognised::new(&SERVED, Operation::Chat).provider(target.provider);
    (gateway && target.segments[0] == "v1").then_some(recognised)
}

/// What a model does, by its name: the path serves models of every kind.
fn operation(model: &str) -> Operation {
    let is = |marks: &[&str]| marks.iter().any(|mark| model.contains(mark));
    if is(&["reranker"]) {
        Operation::Rerank
    } else if is(&["bge-", "embedding", "plamo-embed"]) {
        Operation::Embeddings
    } else if is(&["flux", "stable-diffusion", "dreamshaper", "lucid-origin", "/phoenix", "image"]) {
        Operation::ImageGeneration
    } else if is(&["whisper", "nova-3", "/flux-asr", "transcribe"]) {
        Operation::Transcription
    } else if is(&["melotts", "aura-", "-tts"]) {
        Operation::Speech
    } else if is(&["resnet", "distilbert", "detr-"]) {
        Operation::Classification
    } else {
        Operation::Chat
    }
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(&tally.without(Slot::Total), &mut reading.facts);
}
