use serde_json::json;

use crate::call::Operation;
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole};
use crate::semconv::{output_type, provider};

const URL: &str = "http://localhost:11434/api/chat";

#[test]
fn recognises_its_paths_at_the_root_and_below_its_name() {
    let found = recognised(URL).unwrap();
    assert_eq!((found.operation, found.provider), (Operation::Chat, Some(provider::OLLAMA)));
    let operation = |url: &str| recognised(url).map(|found| found.operation);
    assert_eq!(operation("http://127.0.0.1:8080/api/generate"), Some(Operation::TextCompletion));
    assert_eq!(operation("https://ollama.com/api/embed"), Some(Operation::Embeddings));
    assert_eq!(operation("http://box.test/api/embeddings"), Some(Operation::Embeddings));
    assert_eq!(operation("https://webui.test/ollama/api/chat"), Some(Operation::Chat));
    for other in
        ["http://localhost:11434/api/tags", "http://localhost:11434/api/pull", "https://x.test/app/api/chat"]
    {
        assert_eq!(operation(other), None, "{other}");
    }
}

#[test]
fn streams_unless_the_request_says_otherwise() {
    let facts = request(
        URL,
        &json!({"model": "m", "messages": [], "format": {"type": "object"}, "think": "high", "options": {
            "num_predict": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4, "stop": ["a"], "seed": 7,
            "frequency_penalty": 0.1, "presence_penalty": 0.2}}),
    );
    assert_eq!((facts.model.as_deref(), facts.stream), (Some("m"), true));
    assert_eq!((facts.max_tokens, facts.top_k, facts.seed), (Some(9), Some(4), Some(7)));
    assert_eq!((facts.temperature, facts.top_p), (Some(0.5), Some(0.9)));
    assert_eq!((facts.frequency_penalty, facts.presence_penalty), (Some(0.1), Some(0.2)));
    assert_eq!((facts.stop_sequences, facts.output_type), (vec!["a".to_owned()], Some(output_type::JSON)));
    assert_eq!(facts.reasoning_level.as_deref(), Some("high"));
    assert!(!request(URL, &json!({"model": "m", "stream": false, "think": true, "format": ""})).stream);
    assert!(!request("http://localhost:11434/api/embed", &json!({"model": "m"})).stream);
}

#[test]
fn reads_a_stream_to_its_end() {
    let facts = stream(
        URL,
        Framing::JsonLines,
        br#"{"model":"m","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}
{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}
{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}
{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":5,"eval_count":3}
"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
    assert_eq!((facts.model.as_deref(), reasons(&facts), facts.ended), (Some("m"), vec!["stop"], true));
    assert_eq!((facts.output_bytes, facts.choices), ("hmHif{}".len() as u64, 1));
}

#[test]
fn leaves_counts_out_that_a_cached_prompt_lacks() {
    let facts = whole(
        "http://localhost:11434/api/generate",
        r#"{"model":"m","response":"Hi","done":true,"done_reason":"length","eval_count":3,"context":[1,2]}"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (None, Some(3)));
    assert_eq!((reasons(&facts), facts.output_bytes), (vec!["length"], 2));
    let embed = whole(
        "http://localhost:11434/api/embed",
        r#"{"model":"m","embeddings":[[0.1]],"prompt_eval_count":4}"#,
    );
    assert_eq!((embed.usage.input_tokens, embed.choices), (Some(4), 0));
}

#[test]
fn reads_errors_before_and_inside_a_stream() {
    let missing = whole(URL, r#"{"error":"model 'x' not found"}"#);
    assert_eq!(error(&missing), Some((None, Some("model 'x' not found"))));
    let body =
        b"{\"model\":\"m\",\"message\":{\"content\":\"Hi\"},\"done\":false}\n{\"error\":\"out of memory\"}\n";
    let facts = stream(URL, Framing::JsonLines, body);
    assert_eq!(
        (error(&facts), facts.output, facts.ended),
        (Some((None, Some("out of memory"))), true, false)
    );
    assert_eq!(
        error(&whole(URL, r#"{"detail":"not authenticated"}"#)),
        Some((None, Some("not authenticated")))
    );
}

#[test]
fn writes_messages_and_prompts_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"messages": [{"role": "user", "content": "Hi", "images": ["AA=="]},
                {"role": "assistant", "content": "", "thinking": "hm",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
                {"role": "tool", "tool_name": "f", "content": "ok"}],
            "tools": [{"type": "function", "function": {"name": "f"}}]}),
    );
    assert_eq!(
        content.messages,
        [
            json!({"role": "user", "parts": [{"type": "text", "content": "Hi"},
                {"type": "blob", "modality": "image", "content": "AA=="}]}),
            json!({"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "name": "f", "arguments": {"a": 1}}]}),
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": "f", "response": "ok"}]}),
        ]
    );
    assert_eq!(content.tools, [json!({"type": "function", "name": "f"})]);
    let content =
        input("http://localhost:11434/api/generate", &json!({"system": "Be brief", "prompt": "Hi"}));
    assert_eq!(content.system, [json!({"type": "text", "content": "Be brief"})]);
    assert_eq!(content.messages, [json!({"role": "user", "parts": [{"type": "text", "content": "Hi"}]})]);
}
