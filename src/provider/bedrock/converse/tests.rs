use serde_json::json;

use crate::call::{Operation, ResponseFacts};
use crate::decoder::tests::message;
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole, with_headers};
use crate::semconv::provider;

const URL: &str =
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-x-v1%3A0/converse-stream";

fn event(name: &str, payload: &str) -> Vec<u8> {
    message(
        &[(":event-type", name), (":content-type", "application/json"), (":message-type", "event")],
        payload.as_bytes(),
    )
}

fn exception(name: &str, payload: &str) -> Vec<u8> {
    message(&[(":exception-type", name), (":message-type", "exception")], payload.as_bytes())
}

fn read(messages: &[Vec<u8>]) -> ResponseFacts {
    stream(URL, Framing::EventStream, &messages.concat())
}

#[test]
fn takes_the_model_from_the_path_however_it_is_written() {
    let found = recognised(URL).unwrap();
    assert_eq!((found.operation, found.provider), (Operation::Chat, Some(provider::AWS_BEDROCK)));
    assert_eq!(found.request.model.as_deref(), Some("us.anthropic.claude-x-v1:0"));
    assert!(found.request.stream);
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    let escaped = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc";
    for written in [arn, escaped] {
        let url = format!("https://bedrock-runtime.us-east-1.amazonaws.com/model/{written}/converse");
        let found = recognised(&url).unwrap();
        assert_eq!((found.request.model.as_deref(), found.request.stream), (Some(arn), false));
    }
    let gateway = recognised("http://gateway.test/bedrock/model/m/converse").unwrap();
    assert_eq!(gateway.provider, Some(provider::AWS_BEDROCK));
    let runtime = "https://bedrock-runtime.us-east-1.amazonaws.com";
    for other in
        ["/model/m/count-tokens", "/guardrail/g/version/1/apply", "/model/converse", "/async-invokes"]
    {
        assert!(recognised(&format!("{runtime}{other}")).is_none(), "{other}");
    }
}

#[test]
fn reads_the_parameters_of_a_request() {
    let facts = request(
        URL,
        &json!({"inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["a"]},
            "additionalModelRequestFields": {"top_k": 40, "output_config": {"effort": "max"}},
            "guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"},
            "serviceTier": {"type": "flex"}}),
    );
    assert_eq!(facts.model.as_deref(), Some("us.anthropic.claude-x-v1:0"));
    assert_eq!((facts.max_tokens, facts.top_k), (Some(9), Some(40)));
    assert_eq!((facts.temperature, facts.top_p), (Some(0.5), Some(0.9)));
    assert_eq!(facts.stop_sequences, ["a"]);
    assert_eq!(facts.guardrail_id.as_deref(), Some("g1"));
    assert_eq!(facts.service_tier.as_deref(), Some("flex"));
    assert_eq!(facts.reasoning_level.as_deref(), Some("max"));
}

#[test]
fn adds_the_cached_tokens_to_the_input_of_a_whole_answer() {
    let facts = whole(
        URL,
        r#"{"output":{"message":{"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}},{"text":"Hi"},
            {"toolUse":{"toolUseId":"t","name":"f","input":{"a":1}}}]}},"stopReason":"tool_use",
            "usage":{"inputTokens":5,"outputTokens":3,"totalTokens":26,"cacheReadInputTokens":7,
            "cacheWriteInputTokens":11},"metrics":{"latencyMs":1},
            "trace":{"promptRouter":{"invokedModelId":"arn:x"}},"serviceTier":{"type":"priority"}}"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(23), Some(3)));
    assert_eq!((facts.usage.cache_read_tokens, facts.usage.cache_write_tokens), (Some(7), Some(11)));
    assert_eq!((reasons(&facts), facts.choices, facts.id.as_deref()), (vec!["tool_use"], 1, None));
    assert_eq!((facts.model.as_deref(), facts.service_tier.as_deref()), (Some("arn:x"), Some("priority")));
    assert_eq!(facts.output_bytes, "hmHif".len() as u64 + r#"{"a":1}"#.len() as u64);
}

#[test]
fn reads_a_stream_to_its_last_event() {
    let head = [
        event("messageStart", r#"{"role":"assistant","p":"abc"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"Hi"}}"#),
        event(
            "contentBlockStart",
            r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
        ),
        event("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{}"}}}"#),
        event("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        event("messageStop", r#"{"stopReason":"tool_use"}"#),
    ];
    let facts = read(&head);
    assert_eq!((reasons(&facts), facts.output_bytes, facts.ended), (vec!["tool_use"], 7, false));
    assert!(facts.usage.is_empty());
    let usage = r#"{"usage":{"inputTokens":5,"outputTokens":3,"totalTokens":8},"metrics":{"latencyMs":9}}"#;
    let facts = read(&[head.concat(), event("metadata", usage)]);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
    assert_eq!((facts.usage.cache_read_tokens, facts.ended), (None, true));
}

#[test]
fn the_start_of_a_message_is_no_output() {
    assert!(!read(&[event("messageStart", r#"{"role":"assistant"}"#)]).output);
}

#[test]
fn reads_a_throttling_exception_in_a_stream() {
    let facts = read(&[
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#),
        exception("throttlingException", r#"{"message":"Too many tokens, please wait"}"#),
    ]);
    assert_eq!(error(&facts), Some((Some("throttlingException"), Some("Too many tokens, please wait"))));
    assert!(!facts.ended && facts.output);
    let failed = read(&[message(&[(":message-type", "error"), (":error-code", "InternalFailure")], b"")]);
    assert_eq!(error(&failed), Some((Some("InternalFailure"), None)));
}

#[test]
fn takes_the_type_of_an_error_from_its_header() {
    let headers =
        [("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/")];
    let facts = with_headers(URL, &headers, r#"{"message":"Too many requests"}"#);
    assert_eq!(error(&facts), Some((Some("ThrottlingException"), Some("Too many requests"))));
    let facts = whole(URL, r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"m"}"#);
    assert_eq!(error(&facts), Some((Some("AccessDeniedException"), Some("m"))));
}

#[test]
fn writes_messages_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"system": [{"text": "Be brief"}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [{"text": "Hi"},
                    {"image": {"format": "png", "source": {"bytes": "AA=="}}},
                    {"document": {"format": "pdf", "name": "d", "source": {"s3Location": {"uri": "s3://b/d"}}}}]},
                {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}},
                    {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "ok"}]}}]}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}}),
    );
    assert_eq!(content.system[0], json!({"type": "text", "content": "Be brief"}));
    assert_eq!(
        content.messages,
        [
            json!({"role": "user", "parts": [{"type": "text", "content": "Hi"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA=="},
                {"type": "uri", "modality": "document", "mime_type": "application/pdf", "uri": "s3://b/d"}]}),
            json!({"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "t", "name": "f", "arguments": {"a": 1}}]}),
            json!({"role": "user", "parts": [
                {"type": "tool_call_response", "id": "t", "response": [{"text": "ok"}]}]}),
        ]
    );
    assert_eq!(content.tools, [json!({"type": "function", "name": "f"})]);
}
