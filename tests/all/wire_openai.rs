//! What OpenAI-style providers may respond although no recording has it: the fixtures are written by hand.

use serde_json::{Map, Value, json};
use spanledger::semconv::attribute;

use crate::support::replay::{self, Replay};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const RESPONSES: &str = "https://api.openai.com/v1/responses";

/// The fixture's text.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../fixtures/openai/", $name))
    };
}

/// The span's attributes for a response, which are the same for three chunkings.
async fn attributes(url: &str, status: u16, content_type: &str, answer: &str) -> Map<String, Value> {
    let stream = content_type == "text/event-stream";
    attributes_of(url, &json!({"model": "asked", "stream": stream}), status, content_type, answer).await
}

async fn attributes_of(
    url: &str,
    request: &Value,
    status: u16,
    content_type: &str,
    answer: &str,
) -> Map<String, Value> {
    let exchange = serde_json::from_value(json!({
        "id": "by hand",
        "request": {"method": "POST", "url": url, "body": request.to_string()},
        "response": {"status": status, "headers": {"content-type": content_type}, "body": answer},
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
        attributes.remove(attribute::RESPONSE_TIME_TO_FIRST_CHUNK);
        all.push(attributes);
    }
    assert_eq!(all[1], all[0]);
    assert_eq!(all[2], all[0]);
    all.remove(0)
}

async fn stream(url: &str, answer: &str) -> Map<String, Value> {
    attributes(url, 200, "text/event-stream", answer).await
}

async fn whole(status: u16, answer: &str) -> Map<String, Value> {
    attributes(CHAT, status, "application/json", answer).await
}

/// Asserts attributes; null is an absent one.
#[track_caller]
fn assert_says<const N: usize>(said: &Map<String, Value>, wanted: [(&str, Value); N]) {
    for (name, value) in wanted {
        assert_eq!(said.get(name).unwrap_or(&Value::Null), &value, "{name}");
    }
}

#[tokio::test]
async fn names_a_rate_limit_by_the_providers_code() {
    let said = whole(429, fixture!("rate_limit.json")).await;
    assert_says(
        &said,
        [
            (attribute::ERROR_TYPE, json!("rate_limit_exceeded")),
            (attribute::HTTP_RESPONSE_STATUS_CODE, json!(429)),
            (attribute::OUTCOME, json!("failed")),
            (attribute::USAGE_INPUT_TOKENS, Value::Null),
            (attribute::USAGE_SOURCE, json!("none")),
        ],
    );
}

#[tokio::test]
async fn names_an_overload_by_the_type_where_there_is_no_code() {
    for status in [503, 529] {
        let said = whole(status, fixture!("overloaded.json")).await;
        assert_says(
            &said,
            [
                (attribute::ERROR_TYPE, json!("server_error")),
                (attribute::HTTP_RESPONSE_STATUS_CODE, json!(status)),
                (attribute::OUTCOME, json!("failed")),
            ],
        );
    }
}

#[tokio::test]
async fn names_an_error_of_another_kind_of_body_by_its_status() {
    let said = attributes(CHAT, 502, "text/html", "<html>bad gateway</html>").await;
    assert_says(&said, [(attribute::ERROR_TYPE, json!("502")), (attribute::OUTCOME, json!("failed"))]);
}

#[tokio::test]
async fn takes_a_stream_cut_in_the_middle_for_truncated() {
    let said = stream(CHAT, fixture!("cut_in_the_middle.sse")).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("truncated")),
            (attribute::ERROR_TYPE, json!("unexpected_end")),
            (attribute::RESPONSE_FINISH_REASONS, json!(["error"])),
            (attribute::RESPONSE_ID, json!("chatcmpl-cut")),
            (attribute::USAGE_OUTPUT_TOKENS, Value::Null),
        ],
    );
    let said = stream(RESPONSES, fixture!("responses_cut.sse")).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("truncated")),
            (attribute::RESPONSE_ID, json!("resp_cut")),
            (attribute::RESPONSE_MODEL, json!("gpt-5-2025-08-07")),
        ],
    );
}

#[tokio::test]
async fn reads_a_stream_alike_in_every_way_to_write_one() {
    let text = fixture!("tool_calls_of_two_choices.sse");
    let said = stream(CHAT, text).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("completed")),
            (attribute::RESPONSE_FINISH_REASONS, json!(["length", "tool_calls"])),
            (attribute::RESPONSE_MODEL, json!("gpt-4o-mini-2024-07-18")),
            (attribute::USAGE_INPUT_TOKENS, json!(61)),
            (attribute::USAGE_OUTPUT_TOKENS, json!(24)),
            (attribute::USAGE_CACHE_READ_TOKENS, json!(0)),
            (attribute::USAGE_CACHE_WRITE_TOKENS, Value::Null),
            (attribute::OPENAI_RESPONSE_SERVICE_TIER, json!("default")),
            (attribute::ERROR_TYPE, Value::Null),
        ],
    );
    for (how, other) in [
        ("no space after the colon", text.replace("data: ", "data:")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("carriage returns", text.replace('\n', "\r")),
        ("carriage returns and line feeds", text.replace('\n', "\r\n")),
        ("comments between", text.replace("\n\n", "\n\n: waiting\n\n")),
        ("blanks before", format!("{}{text}", " \n".repeat(3000))),
        ("no blank line behind the last event", text.trim_end().to_owned()),
    ] {
        assert_eq!(stream(CHAT, &other).await, said, "{how}");
    }
}

