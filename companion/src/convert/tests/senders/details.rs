//! Facts in places and forms that only some senders use.

use super::*;

fn chat(scope: &'static str, more: Json) -> Sent<'static> {
    let mut attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 40,
    });
    merge(&mut attributes, more);
    Sent { scope, attributes, ..Sent::default() }
}

#[test]
fn the_chunks_of_mlflow_have_what_its_genai_names_leave_out() {
    let chunk = |document: Json| json!({ "mlflow.chunk.value": spaced(&document) });
    let sent = |last: Json| Sent {
        events: vec![
            (
                "mlflow.chunk.item.0",
                60,
                chunk(json!({ "id": "c1", "choices": [{ "delta": { "content": "\"usage\": {" } }] })),
            ),
            ("mlflow.chunk.item.1", 90, chunk(last)),
        ],
        ..chat("mlflow.tracing.provider", json!({ "stream": "true" }))
    };
    sent(json!({
        "id": "c1", "service_tier": "default",
        "usage": {
            "prompt_tokens": 500, "completion_tokens": 40, "prompt_tokens_details": { "cached_tokens": 300 },
            "completion_tokens_details": { "reasoning_tokens": 16 },
        },
    }))
    .is(&json!({ "read": 300, "reasoning": 16, "cost_status": "exact", "tier": "default", "id": "c1" }));
    sent(json!({
        "response": {
            "id": "resp_1",
            "usage": {
                "input_tokens": 500, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 40,
                "output_tokens_details": { "reasoning_tokens": 8 },
            },
        },
    }))
    .is(&json!({ "read": 0, "reasoning": 8, "cost_status": "exact" }));
    // A member that is not known, and usage of an API that counts the cache apart.
    let video = json!({ "usage": { "prompt_tokens_details": { "cached_tokens": 0, "video_tokens": 9 } } });
    sent(video).is(&json!({ "cost_status": "estimated" }));
    sent(json!({ "usage": { "cache_read_input_tokens": 900 } }))
        .is(&json!({ "read": null, "cost_status": "estimated" }));
    // A Responses stream that breaks has its model in the first event.
    Sent {
        status: (2, "Connection error."),
        events: vec![(
            "mlflow.chunk.item.0",
            60,
            chunk(json!({ "response": { "id": "resp_2", "model": "gpt-4o-mini-2024-07-18" } })),
        )],
        ..chat("mlflow.tracing.provider", json!({ "stream": "true" }))
    }
    .is(&json!({ "id": "resp_2", "response": "gpt-4o-mini-2024-07-18", "outcome": "truncated" }));
}

/// A document as Python's `json` writes it.
fn spaced(document: &Json) -> String {
    document.to_string().replace("\":", "\": ")
}

#[test]
fn smolagents_keeps_the_response_as_python_prints_it() {
    let sent = |raw: &str| Sent {
        scope: "openinference.instrumentation.smolagents",
        version: "0.1.43",
        attributes: json!({
            "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "llm.provider": "openai",
            "llm.token_count.prompt": 500, "llm.token_count.completion": 40, "llm.token_count.total": 540,
            "output.value": json!({ "role": "assistant", "content": "hi", "raw": raw }).to_string(),
        }),
        status: (1, ""),
        ..Sent::default()
    };
    sent(
        "ChatCompletion(id='c1', choices=[Choice(finish_reason='stop', message=Message(content=\"it's \\\"usage=Usage(\\\"\", \
         tool_calls=None))], created=1795, model='gpt-4o-mini-2024-07-18', service_tier='default', \
         usage=CompletionUsage(completion_tokens=40, prompt_tokens=500, total_tokens=540, \
         completion_tokens_details=CompletionTokensDetails(audio_tokens=0, reasoning_tokens=16), \
         prompt_tokens_details=PromptTokensDetails(audio_tokens=0, cached_tokens=300)))",
    )
    .is(&json!({
        "id": "c1", "request": "gpt-4o-mini", "read": 300, "reasoning": 16, "cost_status": "exact", "tier": "default",
    }));
    for unknown in ["", "<Completion object at 0x1>", "ChatCompletion(id='c1', usage=", "{'usage': {}}"] {
        sent(unknown).is(&json!({ "read": null, "cost_status": "estimated" }));
    }
}

