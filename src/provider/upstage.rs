//! Upstage's document reader next to OpenAI's formats, billed by the page. Source: console.upstage.ai, "Document
//! digitization", 2026-10.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Member, Slot};
use super::target::Target;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: &[], formats: &[recognise], fetches: &[] };

static DIGITIZATION: Mapped = Mapped {
    request: &[(&["model"], Ask::Model)],
    input: Input::Prompts(&[]),
    response: &[
        ("model", Say::Model),
        ("text", Say::WholeText),
        ("content.text", Say::Text),
        ("content.html", Say::Output),
        ("usage", Say::Usage(&Member::Object(&[&[("pages", Member::Count(Slot::InputPages))]]))),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/v1/document-digitization`, which takes forms.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["document-digitization"]) && target.is_of(provider::UPSTAGE);
    path.then(|| Recognised::new(&DIGITIZATION, Operation::Ocr).provider(target.provider))
}
