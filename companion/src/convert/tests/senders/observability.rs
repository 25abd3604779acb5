//! OpenLLMetry, OpenLIT, OpenInference, Langfuse, MLflow and Logfire.

use super::*;

#[test]
fn openllmetry_with_its_newest_and_its_oldest_names() {
    let newest = Sent {
        scope: "opentelemetry.instrumentation.openai.v1",
        version: "0.62.4",
        attributes: json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.user": "ann", "gen_ai.is_streaming": true, "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.response.id": "r1", "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40, "gen_ai.usage.total_tokens": 540,
            "gen_ai.usage.cache_read.input_tokens": 300, "gen_ai.usage.reasoning_tokens": 7,
        }),
        events: vec![
            ("gen_ai.content.completion.chunk", 250, json!({})),
            ("gen_ai.content.completion.chunk", 400, json!({})),
        ],
        ..Sent::default()
    };
    newest.is(&json!({
        "provider": "openai", "operation": "chat", "request": "gpt-4o-mini", "response": "gpt-4o-mini-2024-07-18",
        "id": "r1", "stream": true, "finish": ["stop"], "first_chunk_ms": 250, "input": 500, "output": 40, "read": 300,
        "reasoning": 7, "user": "ann", "outcome": "completed", "cost_status": "exact",
    }));
    let oldest = Sent {
        scope: "opentelemetry.instrumentation.anthropic",
        version: "0.20.0",
        attributes: json!({
            "llm.request.type": "chat", "gen_ai.system": "Anthropic", "llm.request.model": "claude-sonnet-4-5",
            "llm.is_streaming": "False", "llm.usage.prompt_tokens": 500, "llm.usage.completion_tokens": 40,
            "llm.response.stop_reason": "end_turn", "traceloop.association.properties.user_id": "ann",
        }),
        ..Sent::default()
    };
    oldest.is(&json!({
        "provider": "anthropic", "operation": "chat", "request": "claude-sonnet-4-5", "stream": false,
        "finish": ["end_turn"], "input": 500, "output": 40, "user": "ann", "cost_status": "estimated",
    }));
}

#[test]
fn openlit_counts_as_the_api_does_and_times_calls_that_do_not_stream() {
    let call = |scope, provider: &str, model: &str, more: Json| {
        let mut attributes = json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
            "gen_ai.request.stream": false, "gen_ai.server.time_to_first_token": 0.9,
            "gen_ai.usage.cache_creation.input_tokens": 30, "gen_ai.usage.cache_read.input_tokens": 100,
            "gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 60, "gen_ai.request.user": "ann",
        });
        merge(&mut attributes, more);
        Sent { scope, attributes, ..Sent::default() }
    };
    call("openlit.instrumentation.anthropic", "anthropic", "claude-sonnet-4-5", json!({})).is(&json!({
        "input": 5130, "output": 60, "read": 100, "write": 30, "stream": false, "first_chunk_ms": null, "user": "ann",
    }));
    call("openlit.instrumentation.openai", "openai", "gpt-4o-mini", json!({})).is(&json!({ "input": 5000 }));
    // The thoughts are in neither its output nor its cost.
    let thoughts = json!({ "gen_ai.usage.reasoning_tokens": 25, "gen_ai.usage.cost": 0.5 });
    let gemini = call("openlit.instrumentation.google_ai_studio", "gemini", "gemini-2.5-flash", thoughts);
    gemini
        .is(&json!({ "provider": "gcp.gemini", "output": 85, "reasoning": 25, "price_source": "companion" }));
    let streamed = json!({ "gen_ai.request.stream": true, "gen_ai.usage.cost": 0.5 });
    call("openlit.instrumentation.openai", "openai", "gpt-4o-mini", streamed).is(&json!({
        "stream": true, "first_chunk_ms": 900, "cost": 500_000, "price_source": "sender", "cost_status": "exact",
    }));
}

#[test]
fn openlit_failures_that_have_nothing_but_a_name() {
    let failed = |scope, name, status| Sent { scope, name, status, ..Sent::default() };
    failed(
        "openlit.instrumentation.anthropic",
        "chat claude-sonnet-4-5",
        (2, "RateLimitError: Error code: 429 - no"),
    )
    .is(&json!({
        "provider": "anthropic", "operation": "chat", "request": "claude-sonnet-4-5", "outcome": "failed",
        "status": 429, "error": "RateLimitError", "kind": "rate_limited",
    }));
    failed(
        "openlit.instrumentation.google_ai_studio",
        "chat gemini-2.5-flash",
        (2, "ServerError: 503 UNAVAILABLE. {}"),
    )
    .is(&json!({ "provider": "gcp.gemini", "status": 503, "kind": "overloaded" }));
    for (scope, name, status) in [
        ("openlit.instrumentation.anthropic", "chat claude-sonnet-4-5", 1),
        ("openlit.instrumentation.chroma", "vectordb query", 2),
        ("app", "chat claude-sonnet-4-5", 2),
    ] {
        let converted = failed(scope, name, (status, "")).convert();
        assert_eq!((converted.records.len(), converted.ignored), (0, 1), "{scope} {name} {status}");
    }
}