#[test]
fn the_class_of_an_exception_names_the_provider_where_nothing_else_does() {
    for (class, provider) in [
        ("openai.AuthenticationError", "openai"),
        ("mistralai.SDKError", "mistral_ai"),
        ("httpx.ReadError", ""),
    ] {
        Sent {
            attributes: json!({ "openinference.span.kind": "LLM" }),
            status: (2, "no"),
            events: vec![("exception", 10, json!({ "exception.type": class }))],
            ..Sent::default()
        }
        .is(&json!({ "provider": provider, "outcome": "failed" }));
    }
}

#[test]
fn a_call_of_the_newer_ai_sdk_without_a_response_was_given_up() {
    let sent = |more: Json| {
        let mut attributes = json!({ "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m" });
        merge(&mut attributes, more);
        Sent { scope: "gen_ai", attributes, ..Sent::default() }
    };
    sent(json!({})).is(&json!({ "outcome": "dropped" }));
    for response in [
        json!({ "gen_ai.response.id": "r" }),
        json!({ "gen_ai.response.finish_reasons": ["stop"] }),
        json!({ "gen_ai.usage.input_tokens": 1 }),
    ] {
        sent(response).is(&json!({ "outcome": "completed" }));
    }
}

#[test]
fn numbers_flags_and_lists_in_the_forms_in_which_senders_write_them() {
    let id = "gen_ai.usage.cache_read.input_tokens";
    for (key, value, fact, expected) in [
        ("gen_ai.usage.input_tokens", json!("120.0"), "input", json!(120)),
        ("gen_ai.usage.input_tokens", json!(" 120 "), "input", json!(120)),
        ("gen_ai.usage.input_tokens", json!(120.0), "input", json!(120)),
        ("gen_ai.usage.input_tokens", json!("1,200"), "input", json!(null)),
        ("gen_ai.usage.input_tokens", json!(-5), "input", json!(null)),
        (id, json!("64"), "read", json!(64)),
        ("gen_ai.request.stream", json!(1), "stream", json!(true)),
        ("gen_ai.request.stream", json!(0), "stream", json!(false)),
        ("gen_ai.request.stream", json!("True"), "stream", json!(true)),
        ("gen_ai.request.stream", json!("1"), "stream", json!(true)),
        ("gen_ai.request.stream", json!(7), "stream", json!(false)),
        ("gen_ai.response.finish_reasons", json!("['stop']"), "finish", json!(["stop"])),
        ("gen_ai.response.finish_reasons", json!("[\"stop\", null]"), "finish", json!(["stop"])),
        ("gen_ai.response.finish_reasons", json!("[\"STOP\"]"), "finish", json!(["STOP"])),
        ("gen_ai.response.finish_reasons", json!("stop"), "finish", json!(["stop"])),
        ("gen_ai.response.finish_reasons", json!([]), "finish", json!([])),
        ("http.response.status_code", json!("429 Too Many Requests"), "status", json!(429)),
        ("http.response.status_code", json!("429"), "status", json!(429)),
        ("http.response.status_code", json!(4290), "status", json!(null)),
        ("gen_ai.request.model", json!(["gpt-4o"]), "request", json!(null)),
        ("gen_ai.usage.cost", json!("0.25"), "cost", json!(250_000)),
        ("gen_ai.usage.cost", json!("free"), "price_source", json!("companion")),
    ] {
        chat("some.app", json!({ key: value })).is(&json!({ fact: expected }));
    }
}

