use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::call::{Operation, ResponseFacts};
use crate::decoder::tests::message;
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole, with_headers};

const URL: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-x-v1%3A0/invoke";

fn chunk(payload: &str) -> Vec<u8> {
    let payload = format!(r#"{{"bytes":"{}","p":"abc"}}"#, STANDARD.encode(payload));
    message(&[(":event-type", "chunk"), (":message-type", "event")], payload.as_bytes())
}

fn chunks(payloads: &[&str]) -> ResponseFacts {
    let body: Vec<u8> = payloads.iter().flat_map(|payload| chunk(payload)).collect();
    stream(URL, Framing::EventStream, &body)
}

fn counts(facts: &ResponseFacts) -> (Option<u64>, Option<u64>) {
    (facts.usage.input_tokens, facts.usage.output_tokens)
}

const METRICS: &str = r#""amazon-bedrock-invocationMetrics":{"inputTokenCount":6,"outputTokenCount":9,"invocationLatency":1,"firstByteLatency":1}"#;

#[test]
fn tells_embeddings_by_the_model_and_leaves_images_out() {
    let operation =
        |model: &str| recognised(&URL.replace("anthropic.claude-x", model)).map(|found| found.operation);
    assert_eq!(operation("anthropic.claude-x"), Some(Operation::Chat));
    assert_eq!(operation("amazon.titan-embed-text-v2"), Some(Operation::Embeddings));
    assert_eq!(operation("cohere.embed-v4"), Some(Operation::Embeddings));
    for other in ["stability.sd3", "amazon.titan-image-generator", "amazon.nova-canvas", "cohere.rerank-v3-5"]
    {
        assert_eq!(operation(other), None, "{other}");
    }
}

#[test]
fn reads_the_parameters_of_each_family() {
    for body in [
        json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "temperature": 0.5, "top_p": 0.9,
            "top_k": 4, "stop_sequences": ["a"]}),
        json!({"prompt": "p", "max_tokens_to_sample": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4,
            "stop_sequences": ["a"]}),
        json!({"inputText": "p", "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0.5, "topP": 0.9,
            "topK": 4, "stopSequences": ["a"]}}),
        json!({"messages": [], "inferenceConfig": {"max_new_tokens": 9, "temperature": 0.5, "top_p": 0.9,
            "top_k": 4, "stopSequences": ["a"]}}),
        json!({"prompt": "p", "max_gen_len": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4, "stop": ["a"]}),
        json!({"message": "p", "max_tokens": 9, "temperature": 0.5, "p": 0.9, "k": 4, "stop_sequences": ["a"]}),
        json!({"prompt": "p", "maxTokens": 9, "temperature": 0.5, "topP": 0.9, "topK": 4, "stopSequences": ["a"]}),
    ] {
        let facts = request(URL, &body);
        assert_eq!((facts.max_tokens, facts.top_k), (Some(9), Some(4)), "{body}");
        assert_eq!((facts.temperature, facts.top_p), (Some(0.5), Some(0.9)), "{body}");
        assert_eq!(facts.stop_sequences, ["a"], "{body}");
        assert_eq!(facts.model.as_deref(), Some("anthropic.claude-x-v1:0"));
    }
}

