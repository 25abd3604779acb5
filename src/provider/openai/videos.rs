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
        // Azure's first models: how many videos of which length were asked for.
        ("n_seconds", Say::Usage(&Member::Count(Slot::OutputVideoSeconds))),
        ("failure_reason", Say::ErrorCode),
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
        || target.has("videos") && target.ends_with(&["remix"])
        || is_job(target);
    if !made || !common::is_api_path(target) && !target.has("videos") && !target.has("video") {
        return None;
    }
    let recognised = Recognised::new(&VIDEOS, Operation::VideoGeneration);
    Some(recognised.provider(common::provider_of(target)).carrying(&["prompt"]).kept())
}

/// `.../openai/v1/video/generations/jobs` of Azure. Source: learn.microsoft.com, "Video generation with Sora", 2026-11.
fn is_job(target: &Target<'_>) -> bool {
    target.ends_with(&["video", "generations", "jobs"]) && target.is_of(provider::AZURE_AI_OPENAI)
}

/// `.../videos/ID`, and of Azure's jobs likewise.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let job = target.last_after(&["video", "generations", "jobs"]);
    let job = job.filter(|_| target.is_of(provider::AZURE_AI_OPENAI));
    let id = target.last_after(&["videos"]).or(job)?;
    let known = target.private
        || [provider::OPENAI, provider::AZURE_AI_OPENAI, provider::X_AI]
            .iter()
            .any(|name| target.is_of(name));
    let recognised = Recognised::new(&VIDEOS, Operation::VideoGeneration);
    known.then(|| recognised.provider(common::provider_of(target)).fetches(id))
}
