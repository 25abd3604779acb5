//! Token counts as OpenAI-style APIs write them. The names of the subsets differ from gateway to gateway.

use crate::billing::Pass;
use crate::call::ResponseFacts;
use crate::coverage::Reason;
use crate::provider::read::usage::common::{ANTHROPIC, CACHE_CREATION, CHARGES};
use crate::provider::read::usage::{Amount, Dialect, Member, Name, Slot, Table, Tally};
use crate::usage::Usage;

/// The `usage` of chat completions (`prompt_tokens`), Responses and images (`input_tokens`), and embeddings.
#[derive(Debug)]
pub(in crate::provider) struct OpenAi;

impl Dialect for OpenAi {
    const NAME: &'static str = "usage";
    const MEMBER: Member = Member::Object(&[USAGE, CHARGES, ANTHROPIC, TIMES]);
}

const USAGE: Table = &[
    ("prompt_tokens", Member::Count(Slot::Input)),
    ("completion_tokens", Member::Count(Slot::Output)),
    ("total_tokens", Member::Count(Slot::Total)),
    ("input_tokens", Member::Count(Slot::Input)),
    ("output_tokens", Member::Count(Slot::Output)),
    ("prompt_tokens_details", Member::Object(&[INPUT])),
    ("completion_tokens_details", Member::Object(&[OUTPUT])),
    ("input_tokens_details", Member::Object(&[INPUT])),
    ("output_tokens_details", Member::Object(&[OUTPUT])),
    // Mistral and Writer.
    ("prompt_token_details", Member::Object(&[INPUT])),
    ("completion_token_details", Member::Object(&[OUTPUT])),
    // Together, Moonshot.
    ("cached_tokens", Member::Count(Slot::CacheRead)),
    // Mistral.
    ("num_cached_tokens", Member::Count(Slot::CacheRead)),
    ("prompt_audio_seconds", Member::Count(Slot::InputAudioSeconds)),
    ("request_count", Member::Free),
    ("connector_tokens", Member::Unpriced),
    ("connectors", Member::Unpriced),
    // DeepSeek: the hits and the misses are the prompt.
    ("prompt_cache_hit_tokens", Member::Count(Slot::CacheRead)),
    ("prompt_cache_miss_tokens", Member::Count(Slot::CacheMiss)),
    // Gateways in front of Anthropic.
    ("cache_read_input_tokens", Member::Count(Slot::CacheRead)),
    ("cache_creation_input_tokens", Member::Count(Slot::CacheWrite)),
    ("claude_cache_creation_5_m_tokens", Member::Count(Slot::CacheWrite5m)),
    ("claude_cache_creation_1_h_tokens", Member::Count(Slot::CacheWrite1h)),
    // Perplexity.
    ("reasoning_tokens", Member::Count(Slot::Reasoning)),
    ("citation_tokens", Member::Count(Slot::Citation)),
    ("num_search_queries", Member::Count(Slot::WebSearch)),
    ("search_context_size", Member::Text(Name::SearchContext)),
    // xAI. The context is that of the last turn, whose tokens the totals hold.
    ("context_details", Member::Object(&[CONTEXT])),
    ("num_sources_used", Member::Unpriced),
    ("num_server_side_tools_used", Member::Unpriced),
    ("server_side_tool_usage", Member::Object(&[XAI_TOOLS])),
    ("server_side_tool_usage_details", Member::Object(&[XAI_TOOLS])),
    // Vertex AI.
    ("extra_properties", Member::Object(&[&[("google", Member::Object(&[GOOGLE]))]])),
];

/// What Vertex AI adds in OpenAI's format. Source: responses of `google/gemini-3.5-flash` that docs.aimlapi.com shows, 2026-10.
const GOOGLE: Table = &[("traffic_type", Member::Text(Name::Traffic))];

