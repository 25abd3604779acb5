//! How and where a model was served: speed, region and service tier.

use serde_json::json;

use super::{ANTHROPIC, Case, converse, gemini, message, per_million, response, with};

pub(super) fn speed_and_region() -> Vec<Case> {
    let fast =
        json!({"input_tokens": 300, "output_tokens": 80, "cache_read_input_tokens": 1000, "speed": "fast"});
    let bill = per_million([(300.0, 5.0), (80.0, 25.0), (1000.0, 0.5)]);
    let plain = json!({"input_tokens": 300, "output_tokens": 80, "inference_geo": "us"});
    let openai = json!({"input_tokens": 400, "output_tokens": 50, "total_tokens": 450});
    vec![
        Case::new("fast, with what is cached", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &fast))
            .costs(2.0 * bill)
            .factors(&["speed=fast"]),
        Case::new(
            "fast on a model without a fast price",
            ANTHROPIC,
            "claude-sonnet-5",
            &message("claude-sonnet-5", &fast),
        )
        .is("estimated"),
        Case::new(
            "the usual speed where fast was asked for",
            ANTHROPIC,
            "claude-opus-4-6",
            &message("claude-opus-4-6", &with(fast.clone(), "speed", json!("standard"))),
        )
        .with_request(json!({"speed": "fast"}))
        .costs(bill),
        Case::new("inference in the US", ANTHROPIC, "claude-opus-4-8", &message("claude-opus-4-8", &plain))
            .costs(1.1 * per_million([(300.0, 5.0), (80.0, 25.0)]))
            .factors(&["region=us"]),
        Case::new(
            "inference in a region without a price",
            ANTHROPIC,
            "claude-opus-5",
            &message("claude-opus-5", &with(plain, "inference_geo", json!("mars"))),
        )
        .is("estimated"),
        Case::new(
            "a host that keeps data in Europe",
            "https://eu.api.openai.com/v1/responses",
            "gpt-5.5",
            &response("gpt-5.5", &json!([]), &openai),
        )
        .costs(1.1 * per_million([(400.0, 5.0), (50.0, 30.0)])),
        Case::new(
            "a regional profile of Bedrock",
            "https://bedrock-runtime.us-east-2.amazonaws.com/model/us.anthropic.claude-opus-5/converse",
            "",
            &converse(&json!({"inputTokens": 100, "outputTokens": 20, "totalTokens": 120})),
        )
        .costs(per_million([(100.0, 5.5), (20.0, 27.5)])),
    ]
}

pub(super) fn tiers() -> Vec<Case> {
    let usage = json!({"promptTokenCount": 900, "candidatesTokenCount": 30, "totalTokenCount": 930});
    let bill = per_million([(900.0, 1.5), (30.0, 9.0)]);
    let vertex = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-3.5-flash:generateContent";
    let of = |traffic: &str| gemini("gemini-3.5-flash", &with(usage.clone(), "trafficType", json!(traffic)));
    let nova = json!({"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100});
    let nova_url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1:0/converse";
    let nova_bill = per_million([(1000.0, 0.06), (100.0, 0.24)]);
    vec![
        Case::new("Vertex AI's flex", vertex, "", &of("ON_DEMAND_FLEX")).costs(bill / 2.0),
        Case::new("Vertex AI on demand", vertex, "", &of("ON_DEMAND")).costs(bill),
        Case::new("reserved capacity has another bill", vertex, "", &of("PROVISIONED_THROUGHPUT"))
            .is("estimated"),
        Case::new(
            "the tier in a header",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:generateContent",
            "",
            &gemini("gemini-3.5-flash", &usage),
        )
        .header(&[("x-gemini-service-tier", "flex")])
        .costs(bill / 2.0)
        .factors(&["tier_source=header"]),
        Case::new(
            "Bedrock's tier in the body",
            nova_url,
            "",
            &with(converse(&nova), "serviceTier", json!({"type": "flex"})),
        )
        .costs(nova_bill / 2.0),
        Case::new("Bedrock's tier in a header", nova_url, "", &converse(&nova))
            .header(&[("x-amzn-bedrock-service-tier", "priority")])
            .costs(nova_bill * 1.75),
    ]
}
