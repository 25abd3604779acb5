//! Images as OpenAI serves them, and the gateways and providers that copy it: generations, edits and variations.

use super::common;
use super::usage::{self, OpenAi};
use crate::call::Operation;
use crate::provider::format::{Reading, Recognised};
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::read::usage::{Dialect, Slot, Tally};
use crate::provider::target::Target;

static IMAGES: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["n"], Ask::Choices),
        (&["seed"], Ask::Seed),
    ],
    fields_not_hashed: &["stream", "user", "metadata", "safety_identifier"],
    input: Input::Prompts(&[&["prompt"]]),
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("usage", Say::Usage(&OpenAi::MEMBER)),
        ("data[]", Say::Each(Slot::OutputImages)),
        ("data[].b64_json", Say::Output),
        ("data[].url", Say::Output),
        // Other providers' names.
        ("images[]", Say::Each(Slot::OutputImages)),
        ("images[].url", Say::Output),
        // Events of a stream, of which the last brings the image and the usage.
        ("b64_json", Say::Output),
        ("type", Say::Event),
    ],
    last_events: &["image_generation.completed", "image_edit.completed"],
    places_are_choices: false,
    note: note_images,
    ..Mapped::CHAT
};

/// `.../images/generations` and its like, on any host.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let action = target.segments.last()?.as_ref();
    let known = matches!(action, "generations" | "edits" | "variations");
    // Fireworks and xAI have further words behind a version: `/v1/images/edits/async`.
    if !known || target.segments.iter().rev().nth(1).is_none_or(|segment| segment != "images") {
        return None;
    }
    let recognised = Recognised::new(&IMAGES, Operation::ImageGeneration).model(common::deployment(target));
    let recognised = recognised.provider(common::provider_of(target)).carrying(&["prompt"]);
    // Edits come as forms, which no other API has at such a path.
    Some(if action == "generations" { recognised } else { recognised.distinct() })
}

/// Notes the tokens; the images are what is billed only where there are none.
pub(in crate::provider) fn note_images(tally: &Tally<'_>, reading: &mut Reading) {
    let images = tally.get(Slot::OutputImages).unwrap_or(0);
    if images > 0 {
        reading.facts.output = true;
    }
    if tally.get(Slot::Output).is_some() {
        usage::note(&tally.without(Slot::OutputImages), &mut reading.facts);
    } else {
        usage::note(tally, &mut reading.facts);
    }
}