/// The `usage` of a transcription: tokens, or the seconds of sound.
pub(in crate::provider) const TRANSCRIPTION: Member = Member::Object(&[
    &[
        ("type", Member::Standard(&["tokens", "duration"])),
        ("seconds", Member::Count(Slot::InputAudioSeconds)),
        ("input_token_details", Member::Object(&[INPUT])),
        ("output_token_details", Member::Object(&[OUTPUT])),
    ],
    USAGE,
    CHARGES,
    ANTHROPIC,
    TIMES,
]);

pub(in crate::provider) const INPUT: Table = &[
    ("cached_tokens", Member::Count(Slot::CacheRead)),
    ("cache_write_tokens", Member::Count(Slot::CacheWrite)),
    // Bifrost.
    ("cached_read_tokens", Member::Count(Slot::CacheRead)),
    ("cached_write_tokens", Member::Count(Slot::CacheWrite)),
    // LiteLLM.
    ("cache_creation_tokens", Member::Count(Slot::CacheWrite)),
    ("cache_creation_token_details", Member::Object(&[CACHE_CREATION])),
    // Alibaba Cloud.
    ("cache_creation_input_tokens", Member::Count(Slot::CacheWrite)),
    ("cache_creation", Member::Object(&[CACHE_CREATION])),
    ("cache_type", Member::Standard(&["ephemeral"])),
    ("text_tokens", Member::Count(Slot::InputText)),
    ("image_tokens", Member::Count(Slot::InputImage)),
    ("audio_tokens", Member::Count(Slot::InputAudio)),
    ("video_tokens", Member::Count(Slot::InputVideo)),
    ("cached_tokens_details", Member::Object(&[CACHED])),
];

/// OpenAI's audio models.
const CACHED: Table = &[
    ("text_tokens", Member::Count(Slot::CacheText)),
    ("image_tokens", Member::Count(Slot::CacheImage)),
    ("audio_tokens", Member::Count(Slot::CacheAudio)),
];

pub(in crate::provider) const OUTPUT: Table = &[
    ("reasoning_tokens", Member::Count(Slot::Reasoning)),
    ("thinking_tokens", Member::Count(Slot::Reasoning)),
    ("text_tokens", Member::Count(Slot::OutputText)),
    ("image_tokens", Member::Count(Slot::OutputImage)),
    ("audio_tokens", Member::Count(Slot::OutputAudio)),
    ("video_tokens", Member::Count(Slot::OutputVideo)),
    ("citation_tokens", Member::Count(Slot::Citation)),
    // Parts of the output, at the price of the output.
    ("accepted_prediction_tokens", Member::Free),
    ("rejected_prediction_tokens", Member::Free),
    ("tool_output_tokens", Member::Free),
];

const CONTEXT: Table = &[("input_tokens", Member::Free), ("output_tokens", Member::Free)];

const XAI_TOOLS: Table = &[
    ("web_search_calls", Member::Count(Slot::WebSearch)),
    ("x_search_calls", Member::Count(Slot::SocialSearch)),
    ("file_search_calls", Member::Count(Slot::FileSearch)),
    ("code_interpreter_calls", Member::Count(Slot::CodeExecution)),
    ("code_execution_calls", Member::Count(Slot::CodeExecution)),
    ("document_search_calls", Member::Unpriced),
    ("image_generation_calls", Member::Unpriced),
    // Billed by nothing but tokens.
    ("mcp_calls", Member::Free),
];

/// Times and rates that Groq, Cerebras, mistral.rs and others add.
const TIMES: Table = &[
    ("queue_time", Member::Free),
    ("prompt_time", Member::Free),
    ("completion_time", Member::Free),
    ("total_time", Member::Free),
    ("avg_tok_per_sec", Member::Free),
    ("avg_prompt_tok_per_sec", Member::Free),
    ("avg_compl_tok_per_sec", Member::Free),
    ("total_time_sec", Member::Free),
    ("total_prompt_time_sec", Member::Free),
    ("total_completion_time_sec", Member::Free),
    ("tokens_per_second", Member::Free),
    ("time_to_first_token", Member::Free),
];

/// A gateway's charge next to `usage`: Venice's object, or a number in US dollars.
#[derive(Debug)]
pub(super) struct Cost;

