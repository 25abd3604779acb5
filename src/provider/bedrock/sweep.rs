//! Converse and invoke.

use serde_json::json;

use crate::provider::Framing;
use crate::provider::sweep::requests::sweep_request;
use crate::provider::sweep::sweep;

#[test]
fn bedrock_converse_loses_only_what_was_changed() {
    const URL: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"metrics":{"latencyMs":1},"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},
            {"text":"Hi"},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1}}}]}},"stopReason":"end_turn",
            "usage":{"inputTokens":9,"outputTokens":4,"totalTokens":13,"cacheReadInputTokens":3,"cacheWriteInputTokens":0},
            "serviceTier":{"type":"default"},"trace":{"promptRouter":{"invokedModelId":"m"}}}"#,
        ],
        &[
            ("model", &["/0/trace/promptRouter/invokedModelId"]),
            ("tier", &["/0/serviceTier/type"]),
            (
                "input",
                &["/0/usage/inputTokens", "/0/usage/cacheReadInputTokens", "/0/usage/cacheWriteInputTokens"],
            ),
            ("output", &["/0/usage/outputTokens"]),
            ("reasons", &["/0/stopReason"]),
            ("bytes", &["/0/output"]),
            ("end", &["/0"]),
        ],
    );
    sweep(
        URL,
        Framing::EventStream,
        &[
            r#"{"messageStart":{"role":"assistant"}}"#,
            r#"{"contentBlockStart":{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":1,"delta":{"text":"Hi"}}}"#,
            r#"{"messageStop":{"stopReason":"end_turn"}}"#,
            r#"{"metadata":{"metrics":{"latencyMs":1},"usage":{"inputTokens":9,"outputTokens":4,"totalTokens":13,"cacheReadInputTokens":3}}}"#,
        ],
        &[
            ("input", &["/5/metadata/usage/inputTokens", "/5/metadata/usage/cacheReadInputTokens"]),
            ("output", &["/5/metadata/usage/outputTokens"]),
            ("reasons", &["/4/messageStop/stopReason"]),
            (
                "bytes",
                &["/1/contentBlockStart/start", "/2/contentBlockDelta/delta", "/3/contentBlockDelta/delta"],
            ),
            ("end", &["/5"]),
        ],
    );
}

#[test]
fn bedrock_invoke_loses_only_what_was_changed() {
    const URL: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke-with-response-stream";
    sweep(
        URL,
        Framing::EventStream,
        &[
            r#"{"type":"message_start","message":{"id":"msg","model":"m","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#,
            r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":4}}"#,
        ],
        &[
            ("id", &["/0/type", "/0/message/id"]),
            ("model", &["/0/type", "/0/message/model"]),
            ("input", &["/0/type", "/0/message/usage/input_tokens"]),
            ("output", &["/2/type", "/2/usage/output_tokens"]),
            ("reasons", &["/2/type", "/2/delta/stop_reason"]),
            ("bytes", &["/0/message/content", "/1/type", "/1/delta"]),
            ("end", &["/3"]),
        ],
    );
    sweep(
        URL,
        Framing::EventStream,
        &[
            r#"{"generation":"Hi","prompt_token_count":9,"generation_token_count":1,"stop_reason":null}"#,
            r#"{"generation":"","prompt_token_count":null,"generation_token_count":4,"stop_reason":"stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":4}}"#,
        ],
        &[
            ("input", &["/*/prompt_token_count"]),
            ("output", &["/*/generation_token_count"]),
            ("reasons", &["/*/stop_reason", "/1/generation"]),
            ("bytes", &["/*/generation"]),
            ("end", &["/1"]),
        ],
    );
}

#[test]
fn bedrock_invoke_knows_a_family_by_more_than_one_member() {
    const URL: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"id":"msg","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn",
            "usage":{"input_tokens":9,"output_tokens":4}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/0/model"]),
            ("input", &["/0/usage/input_tokens"]),
            ("output", &["/0/usage/output_tokens"]),
            ("reasons", &["/0/stop_reason"]),
            ("bytes", &["/0/content"]),
            ("end", &["/0"]),
        ],
    );
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":9,"completion_tokens":4}}"#,
        ],
        &[
            ("id", &["/0/id"]),
            ("model", &["/0/model"]),
            ("input", &["/0/usage/prompt_tokens"]),
            ("output", &["/0/usage/completion_tokens"]),
            ("reasons", &["/0/choices/0/finish_reason", "/0/choices/0/index"]),
            ("bytes", &["/0/choices/0/message"]),
        ],
    );
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":4}}"#,
        ],
        &[
            ("input", &["/0/usage/inputTokens"]),
            ("output", &["/0/usage/outputTokens"]),
            ("reasons", &["/0/stopReason"]),
            ("bytes", &["/0/output"]),
            ("end", &["/0"]),
        ],
    );
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"response_id":"r","generation_id":"g","text":"Hi","chat_history":[],"finish_reason":"COMPLETE"}"#,
        ],
        &[
            ("id", &["/0/response_id"]),
            ("reasons", &["/0/finish_reason"]),
            ("bytes", &["/0/text"]),
            ("end", &["/0"]),
        ],
    );
}

#[test]
fn requests_to_bedrock_lose_only_what_was_changed() {
    sweep_request(
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
        &json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "system": [{"text": "s"}], "inferenceConfig": {"maxTokens": 9,
                "temperature": 0.5, "topP": 0.5, "stopSequences": ["a"]}, "additionalModelRequestFields": {"top_k": 4},
                "guardrailConfig": {"guardrailIdentifier": "g"}, "serviceTier": {"type": "flex"}}),
    );
    sweep_request(
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke",
        &json!({"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0.5, "topP": 0.5, "stopSequences": ["a"]}}),
    );
}
