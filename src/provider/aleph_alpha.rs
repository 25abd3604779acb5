//! Aleph Alpha's own API: completions and embeddings. Source: docs.aleph-alpha.com, "API reference", 2026-10.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::read::usage::{Member, Slot};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[(Host::Name("api.aleph-alpha.com"), provider::ALEPH_ALPHA)];

static COMPLETIONS: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["stream"], Ask::Stream),
        (&["maximum_tokens"], Ask::MaxTokens),
        (&["temperature"], Ask::Temperature),
        (&["top_p"], Ask::TopP),
        (&["top_k"], Ask::TopK),
        (&["n"], Ask::Choices),
        (&["stop_sequences"], Ask::Stop),
        (&["frequency_penalty"], Ask::FrequencyPenalty),
        (&["presence_penalty"], Ask::PresencePenalty),
    ],
    fields_not_hashed: &["stream", "hosting"],
    input: Input::Prompts(&[&["prompt"]]),
    response: &[
        ("model_version", Say::Model),
        ("completions[].completion", Say::Text),
        ("completions[].finish_reason", Say::Finish),
        ("num_tokens_prompt_total", Say::Usage(&Member::Count(Slot::Input))),
        ("num_tokens_generated", Say::Usage(&Member::Count(Slot::Output))),
    ],
    ..Mapped::CHAT
};

/// `/complete`, `/embed` and its like.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [action] = target.segments.as_slice() else { return None };
    let operation = match action.as_ref() {
        "complete" | "evaluate" => Operation::TextCompletion,
        "embed" | "semantic_embed" | "batch_semantic_embed" => Operation::Embeddings,
        _ => return None,
    };
    let recognised = Recognised::new(&COMPLETIONS, operation).provider(target.provider);
    target.is_of(provider::ALEPH_ALPHA).then_some(recognised)
}
