//! OpenAI: chat completions and embeddings.

use serde_json::{Value, json};

use super::{Format, Good};

pub(super) struct Chat;

impl Format for Chat {
    const ID: &'static str = "chatcmpl";

    fn whole(good: &Good) -> Value {
        let message = match good.tool {
            true => json!({"role": "assistant", "content": null, "tool_calls": [tool()]}),
            false => json!({"role": "assistant", "content": "A demo responds with what a demo knows."}),
        };
        json!({
            "id": good.id,
            "object": "chat.completion",
            "model": good.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish(good)}],
            "usage": usage(good.tokens),
        })
    }

    fn stream(good: &Good) -> [Vec<String>; 3] {
        let chunk = |choices: Value, usage: Value| {
            let chunk = json!({
                "id": good.id,
                "object": "chat.completion.chunk",
                "model": good.model,
                "choices": choices,
                "usage": usage,
            });
            format!("data: {chunk}\n\n")
        };
        let word = |text: &str| {
            chunk(json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]), Value::Null)
        };
        let end = chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish(good)}]), Value::Null);
        let total = chunk(json!([]), usage(good.tokens));
        [
            Vec::new(),
            vec![word("A "), word("demo "), word("streams.")],
            vec![end, total, "data: [DONE]\n\n".to_owned()],
        ]
    }
}

fn tool() -> Value {
    json!({"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}})
}

const fn finish(good: &Good) -> &'static str {
    if good.tool { "tool_calls" } else { "stop" }
}

fn usage((input, output): (u64, u64)) -> Value {
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": input / 4},
        "completion_tokens_details": {"reasoning_tokens": output / 2},
    })
}

pub(super) struct Embeddings;

impl Format for Embeddings {
    const ID: &'static str = "embd";

    fn whole(good: &Good) -> Value {
        json!({
            "object": "list",
            "model": good.model,
            "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
            "usage": {"prompt_tokens": good.tokens.0, "total_tokens": good.tokens.0},
        })
    }

    fn stream(good: &Good) -> [Vec<String>; 3] {
        // No service streams them.
        [vec![format!("data: {}\n\n", Self::whole(good))], Vec::new(), Vec::new()]
    }
}
