//! Cohere's classification of texts and its summaries, which it bills by classifications and tokens.

use super::usage::{META_MEMBER, note_meta};
use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::target::Target;
use crate::semconv::provider;

static CLASSIFY: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["temperature"], Ask::Temperature)],
    fields_not_hashed: &[],
    input: Input::Prompts(&[&["inputs"], &["text"]]),
    response: &[("id", Say::Id), ("summary", Say::Text), ("meta", Say::Usage(&META_MEMBER))],
    places_are_choices: false,
    note: note_meta,
    ..Mapped::CHAT
};

/// `/v1/classify` and `/v1/summarize`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let operation = match target.last_after(&["v1"])? {
        "classify" => Operation::Classification,
        "summarize" => Operation::TextCompletion,
        _ => return None,
    };
    let provider = target.provider.or(Some(provider::COHERE));
    super::v2::is_cohere(target).then(|| Recognised::new(&CLASSIFY, operation).provider(provider))
}
