//! `UsageMetadata`: prompt and tool-use prompt are input, candidates and thoughts are output.

use crate::call::ResponseFacts;
use crate::provider::read::usage::common::{
    CHARGES, MODALITY, cache_modality, input_modality, output_modality,
};
use crate::provider::read::usage::{Dialect, Member, Name, Slot, Table, Tally};
use crate::usage::Usage;

/// The counts of one response, or so far.
#[derive(Debug)]
pub(super) struct UsageMetadata;

impl Dialect for UsageMetadata {
    const NAME: &'static str = "usageMetadata";
    const MEMBER: Member = Member::Object(&[TOKENS, CHARGES]);
}

const TOKENS: Table = &[
    ("promptTokenCount", Member::Count(Slot::Input)),
    ("toolUsePromptTokenCount", Member::Count(Slot::ToolPrompt)),
    ("candidatesTokenCount", Member::Count(Slot::Output)),
    ("thoughtsTokenCount", Member::Count(Slot::Thoughts)),
    ("cachedContentTokenCount", Member::Count(Slot::CacheRead)),
    ("totalTokenCount", Member::Count(Slot::Total)),
    ("promptTokensDetails", Member::Each(MODALITY, input_modality)),
    // Embeddings.
    ("promptTokenDetails", Member::Each(MODALITY, input_modality)),
    ("toolUsePromptTokensDetails", Member::Each(MODALITY, input_modality)),
    ("candidatesTokensDetails", Member::Each(MODALITY, output_modality)),
    ("cacheTokensDetails", Member::Each(MODALITY, cache_modality)),
    ("serviceTier", Member::Text(Name::Tier)),
    // Vertex AI.
    ("trafficType", Member::Text(Name::Traffic)),
];

/// Notes the counts as the conventions want them.
pub(super) fn note(tally: &Tally<'_>, facts: &mut ResponseFacts) {
    tally.note(facts);
    let usage = tally.usage();
    let tools = tally.get(Slot::ToolPrompt).unwrap_or(0);
    let thoughts = tally.get(Slot::Thoughts);
    let output = match (usage.output_tokens, thoughts) {
        (Some(output), Some(thoughts)) => Some(output.saturating_add(thoughts)),
        (output, thoughts) => output.or(thoughts),
    };
    facts.count(Usage {
        input_tokens: usage.input_tokens.map(|prompt| prompt.saturating_add(tools)),
        output_tokens: output,
        reasoning_tokens: thoughts,
        ..usage
    });
}
