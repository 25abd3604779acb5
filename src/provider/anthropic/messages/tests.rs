use serde_json::json;

use crate::call::{Operation, ResponseFacts};
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole};
use crate::semconv::{output_type, provider};

const URL: &str = "https://api.anthropic.com/v1/messages?beta=true";
const VERTEX: &str = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/\
                      anthropic/models/claude-sonnet-4-5%4020250929:streamRawPredict";

fn sse(events: &[&str]) -> ResponseFacts {
    let body: String = events
        .iter()
        .map(|data| {
            let kind = serde_json::from_str::<serde_json::Value>(data).unwrap();
            format!("event: {}\ndata: {data}\n\n", kind["type"].as_str().unwrap())
        })
        .collect();
    stream(URL, Framing::Sse, body.as_bytes())
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude-x","role":"assistant",
    "content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":100,
    "cache_creation_input_tokens":1000,"output_tokens":1,"service_tier":"standard"}}}"#;

fn start() -> String {
    START.replace('\n', " ")
}

#[test]
fn recognises_messages_but_neither_counting_nor_batches() {
    let found = recognised(URL).unwrap();
    assert_eq!((found.operation, found.provider), (Operation::Chat, Some(provider::ANTHROPIC)));
    assert!(recognised("http://gateway.test/anthropic/v1/messages").unwrap().provider.is_none());
    for other in ["/v1/messages/count_tokens", "/v1/messages/batches", "/v1/threads/t/messages", "/v1/models"]
    {
        assert!(recognised(&format!("https://api.anthropic.com{other}")).is_none(), "{other}");
    }
}

#[test]
fn takes_model_and_streaming_from_a_vertex_path() {
    let found = recognised(VERTEX).unwrap();
    assert_eq!(found.provider, Some(provider::GCP_VERTEX_AI));
    assert_eq!(found.request.model.as_deref(), Some("claude-sonnet-4-5@20250929"));
    assert!(found.request.stream);
    assert!(!recognised(&VERTEX.replace("streamRawPredict", "rawPredict")).unwrap().request.stream);
    let counting =
        VERTEX.replace("claude-sonnet-4-5%4020250929:stream", "count-tokens:").replace("RawP", "rawP");
    assert!(recognised(&counting).is_none());
    let other = recognised(&VERTEX.replace("anthropic", "meta")).unwrap();
    assert_ne!(format!("{:?}", other.format), format!("{:?}", found.format));
}

#[test]
fn reads_the_parameters_of_a_request() {
    let facts = request(
        URL,
        &json!({"model": "claude-x", "max_tokens": 9, "stream": true, "temperature": 0.5, "top_p": 0.9, "top_k": 40,
            "stop_sequences": ["a", "b"], "service_tier": "auto", "metadata": {"user_id": "u"},
            "output_config": {"effort": "high", "format": {"type": "json_schema"}}}),
    );
    assert_eq!(facts.model.as_deref(), Some("claude-x"));
    assert!(facts.stream);
    assert_eq!((facts.max_tokens, facts.top_k), (Some(9), Some(40)));
    assert_eq!((facts.temperature, facts.top_p), (Some(0.5), Some(0.9)));
    assert_eq!(facts.stop_sequences, ["a", "b"]);
    assert_eq!(facts.reasoning_level.as_deref(), Some("high"));
    assert_eq!(facts.service_tier.as_deref(), Some("auto"));
    assert_eq!(facts.output_type, Some(output_type::JSON));
}

#[test]
fn adds_the_cached_tokens_to_the_input_of_a_whole_answer() {
    let facts = whole(
        URL,
        r#"{"id":"msg_1","type":"message","model":"claude-x","content":[
            {"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hi"},
            {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],
            "stop_reason":"tool_use","usage":{"input_tokens":5,"cache_read_input_tokens":7,
            "cache_creation_input_tokens":11,"output_tokens":3,"output_tokens_details":{"thinking_tokens":2},
            "service_tier":"priority"}}"#,
    );
    assert_eq!((facts.id.as_deref(), facts.model.as_deref()), (Some("msg_1"), Some("claude-x")));
    assert_eq!(facts.usage.input_tokens, Some(23));
    assert_eq!((facts.usage.cache_read_tokens, facts.usage.cache_write_tokens), (Some(7), Some(11)));
    assert_eq!((facts.usage.output_tokens, facts.usage.reasoning_tokens), (Some(3), Some(2)));
    assert_eq!(facts.service_tier.as_deref(), Some("priority"));
    assert_eq!((reasons(&facts), facts.choices), (vec!["tool_use"], 1));
    assert_eq!(facts.output_bytes, "hmHif".len() as u64 + r#"{"a":1}"#.len() as u64);
}

#[test]
fn overlays_the_first_counts_of_a_stream_with_the_last() {
    let facts = sse(&[
        &start(),
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(1110), Some(15)));
    assert_eq!((facts.usage.cache_read_tokens, facts.usage.cache_write_tokens), (Some(100), Some(1000)));
    assert_eq!((reasons(&facts), facts.output_bytes, facts.ended), (vec!["end_turn"], 5, true));
}

