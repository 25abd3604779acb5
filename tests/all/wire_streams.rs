//! Streams as providers really send them: their dialects of one framing, their errors midway, their ends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use spanledger::semconv::attribute;

use crate::support::replay::{self, Replay};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const MESSAGES: &str = "https://api.anthropic.com/v1/messages";
const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:streamGenerateContent";
const CONVERSE: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream";
const INVOKE: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke-with-response-stream";
const COHERE_V1: &str = "https://api.cohere.com/v1/chat";
const COHERE_V2: &str = "https://api.cohere.com/v2/chat";
const OLLAMA: &str = "http://localhost:11434/api/chat";

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const FRAMES: &str = "application/vnd.amazon.eventstream";

/// The attributes of a streamed call that was answered 200, the same for three chunkings.
async fn said(url: &str, content_type: &str, body: &[u8]) -> Map<String, Value> {
    let exchange = serde_json::from_value(json!({
        "id": "by hand",
        "request": {"method": "POST", "url": url, "body": json!({"model": "m", "stream": true}).to_string()},
        "response": {"status": 200, "headers": {"content-type": content_type}, "body_base64": STANDARD.encode(body)},
    }))
    .unwrap();
    let mut all = Vec::new();
    for seed in 1..=3 {
        let replayed = Replay::start(seed).await.unwrap().run(&exchange).await.unwrap();
        assert!(replayed.body_identical);
        assert_eq!(replayed.spans.len(), 1);
        let mut attributes = replay::attributes(&replayed.spans[0]);
        // These differ from call to call.
        attributes.remove(attribute::SEQUENCE);
        attributes.remove(attribute::INSTANCE);
        attributes.remove(attribute::RESPONSE_TIME_TO_FIRST_CHUNK);
        all.push(attributes);
    }
    assert!(all.iter().all(|attributes| *attributes == all[0]));
    all.remove(0)
}

fn sse(events: &[&str]) -> Vec<u8> {
    events.iter().map(|data| format!("data: {data}\n\n")).collect::<String>().into_bytes()
}

/// One message of AWS's event stream.
fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut named = Vec::new();
    for (name, value) in headers {
        named.push(u8::try_from(name.len()).unwrap());
        named.extend_from_slice(name.as_bytes());
        named.push(7);
        named.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        named.extend_from_slice(value.as_bytes());
    }
    let mut frame = u32::try_from(16 + named.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&u32::try_from(named.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&named);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    frame(&[(":event-type", name), (":message-type", "event")], payload)
}

fn chunk(payload: &str) -> Vec<u8> {
    event("chunk", &json!({"bytes": STANDARD.encode(payload)}).to_string())
}

fn exception(name: &str, payload: &str) -> Vec<u8> {
    frame(&[(":exception-type", name), (":message-type", "exception")], payload)
}

const HI: &str = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#;
const START: &str = r#"{"type":"message_start","message":{"id":"msg","model":"claude-x","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#;
const PIECE: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}}"#;
const QUOTA: &str = r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#;

