use serde_json::json;

use super::*;
use crate::provider::testing::{error, input, output, recognised, request, stream, whole};
use crate::semconv::output_type;

const URL: &str = "https://api.openai.com/v1/responses";

fn read(events: &[&str]) -> crate::call::ResponseFacts {
    let body: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
    stream(URL, Framing::Sse, body.as_bytes())
}

#[test]
fn reads_the_parameters_of_a_request() {
    assert_eq!(recognised(URL).unwrap().api_type, Some(openai_api_type::RESPONSES));
    let facts = request(
        URL,
        &json!({"model": "o3", "stream": true, "max_output_tokens": 9, "temperature": 1, "top_p": 0.5,
            "text": {"format": {"type": "json_schema", "name": "x"}}, "reasoning": {"effort": "minimal"},
            "previous_response_id": "resp_0", "conversation": {"id": "conv_1"}, "service_tier": "priority"}),
    );
    assert_eq!((facts.model.as_deref(), facts.stream, facts.max_tokens), (Some("o3"), true, Some(9)));
    assert_eq!((facts.temperature, facts.top_p), (Some(1.0), Some(0.5)));
    assert_eq!(
        (facts.output_type, facts.reasoning_level.as_deref()),
        (Some(output_type::JSON), Some("minimal"))
    );
    assert_eq!(facts.previous_response_id.as_deref(), Some("resp_0"));
    assert_eq!(
        (facts.conversation_id.as_deref(), facts.service_tier.as_deref()),
        (Some("conv_1"), Some("priority"))
    );
    assert_eq!(request(URL, &json!({"conversation": "conv_2"})).conversation_id.as_deref(), Some("conv_2"));
    let template =
        request(URL, &json!({"prompt": {"id": "pmpt_1", "version": "2", "variables": {"a": "b"}}}));
    assert_eq!(
        (template.prompt_name.as_deref(), template.prompt_version.as_deref()),
        (Some("pmpt_1"), Some("2"))
    );
}

#[test]
fn writes_input_items_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"instructions": "be brief", "input": [
            {"role": "user", "content": "hi"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
                {"type": "input_file", "file_id": "file-1"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "42"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "item_reference", "id": "x"}],
            "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}),
    );
    assert_eq!(content.system, [json!({"type": "text", "content": "be brief"})]);
    assert_eq!(
        content.tools,
        [json!({"type": "function", "name": "f"}), json!({"type": "web_search", "name": "web_search"})]
    );
    assert_eq!(
        content.messages,
        [
            json!({"role": "user", "parts": [{"type": "text", "content": "hi"}]}),
            json!({"role": "user", "parts": [
            {"type": "text", "content": "look"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            {"type": "file", "modality": "document", "file_id": "file-1"}]}),
            json!({"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}]}),
            json!({"role": "assistant", "parts": [{"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}}]}),
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "42"}]}),
            json!({"role": "assistant", "parts": [{"type": "server_tool_call", "id": "ws_1", "name": "web_search_call",
            "server_tool_call": {"type": "web_search_call", "id": "ws_1", "status": "completed"}}]}),
        ]
    );
    assert_eq!(input(URL, &json!({"input": "hi"})).messages.len(), 1);
}

const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_1","model":"gpt-5-2025","status":"in_progress","service_tier":"auto","usage":null,"error":null,"output":[]}}"#;

#[test]
fn reads_a_stream_to_its_end() {
    let facts = read(&[
        CREATED,
        r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"call_1","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{}"}"#,
        r#"{"type":"response.output_text.delta","output_index":2,"delta":"Hi"}"#,
        r#"{"type":"response.output_text.done","output_index":2,"text":"Hi"}"#,
        r#"{"type":"response.completed","response":{"id":"resp_1","model":"gpt-5-2025","status":"completed","service_tier":"default","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":12}}}"#,
    ]);
    assert_eq!((facts.id.as_deref(), facts.model.as_deref()), (Some("resp_1"), Some("gpt-5-2025")));
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(7), Some(5)));
    assert_eq!((facts.usage.cache_read_tokens, facts.usage.reasoning_tokens), (Some(4), Some(3)));
    assert_eq!((facts.service_tier.as_deref(), facts.ended), (Some("default"), true));
    assert_eq!(facts.output_bytes, "hmf{}Hi".len() as u64, "what the last event repeats counts once");
    assert!(facts.finish_reasons.is_empty(), "the API has none");
}

