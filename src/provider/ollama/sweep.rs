//! Ollama.

use serde_json::json;

use crate::provider::Framing;
use crate::provider::sweep::requests::{messages, sweep_request};
use crate::provider::sweep::sweep;

#[test]
fn ollama_loses_only_what_was_changed() {
    for (framing, url) in [
        (Framing::Whole, "http://localhost:11434/api/chat"),
        (Framing::JsonLines, "http://localhost:11434/api/chat"),
    ] {
        sweep(
            url,
            framing,
            &[r#"{"model":"m","created_at":"x","message":{"role":"assistant","content":"Hi","thinking":"hm",
                "tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":4}"#],
            &[
                ("model", &["/0/model"]),
                ("input", &["/0/prompt_eval_count"]),
                ("output", &["/0/eval_count"]),
                ("reasons", &["/0/done_reason"]),
                ("bytes", &["/0/message"]),
                ("end", &["/0/done"]),
            ],
        );
    }
}

#[test]
fn requests_to_ollama_lose_only_what_was_changed() {
    sweep_request(
        "http://localhost:11434/api/chat",
        &json!({"model": "m", "stream": false, "messages": messages(), "format": "json", "think": "low",
                "options": {"num_predict": 9, "temperature": 0.5, "top_k": 4, "stop": ["a"]}}),
    );
}
