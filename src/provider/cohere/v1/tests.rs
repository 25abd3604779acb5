use serde_json::json;

use crate::call::Operation;
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole};

const URL: &str = "https://api.cohere.ai/v1/chat";

#[test]
fn recognises_the_paths_of_cohere_hosts_only() {
    assert_eq!(recognised(URL).unwrap().operation, Operation::Chat);
    let generate = recognised("https://api.cohere.com/v1/generate").unwrap();
    assert_eq!(generate.operation, Operation::TextCompletion);
    assert_eq!(recognised("https://api.cohere.com/v1/embed").unwrap().operation, Operation::Embeddings);
    for other in ["https://api.cohere.com/v1/tokenize", "https://x.test/v1/chat"] {
        assert!(recognised(other).is_none(), "{other}");
    }
}

#[test]
fn reads_the_conversation_a_request_names() {
    let facts = request(URL, &json!({"message": "Hi", "conversation_id": "c", "p": 0.9, "stream": true}));
    assert_eq!((facts.conversation_id.as_deref(), facts.top_p, facts.stream), (Some("c"), Some(0.9), true));
}

#[test]
fn counts_billed_tokens_and_reads_several_generations() {
    let facts = whole(
        URL,
        r#"{"response_id":"r","generation_id":"g","text":"Hi","chat_history":[],"finish_reason":"COMPLETE",
            "meta":{"billed_units":{"input_tokens":5,"output_tokens":3},"tokens":{"input_tokens":206}}}"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
    assert_eq!((facts.id.as_deref(), reasons(&facts), facts.output_bytes), (Some("r"), vec!["COMPLETE"], 2));
    let facts = whole(
        "https://api.cohere.ai/v1/generate",
        r#"{"id":"g","generations":[{"text":"Hi","finish_reason":"COMPLETE"},{"text":"Ho","finish_reason":"MAX_TOKENS"}],
            "meta":{"billed_units":{"input_tokens":5,"output_tokens":6}}}"#,
    );
    assert_eq!((facts.choices, reasons(&facts)), (2, vec!["COMPLETE", "MAX_TOKENS"]));
}

#[test]
fn reads_a_stream_to_its_end_and_its_text_once() {
    let facts = stream(
        URL,
        Framing::JsonLines,
        br#"{"is_finished":false,"event_type":"stream-start","generation_id":"g"}
{"is_finished":false,"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f"}}
{"is_finished":false,"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"{}"}}
{"is_finished":false,"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{}}]}
{"is_finished":false,"event_type":"text-generation","text":"Hi"}
{"is_finished":true,"event_type":"stream-end","response":{"response_id":"r","text":"Hi","finish_reason":"COMPLETE","meta":{"billed_units":{"input_tokens":5,"output_tokens":3}}},"finish_reason":"COMPLETE"}
"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
    assert_eq!((facts.id.as_deref(), reasons(&facts), facts.ended), (Some("r"), vec!["COMPLETE"], true));
    assert_eq!((facts.output_bytes, facts.choices), ("f{}Hi".len() as u64, 1));
}

#[test]
fn a_stream_cut_midway_has_not_ended() {
    let body =
        b"{\"event_type\":\"text-generation\",\"is_finished\":false,\"text\":\"Hi\"}\n{\"event_type\":\"te";
    let facts = stream(URL, Framing::JsonLines, body);
    assert!(facts.output && !facts.ended && facts.usage.is_empty());
}

#[test]
fn reads_the_errors_of_answers_and_streams() {
    assert_eq!(error(&whole(URL, r#"{"id":"x","message":"m"}"#)), Some((None, Some("m"))));
    assert_eq!(
        error(&whole(URL, r#"{"message":"invalid api token"}"#)),
        Some((None, Some("invalid api token")))
    );
    let end =
        br#"{"is_finished":true,"event_type":"stream-end","finish_reason":"ERROR","error":"overloaded"}"#;
    let facts = stream(URL, Framing::JsonLines, end);
    assert_eq!((error(&facts), reasons(&facts)), (Some((None, Some("overloaded"))), vec!["ERROR"]));
}

#[test]
fn writes_the_history_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"preamble": "Be brief", "message": "Ho", "chat_history": [{"role": "USER", "message": "Hi"},
            {"role": "CHATBOT", "message": "Hey", "tool_calls": [{"name": "f", "parameters": {"a": 1}}]}],
            "tool_results": [{"call": {"name": "f"}, "outputs": [{"r": 2}]}], "tools": [{"name": "f"}]}),
    );
    assert_eq!(content.system, [json!({"type": "text", "content": "Be brief"})]);
    assert_eq!(
        content.messages,
        [
            json!({"role": "user", "parts": [{"type": "text", "content": "Hi"}]}),
            json!({"role": "assistant", "parts": [{"type": "text", "content": "Hey"},
                {"type": "tool_call", "name": "f", "arguments": {"a": 1}}]}),
            json!({"role": "user", "parts": [{"type": "text", "content": "Ho"}]}),
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "response": [{"r": 2}]}]}),
        ]
    );
    assert_eq!(content.tools, [json!({"type": "function", "name": "f"})]);
}
