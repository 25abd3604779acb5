//! Members that several APIs share: charges of gateways, server tools, cache lifetimes, elements of lists.

use super::{Amount, Member, Name, Slot, Table, Tally};
use crate::billing::Pass;
use crate::usage::Usage;

/// A tick of xAI's meter. Source: docs.x.ai, "Cost tracking", 2026-10: 10^10 ticks are one US dollar.
const TICK: f64 = 1e-10;

/// What gateways write into a usage object.
pub(in crate::provider) const CHARGES: Table = &[
    // OpenRouter, Vercel, Requesty, LiteLLM and others: a number or a text. Perplexity: an object.
    ("cost", Member::ChargeOr(Amount::Charged, 1.0, &[COST])),
    ("cost_details", Member::Object(&[COST_DETAILS])),
    ("is_byok", Member::OwnKey),
    // DeepInfra, and Perplexity's name for the same.
    ("estimated_cost", Member::ChargeOr(Amount::Charged, 1.0, &[COST])),
    ("total_cost", Member::Charge(Amount::Charged, 1.0)),
    ("total_cost_usd", Member::Charge(Amount::Charged, 1.0)),
    ("cost_usd", Member::Charge(Amount::Charged, 1.0)),
    ("cost_in_usd", Member::Charge(Amount::Charged, 1.0)),
    // xAI.
    ("cost_in_usd_ticks", Member::Charge(Amount::Metered, TICK)),
    ("cost_in_nano_usd", Member::Charge(Amount::Metered, 1e-9)),
    // LLM Gateway, whose other costs are parts of this one.
    ("cost_usd_total", Member::Charge(Amount::Charged, 1.0)),
    ("cost_usd_input", Member::Free),
    ("cost_usd_output", Member::Free),
    ("cost_usd_cached_input", Member::Free),
    ("cost_usd_request", Member::Free),
    ("cost_usd_image_input", Member::Free),
    ("cost_usd_image_output", Member::Free),
    ("cost_usd_web_search", Member::Free),
    // Kept apart from the cost of inference.
    ("cost_usd_data_storage", Member::Unpriced),
    // Vercel: what the call would cost without the caller's contract.
    ("market_cost", Member::Free),
    ("pydantic_ai_gateway", Member::Object(&[&[("cost_estimate", Member::Charge(Amount::Charged, 1.0))]])),
    // Credits of a worth that only the contract says.
    ("credits_used", Member::Unpriced),
    ("credits", Member::Unpriced),
];

/// Perplexity's costs and those of gateways that copy its shape: the total, and its parts.
const COST: Table = &[
    ("total_cost", Member::Charge(Amount::Metered, 1.0)),
    ("total", Member::Charge(Amount::Charged, 1.0)),
    ("total_usd", Member::Charge(Amount::Charged, 1.0)),
    ("usd", Member::Charge(Amount::Charged, 1.0)),
    ("currency", Member::Standard(&["USD"])),
    ("input_tokens_cost", Member::Free),
    ("output_tokens_cost", Member::Free),
    ("reasoning_tokens_cost", Member::Free),
    ("citation_tokens_cost", Member::Free),
    ("search_queries_cost", Member::Free),
    ("request_cost", Member::Free),
    ("input_cost", Member::Free),
    ("output_cost", Member::Free),
    ("cache_read_cost", Member::Free),
    ("cache_creation_cost", Member::Free),
    ("tool_calls_cost", Member::Free),
];

const COST_DETAILS: Table = &[
    ("upstream_inference_cost", Member::Charge(Amount::Upstream, 1.0)),
    ("upstream_inference_prompt_cost", Member::Free),
    ("upstream_inference_completions_cost", Member::Free),
    ("upstream_inference_input_cost", Member::Free),
    ("upstream_inference_output_cost", Member::Free),
];

/// What Anthropic calls server tools, and the gateways that count theirs alike.
pub(in crate::provider) const SERVER_TOOLS: Table = &[
    ("web_search_requests", Member::Count(Slot::WebSearch)),
    ("code_execution_requests", Member::Count(Slot::CodeExecution)),
    // Billed by nothing but tokens.
    ("web_fetch_requests", Member::Free),
    ("tool_search_requests", Member::Free),
    // OpenRouter: all tools together.
    ("tool_calls_requested", Member::Free),
    ("tool_calls_executed", Member::Free),
];

