//! What Google searched for a model, beyond the model's own tokens.

use serde::Deserialize;

use crate::billing;
use crate::call::ResponseFacts;
use crate::coverage::Reason;
use crate::provider::read::lenient::{List, Object, Text};

/// What Google searched for the model, which is billed by the query, or up to Gemini 2.5 by the prompt.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Grounding<'a> {
    #[serde(borrow)]
    web_search_queries: List<Text<'a>>,
    #[serde(borrow)]
    image_search_queries: List<Text<'a>>,
    /// Queries to the stores of Vertex AI Search and of the RAG engine.
    #[serde(borrow)]
    retrieval_queries: List<Text<'a>>,
    #[serde(borrow)]
    grounding_chunks: List<Object<Chunk<'a>>>,
    /// What a page must show next to results of Google Search.
    #[serde(borrow)]
    search_entry_point: Object<EntryPoint<'a>>,
    /// A map to show next to results of Google Maps.
    #[serde(borrow)]
    google_maps_widget_context_token: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EntryPoint<'a> {
    #[serde(borrow)]
    rendered_content: Text<'a>,
    #[serde(borrow)]
    sdk_blob: Text<'a>,
}

/// A source. Those of the web are billed by the query; maps and stores of Vertex AI Search by the prompt, at prices that are in
/// no table. A store of files costs nothing but tokens. Source: ai.google.dev and cloud.google.com, "Pricing", 2026-10.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    web: Object<Source<'a>>,
    #[serde(borrow)]
    image: Object<Source<'a>>,
    #[serde(borrow)]
    maps: Object<Source<'a>>,
    #[serde(borrow)]
    retrieved_context: Object<Source<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Source<'a> {
    #[serde(borrow)]
    file_search_store: Text<'a>,
}

/// How many of the queries of one response are billed.
pub(super) fn billed(model: Option<&str>, queries: u64) -> u64 {
    let by_prompt = model
        .is_some_and(|model| ["gemini-1", "gemini-2"].iter().any(|generation| model.contains(generation)));
    if by_prompt { queries.min(1) } else { queries }
}

impl Grounding<'_> {
    /// Notes what was searched. Not every response has the queries (googleapis/dotnet-genai#230, BerriAI/litellm#35965,
    /// GoogleCloudPlatform/generative-ai#688), and any other trace of a search is one.
    pub(super) fn read(&self, facts: &mut ResponseFacts) {
        let queries = self.web_search_queries.0.iter().chain(&self.image_search_queries.0);
        let queries = queries.filter(|query| query.some().is_some()).count() as u64;
        facts.billing.set(billing::Count::WebSearch, billed(facts.model.as_deref(), queries));
        let chunks = || self.grounding_chunks.0.iter().filter_map(|chunk| chunk.0.as_ref());
        let entry = self.search_entry_point.0.as_ref();
        if entry.is_some_and(|entry| entry.rendered_content.some().or(entry.sdk_blob.some()).is_some()) {
            facts.searched.get_or_insert("groundingMetadata");
        }
        facts.cited |= chunks().any(|chunk| chunk.web.0.is_some() || chunk.image.0.is_some());
        let mut unpriced =
            |path: &str| facts.unpriced.note(Reason::Member, format!("groundingMetadata.{path}"));
        if self.google_maps_widget_context_token.some().is_some() {
            unpriced("googleMapsWidgetContextToken");
        }
        let stores = || chunks().filter_map(|chunk| chunk.retrieved_context.0.as_ref());
        let free = |source: &Source<'_>| source.file_search_store.0.is_some();
        let queried = self.retrieval_queries.0.iter().any(|query| query.some().is_some());
        if queried && !stores().any(|source| free(source)) {
            unpriced("retrievalQueries");
        }
        if chunks().any(|chunk| chunk.maps.0.is_some()) {
            facts.unpriced.note(Reason::Member, "groundingChunks.maps".to_owned());
        }
        if stores().any(|source| !free(source)) {
            facts.unpriced.note(Reason::Member, "groundingChunks.retrievedContext".to_owned());
        }
    }
}
