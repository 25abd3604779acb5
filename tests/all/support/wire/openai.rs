//! `OpenAI`'s own formats, which most gateways speak.

use serde_json::{Value, json};

use super::{Exchange, Framed};

pub(super) fn all() -> Vec<Exchange> {
    vec![chat(), completions(), responses(), embeddings()]
}

fn urls(path: &str) -> [String; 2] {
    [path, path].map(|path| format!("https://api.openai.com/v1/{path}"))
}

fn error() -> Value {
    json!({"error": {"message": "bad key canary-7f3a-key", "type": "canary-7f3a type", "code": "invalid_api_key",
        "param": "canary-7f3a-param"}})
}

fn stream_error() -> Value {
    json!({"error": {"message": "canary-7f3a-message", "type": "server_error", "code": null}})
}

fn usage() -> Value {
    json!({"prompt_tokens": 23, "completion_tokens": 9, "total_tokens": 32,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4}})
}

fn chat() -> Exchange {
    let choice = |kind: &str, finish: Value| {
        json!({"index": 0, "finish_reason": finish,
            kind: {"role": "assistant", "content": "canary-7f3a-answer", "refusal": "canary-7f3a-refusal",
                "reasoning_content": "canary-7f3a-thought", "tool_calls": [{"index": 0, "id": "canary-7f3a-id",
                "type": "function", "function": {"name": "canary-7f3a-tool", "arguments": "canary-7f3a-arguments"}}]},
            "logprobs": {"content": [{"token": "canary-7f3a-token"}]}})
    };
    let chunk = |choices: Value, usage: Value| {
        json!({"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "service_tier": "default", "choices": choices,
            "usage": usage})
    };
    Exchange {
        name: "openai chat",
        urls: urls("chat/completions"),
        request: json!({
            "model": "gpt-4o", "stream": false, "system": "canary-7f3a-system",
            "messages": [
                {"role": "system", "content": "canary-7f3a-instructions"},
                {"role": "user", "name": "canary-7f3a-name", "content": [
                    {"type": "text", "text": "canary-7f3a-prompt"},
                    {"type": "image_url", "image_url": {"url": "https://x/canary-7f3a-image"}}]},
                {"role": "assistant", "tool_calls": [{"id": "canary-7f3a-call", "type": "function",
                    "function": {"name": "canary-7f3a-tool", "arguments": "canary-7f3a-arguments"}}]},
                {"role": "tool", "tool_call_id": "x", "content": "canary-7f3a-result"}],
            "tools": [{"type": "function", "function": {"name": "canary-7f3a-function"}}],
            "user": "canary-7f3a-user", "metadata": {"a": "canary-7f3a-metadata"},
            "safety_identifier": "canary-7f3a-safety", "prompt_cache_key": "canary-7f3a-cache",
            "api_key": "canary-7f3a-key-in-body", "logit_bias": {"1": "canary-7f3a-bias"},
            "response_format": {"type": "json_schema", "json_schema": {"name": "canary-7f3a-schema"}},
        }),
        answer: chunk(json!([choice("message", json!("stop"))]), usage()),
        framed: Framed::SseDone,
        pieces: vec![
            chunk(json!([choice("delta", Value::Null)]), Value::Null),
            chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null),
            chunk(json!([]), usage()),
        ],
        error: error(),
        stream_error: stream_error(),
    }
}

fn completions() -> Exchange {
    let chunk = |choices: Value, usage: Value| json!({"id": "cmpl-1", "model": "gpt-3.5-turbo-instruct", "choices": choices, "usage": usage});
    let choice = |finish: Value| {
        json!({"index": 0, "text": "canary-7f3a-text", "finish_reason": finish,
            "logprobs": {"tokens": ["canary-7f3a-token"]}})
    };
    Exchange {
        name: "openai completions",
        urls: urls("completions"),
        request: json!({"model": "gpt-3.5-turbo-instruct", "stream": false, "prompt": ["canary-7f3a-prompt"],
            "suffix": "canary-7f3a-suffix", "user": "canary-7f3a-user"}),
        answer: chunk(json!([choice(json!("stop"))]), usage()),
        framed: Framed::SseDone,
        pieces: vec![
            chunk(json!([choice(Value::Null)]), Value::Null),
            chunk(json!([choice(json!("stop"))]), usage()),
        ],
        error: error(),
        stream_error: stream_error(),
    }
}

fn responses() -> Exchange {
    let response = |status: &str, error: Value, usage: Value| {
        json!({"id": "resp_1", "object": "response", "model": "gpt-5-2025-08-07", "status": status, "error": error,
            "instructions": "canary-7f3a-instructions", "user": "canary-7f3a-user", "output": [
                {"type": "reasoning", "id": "canary-7f3a-id", "encrypted_content": "canary-7f3a-sealed",
                    "summary": [{"type": "summary_text", "text": "canary-7f3a-summary"}]},
                {"type": "message", "role": "assistant",
                    "content": [{"type": "output_text", "text": "canary-7f3a-answer"}]}],
            "usage": usage})
    };
    let usage = json!({"input_tokens": 23, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 32});
    let failed = json!({"code": "server_error", "message": "canary-7f3a-message"});
    Exchange {
        name: "openai responses",
        urls: urls("responses"),
        request: json!({"model": "gpt-5", "stream": false, "instructions": "canary-7f3a-instructions",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "canary-7f3a-prompt"},
                {"type": "input_file", "file_url": "https://x/canary-7f3a-file"}]}],
            "tools": [{"type": "mcp", "server_url": "https://x/canary-7f3a-server", "authorization": "canary-7f3a-token",
                "headers": {"authorization": "canary-7f3a-header"}}],
            "user": "canary-7f3a-user", "metadata": {"a": "canary-7f3a-metadata"}}),
        answer: response("completed", Value::Null, usage.clone()),
        framed: Framed::Sse,
        pieces: vec![
            json!({"type": "response.created", "response": response("in_progress", Value::Null, Value::Null)}),
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "canary-7f3a-answer"}),
            json!({"type": "response.output_text.done", "output_index": 1, "text": "canary-7f3a-answer"}),
            json!({"type": "response.completed", "response": response("completed", Value::Null, usage)}),
        ],
        error: error(),
        stream_error: json!({"type": "response.failed", "response": response("failed", failed, Value::Null)}),
    }
}

fn embeddings() -> Exchange {
    Exchange {
        name: "openai embeddings",
        urls: urls("embeddings"),
        request: json!({"model": "text-embedding-3-small", "input": ["canary-7f3a-prompt"], "user": "canary-7f3a-user"}),
        answer: json!({"model": "text-embedding-3-small", "data": [{"index": 0, "embedding": "canary-7f3a-vector"}],
            "usage": {"prompt_tokens": 23, "total_tokens": 23}}),
        framed: Framed::Never,
        pieces: Vec::new(),
        error: error(),
        stream_error: Value::Null,
    }
}
