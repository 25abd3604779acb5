//! Names that models have, and totals.

use serde_json::json;
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, OPENAI, OPENROUTER, chat, message, per_million, response, with};

pub(super) fn names_and_totals() -> Vec<Case> {
    let tokens = json!({"prompt_tokens": 600, "completion_tokens": 20, "total_tokens": 620});
    let pro = per_million([(600.0, 1.25), (20.0, 10.0)]);
    vec![
        Case::new("the maker in front of the model", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
            "google/gemini-2.5-pro", &chat("google/gemini-2.5-pro", &tokens)).costs(pro),
        Case::new("the provider behind the model", "https://router.huggingface.co/v1/chat/completions", "openai/gpt-oss-120b:groq",
            &chat("openai/gpt-oss-120b", &tokens)).header(&[("x-inference-provider", "groq")])
            .costs(per_million([(600.0, 0.15), (20.0, 0.75)])),
        Case::new("what a router gives away", OPENROUTER, "birdlabs/wren-1:free", &chat("birdlabs/wren-1:free", &tokens)).costs(0.0).is("free"),
        Case::new("a model server of one's own", "http://10.1.2.3:8000/v1/chat/completions", "gpt-4o", &chat("gpt-4o", &tokens)).is("unpriced"),
        Case::new("reasoning that only the total has", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gemini-2.5-pro",
            &chat("gemini-2.5-pro", &with(tokens.clone(), "total_tokens", json!(1620))))
            .costs(per_million([(600.0, 1.25), (1020.0, 10.0)]))
            .has(attribute::USAGE_OUTPUT_TOKENS, 1020),
        Case::new("a total that is not the total of the parts", "https://api.openai.com/v1/chat/completions", "gpt-4o",
            &chat("gpt-4o", &with(tokens.clone(), "total_tokens", json!(700))))
            .is("estimated")
            .has(attribute::USAGE_UNPARSED, json!(["usage.total_tokens"])),
        Case::new("both names of cache writes, and the total", ANTHROPIC, "claude-opus-5",
            &message("claude-opus-5", &json!({"input_tokens": 1, "cache_creation_input_tokens": 2, "output_tokens": 3})))
            .has(attribute::USAGE_CACHE_WRITE_TOKENS, 2)
            .has(attribute::USAGE_CACHE_CREATION_TOKENS, 2)
            .has(attribute::USAGE_TOTAL_TOKENS, 6),
    ]
}

/// Gateways and clouds in front of a provider, none of which reports a cost. What a gateway of another seller adds is
/// not known, so that the provider's price is an estimate.
pub(super) fn gateways() -> Vec<Case> {
    let tokens = json!({"prompt_tokens": 700, "completion_tokens": 40, "total_tokens": 740});
    let usage = json!({"input_tokens": 700, "output_tokens": 40});
    let gpt = per_million([(700.0, 5.0), (40.0, 30.0)]);
    let claude = per_million([(700.0, 5.0), (40.0, 25.0)]);
    let opus = "anthropic/claude-opus-5";
    vec![
        Case::new(
            "OpenAI behind Cloudflare's gateway",
            "https://gateway.ai.cloudflare.com/v1/0a1b/tarn/openai/chat/completions",
            "gpt-5.5",
            &chat("gpt-5.5-2026-04-23", &tokens),
        )
        .costs(gpt)
        .is("estimated"),
        Case::new(
            "Anthropic behind Cloudflare's gateway",
            "https://gateway.ai.cloudflare.com/v1/0a1b/tarn/anthropic/v1/messages",
            "claude-opus-5",
            &message("claude-opus-5", &usage),
        )
        .costs(claude)
        .is("estimated"),
        Case::new(
            "Cloudflare's one path for all providers",
            "https://gateway.ai.cloudflare.com/v1/0a1b/tarn/compat/chat/completions",
            opus,
            &chat("claude-opus-5", &tokens),
        )
        .costs(claude)
        .is("estimated"),
        Case::new(
            "Vercel's gateway",
            "https://ai-gateway.vercel.sh/v1/chat/completions",
            opus,
            &chat(opus, &tokens),
        )
        .costs(claude)
        .is("estimated"),
        Case::new(
            "OpenAI behind Helicone",
            "https://oai.helicone.ai/v1/chat/completions",
            "gpt-5.5",
            &chat("gpt-5.5-2026-04-23", &tokens),
        )
        .costs(gpt)
        .is("estimated"),
        Case::new(
            "Claude on Databricks, which bills units of its own",
            "https://adb-5.6.azuredatabricks.net/ai-gateway/anthropic/v1/messages",
            "databricks-claude-opus-4-6",
            &message("databricks-claude-opus-4-6", &usage),
        )
        .is("unpriced"),
        Case::new(
            "the fastest route of OpenRouter",
            OPENROUTER,
            "anthropic/claude-opus-5:nitro",
            &chat(opus, &tokens),
        )
        .costs(claude),
        Case::new(
            "Claude on AWS",
            "https://aws-external-anthropic.eu-west-1.api.aws/v1/messages",
            "claude-opus-5",
            &message("claude-opus-5", &usage),
        )
        .costs(claude),
        Case::new(
            "cache writes of OpenAI",
            OPENAI,
            "gpt-5.6-sol",
            &response(
                "gpt-5.6-sol",
                &json!([]),
                &json!({"input_tokens": 6000, "output_tokens": 200, "total_tokens": 6200,
                    "input_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 2500}}),
            ),
        )
        .costs(per_million([(2000.0, 4.0), (1500.0, 0.4), (2500.0, 5.0), (200.0, 20.0)]))
        .has(attribute::USAGE_CACHE_WRITE_TOKENS, 2500)
        .has(attribute::USAGE_CACHE_READ_TOKENS, 1500),
    ]
}

/// Reasons of Anthropic's to stop that are neither an end nor a limit: the tokens are billed as always.
pub(super) fn stops() -> Vec<Case> {
    let usage = json!({"input_tokens": 50, "output_tokens": 4});
    let bill = per_million([(50.0, 5.0), (4.0, 25.0)]);
    let stopped = |reason: &str| with(message("claude-opus-5", &usage), "stop_reason", json!(reason));
    let refused = with(stopped("refusal"), "stop_details", json!({"type": "refusal", "category": "bio"}));
    let case = |name, reason: &str, body| {
        Case::new(name, ANTHROPIC, "claude-opus-5", body)
            .costs(bill)
            .has(attribute::OUTCOME, "completed")
            .has(attribute::RESPONSE_FINISH_REASONS, json!([reason]))
    };
    vec![
        case("a response that refuses", "refusal", &refused),
        case("a turn that is to be continued", "pause_turn", &stopped("pause_turn")),
        case(
            "a response that fills the context window",
            "model_context_window_exceeded",
            &stopped("model_context_window_exceeded"),
        ),
    ]
}