#[tokio::test]
async fn counts_reasoning_that_stands_beside_the_output() {
    let said = whole(200, fixture!("reasoning_beside_output.json")).await;
    assert_says(
        &said,
        [
            (attribute::USAGE_INPUT_TOKENS, json!(12)),
            (attribute::USAGE_OUTPUT_TOKENS, json!(201)),
            (attribute::USAGE_REASONING_TOKENS, json!(200)),
            (attribute::USAGE_CACHE_READ_TOKENS, json!(8)),
            (attribute::OPENAI_RESPONSE_SYSTEM_FINGERPRINT, json!("fp_example")),
        ],
    );
}

#[tokio::test]
async fn breaks_tokens_down_by_modality() {
    let said = whole(200, fixture!("audio.json")).await;
    assert_says(
        &said,
        [
            (attribute::USAGE_TEXT_INPUT_TOKENS, json!(30)),
            (attribute::USAGE_AUDIO_INPUT_TOKENS, json!(60)),
            (attribute::USAGE_TEXT_CACHE_READ_TOKENS, json!(24)),
            (attribute::USAGE_AUDIO_CACHE_READ_TOKENS, json!(40)),
            (attribute::USAGE_AUDIO_OUTPUT_TOKENS, json!(30)),
            (attribute::USAGE_IMAGE_OUTPUT_TOKENS, Value::Null),
        ],
    );
}

#[tokio::test]
async fn fails_a_call_whose_stream_carries_an_error() {
    let said = stream(CHAT, fixture!("error_in_the_stream.sse")).await;
    assert_says(
        &said,
        [
            (attribute::ERROR_TYPE, json!("server_error")),
            (attribute::OUTCOME, json!("failed")),
            (attribute::HTTP_RESPONSE_STATUS_CODE, json!(200)),
        ],
    );
    let said = stream(RESPONSES, fixture!("responses_failed.sse")).await;
    assert_says(
        &said,
        [
            (attribute::ERROR_TYPE, json!("server_error")),
            (attribute::OUTCOME, json!("failed")),
            (attribute::RESPONSE_ID, json!("resp_failed")),
        ],
    );
}

#[tokio::test]
async fn lets_an_error_after_the_end_marker_change_nothing() {
    let said = stream(CHAT, fixture!("error_after_the_end.sse")).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("completed")),
            (attribute::ERROR_TYPE, Value::Null),
            (attribute::RESPONSE_FINISH_REASONS, json!(["stop"])),
        ],
    );
}

#[tokio::test]
async fn takes_a_stream_cut_before_its_second_choice_for_truncated() {
    let cut = fixture!("second_choice_missing.sse");
    let asked = json!({"model": "asked", "stream": true, "n": 2});
    let said = attributes_of(CHAT, &asked, 200, "text/event-stream", cut).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("truncated")),
            (attribute::RESPONSE_FINISH_REASONS, json!(["stop", "error"])),
            (attribute::USAGE_SOURCE, json!("partial")),
        ],
    );
    // A gateway that takes no `n` ends the stream as if it had done what was asked.
    let ended = format!("{cut}data: [DONE]\n\n");
    let said = attributes_of(CHAT, &asked, 200, "text/event-stream", &ended).await;
    assert_says(
        &said,
        [(attribute::OUTCOME, json!("completed")), (attribute::RESPONSE_FINISH_REASONS, json!(["stop"]))],
    );
    // Two were not requested.
    assert_says(&stream(CHAT, cut).await, [(attribute::OUTCOME, json!("completed"))]);
}

#[tokio::test]
async fn takes_a_response_that_the_provider_cancelled_for_cancelled() {
    let said = stream(RESPONSES, fixture!("responses_cancelled.sse")).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("cancelled")),
            (attribute::ERROR_TYPE, Value::Null),
            (attribute::RESPONSE_ID, json!("resp_cancelled")),
        ],
    );
}

#[tokio::test]
async fn takes_an_incomplete_response_for_a_completed_call() {
    let said = stream(RESPONSES, fixture!("responses_incomplete.sse")).await;
    assert_says(
        &said,
        [
            (attribute::OUTCOME, json!("completed")),
            (attribute::USAGE_OUTPUT_TOKENS, json!(16)),
            (attribute::USAGE_REASONING_TOKENS, json!(16)),
            (attribute::OPENAI_RESPONSE_SERVICE_TIER, json!("default")),
            (attribute::RESPONSE_FINISH_REASONS, Value::Null),
        ],
    );
}

#[tokio::test]
async fn takes_an_event_stream_of_no_bytes_for_truncated() {
    assert_says(&stream(CHAT, "").await, [(attribute::OUTCOME, json!("truncated"))]);
}
