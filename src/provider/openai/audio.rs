//! Speech as OpenAI serves it, and the gateways and providers that copy it: transcriptions, translations, and text to
//! speech, whose response is sound.

use super::common;
use super::usage::{self, OpenAi, TRANSCRIPTION};
use crate::call::Operation;
use crate::provider::format::{Reading, Recognised};
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::read::usage::{Dialect, Tally};
use crate::provider::target::Target;

static TRANSCRIPTIONS: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["stream"], Ask::Stream), (&["temperature"], Ask::Temperature)],
    fields_not_hashed: &["stream"],
    input: Input::Prompts(&[&["prompt"]]),
    response: &[
        ("model", Say::Model),
        ("text", Say::WholeText),
        ("usage", Say::Usage(&TRANSCRIPTION)),
        // Events of a stream.
        ("delta", Say::Text),
        ("type", Say::Event),
    ],
    last_events: &["transcript.text.done", "transcription.done"],
    places_are_choices: false,
    plain: true,
    note: note_tokens,
    ..Mapped::CHAT
};

static SPEECH: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["input"], Ask::Characters)],
    fields_not_hashed: &["stream_format"],
    input: Input::Prompts(&[&["input"]]),
    response: &[
        ("model", Say::Model),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        // Mistral's whole response.
        ("audio_data", Say::Output),
        // Events of a stream.
        ("audio", Say::Output),
        ("type", Say::Event),
    ],
    last_events: &["speech.audio.done"],
    places_are_choices: false,
    plain: true,
    note: note_tokens,
    ..Mapped::CHAT
};

/// `.../audio/transcriptions`, `/translations` and `/speech`, on any host.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let recognised = match target.last_after(&["audio"])? {
        // They come as forms, which no other API has at such a path.
        "transcriptions" | "translations" => {
            Recognised::new(&TRANSCRIPTIONS, Operation::Transcription).distinct()
        }
        "speech" => Recognised::new(&SPEECH, Operation::Speech).carrying(&["input"]),
        _ => return None,
    };
    Some(recognised.provider(common::provider_of(target)).model(common::deployment(target)))
}

fn note_tokens(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
}
