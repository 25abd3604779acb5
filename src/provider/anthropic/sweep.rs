//! Anthropic's messages.

use serde_json::json;

use crate::provider::Framing;
use crate::provider::sweep::requests::sweep_request;
use crate::provider::sweep::sweep;

#[test]
fn anthropic_messages_lose_only_what_was_changed() {
    const URL: &str = "https://api.anthropic.com/v1/messages";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"id":"msg","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"s"},
            {"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"end_turn","stop_sequence":null,
            "usage":{"input_tokens":9,"cache_read_input_tokens":3,"cache_creation_input_tokens":0,"output_tokens":4,"service_tier":"standard"}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/0/model"]),
            ("tier", &["/0/usage/service_tier"]),
            (
                "input",
                &[
                    "/0/usage/input_tokens",
                    "/0/usage/cache_read_input_tokens",
                    "/0/usage/cache_creation_input_tokens",
                ],
            ),
            ("output", &["/0/usage/output_tokens"]),
            ("reasons", &["/0/stop_reason"]),
            ("bytes", &["/0/content"]),
            ("end", &["/0"]),
        ],
    );
    sweep(
        URL,
        Framing::Sse,
        &[
            r#"{"type":"message_start","message":{"id":"msg","type":"message","model":"m","content":[],"stop_reason":null,
                "usage":{"input_tokens":9,"cache_read_input_tokens":3,"output_tokens":1,"service_tier":"standard"}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        &[
            ("id", &["/0/type", "/0/message/id"]),
            ("model", &["/0/type", "/0/message/model"]),
            ("tier", &["/0/type", "/0/message/usage/service_tier"]),
            (
                "input",
                &["/0/type", "/0/message/usage/input_tokens", "/0/message/usage/cache_read_input_tokens"],
            ),
            ("output", &["/4/type", "/4/usage/output_tokens"]),
            ("reasons", &["/0/message/stop_reason", "/4/type", "/4/delta/stop_reason"]),
            (
                "bytes",
                &[
                    "/0/message/content",
                    "/1/type",
                    "/1/content_block",
                    "/2/type",
                    "/2/delta",
                    "/3/type",
                    "/3/delta",
                ],
            ),
            ("end", &["/5/type"]),
        ],
    );
}

#[test]
fn requests_to_anthropic_lose_only_what_was_changed() {
    sweep_request(
        "https://api.anthropic.com/v1/messages",
        &json!({"model": "m", "stream": true, "system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "x"}, {"type": "image", "source": {"type": "url", "url": "u"}}]}],
                "max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 4, "stop_sequences": ["a"], "service_tier": "auto",
                "output_config": {"effort": "low", "format": {"type": "json_schema"}}}),
    );
}
