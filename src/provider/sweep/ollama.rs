//! Ollama.

use super::{Framing, sweep};

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
