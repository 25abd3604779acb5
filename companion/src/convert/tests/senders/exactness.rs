//! A price is exact only where the sender reports all that costs.

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
fn writes_that_live_for_an_hour_are_not_priced_as_others() {
    call("some.app", "", json!({
        "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.cache_write.input_tokens": 300, "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 300,
    }))
    .is(&json!({ "write": 300, "cost_status": "estimated" }));
}
