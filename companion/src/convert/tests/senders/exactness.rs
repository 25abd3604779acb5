//! A price is exact only where the sender reports all that costs.

use spanledger::CostStatus;

use super::*;

fn call(scope: &'static str, version: &'static str, more: Json) -> Sent<'static> {
    let mut attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40,
    });
    merge(&mut attributes, more);
    Sent { scope, version, attributes, ..Sent::default() }
}

#[test]
fn a_sender_that_cannot_report_cached_tokens_has_estimated_costs() {
    for (scope, version, status) in [
        ("opentelemetry.instrumentation.openai_v2", "2.4b0", "estimated"),
        ("@opentelemetry/instrumentation-openai", "0.21.0", "estimated"),
        ("openinference.instrumentation.smolagents", "0.1.43", "estimated"),
        ("opentelemetry.instrumentation.openai.v1", "0.30.0", "estimated"),
        ("opentelemetry.instrumentation.openai.v1", "0.62.4", "exact"),
        ("opentelemetry.instrumentation.genai.openai", "1.3b0", "exact"),
        ("openinference.instrumentation.openai", "0.1.66", "exact"),
        ("litellm", "", "estimated"),
        ("some.app", "1.0", "estimated"),
    ] {
        call(scope, version, json!({})).is(&json!({ "cost_status": status }));
        // A count, also of zero, shows that it can.
        let counted = json!({ "gen_ai.usage.cache_read.input_tokens": 0 });
        call(scope, version, counted).is(&json!({ "cost_status": "exact" }));
    }
}

#[test]
fn nothing_is_cached_of_embeddings() {
    call(
        "some.app",
        "",
        json!({ "gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small" }),
    )
    .is(&json!({ "cost_status": "exact" }));
}

#[test]
fn a_total_that_is_not_the_total_of_the_parts_is_not_exact() {
    let counted = |total: u64| {
        call(
            "some.app",
            "",
            json!({ "gen_ai.usage.cache_read.input_tokens": 0, "gen_ai.usage.total_tokens": total }),
        )
    };
    counted(540).is(&json!({ "cost_status": "exact" }));
    counted(600).is(&json!({ "cost_status": "estimated" }));
}

#[test]
fn a_zero_is_no_count_where_a_model_wrote_something() {
    let counted = |input: u64, output: u64, reason: Option<&str>| {
        let mut more = json!({
            "gen_ai.usage.cache_read.input_tokens": 0, "gen_ai.usage.input_tokens": input,
            "gen_ai.usage.output_tokens": output,
        });
        if let Some(reason) = reason {
            merge(&mut more, json!({ "gen_ai.response.finish_reasons": [reason] }));
        }
        call("some.app", "", more).convert().records[0].cost_status
    };
    for reason in ["stop", "STOP", "end_turn", "tool_calls", "length"] {
        assert_eq!(counted(500, 40, Some(reason)), CostStatus::Exact, "{reason}");
        assert_eq!(counted(500, 0, Some(reason)), CostStatus::Estimated, "{reason}");
        assert_eq!(counted(0, 40, Some(reason)), CostStatus::Estimated, "{reason}");
    }
    // Nothing may have been written.
    for reason in [Some("content_filter"), Some(""), None] {
        assert_eq!(counted(500, 0, reason), CostStatus::Exact, "{reason:?}");
    }
}

#[test]
fn writes_that_live_for_an_hour_cost_what_they_cost() {
    // Dollars per million: 3 for input, 3.75 for five minutes in the cache and 6 for an hour, 15 for output.
    for (hour, millionths) in [(0, 2_325), (200, 2_775), (300, 3_000)] {
        call(
            "some.app",
            "",
            json!({
                "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.cache_write.input_tokens": 300,
                "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": hour,
            }),
        )
        .is(&json!({ "write": 300, "cost": millionths, "cost_status": "exact" }));
    }
}

#[test]
fn what_is_billed_next_to_tokens_is_in_the_price() {
    let langfuse = |usage: Json| {
        call(
            "langfuse-sdk",
            "5.0.4",
            json!({
                "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-opus-4-8",
                "langfuse.observation.usage_details": usage.to_string(),
            }),
        )
    };
    let cost = |usage: Json| langfuse(usage).convert().records[0].cost.unwrap().0;
    let plain = cost(json!({}));
    assert_eq!(cost(json!({ "server_tool_use": { "web_search_requests": 3 } })), plain + 30_000_000);
    assert_eq!(cost(json!({ "speed": "fast" })), 2 * plain);
    assert_eq!(cost(json!({ "speed": "standard", "inference_geo": "global" })), plain);
    assert_eq!(cost(json!({ "inference_geo": "us" })), plain * 11 / 10);
    for (usage, status) in [
        (json!({ "speed": "fast" }), "exact"),
        (json!({ "speed": "warp" }), "estimated"),
        (json!({ "surcharge": 1 }), "estimated"),
        (json!({ "surcharge": 0 }), "exact"),
    ] {
        langfuse(usage).is(&json!({ "cost_status": status }));
    }
}

#[test]
fn an_own_span_brings_the_factors_of_its_price() {
    let own = |factors: Json| {
        let mut attributes = json!({
            "spanledger.outcome": "completed", "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-opus-4-8", "spanledger.cost.factors": factors,
        });
        merge(&mut attributes, json!({ "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40 }));
        Sent { attributes, ..Sent::default() }.convert().records[0].clone()
    };
    let plain = own(json!([])).cost.unwrap().0;
    assert_eq!(own(json!(["speed=fast"])).cost.unwrap().0, 2 * plain);
    assert_eq!(own(json!(["not understood"])).cost_status, CostStatus::Estimated);
}

#[test]
fn a_cost_that_a_sender_computed_is_exact_where_it_knows_all_that_costs() {
    for (scope, version, more, status) in [
        ("pydantic-ai", "2.68.0", json!({ "operation.cost": 0.001 }), "exact"),
        ("pydantic-ai", "1.0.0", json!({ "operation.cost": 0.001 }), "estimated"),
        (
            "pydantic-ai",
            "1.0.0",
            json!({ "operation.cost": 0.001, "gen_ai.usage.cache_read.input_tokens": 0 }),
            "exact",
        ),
        (
            "openinference.instrumentation.smolagents",
            "0.1.43",
            json!({ "llm.cost.total": 0.001 }),
            "estimated",
        ),
        // What a gateway reports is what it bills.
        ("litellm", "", json!({ "gen_ai.cost.total_cost": 0.001 }), "exact"),
    ] {
        call(scope, version, more).is(&json!({ "cost": 1000, "cost_status": status }));
    }
}
