//! Ranks: documents put in order by their relevance to a query. Every provider writes much the same. Cohere bills by
//! search units, the others by tokens.

use super::cohere;
use super::evidence::Evidence;
use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::usage::{self, OpenAi};
use super::read::usage::{Dialect, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family =
    Family { hosts: HOSTS, formats: &[recognise, classifiers, scores], fetches: &[] };

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

/// Jina's classifiers: `/v1/classify`.
fn classifiers(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["classify"]) && target.is_of(provider::JINA_AI);
    path.then(|| Recognised::new(&CLASSES, Operation::Classification).provider(target.provider))
}

static CLASSES: Mapped = Mapped { input: Input::Prompts(&[&["input"], &["labels"]]), ..RANKS };

/// vLLM's `/score`, `/classify` and `/pooling`, whose names are everyday words: on private hosts, with a model.
fn scores(target: &Target<'_>) -> Option<Recognised> {
    let (prompts, operation): (&'static [&'static str], _) = match target.segments.last()?.as_ref() {
        "score" => (&["query", "text_1", "queries"], Operation::Rerank),
        "classify" => (&["input"], Operation::Classification),
        "pooling" => (&["input", "messages"], Operation::Embeddings),
        _ => return None,
    };
    let alone = target.segments.len() == 1 || target.segments.len() == 2 && target.segments[0] == "v1";
    let recognised = Recognised::new(&SCORES, operation).provider(target.provider).carrying(prompts);
    (target.private && alone).then_some(Recognised { evidence: Evidence::ModelAndPrompt, ..recognised })
}

static SCORES: Mapped = Mapped {
    request: &[(&["model"], Ask::Model), (&["dimensions"], Ask::Dimensions)],
    fields_not_hashed: &["user", "priority", "request_id"],
    input: Input::Prompts(&[&["input"], &["text_1"], &["text_2"], &["queries"], &["documents"]]),
    ..RANKS
};

fn note_input_alone(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note_input_alone(tally, &mut reading.facts);
}
