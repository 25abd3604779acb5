//! Vercel AI SDK, Pydantic AI, Strands, ADK, rig and genai.

use super::*;

#[test]
fn the_ai_sdk_with_its_own_names() {
    let sent = |operation: &str, more: Json| {
        let mut attributes = json!({
            "ai.operationId": operation, "ai.model.provider": "openai.chat", "ai.model.id": "gpt-4o-mini",
            "ai.telemetry.metadata.userId": "ann", "ai.telemetry.metadata.sessionId": "s1",
        });
        merge(&mut attributes, more);
        Sent { scope: "ai", name: "x", attributes, ..Sent::default() }
    };
    sent("ai.streamText.doStream", json!({
        "gen_ai.system": "openai.chat", "gen_ai.request.model": "gpt-4o-mini", "ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ["tool-calls"], "ai.response.msToFirstChunk": 212.4,
        "ai.usage.inputTokens": 500, "ai.usage.outputTokens": 40, "ai.usage.totalTokens": 540,
        "ai.usage.inputTokenDetails.noCacheTokens": 200, "ai.usage.cachedInputTokens": 300, "ai.usage.reasoningTokens": 7,
        "ai.response.providerMetadata": r#"{"openai": {"serviceTier": "flex"}}"#,
    }))
    .is(&json!({
        "provider": "openai", "operation": "chat", "request": "gpt-4o-mini", "id": "r1", "stream": true,
        "first_chunk_ms": 212, "finish": ["tool-calls"], "input": 500, "output": 40, "read": 300, "reasoning": 7,
        "tier": "flex", "user": "ann", "conversation": "s1",
    }));
    sent("ai.embed.doEmbed", json!({
        "ai.model.provider": "openai.embedding", "ai.model.id": "text-embedding-3-small", "ai.usage.tokens": 11,
    }))
    .is(&json!({ "provider": "openai", "operation": "embeddings", "input": 11, "stream": false }));
    for outer in ["ai.generateText", "ai.streamText", "ai.embed", "ai.toolCall", "ai.rerank.doRerank"] {
        assert_eq!(sent(outer, json!({ "ai.usage.inputTokens": 500 })).convert().records, [], "{outer}");
    }
}

/// The same Claude call by each version: 5 counts as the API does, from 6 on the input has the cache in it.
#[test]
fn the_ai_sdk_counts_the_cache_by_its_version() {
    let metadata = r#"{"anthropic": {"usage": {"input_tokens": 5000, "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 1000}, "cacheCreationInputTokens": 200}}"#;
    let call = |scope, provider: &str, more: Json| {
        let mut attributes = json!({
            "gen_ai.system": provider, "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.output_tokens": 70,
        });
        merge(&mut attributes, more);
        Sent { scope, attributes, ..Sent::default() }
    };
    let expected = json!({
        "provider": "anthropic", "input": 6200, "output": 70, "read": 1000, "write": 200, "cost_status": "exact",
    });
    call("ai", "anthropic.messages", json!({
        "ai.operationId": "ai.generateText.doGenerate", "gen_ai.usage.input_tokens": 5000,
        "ai.usage.cachedInputTokens": 1000, "ai.usage.totalTokens": 5070, "ai.response.providerMetadata": metadata,
    }))
    .is(&expected);
    call("ai", "anthropic.messages", json!({
        "ai.operationId": "ai.generateText.doGenerate", "gen_ai.usage.input_tokens": 6200, "ai.usage.totalTokens": 6270,
        "ai.usage.inputTokenDetails.noCacheTokens": 5000, "ai.usage.inputTokenDetails.cacheReadTokens": 1000,
        "ai.usage.inputTokenDetails.cacheWriteTokens": 200, "ai.response.providerMetadata": metadata,
    }))
    .is(&expected);
    call(
        "gen_ai",
        "anthropic",
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 6200,
            "gen_ai.usage.cache_read.input_tokens": 1000, "gen_ai.usage.cache_creation.input_tokens": 200,
        }),
    )
    .is(&expected);
}

#[test]
fn pydantic_ai_with_details_of_each_provider() {
    Sent {
        scope: "pydantic-ai",
        version: "2.68.0",
        attributes: json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "google", "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.usage.input_tokens": 140, "gen_ai.usage.output_tokens": 85,
            "gen_ai.usage.details.thoughts_tokens": 25, "gen_ai.usage.cache_read.input_tokens": 100,
            "operation.cost": 0.25, "gen_ai.client.operation.time_to_first_chunk": 0.25,
        }),
        ..Sent::default()
    }
    .is(&json!({
        "provider": "gcp.gemini", "output": 85, "reasoning": 25, "stream": true, "first_chunk_ms": 250, "cost": 250_000,
    }));
    // It leaves counts of zero out, and still reports all that costs.
    let without_cache = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 140, "gen_ai.usage.output_tokens": 85,
    });
    for (version, status) in
        [("2.68.0", "exact"), ("3.0.0", "exact"), ("1.20.0", "estimated"), ("", "estimated")]
    {
        let attributes = without_cache.clone();
        Sent { scope: "pydantic-ai", version, attributes, ..Sent::default() }
            .is(&json!({ "cost_status": status }));
    }
}

#[test]
fn strands_in_milliseconds_and_without_a_provider() {
    Sent {
        scope: "strands.telemetry.tracer",
        attributes: json!({
            "gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.prompt_tokens": 500, "gen_ai.usage.completion_tokens": 40,
            "gen_ai.usage.cache_read_input_tokens": 300, "gen_ai.usage.cache_write_input_tokens": 20,
            "gen_ai.server.time_to_first_token": 313, "user.id": "ann",
        }),
        events: vec![("gen_ai.choice", 990, json!({ "finish_reason": "end_turn" }))],
        ..Sent::default()
    }
    .is(&json!({
        "provider": "openai", "input": 500, "read": 300, "write": 20, "stream": true, "first_chunk_ms": 313,
        "finish": ["end_turn"], "user": "ann",
    }));
}

#[test]
fn adk_and_the_genai_conventions() {
    Sent {
        scope: "gcp.vertex.agent",
        attributes: json!({
            "gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.vertex_ai",
            "gen_ai.request.model": "gemini-2.5-flash", "gen_ai.usage.input_tokens": 140,
            "gen_ai.usage.output_tokens": 85, "gen_ai.usage.reasoning.output_tokens": 25,
        }),
        status: (
            2,
            "_ResourceExhaustedError: \nsee https://x.example/#error-code-429\n\n429 RESOURCE_EXHAUSTED. {}",
        ),
        ..Sent::default()
    }
    .is(&json!({
        "provider": "gcp.vertex_ai", "operation": "generate_content", "status": 429, "kind": "rate_limited",
        "error": "_ResourceExhaustedError", "output": 85,
    }));
}

/// `tracing` writes flags and lists as text.
#[test]
fn rig_and_genai_through_tracing() {
    Sent {
        attributes: json!({
            "target": "rig::completions", "gen_ai.operation.name": "chat_streaming", "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 500,
            "gen_ai.usage.output_tokens": 40, "gen_ai.usage.cached_tokens": 300,
        }),
        ..Sent::default()
    }
    .is(&json!({ "operation": "chat", "stream": true, "input": 500, "read": 300, "cost_status": "exact" }));
    Sent {
        attributes: json!({
            "code.module.name": "genai::otel::span", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini", "gen_ai.request.stream": "true",
            "gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.response.finish_reasons": "[\"stop\"]",
            "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40,
        }),
        ..Sent::default()
    }
    .is(&json!({ "stream": true, "first_chunk_ms": 250, "finish": ["stop"], "cost_status": "estimated" }));
}
