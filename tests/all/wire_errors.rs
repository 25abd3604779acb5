//! How the span names the errors that providers answer with, whatever the words around them.

use serde_json::json;
use spanledger::semconv::attribute;

use crate::support::replay::{self, Replay};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const MESSAGES: &str = "https://api.anthropic.com/v1/messages";
const VERTEX: &str = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x:streamRawPredict";
const GEMINI: &str =
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:streamGenerateContent?alt=sse";
const CONVERSE: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream";
const COHERE: &str = "https://api.cohere.com/v2/chat";
const OLLAMA: &str = "http://localhost:11434/api/chat";
const GATEWAY: &str = "https://llm.example.com/v1/chat/completions";

#[tokio::test]
async fn names_the_error_of_every_provider() {
    let replay = Replay::start(1).await.unwrap();
    for (url, status, header, body, name) in [
        (
            CHAT,
            429,
            "",
            r#"{"error":{"message":"m","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            "rate_limit_exceeded",
        ),
        (
            CHAT,
            503,
            "",
            r#"{"error":{"message":"m","type":"service_unavailable_error","code":null}}"#,
            "service_unavailable_error",
        ),
        (
            MESSAGES,
            429,
            "",
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"},"request_id":"r"}"#,
            "rate_limit_error",
        ),
        (
            MESSAGES,
            529,
            "",
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            "overloaded_error",
        ),
        (
            VERTEX,
            429,
            "",
            r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
            "RESOURCE_EXHAUSTED",
        ),
        (
            GEMINI,
            503,
            "",
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            "UNAVAILABLE",
        ),
        (
            GEMINI,
            400,
            "",
            r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            "INVALID_ARGUMENT",
        ),
        (
            CONVERSE,
            429,
            "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
            r#"{"message":"Too many requests"}"#,
            "ThrottlingException",
        ),
        (
            CONVERSE,
            503,
            "",
            r#"{"__type":"com.amazon.bedrock#ServiceUnavailableException","message":"m"}"#,
            "ServiceUnavailableException",
        ),
        (COHERE, 429, "", r#"{"id":"i","message":"trial key"}"#, "429"),
        (OLLAMA, 404, "", r#"{"error":"model 'm' not found"}"#, "404"),
        // LiteLLM, vLLM, FastAPI, Cloudflare, and proxies that know no JSON.
        (GATEWAY, 429, "", r#"{"error":{"message":"m","type":"None","param":"None","code":"429"}}"#, "429"),
        (
            GATEWAY,
            400,
            "",
            r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
            "BadRequestError",
        ),
        (
            GATEWAY,
            422,
            "",
            r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]}"#,
            "missing",
        ),
        (
            GATEWAY,
            400,
            "",
            r#"{"success":false,"errors":[{"code":7003,"message":"m"}],"messages":[],"result":null}"#,
            "7003",
        ),
        (GATEWAY, 524, "", "<html>a timeout occurred</html>", "524"),
        (GATEWAY, 500, "", "", "500"),
    ] {
        let mut headers = json!({"content-type": "application/json"});
        if !header.is_empty() {
            headers["x-amzn-errortype"] = header.into();
        }
        let exchange = serde_json::from_value(json!({
            "id": name,
            "request": {"method": "POST", "url": url, "body": r#"{"model":"m","messages":[],"stream":true}"#},
            "response": {"status": status, "headers": headers, "body": body},
        }))
        .unwrap();
        let replayed = replay.run(&exchange).await.unwrap();
        assert!(replayed.body_identical);
        assert_eq!(replayed.spans.len(), 1, "{body}");
        let said = replay::attributes(&replayed.spans[0]);
        assert_eq!(said[attribute::ERROR_TYPE], name, "{body}");
        assert_eq!(said[attribute::OUTCOME], "failed", "{body}");
        assert_eq!(said[attribute::HTTP_RESPONSE_STATUS_CODE], status, "{body}");
        assert_eq!(said[attribute::USAGE_SOURCE], "none", "{body}");
    }
}