#[test]
fn reads_the_whole_answers_of_each_family() {
    for (body, expected, reason) in [
        (
            r#"{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":6,"output_tokens":9}}"#,
            true,
            "end_turn",
        ),
        (
            r#"{"type":"completion","completion":"Hi","stop_reason":"stop_sequence","stop":"\n\nHuman:"}"#,
            false,
            "stop_sequence",
        ),
        (
            r#"{"inputTextTokenCount":6,"results":[{"tokenCount":9,"outputText":"Hi","completionReason":"FINISH"}]}"#,
            true,
            "FINISH",
        ),
        (
            r#"{"output":{"message":{"content":[{"text":"Hi"}],"role":"assistant"}},"stopReason":"max_tokens","usage":{"inputTokens":6,"outputTokens":9,"cacheReadInputTokenCount":0}}"#,
            true,
            "max_tokens",
        ),
        (
            r#"{"generation":"Hi","prompt_token_count":6,"generation_token_count":9,"stop_reason":"stop"}"#,
            true,
            "stop",
        ),
        (r#"{"outputs":[{"text":"Hi","stop_reason":"length"}]}"#, false, "length"),
        (
            r#"{"id":"x","generations":[{"id":"g","text":"Hi","finish_reason":"COMPLETE"}],"prompt":"p"}"#,
            false,
            "COMPLETE",
        ),
        (
            r#"{"response_id":"x","text":"Hi","generation_id":"g","finish_reason":"MAX_TOKENS"}"#,
            false,
            "MAX_TOKENS",
        ),
        (
            r#"{"id":12,"prompt":{},"completions":[{"data":{"text":"Hi"},"finishReason":{"reason":"endoftext"}}]}"#,
            false,
            "endoftext",
        ),
        (
            r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":6,"completion_tokens":9}}"#,
            true,
            "stop",
        ),
        (r#"{"choices":[{"text":"Hi","stop_reason":"length"}]}"#, false, "length"),
        (
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"stop_reason":"stop"}]}"#,
            false,
            "stop",
        ),
    ] {
        let facts = whole(URL, body);
        assert_eq!(counts(&facts), if expected { (Some(6), Some(9)) } else { (None, None) }, "{body}");
        assert_eq!((reasons(&facts), facts.output_bytes, facts.choices), (vec![reason], 2, 1), "{body}");
        assert!(facts.error.is_none(), "{body}");
        let headers = [("x-amzn-bedrock-input-token-count", "6"), ("x-amzn-bedrock-output-token-count", "9")];
        assert_eq!(counts(&with_headers(URL, &headers, body)), (Some(6), Some(9)), "{body}");
    }
}

#[test]
fn the_counts_of_the_model_overrule_those_of_the_headers() {
    let headers = [
        ("x-amzn-bedrock-input-token-count", "1"),
        ("x-amzn-bedrock-cache-read-input-token-count", "2"),
        ("x-amzn-bedrock-cache-write-input-token-count", "3"),
        ("x-amzn-bedrock-output-token-count", "4"),
    ];
    let facts = with_headers(URL, &headers, r#"{"outputs":[{"text":"Hi"}]}"#);
    assert_eq!((counts(&facts), facts.usage.cache_write_tokens), ((Some(6), Some(4)), Some(3)));
    let body = r#"{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,
        "cache_read_input_tokens":20,"cache_creation_input_tokens":30,"output_tokens":40}}"#;
    assert_eq!(counts(&with_headers(URL, &headers, body)), (Some(60), Some(40)));
}

#[test]
fn reads_the_streams_of_each_family() {
    let last = |body: &str| format!("{},{METRICS}}}", body.strip_suffix('}').unwrap());
    for (payloads, reason) in [
        (
            vec![
                r#"{"type":"message_start","message":{"id":"m","model":"claude","content":[],"usage":{"input_tokens":6,"output_tokens":1}}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
                r#"{"type":"message_stop"}"#,
            ],
            "end_turn",
        ),
        (
            vec![
                r#"{"type":"completion","completion":"Hi","stop_reason":null}"#,
                r#"{"type":"completion","completion":"","stop_reason":"stop_sequence"}"#,
            ],
            "stop_sequence",
        ),
        (
            vec![
                r#"{"outputText":"Hi","index":0,"totalOutputTextTokenCount":9.0,"completionReason":"LENGTH","inputTextTokenCount":6.0}"#,
            ],
            "LENGTH",
        ),
        (
            vec![
                r#"{"messageStart":{"role":"assistant"}}"#,
                r#"{"contentBlockDelta":{"delta":{"text":"Hi"},"contentBlockIndex":0}}"#,
                r#"{"contentBlockStop":{"contentBlockIndex":0}}"#,
                r#"{"messageStop":{"stopReason":"end_turn"}}"#,
                r#"{"metadata":{"usage":{"inputTokens":6,"outputTokens":9},"metrics":{},"trace":{}}}"#,
            ],
            "end_turn",
        ),
        (
            vec![
                r#"{"generation":"Hi","prompt_token_count":6,"generation_token_count":1,"stop_reason":null}"#,
                r#"{"generation":"","prompt_token_count":null,"generation_token_count":9,"stop_reason":"stop"}"#,
            ],
            "stop",
        ),
        (
            vec![
                r#"{"outputs":[{"text":"Hi","stop_reason":null}]}"#,
                r#"{"outputs":[{"text":"","stop_reason":"stop"}]}"#,
            ],
            "stop",
        ),
        (
            vec![
                r#"{"text":"Hi","is_finished":false,"index":0}"#,
                r#"{"is_finished":true,"finish_reason":"COMPLETE","index":0}"#,
            ],
            "COMPLETE",
        ),
        (
            vec![
                r#"{"is_finished":false,"event_type":"text-generation","text":"Hi"}"#,
                r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"response_id":"r","text":"Hi"}}"#,
            ],
            "COMPLETE",
        ),
        (
            vec![
                r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
                r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"id":"c","choices":[],"usage":{"prompt_tokens":6,"completion_tokens":9}}"#,
            ],
            "stop",
        ),
    ] {
        let (end, head) = payloads.split_last().unwrap();
        let end = last(end);
        let payloads = [head, &[end.as_str()]].concat();
        let facts = chunks(&payloads);
        assert_eq!(counts(&facts), (Some(6), Some(9)), "{payloads:?}");
        assert_eq!(
            (reasons(&facts), facts.output_bytes, facts.ended),
            (vec![reason], 2, true),
            "{payloads:?}"
        );
        assert!(facts.error.is_none(), "{payloads:?}");
    }
}

