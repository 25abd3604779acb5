use serde_json::json;

use crate::call::Operation;
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole};
use crate::semconv::{output_type, provider};

const URL: &str = "https://api.cohere.com/v2/chat";

#[test]
fn recognises_chat_anywhere_and_embeddings_at_cohere() {
    let found = recognised(URL).unwrap();
    assert_eq!((found.operation, found.provider), (Operation::Chat, Some(provider::COHERE)));
    assert!(recognised("http://gateway.test/cohere/v2/chat").is_some());
    let embed = recognised("https://api.cohere.ai/v2/embed").unwrap();
    assert_eq!(embed.operation, Operation::Embeddings);
    assert!(recognised("https://other.test/v2/embed").is_none());
}

#[test]
fn reads_the_parameters_of_a_request() {
    let facts = request(
        URL,
        &json!({"model": "command", "stream": true, "max_tokens": 9, "temperature": 0.5, "p": 0.9, "k": 4,
            "frequency_penalty": 0.1, "presence_penalty": 0.2, "seed": 7, "stop_sequences": ["a"],
            "response_format": {"type": "json_object"}}),
    );
    assert_eq!((facts.model.as_deref(), facts.stream), (Some("command"), true));
    assert_eq!((facts.max_tokens, facts.top_k, facts.seed), (Some(9), Some(4), Some(7)));
    assert_eq!((facts.temperature, facts.top_p), (Some(0.5), Some(0.9)));
    assert_eq!((facts.frequency_penalty, facts.presence_penalty), (Some(0.1), Some(0.2)));
    assert_eq!((facts.stop_sequences, facts.output_type), (vec!["a".to_owned()], Some(output_type::JSON)));
    let embed =
        json!({"model": "embed", "texts": ["t"], "embedding_types": ["float"], "output_dimension": 8});
    let facts = request("https://api.cohere.com/v2/embed", &embed);
    assert_eq!((facts.dimensions, facts.encoding_formats), (Some(8), vec!["float".to_owned()]));
}

#[test]
fn counts_billed_tokens_where_both_are_stated() {
    let facts = whole(
        URL,
        r#"{"id":"i","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":"hm","tool_calls":[
            {"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},
            "usage":{"billed_units":{"input_tokens":5,"output_tokens":3.0},
            "tokens":{"input_tokens":206,"output_tokens":4},"cached_tokens":112}}"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
    assert_eq!(facts.usage.cache_read_tokens, Some(112));
    assert_eq!((facts.id.as_deref(), reasons(&facts), facts.choices), (Some("i"), vec!["TOOL_CALL"], 1));
    assert_eq!((facts.output_bytes, facts.ended), (5, true));
    let used = whole(URL, r#"{"message":{},"usage":{"tokens":{"input_tokens":206,"output_tokens":4}}}"#);
    assert_eq!((used.usage.input_tokens, used.usage.output_tokens), (Some(206), Some(4)));
}

#[test]
fn reads_a_stream_to_its_end() {
    let events = [
        r#"{"type":"message-start","id":"i","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}"#,
        r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#,
        r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hi"}}}}"#,
        r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"so"}}}"#,
        r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t","type":"function","function":{"name":"f","arguments":""}}}}}"#,
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}"#,
        r#"{"type":"tool-call-end","index":0}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":5,"output_tokens":3},"tokens":{"input_tokens":9,"output_tokens":9}}}}"#,
    ];
    let sse = |events: &[&str]| {
        let body: String = events.iter().map(|data| format!("event: x\ndata: {data}\n\n")).collect();
        stream(URL, Framing::Sse, body.as_bytes())
    };
    assert!(!sse(&events[..2]).output);
    let facts = sse(&events);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
    assert_eq!((facts.id.as_deref(), reasons(&facts), facts.ended), (Some("i"), vec!["TOOL_CALL"], true));
    assert_eq!((facts.output_bytes, facts.choices), ("hmHisof{}".len() as u64, 1));
    assert!(!sse(&events[..8]).ended);
}

#[test]
fn reads_the_errors_of_answers_and_streams() {
    let facts = whole(URL, r#"{"id":"x","message":"model 'y' not found"}"#);
    assert_eq!(error(&facts), Some((None, Some("model 'y' not found"))));
    let failed = br#"data: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"upstream failed"}}

"#;
    let facts = stream(URL, Framing::Sse, failed);
    assert_eq!(error(&facts), Some((None, Some("upstream failed"))));
    assert_eq!(reasons(&facts), ["ERROR"]);
    let midway = stream(URL, Framing::Sse, b"event: error\ndata: {\"message\":\"too many tokens\"}\n\n");
    assert_eq!(error(&midway), Some((None, Some("too many tokens"))));
}

#[test]
fn reads_the_counts_of_embeddings() {
    let facts = whole(
        "https://api.cohere.com/v2/embed",
        r#"{"id":"e","embeddings":{"float":[[0.1]]},"texts":["t"],
            "meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":2,"image_tokens":7}}}"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(2), None));
    assert_eq!((facts.usage.input_modality.image, facts.choices), (Some(7), 0));
}

#[test]
fn writes_messages_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"messages": [{"role": "system", "content": "Be brief"},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "tool_plan": "hm", "tool_calls": [
                    {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
                {"role": "tool", "tool_call_id": "t", "content": "ok"}],
            "tools": [{"type": "function", "function": {"name": "f"}}]}),
    );
    assert_eq!(
        content.messages,
        [
            json!({"role": "system", "parts": [{"type": "text", "content": "Be brief"}]}),
            json!({"role": "user", "parts": [{"type": "text", "content": "Hi"}]}),
            json!({"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "t", "name": "f", "arguments": {"a": 1}}]}),
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": "t", "response": "ok"}]}),
        ]
    );
    assert_eq!(content.tools, [json!({"type": "function", "name": "f"})]);
}
