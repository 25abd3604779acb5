//! Anthropic's messages, from itself and from Google's cloud.

use serde_json::json;

use super::{Exchange, Framed};

const ON_VERTEX: &str = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4@20250514";

pub(super) fn all() -> Vec<Exchange> {
    let mut on_vertex = messages();
    on_vertex.name = "anthropic messages on vertex";
    on_vertex.urls = ["rawPredict", "streamRawPredict"].map(|action| format!("{ON_VERTEX}:{action}"));
    on_vertex.request["anthropic_version"] = json!("vertex-2023-10-16");
    vec![messages(), on_vertex]
}

/// The bodies of Anthropic's messages, which two other clouds serve as well.
pub(super) fn messages() -> Exchange {
    let usage = json!({"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 11,
        "output_tokens": 9});
    let start = json!({"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 11,
        "output_tokens": 1});
    let error =
        json!({"type": "error", "error": {"type": "authentication_error", "message": "canary-7f3a-key"}});
    Exchange {
        name: "anthropic messages",
        urls: ["https://api.anthropic.com/v1/messages"; 2].map(str::to_owned),
        request: json!({
            "model": "claude-sonnet-4-20250514", "max_tokens": 100, "stream": false,
            "system": [{"type": "text", "text": "canary-7f3a-system", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "canary-7f3a-prompt"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "canary-7f3a-image"}}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "canary-7f3a-call",
                    "name": "canary-7f3a-tool", "input": {"a": "canary-7f3a-argument"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "canary-7f3a-call",
                    "content": "canary-7f3a-result"}]}],
            "tools": [{"name": "canary-7f3a-tool", "description": "canary-7f3a-does", "input_schema": {}}],
            "metadata": {"user_id": "canary-7f3a-user"},
            "mcp_servers": [{"url": "https://canary-7f3a-host", "authorization_token": "canary-7f3a-token"}],
        }),
        answer: json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-20250514",
            "content": [{"type": "thinking", "thinking": "canary-7f3a-thought", "signature": "canary-7f3a-signature"},
                {"type": "text", "text": "canary-7f3a-answer"},
                {"type": "tool_use", "id": "canary-7f3a-id", "name": "canary-7f3a-tool", "input": {"a": "canary-7f3a-b"}}],
            "stop_reason": "tool_use", "stop_sequence": "canary-7f3a-stop", "usage": usage}),
        framed: Framed::Sse,
        pieces: vec![
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                "model": "claude-sonnet-4-20250514", "content": [], "stop_reason": null, "usage": start}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "ping"}),
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": "canary-7f3a-answer"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use",
                "id": "canary-7f3a-id", "name": "canary-7f3a-tool", "input": {}}}),
            json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": "{\"a\":\"canary-7f3a-b\"}"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": "canary-7f3a-stop"},
                "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ],
        stream_error: error.clone(),
        error,
    }
}
