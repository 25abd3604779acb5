use serde_json::json;

use crate::call::ResponseFacts;
use crate::provider::Framing;
use crate::provider::testing::{error, output, reasons, stream, whole};

const URL: &str = "https://api.openai.com/v1/chat/completions";

fn read(body: &str) -> ResponseFacts {
    stream(URL, Framing::Sse, body.as_bytes())
}

/// A stream of these data lines.
fn sse(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

#[test]
fn reads_a_stream_to_its_end() {
    let facts = read(&sse(&[
        r#"{"id":"","model":"","choices":[],"prompt_filter_results":[]}"#,
        r#"{"id":"c1","model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        r#"{"id":"c1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#,
        r#"{"id":"c1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"c1","model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#,
        "[DONE]",
    ]));
    assert_eq!((facts.id.as_deref(), facts.model.as_deref()), (Some("c1"), Some("gpt-4o-2024-08-06")));
    assert_eq!(
        (facts.service_tier.as_deref(), facts.system_fingerprint.as_deref()),
        (Some("default"), Some("fp"))
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(9), Some(1)));
    assert_eq!((reasons(&facts), facts.choices, facts.ended), (vec!["stop"], 1, true));
    assert_eq!((facts.output_bytes, facts.error), (2, None));
}

#[test]
fn takes_the_last_usage_of_cumulative_counts() {
    let chunk = |count: u32| {
        format!(
            r#"{{"id":"c","model":"m","choices":[],"usage":{{"prompt_tokens":5,"completion_tokens":{count}}}}}"#
        )
    };
    let facts =
        read(&sse(&[&chunk(1), &chunk(2), &chunk(3), r#"{"id":"c","model":"m","choices":[],"usage":null}"#]));
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(5), Some(3)));
}

#[test]
fn reads_usage_and_errors_under_x_groq() {
    let facts = read(&sse(&[
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":2}}}"#,
    ]));
    assert_eq!(facts.usage.input_tokens, Some(3));
    let failed = read(&sse(&[r#"{"id":"c","model":"m","choices":[],"x_groq":{"error":"over capacity"}}"#]));
    assert_eq!(error(&failed), Some((None, Some("over capacity"))));
}

#[test]
fn reads_usage_inside_a_choice() {
    let facts = read(&sse(&[
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":2}}]}"#,
    ]));
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(3), Some(2)));
}

#[test]
fn counts_output_on_every_channel_and_none_for_a_role() {
    let bytes = |delta: &str| {
        let facts =
            read(&sse(&[&format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#)]));
        assert_eq!(facts.output, facts.output_bytes > 0);
        facts.output_bytes
    };
    assert_eq!(bytes(r#"{"role":"assistant","content":""}"#), 0);
    assert_eq!(bytes(r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":null}"#), 0);
    assert_eq!(bytes(r#"{"content":"é"}"#), 2);
    assert_eq!(bytes(r#"{"refusal":"no"}"#), 2);
    assert_eq!(bytes(r#"{"reasoning_content":"hm","reasoning":"hm"}"#), 2, "the same text under two names");
    assert_eq!(bytes(r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"abc"}]}"#), 3);
    assert_eq!(bytes(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}]}"#), 3);
    assert_eq!(bytes(r#"{"function_call":{"name":"f","arguments":""}}"#), 1);
    assert_eq!(bytes(r#"{"audio":{"data":"aGk=","transcript":"hi"}}"#), 6);
    assert_eq!(
        bytes(
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"ok"}]}"#
        ),
        4
    );
}

#[test]
fn keeps_finish_reasons_by_choice() {
    let facts = read(&sse(&[
        r#"{"id":"c","model":"m","choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"length"}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":""}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ]));
    assert_eq!((reasons(&facts), facts.choices, facts.ended), (vec!["stop", "length"], 2, false));
}

#[test]
fn keeps_no_state_for_a_hostile_choice_index() {
    let facts = read(&sse(&[
        r#"{"id":"c","model":"m","choices":[{"index":9007199254740991,"delta":{},"finish_reason":"stop"}]}"#,
    ]));
    assert!(facts.finish_reasons.is_empty());
    assert!(facts.choices <= crate::call::MAX_CHOICES);
}

#[test]
fn keeps_no_count_and_no_name_that_cannot_be_one() {
    let name = "m".repeat(2_000);
    let facts = read(&sse(&[&format!(
        r#"{{"id":"c","model":"{name}","choices":[],"usage":{{"prompt_tokens":18446744073709551615,"completion_tokens":1}}}}"#
    )]));
    assert_eq!((facts.id.as_deref(), facts.model), (Some("c"), None));
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (None, Some(1)));
}

#[test]
fn reads_an_error_inside_a_stream() {
    let chunk = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let groq = format!(
        "data: {chunk}\n\nevent: error\ndata: {{\"error\":{{\"code\":\"tool_use_failed\",\"message\":\"m\"}}}}\n\n"
    );
    assert_eq!(error(&read(&groq)), Some((Some("tool_use_failed"), Some("m"))));
    let openrouter = r#"{"id":"c","model":"m","error":{"code":502,"message":"m"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
    assert_eq!(error(&read(&sse(&[openrouter]))), Some((Some("502"), Some("m"))));
    let choice =
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"error":{"code":429,"message":"m"}}]}"#;
    assert_eq!(error(&read(&sse(&[choice]))), Some((Some("429"), Some("m"))));
    let unnamed = "event: error\ndata: upstream broke\n\n";
    assert_eq!(error(&read(unnamed)), Some((None, None)));
}

#[test]
fn takes_no_error_after_the_end_marker() {
    assert_eq!(error(&read(&sse(&["[DONE]", r#"{"error":{"message":"late"}}"#]))), None);
}

#[test]
fn passes_over_what_is_no_chunk() {
    let facts = read(&sse(&[
        "ping",
        r#"{"type":"ping"}"#,
        "[]",
        "7",
        r#""text""#,
        r#"{"choices":[null,7,{"delta":[]}]}"#,
        "[DONE]",
    ]));
    assert_eq!(facts, ResponseFacts { ended: true, choices: 3, ..ResponseFacts::default() });
}

#[test]
fn reads_a_whole_answer_and_a_whole_error() {
    let facts = whole(
        URL,
        r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
    );
    assert_eq!(
        (facts.id.as_deref(), reasons(&facts), facts.usage.output_tokens),
        (Some("c"), vec!["stop"], Some(2))
    );
    let failed =
        whole(URL, r#"{"object":"error","code":"1500","message":"Invalid model","type":"invalid_model"}"#);
    assert_eq!(error(&failed), Some((Some("1500"), Some("Invalid model"))));
    assert_eq!(error(&whole(URL, "<html>")), None);
}

#[test]
fn collects_interleaved_tool_calls() {
    let body = sse(&[
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"reasoning":"hm","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":"}}]}}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}},{"index":1,"function":{"arguments":"2}"}}]}}]}"#,
    ]);
    assert_eq!(
        output(URL, Framing::Sse, &body)[0]["parts"],
        json!([
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "id": "a", "name": "f", "arguments": {"x": 1}},
            {"type": "tool_call", "id": "b", "name": "g", "arguments": {"y": 2}},
        ])
    );
}
