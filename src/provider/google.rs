//! Google: the Gemini API and Vertex AI.

mod answers;
mod code_assist;
mod embeddings;
mod generate;
mod grounding;
mod interactions;
mod predict;
#[cfg(test)]
mod sweep;
mod tier;
mod tokens;

pub(crate) use self::tier::asked_tier;
use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family {
    hosts: HOSTS,
    formats: &[
        generate::recognise,
        embeddings::recognise,
        interactions::recognise,
        code_assist::recognise,
        answers::recognise,
        answers::ranks,
        predict::media,
        predict::served,
    ],
    fetches: &[interactions::recognise_fetch],
};

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("generativelanguage.googleapis.com"), provider::GCP_GEMINI),
    // Gemini Code Assist.
    (Host::Name("cloudcode-pa.googleapis.com"), provider::GCP_GEMINI),
    (Host::Name("daily-cloudcode-pa.googleapis.com"), provider::GCP_GEMINI),
    (Host::Name("aiplatform.googleapis.com"), provider::GCP_VERTEX_AI),
    (Host::Name("firebasevertexai.googleapis.com"), provider::GCP_VERTEX_AI),
    (Host::Suffix("-aiplatform.googleapis.com"), provider::GCP_VERTEX_AI),
    (Host::Suffix(".aiplatform.googleapis.com"), provider::GCP_VERTEX_AI),
    (Host::Name("discoveryengine.googleapis.com"), provider::GCP_VERTEX_AI),
    (Host::Suffix("-discoveryengine.googleapis.com"), provider::GCP_VERTEX_AI),
    // Regional endpoints: `aiplatform.eu.rep`.
    (Host::Suffix(".rep.googleapis.com"), provider::GCP_VERTEX_AI),
];