#[test]
fn openlit_estimates_the_usage_of_a_stream_without_any() {
    let counted = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.stream": true, "gen_ai.usage.input_tokens": 4, "gen_ai.usage.output_tokens": 15,
        "gen_ai.usage.cost": 0.001,
    });
    Sent { scope: "openlit.instrumentation.openai", attributes: counted, ..Sent::default() }
        .is(&json!({ "source": "estimated", "cost_status": "estimated" }));
}

#[test]
fn openinference_with_the_request_and_the_response_as_json() {
    let attributes = json!({
        "openinference.span.kind": "LLM", "llm.provider": "openai", "llm.system": "openai",
        "llm.invocation_parameters": r#"{"model": "gpt-4o-mini", "stream": true, "user": "ann"}"#,
        "llm.model_name": "gpt-4o-mini-2024-07-18", "llm.finish_reason": "stop",
        "llm.token_count.prompt": 500, "llm.token_count.completion": 40, "llm.token_count.total": 540,
        "llm.token_count.prompt_details.cache_read": 300, "llm.token_count.completion_details.reasoning": 7,
        "output.value": r#"{"id": "r1", "choices": [], "service_tier": "flex"}"#, "session.id": "s1",
    });
    let sent = |attributes: Json, status, events| Sent {
        scope: "openinference.instrumentation.openai",
        version: "0.1.66",
        attributes,
        status,
        events,
        ..Sent::default()
    };
    let first = || vec![("First Token Stream Event", 120, json!({}))];
    sent(attributes.clone(), (1, ""), first()).is(&json!({
        "provider": "openai", "operation": "chat", "request": "gpt-4o-mini", "response": "gpt-4o-mini-2024-07-18",
        "id": "r1", "tier": "flex", "stream": true, "first_chunk_ms": 120, "finish": ["stop"], "input": 500,
        "output": 40, "read": 300, "reasoning": 7, "user": "ann", "conversation": "s1",
    }));
    // Before a response the one model is that of the request.
    let failed = json!({
        "openinference.span.kind": "LLM", "llm.provider": "openai", "llm.model_name": "gpt-4o-mini",
        "llm.invocation_parameters": r#"{"model": "gpt-4o-mini"}"#,
    });
    sent(failed, (2, "InternalServerError: Error code: 500 - no"), vec![]).is(&json!({
        "request": "gpt-4o-mini", "response": null, "outcome": "failed", "status": 500, "kind": "server_error",
    }));
    let mut dropped = attributes;
    for key in
        ["llm.finish_reason", "llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total"]
    {
        dropped.as_object_mut().unwrap().remove(key);
    }
    sent(dropped, (0, ""), first()).is(&json!({ "outcome": "dropped", "stream": true, "error": null }));
}

#[test]
fn openinference_of_langchain_and_of_embeddings() {
    let result = r#"{"generations": [[{"message": {"kwargs": {"response_metadata": {"id": "r2"}}}}]], "llm_output": null}"#;
    Sent {
        scope: "openinference.instrumentation.langchain",
        attributes: json!({
            "openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5", "output.value": result,
            "llm.token_count.prompt": 500, "llm.token_count.completion": 40,
        }),
        ..Sent::default()
    }
    .is(&json!({ "provider": "anthropic", "id": "r2", "request": "claude-sonnet-4-5" }));
    Sent {
        scope: "@arizeai/openinference-instrumentation-openai",
        attributes: json!({
            "openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small",
            "llm.token_count.prompt": 11,
        }),
        ..Sent::default()
    }
    .is(&json!({ "provider": "openai", "operation": "embeddings", "input": 11, "cost_status": "exact" }));
}

