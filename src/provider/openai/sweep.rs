//! OpenAI's four APIs.

use serde_json::json;

use crate::provider::Framing;
use crate::provider::sweep::requests::{messages, sweep_request};
use crate::provider::sweep::sweep;

#[test]
fn openai_chat_loses_only_what_was_changed() {
    const URL: &str = "https://api.openai.com/v1/chat/completions";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"id":"c","object":"chat.completion","model":"m","service_tier":"default","choices":[{"index":0,
            "message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}],
            "reasoning":"hm","reasoning_details":[{"type":"x","text":"hm"}],"annotations":[]},"logprobs":null,"finish_reason":"stop"}],
            "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":3},
            "completion_tokens_details":{"reasoning_tokens":2}}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/0/model"]),
            ("tier", &["/0/service_tier"]),
            ("input", &["/0/usage/prompt_tokens", "/0/usage/prompt_tokens_details/cached_tokens"]),
            (
                "output",
                &[
                    "/0/usage/completion_tokens",
                    "/0/usage/completion_tokens_details/reasoning_tokens",
                    "/0/usage/total_tokens",
                ],
            ),
            ("reasons", &["/0/choices/0/finish_reason", "/0/choices/0/index"]),
            ("bytes", &["/0/choices/0/message", "/0/choices/0/text"]),
        ],
    );
    sweep(
        URL,
        Framing::Sse,
        &[
            r#"{"id":"c","model":"m","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"usage":null}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
            r#"{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/*/model"]),
            ("tier", &["/0/service_tier"]),
            ("input", &["/2/usage/prompt_tokens", "/2/usage/prompt_tokens_details/cached_tokens"]),
            (
                "output",
                &["/2/usage/completion_tokens", "/2/usage/completion_tokens_details/reasoning_tokens"],
            ),
            ("reasons", &["/0/choices/0/finish_reason", "/1/choices/0/finish_reason", "/1/choices/0/index"]),
            ("bytes", &["/*/choices/0/delta"]),
        ],
    );
}

#[test]
fn openai_completions_lose_only_what_was_changed() {
    sweep(
        "https://api.openai.com/v1/completions",
        Framing::Sse,
        &[
            r#"{"id":"c","model":"m","choices":[{"index":0,"text":"Hi","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/0/model"]),
            ("input", &["/0/usage/prompt_tokens"]),
            ("output", &["/0/usage/completion_tokens"]),
            ("reasons", &["/0/choices/0/finish_reason", "/0/choices/0/index"]),
            ("bytes", &["/0/choices/0/text"]),
        ],
    );
}

#[test]
fn openai_responses_loses_only_what_was_changed() {
    const URL: &str = "https://api.openai.com/v1/responses";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"id":"r","object":"response","model":"m","status":"completed","service_tier":"default","error":null,"incomplete_details":null,
            "output":[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"}]},
            {"type":"function_call","call_id":"t","name":"f","arguments":"{}"},
            {"type":"message","id":"msg","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],
            "usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":13}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/0/model"]),
            ("tier", &["/0/service_tier"]),
            ("input", &["/0/usage/input_tokens", "/0/usage/input_tokens_details/cached_tokens"]),
            (
                "output",
                &[
                    "/0/usage/output_tokens",
                    "/0/usage/output_tokens_details/reasoning_tokens",
                    "/0/usage/total_tokens",
                ],
            ),
            ("bytes", &["/0/output"]),
            ("error", &["/0/error"]),
        ],
    );
    sweep(
        URL,
        Framing::Sse,
        &[
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","status":"in_progress","error":null,"output":[],"usage":null}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"t","name":"f","arguments":""}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hi"}"#,
            r#"{"type":"response.completed","response":{"id":"r","model":"m","status":"completed","service_tier":"default","error":null,"output":[],
                "usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2}}}}"#,
        ],
        &[
            ("id", &["/*/response/id"]),
            ("model", &["/*/response/model"]),
            ("tier", &["/4/response/service_tier"]),
            (
                "input",
                &["/4/response/usage/input_tokens", "/4/response/usage/input_tokens_details/cached_tokens"],
            ),
            (
                "output",
                &[
                    "/4/response/usage/output_tokens",
                    "/4/response/usage/output_tokens_details/reasoning_tokens",
                ],
            ),
            ("bytes", &["/1/type", "/1/item/type", "/1/item/name", "/2/delta", "/3/delta"]),
            ("error", &["/*/response/error"]),
            ("end", &["/4/type"]),
        ],
    );
}

#[test]
fn openai_embeddings_lose_only_what_was_changed() {
    sweep(
        "https://api.openai.com/v1/embeddings",
        Framing::Whole,
        &[
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":9,"total_tokens":9}}"#,
        ],
        &[("model", &["/0/model"]), ("input", &["/0/usage/prompt_tokens", "/0/usage/total_tokens"])],
    );
}

#[test]
fn requests_to_openai_lose_only_what_was_changed() {
    sweep_request(
        "https://api.openai.com/v1/chat/completions",
        &json!({"model": "m", "stream": true, "stream_options": {"include_obfuscation": true}, "messages": messages(),
                "max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 4, "frequency_penalty": 1, "presence_penalty": 1,
                "stop": ["a"], "seed": 7, "n": 2, "response_format": {"type": "json_object"}, "modalities": ["text", "audio"],
                "reasoning": {"effort": "low"}, "service_tier": "flex", "tools": [{"type": "function", "function": {"name": "f"}}]}),
    );
    sweep_request(
        "https://api.openai.com/v1/responses",
        &json!({"model": "m", "stream": true, "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"}], "max_output_tokens": 9,
                "temperature": 0.5, "text": {"format": {"type": "json_schema"}}, "reasoning": {"effort": "low"},
                "previous_response_id": "r", "conversation": {"id": "c"}, "prompt": {"id": "p", "version": "1"}, "service_tier": "flex"}),
    );
    sweep_request(
        "https://api.openai.com/v1/embeddings",
        &json!({"model": "m", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 8}),
    );
}
