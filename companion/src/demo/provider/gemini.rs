//! Gemini: generateContent and streamGenerateContent.

use serde_json::{Value, json};

use super::{Format, Good};

pub(super) struct Contents;

impl Format for Contents {
    const ID: &'static str = "gemini";

    fn whole(good: &Good) -> Value {
        let part = match good.tool {
            true => json!({"functionCall": {"name": "search", "args": {}}}),
            false => json!({"text": "A demo responds with what a demo knows."}),
        };
        chunk(good, &part, true)
    }

    fn stream(good: &Good) -> [Vec<String>; 3] {
        let word =
            |text: &str, last: bool| format!("data: {}\n\n", chunk(good, &json!({"text": text}), last));
        [Vec::new(), vec![word("A ", false), word("demo ", false)], vec![word("streams.", true)]]
    }
}

/// A response, or a part of one: the last has the reason and the usage.
fn chunk(good: &Good, part: &Value, last: bool) -> Value {
    let mut chunk = json!({
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}],
        "modelVersion": good.model,
        "responseId": good.id,
    });
    if last {
        let (input, output) = good.tokens;
        chunk["candidates"][0]["finishReason"] = "STOP".into();
        chunk["usageMetadata"] = json!({
            "promptTokenCount": input,
            "cachedContentTokenCount": input / 4,
            "candidatesTokenCount": output,
            "totalTokenCount": input + output,
        });
    }
    chunk
}
