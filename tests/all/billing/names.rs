//! Names that models have, and totals.

use serde_json::json;
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, OPENROUTER, chat, message, per_million, with};

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
