//! MiniMax's own APIs next to the formats that it shares: chat, embeddings, speech, images and videos. Errors come with
//! HTTP status 200 in `base_resp`. Source: platform.minimax.io, API reference, 2026-10.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, COMMON_PARAMETERS, Input, Mapped, Said, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Member, Slot, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;
use crate::usage::Usage;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[recognise_fetch] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.minimax.io"), provider::MINIMAX),
    (Host::Name("api-uw.minimax.io"), provider::MINIMAX),
    (Host::Name("api.minimax.chat"), provider::MINIMAX),
    (Host::Name("api.minimaxi.com"), provider::MINIMAX),
    (Host::Name("api-bj.minimaxi.com"), provider::MINIMAX),
];

const RESPONSE: &[Said] = &[
    ("id", Say::Id),
    ("model", Say::Model),
    ("reply", Say::WholeText),
    ("choices[].finish_reason", Say::Finish),
    ("choices[].messages[].text", Say::Text),
    ("choices[].message.content", Say::Text),
    ("choices[].message.reasoning_content", Say::Reasoning),
    ("choices[].delta.content", Say::Text),
    ("choices[].delta.reasoning_content", Say::Reasoning),
    ("choices[].message.tool_calls[].function.name", Say::ToolName),
    ("choices[].message.tool_calls[].function.arguments", Say::ToolArguments),
    ("usage", Say::Usage(&OpenAi::MEMBER)),
    // Embeddings.
    ("total_tokens", Say::Usage(&Member::Count(Slot::Total))),
    // Speech.
    ("trace_id", Say::Id),
    ("data.audio", Say::Output),
    ("extra_info.usage_characters", Say::Usage(&Member::Count(Slot::InputCharacters))),
    // Images.
    ("data.image_urls[]", Say::Each(Slot::OutputImages)),
    ("data.image_base64[]", Say::Each(Slot::OutputImages)),
    // Videos.
    ("task_id", Say::Task),
    ("base_resp.status_code", Say::ErrorCode),
    ("base_resp.status_msg", Say::ErrorMessage),
];

const CHAT: Mapped =
    Mapped { request: COMMON_PARAMETERS, response: RESPONSE, note: note_counts, ..Mapped::CHAT };

static CHATS: Mapped = CHAT;
static EMBEDDINGS: Mapped = Mapped { input: Input::Prompts(&[&["texts"]]), ..CHAT };
static SPEECH: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["stream"], Ask::Stream), (&["text"], Ask::Characters)],
    input: Input::Prompts(&[&["text"]]),
    places_are_choices: false,
    ..CHAT
};
static PICTURES: Mapped = Mapped { input: Input::Prompts(&[&["prompt"]]), places_are_choices: false, ..CHAT };
/// What a task became.
static TASKS: Mapped = Mapped {
    response: &[
        ("task_id", Say::Id),
        ("status", Say::Status),
        ("extra_info.usage_characters", Say::Usage(&Member::Count(Slot::InputCharacters))),
        ("base_resp.status_code", Say::ErrorCode),
        ("base_resp.status_msg", Say::ErrorMessage),
    ],
    places_are_choices: false,
    ..CHAT
};

fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::MINIMAX) {
        return None;
    }
    let (format, operation) = match target.segments.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice() {
        ["v1", "text", chat] if chat.starts_with("chatcompletion") => (&CHATS, Operation::Chat),
        ["v1", "embeddings"] => (&EMBEDDINGS, Operation::Embeddings),
        ["v1", "t2a_v2" | "t2a_async_v2" | "music_generation"] => (&SPEECH, Operation::Speech),
        ["v1", "image_generation"] => (&PICTURES, Operation::ImageGeneration),
        ["v1", "video_generation" | "video_template_generation"] => (&PICTURES, Operation::VideoGeneration),
        _ => return None,
    };
    Some(Recognised::new(format, operation).provider(target.provider))
}

/// `/v1/query/video_generation?task_id=ID` and its like.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    target.last_after(&["v1", "query"])?;
    let id = target.parameter("task_id").filter(|_| target.is_of(provider::MINIMAX))?;
    Some(Recognised::new(&TASKS, Operation::VideoGeneration).provider(target.provider).fetches(id))
}

/// Embeddings and the oldest chats have a total alone.
fn note_counts(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
    let usage = &mut reading.facts.usage;
    if usage.is_empty() {
        usage.merge(Usage { input_tokens: tally.get(Slot::Total), ..Usage::default() });
    }
}