#[test]
fn computes_the_input_again_when_server_tools_raise_it() {
    let facts = sse(&[
        &start(),
        r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":20,"output_tokens":4}}"#,
        r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":30,"cache_read_input_tokens":null,"output_tokens":5}}"#,
    ]);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(1130), Some(5)));
    let facts =
        sse(&[&start(), r#"{"type":"message_delta","delta":{},"usage":{"cache_read_input_tokens":0}}"#]);
    assert_eq!((facts.usage.input_tokens, facts.usage.cache_read_tokens), (Some(1110), Some(100)));
}

#[test]
fn keeps_what_came_before_a_stream_was_cut() {
    let body = format!(
        "data: {}\n\ndata: {}\n\ndata: {{\"type\":\"content_bl",
        start(),
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}"#
    );
    let facts = stream(URL, Framing::Sse, body.as_bytes());
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(1110), Some(1)));
    assert!(!facts.ended && facts.finish_reasons.is_empty() && facts.error.is_none());
}

#[test]
fn sees_the_output_of_every_channel_and_none_in_the_frame() {
    let frame = [
        &start(),
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
    ];
    assert!(!sse(&frame).output);
    for delta in [
        r#"{"type":"thinking_delta","thinking":"hm"}"#,
        r#"{"type":"input_json_delta","partial_json":"{"}"#,
        r#"{"type":"text_delta","text":"x"}"#,
    ] {
        let event = format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
        assert!(sse(&[&start(), &event]).output, "{delta}");
    }
}

#[test]
fn reads_an_error_in_a_stream() {
    let facts = sse(&[
        &start(),
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
    ]);
    assert_eq!(error(&facts), Some((Some("overloaded_error"), Some("Overloaded"))));
    assert!(!facts.ended);
    let wordless = stream(URL, Framing::Sse, b"event: error\ndata: upstream gone\n\n");
    assert_eq!(error(&wordless), Some((None, None)));
}

#[test]
fn an_error_after_the_end_changes_nothing() {
    let facts =
        sse(&[&start(), r#"{"type":"message_stop"}"#, r#"{"type":"error","error":{"type":"api_error"}}"#]);
    assert_eq!((error(&facts), facts.ended), (None, true));
}

#[test]
fn takes_the_end_marker_of_other_apis() {
    let body = format!("data: {}\r\n\r\nevent: data\r\ndata: [DONE]\r\n\r\n", start());
    assert!(stream(URL, Framing::Sse, body.as_bytes()).ended);
}

#[test]
fn reads_streams_with_a_byte_order_mark_and_bare_line_ends() {
    let body =
        format!("\u{feff}event:message_start\rdata:{}\r\rdata:{{\"type\":\"message_stop\"}}\r\r", start());
    let facts = stream(URL, Framing::Sse, body.as_bytes());
    assert_eq!((facts.usage.input_tokens, facts.ended), (Some(1110), true));
}

#[test]
fn reads_the_errors_of_http_answers() {
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert_eq!(error(&whole(URL, overloaded)), Some((Some("overloaded_error"), Some("Overloaded"))));
    let limited = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"},"request_id":"r"}"#;
    assert_eq!(error(&whole(URL, limited)), Some((Some("rate_limit_error"), Some("m"))));
    let google = r#"[{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}]"#;
    assert!(whole(VERTEX, google).error.is_some());
    assert_eq!(whole(URL, "<html>502</html>"), ResponseFacts::default());
}

#[test]
fn survives_fields_of_any_shape() {
    let facts = whole(
        URL,
        r#"{"id":7,"model":["x"],"content":[null,3,{"type":"text","text":{"a":1}},{"type":5}],
            "stop_reason":false,"usage":{"input_tokens":"many","output_tokens":3.0,"service_tier":{}}}"#,
    );
    assert_eq!((facts.id.as_deref(), facts.model), (Some("7"), None));
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (None, Some(3)));
}

#[test]
fn writes_messages_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"system": [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "ok"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                    {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}]}],
            "tools": [{"name": "f", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]}),
    );
    assert_eq!(content.system, [json!({"type": "text", "content": "Be brief"})]);
    assert_eq!(
        content.messages,
        [
            json!({"role": "user", "parts": [{"type": "text", "content": "Hi"}]}),
            json!({"role": "assistant", "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "t1", "name": "f", "arguments": {"a": 1}},
                {"type": "server_tool_call", "id": "s1", "name": "web_search",
                    "server_tool_call": {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}}]}),
            json!({"role": "user", "parts": [
                {"type": "tool_call_response", "id": "t1", "response": "ok"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA=="},
                {"type": "uri", "modality": "document", "uri": "https://x.test/a.pdf"}]}),
        ]
    );
    assert_eq!(
        content.tools,
        [
            json!({"type": "function", "name": "f"}),
            json!({"type": "web_search_20250305", "name": "web_search"})
        ]
    );
}