#[test]
fn langfuse_generations_and_embeddings() {
    let sent = |attributes: Json, status| Sent {
        scope: "langfuse-sdk",
        version: "5.0.4",
        attributes,
        status,
        ..Sent::default()
    };
    let started = jiff::Timestamp::from_nanosecond(i128::from(NOW.0 - 700_000_000)).unwrap();
    let raw = r#"{"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540,
        "prompt_tokens_details": {"cached_tokens": 300}, "completion_tokens_details": {"reasoning_tokens": 7}}"#;
    let generation = json!({
        "langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o-mini-2024-07-18",
        "langfuse.observation.usage_details": raw, "langfuse.observation.completion_start_time": format!("\"{started}\""),
        "langfuse.observation.metadata.finish_reason": "\"stop\"", "user.id": "ann", "session.id": "s1",
        "langfuse.observation.model.parameters": r#"{"temperature": 1, "service_tier": "flex"}"#,
        "langfuse.observation.cost_details": r#"{"input": 0, "output": 0, "total": 0}"#,
    });
    sent(generation, (0, "")).is(&json!({
        "provider": "openai", "operation": "chat", "response": "gpt-4o-mini-2024-07-18", "stream": true,
        "first_chunk_ms": 300, "finish": ["stop"], "input": 500, "output": 40, "read": 300, "reasoning": 7,
        "tier": "flex", "user": "ann", "conversation": "s1", "price_source": "companion",
    }));
    // In its own form every kind of tokens is apart, and a cost may be given.
    let apart = r#"{"input": 100, "input_cache_read": 300, "cache_creation_input_tokens": 50, "output": 30,
        "output_reasoning": 10, "total": 490}"#;
    let manual = json!({
        "langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-sonnet-4-5",
        "langfuse.observation.usage_details": apart, "langfuse.observation.cost_details": r#"{"total": 0.25}"#,
    });
    sent(manual, (0, "")).is(&json!({
        "provider": "anthropic", "input": 450, "output": 40, "read": 300, "write": 50, "reasoning": 10, "cost": 250_000,
        "price_source": "sender", "stream": false,
    }));
    let failed = json!({
        "langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o-mini",
        "langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "Error code: 401 - no key",
    });
    sent(failed, (0, "")).is(&json!({
        "outcome": "failed", "status": 401, "kind": "unauthenticated", "error": "401", "request": "gpt-4o-mini",
        "response": null,
    }));
    let embedding = json!({
        "langfuse.observation.type": "embedding", "langfuse.observation.model.name": "text-embedding-3-small",
        "langfuse.observation.usage_details": r#"{"input": 11}"#,
    });
    sent(embedding, (0, "")).is(&json!({ "operation": "embeddings", "input": 11 }));
    for kind in ["span", "agent", "tool", "retriever", "guardrail"] {
        let other = json!({ "langfuse.observation.type": kind, "langfuse.observation.model.name": "m" });
        assert_eq!(sent(other, (0, "")).convert().records, [], "{kind}");
    }
}

#[test]
fn mlflow_with_its_own_names_and_with_the_conventions() {
    let sent = |attributes: Json| Sent {
        scope: "mlflow.tracing.provider",
        attributes,
        status: (1, ""),
        events: vec![("mlflow.chunk.item.0", 80, json!({})), ("mlflow.chunk.item.1", 90, json!({}))],
        ..Sent::default()
    };
    let response =
        r#"{"id": "r1", "model": "gpt-4o-mini-2024-07-18", "choices": [{"finish_reason": "stop"}]}"#;
    sent(json!({
        "mlflow.spanType": "\"CHAT_MODEL\"", "mlflow.llm.model": "\"gpt-4o-mini\"", "mlflow.llm.provider": "\"openai\"",
        "mlflow.chat.tokenUsage": r#"{"input_tokens": 500, "output_tokens": 40, "total_tokens": 540, "cache_read_input_tokens": 300}"#,
        "mlflow.spanOutputs": response, "model": "\"gpt-4o-mini\"", "stream": "true", "user": "\"ann\"",
    }))
    .is(&json!({
        "provider": "openai", "operation": "chat", "request": "gpt-4o-mini", "response": "gpt-4o-mini-2024-07-18",
        "id": "r1", "finish": ["stop"], "stream": true, "first_chunk_ms": 80, "input": 500, "output": 40, "read": 300,
        "user": "ann", "cost_status": "exact",
    }));
    // It has the response's model for the requested one, and no cached tokens.
    sent(json!({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.usage.input_tokens": 500,
        "gen_ai.usage.output_tokens": 40, "model": "\"gpt-4o-mini\"", "user": "\"<openai.Omit object at 0x1>\"",
    }))
    .is(&json!({
        "provider": "openai", "request": "gpt-4o-mini", "response": "gpt-4o-mini-2024-07-18", "user": null,
        "cost_status": "estimated",
    }));
    // Gemini's thoughts are only in the total.
    sent(json!({
        "mlflow.spanType": "\"LLM\"", "mlflow.llm.model": "\"gemini-2.5-flash\"",
        "mlflow.chat.tokenUsage": r#"{"input_tokens": 140, "output_tokens": 60, "total_tokens": 225, "cache_read_input_tokens": 100}"#,
        "mlflow.llm.cost": r#"{"total_cost": 0.5}"#,
    }))
    .is(&json!({ "provider": "gcp.gemini", "output": 85, "reasoning": 25, "price_source": "companion" }));
}

#[test]
fn logfire_with_lists_as_text_and_its_cost() {
    Sent {
        scope: "logfire.openai",
        version: "5.4.0",
        attributes: json!({
            "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.operation.name": "chat",
            "logfire.span_type": "span", "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": "r1",
            "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40, "operation.cost": 0.25,
            "gen_ai.usage.raw": r#"{"input_tokens_details": {"cached_tokens": 300}, "output_tokens_details": {"reasoning_tokens": 7}}"#,
            "gen_ai.response.finish_reasons": r#"["stop", "length"]"#,
        }),
        ..Sent::default()
    }
    .is(&json!({
        "finish": ["stop", "length"], "read": 300, "reasoning": 7, "cost": 250_000, "price_source": "sender",
        "stream": false,
    }));
    for (kind, more) in [("pending_span", json!({})), ("log", json!({}))] {
        let mut attributes = json!({
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m",
            "logfire.span_type": kind,
        });
        merge(&mut attributes, more);
        let converted = Sent { scope: "logfire.openai", attributes, ..Sent::default() }.convert();
        assert_eq!((converted.records.len(), converted.ignored), (0, 1), "{kind}");
    }
}