#[test]
fn a_count_of_usage_that_no_table_has_is_never_exact() {
    let complete = json!({ "gen_ai.usage.cache_read.input_tokens": 0 });
    let sent = |key: &str, value: Json| {
        let mut more = complete.clone();
        merge(&mut more, json!({ key: value }));
        chat("some.app", more)
    };
    for (key, value, status) in [
        ("gen_ai.usage.details.web_search_requests", json!(2), "estimated"),
        ("gen_ai.usage.details.tool_use_prompt_tokens", json!(9), "estimated"),
        ("gen_ai.usage.video.input_tokens", json!(900), "estimated"),
        ("gen_ai.usage.search_units", json!("3"), "estimated"),
        ("llm.token_count.prompt_details.document", json!(7), "estimated"),
        ("ai.usage.inputTokenDetails.videoTokens", json!(7), "estimated"),
        ("llm.usage.grounding_requests", json!(1), "estimated"),
        ("gen_ai.usage.details.web_search_requests", json!(0), "exact"),
        ("gen_ai.usage.details.text_tokens", json!(500), "exact"),
        ("gen_ai.usage.details.cached_tokens", json!(0), "exact"),
        ("gen_ai.usage.input_cost", json!(0.1), "exact"),
    ] {
        sent(key, value).is(&json!({ "cost_status": status }));
    }
}

#[test]
fn a_total_decides_whether_the_other_kinds_are_parts_of_the_input_and_output() {
    let sent = |usage: &str| Sent {
        scope: "langfuse-sdk",
        version: "5.0.4",
        attributes: json!({
            "langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.usage_details": usage,
        }),
        ..Sent::default()
    };
    let apart = r#"{"input": 56, "output": 48, "input_cached_tokens": 64, "output_reasoning_tokens": 32, "total": 200}"#;
    let within = r#"{"input": 120, "output": 80, "input_cached_tokens": 64, "output_reasoning_tokens": 32, "total": 200}"#;
    let without = r#"{"input": 56, "output": 48, "input_cached_tokens": 64, "output_reasoning_tokens": 32}"#;
    let wrong = r#"{"input": 56, "output": 48, "input_cached_tokens": 64, "total": 999}"#;
    for usage in [apart, within, without] {
        sent(usage)
            .is(&json!({ "input": 120, "output": 80, "read": 64, "reasoning": 32, "cost_status": "exact" }));
    }
    sent(wrong).is(&json!({ "cost_status": "estimated" }));
}

#[test]
fn older_and_rarer_words_for_the_operation_are_calls() {
    for word in [
        "chat",
        "Chat",
        "chat.completions",
        "chat-completion",
        "chat completion",
        "chat.completions.create",
        "response",
        "responses.create",
        "create_response",
        "messages.create",
        "text_generation",
        "inference",
        "converse",
        "converse_stream",
        "invoke_model",
        "CHAT_MODEL",
        "generation",
        "llm",
        "chat_completion",
        "acompletion",
    ] {
        let call = chat("some.app", json!({ "gen_ai.operation.name": word })).call();
        assert!(["chat", "text_completion"].contains(&call.operation.as_str()), "{word}: {}", call.operation);
    }
    for word in ["retrieval", "rerank", "image", "list_models", "execute_tool", "invoke_agent"] {
        assert_eq!(
            chat("some.app", json!({ "gen_ai.operation.name": word })).convert().records,
            [],
            "{word}"
        );
    }
    // Semantic Kernel's names for the tokens.
    Sent {
        attributes: json!({
            "gen_ai.operation.name": "chat.completions", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.prompt_tokens": 120, "gen_ai.response.completion_tokens": 80,
        }),
        ..Sent::default()
    }
    .is(&json!({ "input": 120, "output": 80, "provider": "openai", "cost_status": "estimated" }));
    // The first versions of Microsoft.Extensions.AI.
    Sent {
        scope: "Experimental.Microsoft.Extensions.AI",
        attributes: json!({
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.input_tokens": 120, "gen_ai.response.output_tokens": 80,
        }),
        ..Sent::default()
    }
    .is(&json!({ "input": 120, "output": 80, "provider": "openai", "cost_status": "estimated" }));
}

