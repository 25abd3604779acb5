//! LiteLLM and the Claude SDKs, and what serves calls.

use super::*;
use crate::record::Origin;

fn litellm(more: Json) -> Sent<'static> {
    let mut attributes = json!({
        "llm.request.type": "acompletion", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.system": "anthropic",
        "llm.is_streaming": "True", "llm.user": "ann", "gen_ai.response.finish_reasons": "[\"stop\"]",
        "gen_ai.usage.input_tokens": 1350, "gen_ai.usage.output_tokens": 70, "gen_ai.usage.total_tokens": 1420,
        "gen_ai.openai.response.service_tier": "standard", "gen_ai.cost.total_cost": 0.002_625,
        "metadata.usage_object": "{'completion_tokens': 70, 'prompt_tokens': 1350, 'prompt_tokens_details': {'audio_tokens': None, 'cached_tokens': 1000, 'cache_write_tokens': 300}, 'speed': None}",
    });
    merge(&mut attributes, more);
    Sent { scope: "litellm", attributes, status: (1, ""), ..Sent::default() }
}

#[test]
fn litellm_with_its_cost_and_its_usage_as_python() {
    litellm(json!({})).is(&json!({
        "provider": "anthropic", "operation": "text_completion", "stream": true, "user": "ann", "finish": ["stop"],
        "input": 1350, "output": 70, "read": 1000, "write": 300, "cost": 2625, "cost_status": "exact",
        "price_source": "sender", "tier": "standard",
    }));
    // What the tables give is kept next to it.
    let computed = |more| litellm(more).call().computed_cost.map(|cost| cost.0 / 1_000);
    assert_eq!(computed(json!({ "gen_ai.cost.total_cost": 0.003 })), Some(2625));
    assert_eq!(computed(json!({ "gen_ai.cost.total_cost": 0.0 })), None);
    // What it costs is known without its figure as well, as it reports the cache.
    litellm(json!({ "gen_ai.cost.total_cost": 0.0 }))
        .is(&json!({ "cost_status": "exact", "price_source": "companion" }));
    litellm(json!({ "gen_ai.cost.total_cost": 0.0, "metadata.usage_object": "{}" }))
        .is(&json!({ "cost_status": "estimated", "price_source": "companion" }));
}

#[test]
fn litellm_without_a_provider_but_in_the_model() {
    litellm(json!({
        "llm.request.type": "embedding", "gen_ai.system": "", "litellm.provider.model": "openai/text-embedding-3-small",
        "gen_ai.request.model": "my-embeddings", "metadata.usage_object": "{}", "llm.is_streaming": "False",
    }))
    .is(&json!({ "provider": "openai", "operation": "embeddings", "stream": false }));
    let raw =
        json!({ "llm.openai.messages": "[]", "llm.openai.model": "gpt-4o-mini", "llm.openai.usage": "{}" });
    let converted =
        Sent { scope: "litellm", name: "raw_gen_ai_request", attributes: raw, ..Sent::default() }.convert();
    assert_eq!((converted.records.len(), converted.ignored), (0, 1));
}

#[test]
fn an_id_that_litellm_put_around_the_providers_is_the_providers_for_every_sender() {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let own =
        format!("resp_{}", encode("litellm:custom_llm_provider:openai;model_id:None;response_id:resp_1"));
    litellm(json!({ "gen_ai.response.id": own })).is(&json!({ "id": "resp_1" }));
    let client = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.id": own,
    });
    Sent { attributes: client, ..Sent::default() }.is(&json!({ "id": "resp_1" }));
    for other in
        ["resp_bGl0ZWxsbTp", "resp_bGl0ZWxsbTp!!", "resp_1", &format!("resp_{}", encode("litellm:nothing"))]
    {
        litellm(json!({ "gen_ai.response.id": other })).is(&json!({ "id": other }));
    }
}

fn claude_sdk(status: i32, more: Json) -> Sent<'static> {
    let mut attributes = json!({
        "gen_ai.provider.name": "anthropic", "gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.request.stream": true, "server.address": "api.anthropic.com", "http.response.status_code": 200,
        "gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.response.id": "m1", "gen_ai.usage.input_tokens": 1350,
        "gen_ai.usage.cache_write.input_tokens": 300, "gen_ai.usage.cache_read.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 70, "anthropic.response.service_tier": "priority",
        "anthropic.message.stop_reason": "end_turn",
    });
    merge(&mut attributes, more);
    Sent {
        scope: "com.anthropic.sdk.python",
        version: "2.14.0",
        attributes,
        status: (status, ""),
        ..Sent::default()
    }
}

#[test]
fn the_claude_sdk_with_tier_stop_reason_and_early_end() {
    claude_sdk(1, json!({})).is(&json!({
        "outcome": "completed", "tier": "priority", "finish": ["end_turn"], "input": 1350, "first_chunk_ms": 250,
    }));
    // The application closed the stream.
    claude_sdk(0, json!({})).is(&json!({ "outcome": "dropped", "error": null }));
    claude_sdk(2, json!({ "error.type": "connection_error" }))
        .is(&json!({ "outcome": "truncated", "status": 200, "kind": "truncated" }));
    claude_sdk(2, json!({ "error.type": "overloaded_error", "http.response.status_code": 529 }))
        .is(&json!({ "outcome": "failed", "status": 529, "kind": "overloaded" }));
}

#[test]
fn the_claude_sdk_with_what_compactions_used() {
    claude_sdk(
        1,
        json!({
            "anthropic.usage.compaction.input_tokens": 9000, "anthropic.usage.compaction.output_tokens": 500,
        }),
    )
    .is(&json!({ "input": 10_350, "output": 570, "cost_status": "estimated" }));
}

#[test]
fn what_serves_calls_is_a_witness_without_a_user() {
    let claude_platform = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5", "gen_ai.response.id": "msg_1", "gen_ai.usage.input_tokens": 1350,
        "gen_ai.usage.output_tokens": 70, "user.id": "acct_1",
    });
    let envoy = json!({
        "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 1350, "llm.token_count.completion": 70, "user.id": "acct_1",
    });
    let vllm = json!({
        "gen_ai.response.model": "llama-3.3-70b", "gen_ai.request.id": "cmpl-1", "gen_ai.request.max_tokens": 100,
        "gen_ai.usage.prompt_tokens": 1350, "gen_ai.usage.completion_tokens": 70, "gen_ai.latency.e2e": 1.5,
    });
    let sent = |scope, attributes| Sent { scope, attributes, status: (1, ""), ..Sent::default() };
    for sender in [
        litellm(json!({})),
        sent("com.anthropic.platform", claude_platform),
        sent("envoyproxy/ai-gateway", envoy),
        sent("vllm.llm_engine", vllm),
    ] {
        let call = |kind| {
            let span = Span { kind, ..sender.span(1, None) };
            let mut converted = converted(&batch(sender.scope, "", vec![span])).unwrap();
            assert_eq!(converted.records.len(), 1, "{} of kind {kind}: {converted:?}", sender.scope);
            converted.records.remove(0)
        };
        let client = call(3);
        assert_eq!(client.origin, Origin::ThirdParty, "{}", sender.scope);
        assert_eq!((client.input_tokens, client.output_tokens), (Some(1350), Some(70)), "{}", sender.scope);
        for kind in [2, 5] {
            // All else is as a client's span gives it.
            let expected = CallRecord { origin: Origin::Witness, user: None, ..client.clone() };
            assert_eq!(call(kind), expected, "{} of kind {kind}", sender.scope);
        }
    }
}