/// Cache writes by lifetime.
pub(in crate::provider) const CACHE_CREATION: Table = &[
    ("ephemeral_5m_input_tokens", Member::Count(Slot::CacheWrite5m)),
    ("ephemeral_1h_input_tokens", Member::Count(Slot::CacheWrite1h)),
];

/// What decides the price of Anthropic's models on every host.
pub(in crate::provider) const ANTHROPIC: Table = &[
    ("cache_creation", Member::Object(&[CACHE_CREATION])),
    ("server_tool_use", Member::Object(&[SERVER_TOOLS])),
    ("server_tool_use_details", Member::Object(&[SERVER_TOOLS])),
    ("service_tier", Member::Text(Name::Tier)),
    ("inference_geo", Member::Text(Name::Region)),
    ("speed", Member::Text(Name::Speed)),
];

/// One pass of a model, as Anthropic lists them.
pub(in crate::provider) const ITERATION: Table = &[
    ("type", Member::Text(Name::Kind)),
    ("model", Member::Text(Name::Model)),
    ("input_tokens", Member::Count(Slot::Uncached)),
    ("output_tokens", Member::Count(Slot::Output)),
    ("cache_read_input_tokens", Member::Count(Slot::CacheRead)),
    ("cache_creation_input_tokens", Member::Count(Slot::CacheWrite)),
    ("cache_creation", Member::Object(&[CACHE_CREATION])),
];

/// Takes an iteration over as a pass.
pub(in crate::provider) fn iteration(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let kind = element.name(Name::Kind).unwrap_or_default();
    let known = matches!(kind, "message" | "compaction" | "advisor_message" | "fallback_message");
    let model = element.name(Name::Model).map(str::to_owned);
    let named = model.as_deref().is_none_or(crate::billing::is_word);
    let mut usage = Usage::default();
    usage.merge_uncached(
        element.get(Slot::Uncached),
        element.get(Slot::CacheRead),
        element.get(Slot::CacheWrite),
    );
    usage.output_tokens = element.get(Slot::Output);
    let cache_write_1h = element.get(Slot::CacheWrite1h).unwrap_or(0);
    known
        && named
        && element.parts_add_up()
        && tally.push(Pass { kind: kind.to_owned(), model, usage, cache_write_1h })
}

/// A count of one modality, as Google writes it.
pub(in crate::provider) const MODALITY: Table = &[
    ("modality", Member::Text(Name::Kind)),
    ("tokenCount", Member::Count(Slot::Element)),
    ("tokens", Member::Count(Slot::Element)),
];

/// Adds the tokens of one modality; documents cost what text does. The numbers are those of `enum-encoding=int`.
fn modality(element: &Tally<'_>, tally: &mut Tally<'_>, slots: [Slot; 4]) -> bool {
    let tokens = element.get(Slot::Element).unwrap_or(0);
    let [text, image, audio, video] = slots;
    let slot = match element.name(Name::Kind).unwrap_or_default() {
        "TEXT" | "text" | "1" => text,
        "IMAGE" | "image" | "2" => image,
        "VIDEO" | "video" | "3" => video,
        "AUDIO" | "audio" | "4" => audio,
        "DOCUMENT" | "document" | "5" => return true,
        _ => return tokens == 0,
    };
    tally.add(slot, tokens);
    true
}

pub(in crate::provider) fn input_modality(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    modality(element, tally, [Slot::InputText, Slot::InputImage, Slot::InputAudio, Slot::InputVideo])
}

pub(in crate::provider) fn output_modality(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    modality(element, tally, [Slot::OutputText, Slot::OutputImage, Slot::OutputAudio, Slot::OutputVideo])
}

/// Video from a cache has no price of its own anywhere.
pub(in crate::provider) fn cache_modality(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    modality(element, tally, [Slot::CacheText, Slot::CacheImage, Slot::CacheAudio, Slot::CacheText])
}
