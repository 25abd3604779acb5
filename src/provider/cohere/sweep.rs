//! Cohere's two chats.

use serde_json::json;

use crate::provider::Framing;
use crate::provider::sweep::requests::{messages, sweep_request};
use crate::provider::sweep::sweep;

#[test]
fn cohere_loses_only_what_was_changed() {
    sweep(
        "https://api.cohere.com/v1/chat",
        Framing::Whole,
        &[
            r#"{"response_id":"r","generation_id":"g","text":"Hi","chat_history":[],"finish_reason":"COMPLETE","tool_calls":[{"name":"f","parameters":{"a":1}}],
            "meta":{"api_version":{"version":"1"},"billed_units":{"input_tokens":9,"output_tokens":4},"tokens":{"input_tokens":90,"output_tokens":4}}}"#,
        ],
        &[
            ("id", &["/0/response_id"]),
            ("input", &["/0/meta/billed_units/input_tokens"]),
            ("output", &["/0/meta/billed_units/output_tokens"]),
            ("reasons", &["/0/finish_reason"]),
            ("bytes", &["/0/text", "/0/tool_calls"]),
            ("end", &["/0"]),
        ],
    );
    sweep(
        "https://api.cohere.com/v1/chat",
        Framing::JsonLines,
        &[
            r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g"}"#,
            r#"{"is_finished":false,"event_type":"text-generation","text":"Hi"}"#,
            r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"response_id":"r","text":"Hi","finish_reason":"COMPLETE",
                "meta":{"billed_units":{"input_tokens":9,"output_tokens":4}}}}"#,
        ],
        &[
            ("id", &["/2/response/response_id"]),
            ("input", &["/2/response/meta/billed_units/input_tokens"]),
            ("output", &["/2/response/meta/billed_units/output_tokens"]),
            ("reasons", &["/2/finish_reason", "/2/response/finish_reason"]),
            ("bytes", &["/1/text", "/1/event_type"]),
            ("end", &["/2/is_finished"]),
        ],
    );
    sweep(
        "https://api.cohere.com/v2/chat",
        Framing::Whole,
        &[
            r#"{"id":"i","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}],"tool_plan":"hm",
            "tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"COMPLETE",
            "usage":{"billed_units":{"input_tokens":9,"output_tokens":4},"tokens":{"input_tokens":90,"output_tokens":4}}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("input", &["/0/usage/billed_units/input_tokens"]),
            ("output", &["/0/usage/billed_units/output_tokens"]),
            ("reasons", &["/0/finish_reason"]),
            ("bytes", &["/0/message"]),
            ("end", &["/0"]),
        ],
    );
    sweep(
        "https://api.cohere.com/v2/chat",
        Framing::Sse,
        &[
            r#"{"type":"message-start","id":"i","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t","function":{"name":"f","arguments":"{}"}}}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":9,"output_tokens":4}}}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("input", &["/3/delta/usage/billed_units/input_tokens"]),
            ("output", &["/3/delta/usage/billed_units/output_tokens"]),
            ("reasons", &["/3/delta/finish_reason"]),
            ("bytes", &["/*/delta/message"]),
            ("end", &["/3/type"]),
        ],
    );
}

#[test]
fn requests_to_cohere_lose_only_what_was_changed() {
    sweep_request(
        "https://api.cohere.com/v1/chat",
        &json!({"model": "m", "stream": true, "message": "Hi", "chat_history": [{"role": "USER", "message": "Hi"}], "max_tokens": 9,
                "temperature": 0.5, "p": 0.5, "k": 4, "conversation_id": "c"}),
    );
    sweep_request(
        "https://api.cohere.com/v2/chat",
        &json!({"model": "m", "stream": true, "messages": messages(), "max_tokens": 9, "seed": 7, "stop_sequences": ["a"],
                "response_format": {"type": "json_object"}}),
    );
}
