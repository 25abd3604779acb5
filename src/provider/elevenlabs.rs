//! ElevenLabs: speech, sound and transcriptions, billed by characters and seconds. Source: elevenlabs.io, API
//! reference, 2026-10.

use http::HeaderMap;

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::target::Target;
use super::target::hosts::Host;
use crate::billing::Count;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.elevenlabs.io"), provider::ELEVENLABS),
    (Host::Suffix(".elevenlabs.io"), provider::ELEVENLABS),
];

/// The response is sound; what it cost in characters is in a header.
static SPEECH: Mapped = Mapped {
    request: &[(&["model_id"], Ask::Model), (&["text"], Ask::Characters), (&["seed"], Ask::Seed)],
    fields_not_hashed: &[],
    input: Input::Prompts(&[&["text"]]),
    response: &[("audio_base64", Say::Output), ("text", Say::WholeText), ("transcription_id", Say::Id)],
    places_are_choices: false,
    plain: true,
    read_headers: read_cost,
    ..Mapped::CHAT
};

fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [version, action, ..] = target.segments.as_slice() else { return None };
    if version != "v1" || !target.is_of(provider::ELEVENLABS) {
        return None;
    }
    let operation = match action.as_ref() {
        "text-to-speech" | "text-to-dialogue" | "sound-generation" | "speech-to-speech" | "music" => {
            Operation::Speech
        }
        "speech-to-text" => Operation::Transcription,
        _ => return None,
    };
    Some(Recognised::new(&SPEECH, operation).provider(target.provider))
}

fn read_cost(headers: &HeaderMap, reading: &mut Reading) {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(characters) = text("character-cost").and_then(|count| count.parse().ok()) {
        reading.facts.billing.set(Count::InputCharacters, characters);
    }
    reading.facts.id = text("request-id").map(str::to_owned);
}