#[test]
fn ends_at_every_final_event_and_reads_its_failure() {
    for kind in ["completed", "incomplete", "done"] {
        let facts = read(&[
            CREATED,
            &format!(
                r#"{{"type":"response.{kind}","response":{{"id":"resp_1","model":"m","status":"{kind}"}}}}"#
            ),
        ]);
        assert_eq!((facts.ended, facts.error), (true, None), "{kind}");
    }
    let failed = read(&[
        CREATED,
        r#"{"type":"response.failed","response":{"id":"resp_1","model":"m","status":"failed","error":{"code":"server_error","message":"m"}}}"#,
    ]);
    assert_eq!((failed.ended, error(&failed)), (true, Some((Some("server_error"), Some("m")))));
    let bare = read(&[CREATED, r#"{"type":"response.failed","response":{"id":"resp_1","status":"failed"}}"#]);
    assert_eq!(error(&bare), Some((None, None)));
    assert!(!read(&[CREATED]).ended);
}

#[test]
fn tells_a_response_that_was_cancelled_from_one_that_was_completed() {
    let object = r#"{"id":"resp_1","model":"m","status":"cancelled","error":null,"output":[],"usage":null}"#;
    let streamed =
        read(&[CREATED, &format!(r#"{{"type":"response.cancelled","response":{object}}}"#), "[DONE]"]);
    let stateless = read(&[CREATED, r#"{"type":"response.cancelled","response":{"id":"resp_1"}}"#]);
    for facts in [streamed, stateless, whole(URL, object)] {
        assert!(facts.cancelled && facts.error.is_none());
    }
    assert!(!read(&[CREATED]).cancelled);
}

#[test]
fn reads_error_events_of_both_shapes() {
    let flat =
        read(&[CREATED, r#"{"type":"error","code":"rate_limit_exceeded","message":"m","param":null}"#]);
    assert_eq!(error(&flat), Some((Some("rate_limit_exceeded"), Some("m"))));
    let nested = read(&[CREATED, r#"{"type":"error","error":{"type":"overloaded","message":"m"}}"#]);
    assert_eq!(error(&nested), Some((Some("overloaded"), Some("m"))));
}

#[test]
fn reads_whole_answers_in_every_state() {
    let done = whole(
        URL,
        r#"{"id":"resp_1","model":"m","status":"completed","error":null,"output":[{"type":"reasoning","summary":[]},{"type":"message","content":[{"type":"output_text","text":"Hi"},{"type":"refusal","refusal":"no"}]}],"usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0}}"#,
    );
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens, done.output_bytes), (Some(0), Some(0), 4));
    let queued =
        whole(URL, r#"{"id":"resp_1","model":"m","status":"queued","output":[],"usage":null,"error":null}"#);
    assert!(queued.usage.is_empty() && queued.error.is_none());
    let failed = whole(
        URL,
        r#"{"id":"resp_1","model":"m","status":"failed","output":[],"error":{"code":"server_error","message":"m"}}"#,
    );
    assert_eq!(error(&failed), Some((Some("server_error"), Some("m"))));
    let refused = whole(URL, r#"{"error":{"code":"model_not_found","message":"m"}}"#);
    assert_eq!(error(&refused), Some((Some("model_not_found"), Some("m"))));
}

#[test]
fn collects_the_same_content_whole_and_streamed() {
    let whole = output(
        URL,
        Framing::Whole,
        r#"{"id":"r","model":"m","output":[
        {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
        {"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"a\":1}"}]}"#,
    );
    let streamed = output(
        URL,
        Framing::Sse,
        concat!(
            "data: {\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"delta\":\"h\"}\n\n",
            "data: {\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"delta\":\"m\"}\n\n",
            "data: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"\"}}\n\n",
            "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"{\\\"a\\\":1}\"}\n\n",
        ),
    );
    assert_eq!(
        whole[0]["parts"],
        json!([
        {"type": "reasoning", "content": "hm"},
        {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}}])
    );
    assert_eq!(streamed, whole);
}
