//! The Gemini API's `generateAnswer`, and ranks of Google's Discovery Engine. Neither reports counts.
//! Sources, 2026-11: ai.google.dev, `GenerateAnswerResponse`; cloud.google.com, `RankRequest`.

use super::generate::{model_action, provider_of};
use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::target::Target;
use crate::semconv::provider;

static ANSWERS: Mapped = Mapped {
    request: &[(&["temperature"], Ask::Temperature)],
    fields_not_hashed: &[],
    input: Input::Prompts(&[]),
    response: &[
        ("answer.content.parts[].text", Say::Text),
        ("answer.finishReason", Say::Finish),
        ("inputFeedback.blockReason", Say::Finish),
    ],
    ..Mapped::CHAT
};

/// `.../models/MODEL:generateAnswer`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let (model, _) = model_action(target).filter(|(_, action)| *action == "generateAnswer")?;
    let recognised =
        Recognised::new(&ANSWERS, Operation::GenerateContent).provider(Some(provider_of(target)));
    Some(recognised.model(Some(model)).carrying(&["contents"]))
}

static RANKS: Mapped = Mapped {
    request: &[(&["model"], Ask::Model)],
    fields_not_hashed: &["userLabels"],
    input: Input::Prompts(&[&["query"]]),
    response: &[("records[].score", Say::Output)],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `.../rankingConfigs/CONFIG:rank`.
pub(super) fn ranks(target: &Target<'_>) -> Option<Recognised> {
    let (_, action) = target.last_after(&["rankingConfigs"])?.rsplit_once(':')?;
    let recognised = Recognised::new(&RANKS, Operation::Rerank).provider(target.provider);
    (action == "rank" && target.is_of(provider::GCP_VERTEX_AI)).then_some(recognised)
}
