//! Services that make images, videos and sound, or read speech: Deepgram, AssemblyAI, Stability AI, Black Forest Labs,
//! fal, NVIDIA and Fireworks' workflows. They bill by seconds, images or credits.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::chat::WITHOUT_USAGE_REQUEST;
use super::read::usage::{Member, Slot};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family {
    hosts: HOSTS,
    formats: &[deepgram, assemblyai, stability, flux, fal, nvidia, workflows],
    fetches: &[recognise_fetch],
};

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.deepgram.com"), provider::DEEPGRAM),
    (Host::Name("api.assemblyai.com"), provider::ASSEMBLYAI),
    (Host::Name("api.eu.assemblyai.com"), provider::ASSEMBLYAI),
    (Host::Name("llm-gateway.assemblyai.com"), provider::ASSEMBLYAI),
    (Host::Name("api.stability.ai"), provider::STABILITY_AI),
    (Host::Name("api.bfl.ai"), provider::BLACK_FOREST_LABS),
    (Host::Suffix(".bfl.ai"), provider::BLACK_FOREST_LABS),
    (Host::Name("fal.run"), provider::FAL),
    (Host::Name("queue.fal.run"), provider::FAL),
];

const MEDIA: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["seed"], Ask::Seed), (&["num_images"], Ask::Choices)],
    fields_not_hashed: &["webhook_url", "webhook_secret"],
    input: Input::Prompts(&[&["prompt"], &["text"]]),
    places_are_choices: false,
    plain: true,
    ..Mapped::CHAT
};

static SPEECH: Mapped = Mapped {
    request: &[(&["text"], Ask::Characters)],
    response: &[
        ("metadata.request_id", Say::Id),
        // Fractions of a second, of which the table of prices has none.
        ("metadata.duration", Say::Usage(&Member::Unpriced)),
        ("results.channels[].alternatives[].transcript", Say::WholeText),
        ("err_code", Say::ErrorCode),
        ("err_msg", Say::ErrorMessage),
    ],
    ..MEDIA
};

/// `/v1/listen` and `/v1/speak`, with the model among the parameters of the URL.
fn deepgram(target: &Target<'_>) -> Option<Recognised> {
    let operation = match target.last_after(&["v1"]).filter(|_| target.is_of(provider::DEEPGRAM))? {
        "listen" => Operation::Transcription,
        "speak" => Operation::Speech,
        _ => return None,
    };
    Some(Recognised::new(&SPEECH, operation).provider(target.provider).model(target.parameter("model")))
}

static TRANSCRIPTS: Mapped = Mapped {
    request: &[(&["speech_model"], Ask::Model)],
    response: &[
        ("id", Say::Id),
        ("speech_model", Say::Model),
        ("status", Say::Status),
        ("text", Say::WholeText),
        ("audio_duration", Say::Usage(&Member::Count(Slot::InputAudioSeconds))),
        ("error", Say::ErrorMessage),
    ],
    ..MEDIA
};

/// `/v2/transcript`.
fn assemblyai(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["v2", "transcript"] && target.is_of(provider::ASSEMBLYAI);
    path.then(|| Recognised::new(&TRANSCRIPTS, Operation::Transcription).provider(target.provider).kept())
}

static IMAGES: Mapped = Mapped {
    response: &[
        ("image", Say::Output),
        ("artifacts[]", Say::Each(Slot::OutputImages)),
        ("artifacts[].base64", Say::Output),
        ("images[]", Say::Each(Slot::OutputImages)),
        ("images[].url", Say::Output),
        ("video.url", Say::Output),
        ("name", Say::ErrorCode),
    ],
    ..MEDIA
};

/// `/v2beta/stable-image/...` and `/v1/generation/ENGINE/text-to-image`; forms, as they hold images.
fn stability(target: &Target<'_>) -> Option<Recognised> {
    let path = target.has("stable-image") || target.has("generation") || target.has("image-to-video");
    let recognised = Recognised::new(&IMAGES, Operation::ImageGeneration).provider(target.provider);
    let model = target.after("generate").or_else(|| target.after("generation"));
    (path && target.is_of(provider::STABILITY_AI)).then(|| recognised.model(model))
}

static TASKS: Mapped = Mapped {
    response: &[
        // A task that is accepted has an address to ask at.
        ("request_id", Say::Task),
        ("id", Say::Id),
        ("status", Say::Status),
        ("polling_url", Say::Pending),
        ("result.sample", Say::Output),
        ("images[]", Say::Each(Slot::OutputImages)),
    ],
    ..MEDIA
};

/// `/v1/MODEL` of Black Forest Labs.
fn flux(target: &Target<'_>) -> Option<Recognised> {
    let model = target.last_after(&["v1"]).filter(|model| model.starts_with("flux"))?;
    let recognised = Recognised::new(&TASKS, Operation::ImageGeneration).provider(target.provider);
    target.is_of(provider::BLACK_FOREST_LABS).then(|| recognised.model(Some(model)).kept())
}

/// Any path of fal's hosts is a model's name.
fn fal(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::FAL) || target.segments.len() < 2 || target.has("requests") {
        return None;
    }
    let format = if target.host == "queue.fal.run" { &TASKS } else { &IMAGES };
    let recognised = Recognised::new(format, Operation::ImageGeneration).provider(target.provider);
    Some(recognised.model(Some(target.segments.join("/"))))
}

/// `/v1/genai/PUBLISHER/MODEL`, and `/v1/vlm/PUBLISHER/MODEL`, which is a chat in OpenAI's format. Source:
/// docs.api.nvidia.com, 2026-11.
fn nvidia(target: &Target<'_>) -> Option<Recognised> {
    let [v1, kind, model @ ..] = target.segments.as_slice() else { return None };
    let recognised = match kind.as_ref() {
        "genai" => Recognised::new(&IMAGES, Operation::ImageGeneration),
        "vlm" => Recognised::new(&WITHOUT_USAGE_REQUEST, Operation::Chat),
        _ => return None,
    };
    let path = v1 == "v1" && !model.is_empty() && target.is_of(provider::NVIDIA);
    path.then(|| recognised.provider(target.provider).model(Some(model.join("/"))))
}

static WORKFLOWS: Mapped = Mapped {
    response: &[
        ("id", Say::Id),
        ("base64[]", Say::Each(Slot::OutputImages)),
        ("base64[]", Say::Output),
        // Models that take their time.
        ("request_id", Say::Task),
    ],
    ..MEDIA
};

/// `/inference/v1/workflows/accounts/ACCOUNT/models/MODEL` and `.../text_to_image` of Fireworks. Source:
/// docs.fireworks.ai, "Generate an image", 2026-11.
fn workflows(target: &Target<'_>) -> Option<Recognised> {
    let path = target.has("workflows") && !target.has("get_result") && target.is_of(provider::FIREWORKS_AI);
    let at = target.segments.iter().position(|segment| segment == "accounts").filter(|_| path)?;
    let model = target.segments[at..].iter().take(4).map(AsRef::as_ref).collect::<Vec<_>>().join("/");
    let recognised = Recognised::new(&WORKFLOWS, Operation::ImageGeneration).provider(target.provider);
    Some(recognised.model(Some(model)))
}

/// `/v2/transcript/ID`.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["v2", "transcript"]).filter(|_| target.is_of(provider::ASSEMBLYAI))?;
    Some(Recognised::new(&TRANSCRIPTS, Operation::Transcription).provider(target.provider).fetches(id))
}
