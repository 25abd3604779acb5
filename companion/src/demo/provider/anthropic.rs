//! Anthropic: messages.

use serde_json::{Value, json};

use super::{Format, Good};

pub(super) struct Messages;

impl Format for Messages {
    const ID: &'static str = "msg";

    fn whole(good: &Good) -> Value {
        let content = match good.tool {
            true => json!([{"type": "tool_use", "id": "toolu_1", "name": "search", "input": {}}]),
            false => json!([{"type": "text", "text": "A demo responds with what a demo knows."}]),
        };
        json!({
            "id": good.id,
            "type": "message",
            "role": "assistant",
            "model": good.model,
            "content": content,
            "stop_reason": reason(good),
            "usage": usage(good, good.tokens.1),
        })
    }

    fn stream(good: &Good) -> [Vec<String>; 3] {
        let event = |kind: &str, mut body: Value| {
            body["type"] = kind.into();
            format!("event: {kind}\ndata: {body}\n\n")
        };
        let word = |text: &str| {
            event("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": text}}))
        };
        let message = json!({"message": {
            "id": good.id,
            "type": "message",
            "role": "assistant",
            "model": good.model,
            "content": [],
            "stop_reason": null,
            "usage": usage(good, 1),
        }});
        let block = json!({"index": 0, "content_block": {"type": "text", "text": ""}});
        let end = json!({"delta": {"stop_reason": reason(good)}, "usage": {"output_tokens": good.tokens.1}});
        [
            vec![event("message_start", message), event("content_block_start", block)],
            vec![word("A "), word("demo "), word("streams.")],
            vec![
                event("content_block_stop", json!({"index": 0})),
                event("message_delta", end),
                event("message_stop", json!({})),
            ],
        ]
    }
}

const fn reason(good: &Good) -> &'static str {
    if good.tool { "tool_use" } else { "end_turn" }
}

/// Cached tokens are not part of the input here.
fn usage(good: &Good, output: u64) -> Value {
    let input = good.tokens.0;
    json!({
        "input_tokens": input - input / 4,
        "cache_read_input_tokens": input / 4,
        "cache_creation_input_tokens": 0,
        "output_tokens": output,
    })
}