#[test]
fn the_status_is_read_from_every_sdks_text() {
    for (text, status, kind) in [
        ("Request failed with status code 503", 503, "overloaded"),
        ("Error 429, Message: Quota, Status: RESOURCE_EXHAUSTED, Details: []", 429, "rate_limited"),
        (
            "POST \"https://h/v1/chat/completions\": 404 Not Found {\"message\": \"no such model\"}",
            404,
            "not_found",
        ),
        ("POST \"https://h/v1/messages\": 400 Bad Request", 400, "invalid_request"),
        (
            "[GoogleGenerativeAI Error]: Error fetching from https://h/v1: [503 Service Unavailable] The model",
            503,
            "overloaded",
        ),
        ("got status: 400 INVALID_ARGUMENT. {}", 400, "invalid_request"),
        ("API Error: 529 {\"type\":\"error\"}", 529, "overloaded"),
        ("unexpected status 401 Unauthorized: no key", 401, "unauthenticated"),
        ("An error occurred (ThrottlingException) when calling the Converse operation", 429, "rate_limited"),
        ("litellm.RateLimitError: RateLimitError: OpenAIException - slow down", 429, "rate_limited"),
        ("HTTP/1.1 502 Bad Gateway", 502, "server_error"),
        ("Client error '402 Payment Required' for url 'https://h'", 402, "quota_exceeded"),
        ("{\"error\": {\"code\": 403, \"message\": \"no\"}}", 403, "permission_denied"),
    ] {
        Sent { status: (2, text), ..chat("some.app", json!({})) }
            .is(&json!({ "status": status, "kind": kind, "outcome": "failed" }));
    }
    for (text, outcome) in [
        ("context deadline exceeded", "timed_out"),
        ("read ETIMEDOUT", "timed_out"),
        ("Request was aborted.", "dropped"),
        ("context canceled", "dropped"),
        ("read ECONNRESET", "truncated"),
        ("error decoding response body", "truncated"),
        ("terminated: other side closed", "truncated"),
        ("The model gpt-500 wrote 404 words", "failed"),
    ] {
        Sent { status: (2, text), ..chat("some.app", json!({})) }.is(&json!({ "outcome": outcome }));
    }
}

#[test]
fn providers_in_every_spelling() {
    for (system, provider) in [
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("Azure", "azure.ai.openai"),
        ("AWS", "aws.bedrock"),
        ("amazon_bedrock", "aws.bedrock"),
        ("Anthropic", "anthropic"),
        ("anthropic.messages", "anthropic"),
        ("Google", "gcp.gemini"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("google-vertex", "gcp.vertex_ai"),
        ("mistralai", "mistral_ai"),
        ("xai", "x_ai"),
        ("Groq", "groq"),
        ("langchain", "openai"),
    ] {
        Sent {
            attributes: json!({
                "gen_ai.operation.name": "chat", "gen_ai.system": system, "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1,
            }),
            ..Sent::default()
        }
        .is(&json!({ "provider": provider }));
    }
}

/// With a price of ours, and with the sender's own figure.
#[test]
fn more_reasoning_than_output_is_no_exact_price() {
    for (output, reasoning, cost_status) in
        [(40, 40, "exact"), (40, 41, "estimated"), (0, 7, "estimated"), (0, 0, "exact")]
    {
        for cost in [json!({}), json!({ "gen_ai.usage.cost": 0.5 })] {
            let mut more = json!({
                "gen_ai.usage.output_tokens": output, "gen_ai.usage.reasoning_tokens": reasoning,
                "gen_ai.usage.cache_read.input_tokens": 300,
            });
            merge(&mut more, cost);
            chat("opentelemetry.instrumentation.openai.v1", more)
                .is(&json!({ "output": output, "reasoning": reasoning, "cost_status": cost_status }));
        }
    }
}
