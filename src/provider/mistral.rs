//! Mistral's own APIs next to OpenAI's formats: conversations with its agents, its document reader and its classifiers.
//! Source: docs.mistral.ai, API reference, 2026-10.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Member, Slot, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family =
    Family { hosts: HOSTS, formats: &[conversations, ocr, classifiers], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.mistral.ai"), provider::MISTRAL_AI),
    (Host::Name("codestral.mistral.ai"), provider::MISTRAL_AI),
];

/// Entries that cost nothing but tokens. Others are connectors at work, which are billed by the use.
const ENTRIES: Member = Member::Standard(&["message.output", "function.call", "agent.handoff"]);

static CONVERSATIONS: Mapped = Mapped {
    request: &[
        (&["agent_id"], Ask::Model),
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["completion_args", "temperature"], Ask::Temperature),
        (&["completion_args", "top_p"], Ask::TopP),
        (&["completion_args", "max_tokens"], Ask::MaxTokens),
        (&["completion_args", "stop"], Ask::Stop),
        (&["completion_args", "random_seed"], Ask::Seed),
        (&["completion_args", "presence_penalty"], Ask::PresencePenalty),
        (&["completion_args", "frequency_penalty"], Ask::FrequencyPenalty),
    ],
    fields_not_hashed: &["stream", "store", "name", "description", "metadata"],
    input: Input::Prompts(&[&["instructions"], &["inputs"]]),
    response: &[
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        ("outputs[].type", Say::Usage(&ENTRIES)),
        // A handoff has the outputs of several agents, each with a model of its own, and one count of tokens.
        ("outputs[].model", Say::PartModel),
        ("outputs[].content", Say::Text),
        ("outputs[].content[].text", Say::Text),
        ("outputs[].arguments", Say::Output),
        // Events of a stream.
        ("type", Say::Event),
        ("model", Say::PartModel),
        ("content", Say::Text),
        ("content.text", Say::Text),
        ("arguments", Say::Output),
    ],
    last_events: &["conversation.response.done"],
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

/// `/v1/conversations`, `/v1/conversations/ID` and `/v1/conversations/ID/restart`.
fn conversations(target: &Target<'_>) -> Option<Recognised> {
    let at = target.segments.iter().position(|segment| segment == "conversations")?;
    let id = match target.segments.get(at + 1..)? {
        [] => None,
        [id] => Some(id),
        [id, restart] if restart == "restart" => Some(id),
        _ => return None,
    };
    if !target.is_of(provider::MISTRAL_AI) {
        return None;
    }
    let mut recognised = Recognised::new(&CONVERSATIONS, Operation::Chat).provider(target.provider);
    recognised.request.conversation_id = id.map(|id| id.clone().into_owned());
    Some(recognised)
}

static OCR: Mapped = Mapped {
    request: &[(&["model"], Ask::Model)],
    fields_not_hashed: &["id", "metadata"],
    input: Input::Prompts(&[]),
    response: &[
        ("model", Say::Model),
        ("pages[].markdown", Say::Text),
        (
            "usage_info",
            Say::Usage(&Member::Object(&[&[
                ("pages_processed", Member::Count(Slot::InputPages)),
                ("pages_processed_annotation", Member::Unpriced),
                ("doc_size_bytes", Member::Free),
            ]])),
        ),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/v1/ocr`, and the same on Vertex AI.
fn ocr(target: &Target<'_>) -> Option<Recognised> {
    let recognised = Recognised::new(&OCR, Operation::Ocr).provider(target.provider);
    if target.ends_with(&["v1", "ocr"]) {
        let known = target.is_of(provider::MISTRAL_AI) || target.private || target.has("mistral");
        return known.then_some(recognised);
    }
    let (publisher, model, _) = target.raw_prediction()?;
    let provider = target.provider.or(Some(provider::GCP_VERTEX_AI));
    (publisher == "mistralai" && model.contains("ocr"))
        .then(|| recognised.provider(provider).model(Some(model)).distinct())
}

static CLASSIFIERS: Mapped = Mapped {
    request: &[(&["model"], Ask::Model)],
    input: Input::Prompts(&[&["input"]]),
    response: &[("id", Say::Id), ("model", Say::Model), ("usage", Say::Usage(&OpenAi::MEMBER))],
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

/// `/v1/classifications` and `/v1/chat/classifications`: classifiers that a customer trained; `/v1/moderations` and
/// `/v1/chat/moderations`, which are billed by tokens here.
fn classifiers(target: &Target<'_>) -> Option<Recognised> {
    let named = target.ends_with(&["classifications"]) || target.ends_with(&["moderations"]);
    let path = named && target.is_of(provider::MISTRAL_AI);
    path.then(|| Recognised::new(&CLASSIFIERS, Operation::Classification).provider(target.provider))
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
