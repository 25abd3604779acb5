//! Replicate: a prediction is accepted, and fetched when it is made; with `Prefer: wait` it may come at once. Models are
//! billed by their tokens, or by the time they ran. Source: replicate.com, "HTTP API", 2026-10.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Member, Slot, Table};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[recognise_fetch] };

const HOSTS: &[(Host, &str)] = &[(Host::Name("api.replicate.com"), provider::REPLICATE)];

const METRICS: Table = &[
    ("input_token_count", Member::Count(Slot::Input)),
    ("output_token_count", Member::Count(Slot::Output)),
    ("image_count", Member::Count(Slot::OutputImages)),
    ("video_output_duration_seconds", Member::Count(Slot::OutputVideoSeconds)),
    ("predict_time", Member::Unpriced),
    ("total_time", Member::Free),
    ("time_to_first_token", Member::Free),
    ("tokens_per_second", Member::Free),
];

static PREDICTIONS: Mapped = Mapped {
    request: &[
        (&["version"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["input", "temperature"], Ask::Temperature),
        (&["input", "max_tokens"], Ask::MaxTokens),
        (&["input", "max_new_tokens"], Ask::MaxTokens),
        (&["input", "top_p"], Ask::TopP),
        (&["input", "top_k"], Ask::TopK),
        (&["input", "seed"], Ask::Seed),
    ],
    fields_not_hashed: &["stream", "webhook", "webhook_events_filter"],
    input: Input::Prompts(&[&["input", "system_prompt"], &["input", "prompt"]]),
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("status", Say::Status),
        ("output", Say::Text),
        ("output[]", Say::Text),
        ("metrics", Say::Usage(&Member::Object(&[METRICS]))),
        ("error", Say::ErrorMessage),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/v1/predictions`, `/v1/models/OWNER/NAME/predictions` and `/v1/deployments/OWNER/NAME/predictions`.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let model = match target.segments.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice() {
        ["v1", "predictions"] => None,
        ["v1", "models" | "deployments", owner, name, "predictions"] => Some(format!("{owner}/{name}")),
        ["v1", "models", owner, name, "versions", _, "predictions"] => Some(format!("{owner}/{name}")),
        _ => return None,
    };
    let recognised = Recognised::new(&PREDICTIONS, Operation::TextCompletion).provider(target.provider);
    target.is_of(provider::REPLICATE).then(|| recognised.model(model).kept())
}

/// `/v1/predictions/ID`.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["v1", "predictions"])?;
    let recognised = Recognised::new(&PREDICTIONS, Operation::TextCompletion).provider(target.provider);
    target.is_of(provider::REPLICATE).then(|| recognised.fetches(id))
}
