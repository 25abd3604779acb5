//! `UsageMetadata`: prompt and tool-use prompt are input, candidates and thoughts are output.

use serde::Deserialize;

use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::usage::{Modality, Usage};

/// The counts of one answer, or so far.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Tokens<'a> {
    prompt_token_count: Count,
    tool_use_prompt_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    cached_content_token_count: Count,
    #[serde(borrow)]
    prompt_tokens_details: List<Object<Detail<'a>>>,
    #[serde(borrow)]
    tool_use_prompt_tokens_details: List<Object<Detail<'a>>>,
    #[serde(borrow)]
    candidates_tokens_details: List<Object<Detail<'a>>>,
    #[serde(borrow)]
    cache_tokens_details: List<Object<Detail<'a>>>,
    #[serde(borrow)]
    pub(super) service_tier: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(borrow)]
    modality: Text<'a>,
    token_count: Count,
}

impl Tokens<'_> {
    /// The counts as the conventions want them.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input_tokens: self
                .prompt_token_count
                .0
                .map(|prompt| prompt.saturating_add(self.tool_use_prompt_token_count.0.unwrap_or(0))),
            output_tokens: sum(self.candidates_token_count.0, self.thoughts_token_count.0),
            cache_read_tokens: self.cached_content_token_count.0,
            reasoning_tokens: self.thoughts_token_count.0,
            input_modality: by_modality(
                self.prompt_tokens_details.0.iter().chain(&self.tool_use_prompt_tokens_details.0),
            ),
            output_modality: by_modality(&self.candidates_tokens_details.0),
            cache_read_modality: by_modality(&self.cache_tokens_details.0),
            ..Usage::default()
        }
    }
}

fn by_modality<'d>(details: impl IntoIterator<Item = &'d Object<Detail<'d>>>) -> Modality {
    let mut counts = Modality::default();
    for detail in details.into_iter().filter_map(|detail| detail.0.as_ref()) {
        let kind = match detail.modality.some() {
            // The numbers are those of `enum-encoding=int`.
            Some("TEXT" | "1") => &mut counts.text,
            Some("IMAGE" | "2") => &mut counts.image,
            Some("AUDIO" | "4") => &mut counts.audio,
            _ => continue,
        };
        *kind = sum(*kind, detail.token_count.0);
    }
    counts
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}