impl Dialect for Cost {
    const NAME: &'static str = "cost";
    const MEMBER: Member = Member::ChargeOr(
        Amount::Charged,
        1.0,
        &[&[("usd", Member::Charge(Amount::Charged, 1.0)), ("diem", Member::Unpriced)]],
    );
}

/// Vercel's gateway, within a message: a text in US dollars.
#[derive(Debug)]
pub(super) struct GatewayMetadata;

impl Dialect for GatewayMetadata {
    const NAME: &'static str = "provider_metadata";
    const MEMBER: Member = Member::Within(&[&[(
        "gateway",
        Member::Within(&[&[("cost", Member::Charge(Amount::Charged, 1.0))]]),
    )]]);
}

/// Groq's systems of several models: whose tokens the totals are.
#[derive(Debug)]
pub(super) struct Breakdown;

impl Dialect for Breakdown {
    const NAME: &'static str = "usage_breakdown";
    const MEMBER: Member = Member::Object(&[&[("models", Member::Each(MODEL, model))]]);
}

const MODEL: Table =
    &[("model", Member::Text(Name::Model)), ("usage", Member::Object(&[USAGE, CHARGES, ANTHROPIC, TIMES]))];

fn model(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let model = element.name(Name::Model).filter(|model| crate::billing::is_word(model)).map(str::to_owned);
    let pass = Pass { kind: "model".to_owned(), usage: usage(element), model, cache_write_1h: 0 };
    pass.model.is_some() && tally.push(pass)
}

/// What OpenAI's own tools used within a response.
#[derive(Debug)]
pub(super) struct ToolUsage;

impl Dialect for ToolUsage {
    const NAME: &'static str = "tool_usage";
    const MEMBER: Member = Member::Object(&[&[
        ("web_search", Member::Object(&[&[("num_requests", Member::Count(Slot::WebSearch))]])),
        ("file_search", Member::Object(&[&[("num_requests", Member::Count(Slot::FileSearch))]])),
        ("image_gen", Member::Object(&[IMAGES])),
    ]]);
}

/// Tokens of an image model that the response does not name.
const IMAGES: Table = &[
    ("total_tokens", Member::Unpriced),
    ("input_tokens", Member::Unpriced),
    ("output_tokens", Member::Unpriced),
    ("input_tokens_details", Member::Unpriced),
    ("output_tokens_details", Member::Unpriced),
];

/// The counts as OpenTelemetry totals.
pub(super) fn usage(tally: &Tally<'_>) -> Usage {
    let usage = tally.usage();
    Usage { output_tokens: with_reasoning(&usage, tally.get(Slot::Total)), ..usage }
}

/// Notes a `usage`.
pub(in crate::provider) fn note(tally: &Tally<'_>, facts: &mut ResponseFacts) {
    tally.note(facts);
    facts.count(usage(tally));
}

/// Notes the `usage` of an embedding, which has no output; some providers give the total alone.
pub(in crate::provider) fn note_input_alone(tally: &Tally<'_>, facts: &mut ResponseFacts) {
    tally.note(facts);
    let usage = tally.usage();
    if usage.output_tokens.is_some_and(|output| output > 0) {
        facts.coverage.note(Reason::Member, "usage.completion_tokens".to_owned());
    }
    let input_tokens = usage.input_tokens.or(tally.get(Slot::Total));
    facts.count(Usage { input_tokens, output_tokens: None, ..usage });
}

/// Most providers count reasoning within the output. Some (xAI's Grok 3 mini) count it next to it, which only their
/// total shows.
fn with_reasoning(usage: &Usage, total: Option<u64>) -> Option<u64> {
    let (Some(output), Some(reasoning), Some(input), Some(total)) =
        (usage.output_tokens, usage.reasoning_tokens, usage.input_tokens, total)
    else {
        return usage.output_tokens;
    };
    let both = output.saturating_add(reasoning);
    Some(if reasoning > 0 && total == input.saturating_add(both) { both } else { output })
}

#[cfg(test)]
mod tests;
