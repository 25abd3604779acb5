//! What Vertex AI and the Gemini API serve as predictions: images, videos, models of other publishers and models behind
//! endpoints of the customer's own.

use super::generate::{model_action, provider_of};
use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::read::usage::{Member, Slot};
use crate::provider::served::{self, SERVED};
use crate::provider::target::Target;
use crate::semconv::provider;

static MEDIA: Mapped = Mapped {
    request: &[(&["parameters", "sampleCount"], Ask::Choices), (&["parameters", "seed"], Ask::Seed)],
    fields_not_hashed: &["labels"],
    input: Input::Prompts(&[]),
    response: &[
        ("predictions[]", Say::Each(Slot::OutputImages)),
        ("predictions[].bytesBase64Encoded", Say::Output),
        // The name of an operation that makes a video.
        ("name", Say::Task),
        ("metadata.billableCharacterCount", Say::Usage(&Member::Free)),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `.../models/MODEL:predict` of Google's models for images, and `:predictLongRunning` of those for videos.
pub(super) fn media(target: &Target<'_>) -> Option<Recognised> {
    let (model, action) = model_action(target)?;
    let operation = match action {
        "predictLongRunning" => Operation::VideoGeneration,
        "predict" if is_media(model, "imag") => Operation::ImageGeneration,
        "predict" if is_media(model, "lyria") => Operation::Speech,
        _ => return None,
    };
    let recognised = Recognised::new(&MEDIA, operation).provider(Some(provider_of(target)));
    Some(recognised.model(Some(model)).carrying(&["instances"]).distinct())
}

fn is_media(model: &str, mark: &str) -> bool {
    model.contains(mark) && !model.contains("embedding")
}

/// `.../publishers/PUBLISHER/models/MODEL:rawPredict` of publishers whose format no other reader has, and
/// `.../endpoints/ID:predict` and `:rawPredict`, which serve models of every kind.
pub(super) fn served(target: &Target<'_>) -> Option<Recognised> {
    let provider = target.provider.or(Some(provider::GCP_VERTEX_AI));
    if let Some((publisher, model, stream)) = target.raw_prediction() {
        let own = ["anthropic", "mistralai", "ai21", "google"].contains(&publisher);
        return (!own)
            .then(|| served::call(&SERVED, Some(model)).provider(provider).stream(stream).distinct());
    }
    let (endpoint, action) = target.last_after(&["endpoints"])?.rsplit_once(':')?;
    let stream = match action {
        "predict" | "rawPredict" => false,
        "serverStreamingPredict" | "streamRawPredict" => true,
        _ => return None,
    };
    let recognised = served::call(&SERVED, Some(endpoint)).provider(provider).stream(stream);
    Some(recognised.needs_prompt(&[]))
}
