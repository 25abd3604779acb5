//! Ranks: documents put in order by their relevance to a query. Every provider writes much the same. Cohere bills by
//! search units, the others by tokens.

use super::cohere;
use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.voyageai.com"), provider::VOYAGE_AI),
    (Host::Name("api.jina.ai"), provider::JINA_AI),
    (Host::Name("deepsearch.jina.ai"), provider::JINA_AI),
    (Host::Name("api.mixedbread.com"), provider::MIXEDBREAD),
];

const RANKS: Mapped = Mapped {
    request: &[(&["model"], Ask::Model)],
    fields_not_hashed: &["user"],
    input: Input::Prompts(&[&["query"], &["documents"], &["texts"]]),
    response: &[("id", Say::Id), ("model", Say::Model), ("usage", Say::Usage(&OpenAi::MEMBER))],
    places_are_choices: false,
    note: note_input_alone,
    ..Mapped::CHAT
};

static TOKENS: Mapped = RANKS;
/// Cohere's, and what its format is copied by.
static UNITS: Mapped = Mapped {
    response: &[
        ("id", Say::Id),
        ("model", Say::Model),
        ("meta", Say::Usage(&cohere::META)),
        ("results[].relevance_score", Say::Event),
    ],
    note: cohere::note_meta,
    ..RANKS
};

/// `.../rerank` behind a version, and NVIDIA's names for it.
fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [before @ .., action] = target.segments.as_slice() else { return None };
    let known = match action.as_ref() {
        "rerank" | "reranking" => true,
        "ranking" => target.is_of(provider::NVIDIA),
        _ => false,
    };
    let version = before.last().is_some_and(|last| matches!(last.as_ref(), "v1" | "v2" | "v3" | "openai"));
    if !known || !version && target.provider.is_none() && !target.private {
        return None;
    }
    let cohere = target.is_of(provider::COHERE) || target.has("cohere");
    let format = if cohere { &UNITS } else { &TOKENS };
    let provider = target.provider.or(cohere.then_some(provider::COHERE));
    Some(Recognised::new(format, Operation::Rerank).provider(provider).carrying(&["query"]))
}

fn note_input_alone(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note_input_alone(tally, &mut reading.facts);
}
