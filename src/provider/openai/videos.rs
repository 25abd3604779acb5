//! Videos as OpenAI serves them: a request is accepted, and its response fetched when the video is made. What is billed
//! is the length of the video.

use super::common;
use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::read::usage::common::CHARGES;
use crate::provider::read::usage::{Member, Slot};
use crate::provider::target::Target;
use crate::semconv::provider;

static VIDEOS: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["seed"], Ask::Seed)],
    fields_not_hashed: &["user", "metadata"],
    input: Input::Prompts(&[&["prompt"]]),
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("status", Say::Status),
        ("seconds", Say::Usage(&Member::Count(Slot::OutputVideoSeconds))),
        ("error.code", Say::ErrorCode),
        ("error.message", Say::ErrorMessage),
        // xAI.
        ("request_id", Say::Task),
        ("video.duration", Say::Usage(&Member::Count(Slot::OutputVideoSeconds))),
        ("usage", Say::Usage(&Member::Object(&[CHARGES]))),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `.../videos`, and what changes a video.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let made = target.ends_with(&["videos"])
        || matches!(target.last_after(&["videos"]), Some("generations" | "edits" | "extensions"))
        || target.has("videos") && target.ends_with(&["remix"]);
    if !made || !common::is_api_path(target) && !target.has("videos") {
        return None;
    }
    let recognised = Recognised::new(&VIDEOS, Operation::VideoGeneration);
    Some(recognised.provider(common::provider_of(target)).carrying(&["prompt"]).kept())
}

/// `.../videos/ID`.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["videos"])?;
    let known = target.private
        || [provider::OPENAI, provider::AZURE_AI_OPENAI, provider::X_AI]
            .iter()
            .any(|name| target.is_of(name));
    let recognised = Recognised::new(&VIDEOS, Operation::VideoGeneration);
    known.then(|| recognised.provider(common::provider_of(target)).fetches(id))
}