#[tokio::test]
async fn fails_a_call_whose_stream_fails_midway_and_keeps_what_came_before() {
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    let openrouter = r#"{"id":"c","model":"gpt-4o","error":{"code":502,"message":"upstream"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
    for (url, content_type, body, error, input) in [
        (CHAT, SSE, sse(&[HI, r#"{"error":{"type":"server_error","message":"m"}}"#]), "server_error", Some(5)),
        (CHAT, SSE, [&sse(&[HI]), b"event: error\ndata: {\"error\":{\"code\":\"tool_use_failed\"}}\n\n".as_slice()].concat(), "tool_use_failed", Some(5)),
        (CHAT, SSE, [b": OPENROUTER PROCESSING\n\n".as_slice(), &sse(&[HI, openrouter])].concat(), "502", Some(5)),
        (CHAT, SSE, sse(&[HI, "[ERROR] upstream"]), "_OTHER", Some(5)),
        (MESSAGES, SSE, [&sse(&[START]), format!("event: error\ndata: {overloaded}\n\n").as_bytes()].concat(), "overloaded_error", Some(5)),
        (GEMINI, JSON, format!("[{PIECE},\r\n{QUOTA}]").into_bytes(), "RESOURCE_EXHAUSTED", Some(5)),
        (GEMINI, SSE, sse(&[PIECE, QUOTA]), "RESOURCE_EXHAUSTED", Some(5)),
        (
            CONVERSE,
            FRAMES,
            [
                event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#),
                exception("throttlingException", r#"{"message":"slow down"}"#),
            ]
            .concat(),
            "throttlingException",
            None,
        ),
        (
            INVOKE,
            FRAMES,
            [chunk(START), exception("modelStreamErrorException", r#"{"message":"m","originalStatusCode":500}"#)].concat(),
            "modelStreamErrorException",
            Some(5),
        ),
        (INVOKE, FRAMES, [chunk(START), chunk(overloaded)].concat(), "overloaded_error", Some(5)),
        (
            COHERE_V1,
            LINES,
            b"{\"event_type\":\"text-generation\",\"is_finished\":false,\"text\":\"Hi\"}\n{\"event_type\":\"stream-end\",\"is_finished\":true,\"finish_reason\":\"ERROR_TOXIC\",\"response\":{\"meta\":{\"billed_units\":{\"input_tokens\":5}}}}\n".to_vec(),
            "_OTHER",
            Some(5),
        ),
        (
            COHERE_V2,
            SSE,
            sse(&[
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#,
                r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"no capacity","usage":{"billed_units":{"input_tokens":5}}}}"#,
            ]),
            "_OTHER",
            Some(5),
        ),
        (
            OLLAMA,
            LINES,
            b"{\"model\":\"m\",\"message\":{\"content\":\"Hi\"},\"done\":false,\"prompt_eval_count\":5}\n{\"error\":\"out of memory\"}\n".to_vec(),
            "_OTHER",
            Some(5),
        ),
    ] {
        let said = said(url, content_type, &body).await;
        let case = String::from_utf8_lossy(&body);
        assert_eq!(said[attribute::OUTCOME], "failed", "{case}");
        assert_eq!(said[attribute::ERROR_TYPE], error, "{case}");
        assert_eq!(said[attribute::HTTP_RESPONSE_STATUS_CODE], 200, "{case}");
        let counted = said.get(attribute::USAGE_INPUT_TOKENS).and_then(Value::as_u64);
        assert_eq!(counted, input, "{case}");
        let source = if input.is_some() { "partial" } else { "none" };
        assert_eq!(said[attribute::USAGE_SOURCE], source, "{case}");
    }
}

#[tokio::test]
async fn takes_a_stream_for_whole_by_its_end_marker_or_by_all_that_comes_before_it() {
    let stop = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let usage =
        r#"{"id":"c","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#;
    let last = r#"{"candidates":[{"content":{"parts":[{"text":"!"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2}}"#;
    let head = [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
    ]
    .concat();
    let metadata = event("metadata", r#"{"usage":{"inputTokens":5,"outputTokens":2}}"#);
    for (url, content_type, body, outcome) in [
        (CHAT, SSE, sse(&[HI, "[DONE]"]), "completed"),
        (CHAT, SSE, sse(&[HI, stop, usage]), "completed"),
        (CHAT, SSE, sse(&[usage, stop]), "completed"),
        (CHAT, SSE, sse(&[usage]), "truncated"),
        (CHAT, SSE, sse(&[HI]), "truncated"),
        (MESSAGES, SSE, sse(&[START, delta, r#"{"type":"message_stop"}"#]), "completed"),
        (MESSAGES, SSE, sse(&[START, delta]), "completed"),
        (MESSAGES, SSE, sse(&[START]), "truncated"),
        (GEMINI, SSE, sse(&[PIECE, last]), "completed"),
        (GEMINI, JSON, format!("[{PIECE}\n,\n{last}").into_bytes(), "completed"),
        (GEMINI, JSON, format!("[{PIECE}\n,\n").into_bytes(), "truncated"),
        (CONVERSE, FRAMES, [head.clone(), metadata].concat(), "completed"),
        (CHAT, SSE, sse(&[HI, stop]), "completed"),
        (CONVERSE, FRAMES, head, "completed"),
        (CONVERSE, FRAMES, event("messageStart", r#"{"role":"assistant"}"#), "truncated"),
        (COHERE_V2, SSE, sse(&[r#"{"type":"message-start","id":"i"}"#]), "truncated"),
        (
            COHERE_V2,
            SSE,
            sse(&[r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#]),
            "completed",
        ),
        (OLLAMA, LINES, b"{\"model\":\"m\",\"done\":true,\"done_reason\":\"stop\"}".to_vec(), "completed"),
        (OLLAMA, LINES, b"{\"model\":\"m\",\"done\":false}\n".to_vec(), "truncated"),
    ] {
        let said = said(url, content_type, &body).await;
        assert_eq!(said[attribute::OUTCOME], outcome, "{}", String::from_utf8_lossy(&body));
    }
}

#[tokio::test]
async fn reads_every_dialect_of_server_sent_events_alike() {
    let azure = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    let stop = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#;
    let usage =
        r#"{"id":"c","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    let plain = String::from_utf8(sse(&[azure, HI, stop, usage, "[DONE]"])).unwrap();
    // The same in the gaps JSON leaves: a line end after a member's comma.
    let wrapped = plain.replace("\",\"choices\"", "\",\ndata: \"choices\"");
    assert_ne!(wrapped, plain);
    let wanted = said(CHAT, SSE, plain.as_bytes()).await;
    assert_eq!(wanted[attribute::OUTCOME], "completed");
    assert_eq!(wanted[attribute::RESPONSE_FINISH_REASONS], json!(["stop"]));
    assert_eq!(wanted[attribute::USAGE_OUTPUT_TOKENS], 2);
    for dialect in [
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        format!("\u{feff}{plain}"),
        format!("\n\n  {plain}"),
        plain.replace("data: ", "data:"),
        plain.replace("\n\n", "\n\n: OPENROUTER PROCESSING\n\n"),
        plain.replace("\n\n", "\n\nevent: ping\n\n:\n\nid: 1\nretry: 5\n\n"),
        plain.replace("data: {", "event: message\nid: 7\ndata: {"),
        plain.trim_end().to_owned(),
        wrapped,
    ] {
        assert_eq!(said(CHAT, SSE, dialect.as_bytes()).await, wanted, "{dialect}");
    }
    for content_type in [JSON, "text/plain; charset=utf-8", "application/octet-stream"] {
        assert_eq!(said(CHAT, content_type, plain.as_bytes()).await, wanted, "{content_type}");
    }
}

#[tokio::test]
async fn names_the_service_tier_where_the_conventions_have_no_name() {
    let start = r#"{"type":"message_start","message":{"id":"a","model":"m","usage":{"input_tokens":1,"output_tokens":1,"service_tier":"priority"}}}"#;
    let said = said(MESSAGES, SSE, &sse(&[start, r#"{"type":"message_stop"}"#])).await;
    assert_eq!(said[attribute::SERVICE_TIER], "priority");
    assert!(!said.contains_key(attribute::OPENAI_RESPONSE_SERVICE_TIER), "{said:?}");
}