#[test]
fn the_metrics_do_not_overrule_the_counts_of_the_model() {
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":6,"cache_read_input_tokens":100,"output_tokens":1}}}"#;
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"#;
    let stop = format!(r#"{{"type":"message_stop",{METRICS}}}"#);
    assert_eq!(counts(&chunks(&[start, delta, &stop])), (Some(106), Some(7)));
}

#[test]
fn reads_the_counts_of_embeddings() {
    let titan =
        whole(URL, r#"{"embedding":[0.1],"embeddingsByType":{"float":[0.1]},"inputTextTokenCount":5}"#);
    assert_eq!((counts(&titan), titan.choices), ((Some(5), None), 0));
    let headers = [("x-amzn-bedrock-input-token-count", "3")];
    let body = r#"{"id":"e","texts":["t"],"embeddings":[[0.1]],"response_type":"embeddings_floats"}"#;
    let cohere = with_headers(URL, &headers, body);
    assert_eq!((counts(&cohere), cohere.id.as_deref()), ((Some(3), None), Some("e")));
    let nova = with_headers(URL, &headers, r#"{"embeddings":[{"embedding":[0.1],"embeddingType":"TEXT"}]}"#);
    assert_eq!((counts(&nova), nova.error), ((Some(3), None), None));
}

#[test]
fn reads_errors_before_and_inside_a_stream() {
    let body = [
        chunk(r#"{"generation":"Hi","prompt_token_count":6,"generation_token_count":1,"stop_reason":null}"#),
        message(
            &[(":exception-type", "modelStreamErrorException"), (":message-type", "exception")],
            br#"{"message":"m","originalStatusCode":503}"#,
        ),
    ];
    let facts = stream(URL, Framing::EventStream, &body.concat());
    assert_eq!(error(&facts), Some((Some("modelStreamErrorException"), Some("m"))));
    assert_eq!((counts(&facts), facts.ended), ((Some(6), Some(1)), false));
    let headers = [("x-amzn-errortype", "ValidationException")];
    let facts = with_headers(URL, &headers, r#"{"message":"m"}"#);
    assert_eq!(error(&facts), Some((Some("ValidationException"), Some("m"))));
}

#[test]
fn writes_the_prompts_of_each_family_in_the_conventions_form() {
    let hi = json!({"role": "user", "parts": [{"type": "text", "content": "Hi"}]});
    for body in [
        json!({"anthropic_version": "v", "messages": [{"role": "user", "content": "Hi"}]}),
        json!({"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}),
        json!({"prompt": "Hi"}),
        json!({"inputText": "Hi"}),
        json!({"message": "Hi"}),
        json!({"texts": ["Hi"], "input_type": "search_query"}),
        json!({"singleEmbeddingParams": {"text": {"value": "Hi"}}}),
    ] {
        assert_eq!(input(URL, &body).messages, std::slice::from_ref(&hi), "{body}");
    }
}

#[test]
fn takes_the_guardrail_from_the_request_headers() {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-amzn-bedrock-guardrailidentifier", http::HeaderValue::from_static("g1"));
    let mut facts = recognised(URL).unwrap().request;
    recognised(URL).unwrap().format.read_request_headers(&headers, &mut facts);
    assert_eq!(facts.guardrail_id.as_deref(), Some("g1"));
}
