//! What providers and gateways report that a call costs.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{Case, OPENROUTER, chat, per_million, response, with};

pub(super) fn charges() -> Vec<Case> {
    let tokens = json!({"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790});
    let charged = |member: &str, value: Value| chat("birdlabs/wren-1", &with(tokens.clone(), member, value));
    let own_key = with(
        with(with(tokens.clone(), "cost", json!(0.0001)), "is_byok", json!(true)),
        "cost_details",
        json!({"upstream_inference_cost": 0.002}),
    );
    let metered = json!({"input_tokens": 700, "output_tokens": 90, "total_tokens": 790, "cost_in_usd_ticks": 33_000_000});
    let mut vercel = chat("birdlabs/wren-1", &tokens);
    vercel["choices"][0]["message"]["provider_metadata"] =
        json!({"gateway": {"cost": "0.0033", "generationId": "gen_1"}});
    let provider = |case: Case| case.costs(0.0033).has(attribute::COST_PRICE_SOURCE, "provider");
    vec![
        provider(Case::new(
            "OpenRouter's charge for an unknown model",
            OPENROUTER,
            "birdlabs/wren-1",
            &charged("cost", json!(0.0033)),
        )),
        provider(Case::new(
            "DeepInfra's charge",
            "https://api.deepinfra.com/v1/openai/chat/completions",
            "birdlabs/wren-1",
            &charged("estimated_cost", json!(0.0033)),
        )),
        provider(Case::new(
            "Perplexity's charge with its fee",
            "https://api.perplexity.ai/chat/completions",
            "sonar",
            &chat(
                "sonar",
                &with(
                    with(tokens.clone(), "search_context_size", json!("low")),
                    "cost",
                    json!({"input_tokens_cost": 0.0001, "output_tokens_cost": 0.0002, "request_cost": 0.003, "total_cost": 0.0033}),
                ),
            ),
        )),
        provider(Case::new(
            "xAI's ticks",
            "https://api.x.ai/v1/responses",
            "grok-4.5",
            &response("grok-4.5", &json!([]), &metered),
        )),
        provider(Case::new(
            "GitHub Copilot's credits",
            "https://api.githubcopilot.com/chat/completions",
            "birdlabs/wren-1",
            &with(
                chat("birdlabs/wren-1", &tokens),
                "copilot_usage",
                json!({"total_nano_aiu": 330_000_000, "token_details": []}),
            ),
        )),
        provider(Case::new(
            "Venice's charge next to the usage",
            "https://api.venice.ai/api/v1/chat/completions",
            "wren-1",
            &with(chat("wren-1", &tokens), "cost", json!({"usd": 0.0033, "diem": 0})),
        )),
        provider(Case::new(
            "a gateway's charge next to the usage, in dollars by its name",
            "https://gateway.birdlabs.example/v1/chat/completions",
            "birdlabs/wren-1",
            &with(chat("birdlabs/wren-1", &tokens), "total_cost_usd", json!("0.0033")),
        )),
        Case::new(
            "a cost next to the usage of which the unit is not known",
            OPENROUTER,
            "openai/gpt-4.1",
            &with(chat("openai/gpt-4.1", &tokens), "credits_used", json!(3)),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["credits_used"])),
        Case::new(
            "a cost in an object of a gateway's own",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4.1",
            &with(chat("gpt-4.1", &tokens), "gateway", json!({"price": {"amount": 0.5}})),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["gateway.price"])),
        Case::new(
            "what is left of a budget is no cost",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4.1",
            &with(chat("gpt-4.1", &tokens), "credits_remaining", json!(400)),
        )
        .is("exact"),
        provider(Case::new(
            "LLM Gateway's charge",
            "https://api.llmgateway.io/v1/chat/completions",
            "birdlabs/wren-1",
            &chat(
                "birdlabs/wren-1",
                &with(with(tokens.clone(), "cost_usd_total", json!(0.0033)), "cost_usd_input", json!(0.001)),
            ),
        )),
        provider(Case::new(
            "Vercel's charge, a text within the message",
            "https://ai-gateway.vercel.sh/v1/chat/completions",
            "birdlabs/wren-1",
            &vercel,
        )),
        provider(
            Case::new(
                "LiteLLM's charge in a header",
                "http://10.1.2.3:4000/v1/chat/completions",
                "birdlabs/wren-1",
                &chat("birdlabs/wren-1", &tokens),
            )
            .header(&[("x-litellm-response-cost", "0.0033")]),
        ),
        Case::new(
            "a key of the caller's own is not free",
            OPENROUTER,
            "birdlabs/wren-1",
            &chat("birdlabs/wren-1", &own_key),
        )
        .costs(0.0021)
        .has(attribute::COST_PRICE_SOURCE, "provider"),
        Case::new(
            "a key of the caller's own, at a price that is not reported",
            OPENROUTER,
            "openai/gpt-4o",
            &chat("openai/gpt-4o", &with(with(tokens.clone(), "cost", json!(0)), "is_byok", json!(true))),
        )
        .costs(per_million([(700.0, 2.5), (90.0, 10.0)]))
        .is("estimated"),
        Case::new(
            "a gateway's zero is no price",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o",
            &chat("gpt-4o", &tokens),
        )
        .header(&[("x-litellm-response-cost", "0.0")])
        .costs(per_million([(700.0, 2.5), (90.0, 10.0)]))
        .is("estimated"),
        Case::new(
            "the computed cost is kept next to the charge",
            OPENROUTER,
            "openai/gpt-4o",
            &chat("openai/gpt-4o", &with(tokens.clone(), "cost", json!(0.5))),
        )
        .costs(0.5)
        .has(attribute::COST_COMPUTED, per_million([(700.0, 2.5), (90.0, 10.0)])),
        Case::new(
            "a charge in a unit that no one knows",
            OPENROUTER,
            "openai/gpt-4o",
            &chat("openai/gpt-4o", &with(tokens.clone(), "cost_in_shells", json!(12))),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["usage.cost_in_shells"])),
        Case::new(
            "a header of cost that no one knows",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o",
            &chat("gpt-4o", &tokens),
        )
        .header(&[("x-acme-request-cost", "12")])
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["header:x-acme-request-cost"])),
        Case::new(
            "a header of units that no one knows",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o",
            &chat("gpt-4o", &tokens),
        )
        .header(&[("x-acme-billed-units", "12"), ("x-acme-tier", "turbo")])
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["header:x-acme-billed-units", "header:x-acme-tier"])),
    ]
}
