//! Videos of Volcengine's and BytePlus' Ark, next to OpenAI's formats: a task is accepted, and fetched when the video is
//! made, which is billed by tokens. Source: volcengine.com/docs/82379 and `ContentGenerationTask` of the provider's SDK,
//! 2026-11.

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Tally};
use super::target::Target;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: &[], formats: &[recognise], fetches: &[recognise_fetch] };

const VIDEOS: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["seed"], Ask::Seed), (&["service_tier"], Ask::Tier)],
    fields_not_hashed: &["callback_url"],
    input: Input::Prompts(&[]),
    places_are_choices: false,
    note: note_tokens,
    ..Mapped::CHAT
};

/// Accepted with an id alone.
static ACCEPTED: Mapped = Mapped { response: &[("id", Say::Task)], ..VIDEOS };

static TASKS: Mapped = Mapped {
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("service_tier", Say::Tier),
        ("status", Say::Status),
        ("content.video_url", Say::Output),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        ("error.code", Say::ErrorCode),
        ("error.message", Say::ErrorMessage),
    ],
    ..VIDEOS
};

/// `/api/v3/contents/generations/tasks`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["contents", "generations", "tasks"]) && target.is_of(provider::VOLCENGINE);
    path.then(|| call(&ACCEPTED, target).kept())
}

/// `/api/v3/contents/generations/tasks/ID`.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["contents", "generations", "tasks"])?;
    target.is_of(provider::VOLCENGINE).then(|| call(&TASKS, target).fetches(id))
}

fn call(format: &'static Mapped, target: &Target<'_>) -> Recognised {
    Recognised::new(format, Operation::VideoGeneration).provider(target.provider)
}

/// The tokens of a video are its output, and the only ones.
fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
