//! Amazon Bedrock's two APIs.

use serde_json::json;

use super::{Exchange, Framed, anthropic};

const MODEL: &str =
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0";

pub(super) fn all() -> Vec<Exchange> {
    vec![converse(), invoke()]
}

fn converse() -> Exchange {
    let usage = json!({"inputTokens": 5, "outputTokens": 9, "totalTokens": 32, "cacheReadInputTokens": 7,
        "cacheWriteInputTokens": 11});
    Exchange {
        name: "bedrock converse",
        urls: ["converse", "converse-stream"].map(|operation| format!("{MODEL}/{operation}")),
        request: json!({"system": [{"text": "canary-7f3a-system"}],
            "messages": [{"role": "user", "content": [{"text": "canary-7f3a-prompt"},
                {"document": {"name": "canary-7f3a-name", "source": {"bytes": "canary-7f3a-document"}}}]}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "canary-7f3a-tool"}}]},
            "inferenceConfig": {"maxTokens": 100}, "requestMetadata": {"a": "canary-7f3a-metadata"},
            "promptVariables": {"a": {"text": "canary-7f3a-variable"}}}),
        answer: json!({"output": {"message": {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "canary-7f3a-thought", "signature": "canary-7f3a-s"}}},
                {"text": "canary-7f3a-answer"},
                {"toolUse": {"toolUseId": "canary-7f3a-id", "name": "canary-7f3a-tool", "input": {"a": "canary-7f3a-b"}}}]}},
            "stopReason": "tool_use", "usage": usage, "metrics": {"latencyMs": 1},
            "trace": {"guardrail": {"modelOutput": ["canary-7f3a-output"]}}}),
        framed: Framed::Events,
        pieces: vec![
            json!({"messageStart": {"role": "assistant", "p": "canary-7f3a-padding"}}),
            json!({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "canary-7f3a-answer"}}}),
            json!({"contentBlockStop": {"contentBlockIndex": 0}}),
            json!({"messageStop": {"stopReason": "tool_use"}}),
            json!({"metadata": {"usage": usage, "metrics": {"latencyMs": 9}}}),
        ],
        error: json!({"message": "canary-7f3a-message", "Message": "canary-7f3a-message"}),
        stream_error: json!({"throttlingException": {"message": "canary-7f3a-message"}}),
    }
}

/// Anthropic's bodies under Bedrock's path and framing.
fn invoke() -> Exchange {
    let mut exchange = anthropic::messages();
    exchange.name = "bedrock invoke";
    exchange.urls = ["invoke", "invoke-with-response-stream"].map(|operation| format!("{MODEL}/{operation}"));
    exchange.request["anthropic_version"] = json!("bedrock-2023-05-31");
    exchange.framed = Framed::Chunks;
    exchange.error = json!({"message": "canary-7f3a-message"});
    exchange.stream_error =
        json!({"exception": {"message": "canary-7f3a-message", "originalStatusCode": 503}});
    exchange
}
