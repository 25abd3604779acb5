//! Gemini and Vertex AI.

use serde_json::{Value, json};

use super::{Exchange, Framed};

const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/models";
const VERTEX: &str = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models";

pub(super) fn all() -> Vec<Exchange> {
    let gemini = ["generateContent", "streamGenerateContent?alt=sse"];
    let vertex = ["generateContent", "streamGenerateContent"];
    vec![
        generation("gemini", gemini.map(|action| format!("{GEMINI}/gemini-2.5-flash:{action}")), Framed::Sse),
        generation(
            "vertex ai",
            vertex.map(|action| format!("{VERTEX}/gemini-2.5-flash:{action}")),
            Framed::Array,
        ),
        embeddings(),
    ]
}

fn error() -> Value {
    json!({"error": {"code": 400, "message": "API key not valid: canary-7f3a-key", "status": "INVALID_ARGUMENT",
        "details": [{"reason": "canary-7f3a-reason", "metadata": {"service": "canary-7f3a-service"}}]}})
}

fn generation(name: &'static str, urls: [String; 2], framed: Framed) -> Exchange {
    let answer = |finish: Value, usage: Value| {
        json!({"responseId": "r1", "modelVersion": "gemini-2.5-flash", "usageMetadata": usage, "candidates": [
            {"index": 0, "finishReason": finish, "finishMessage": "canary-7f3a-finish",
                "content": {"role": "model", "parts": [{"text": "canary-7f3a-thought", "thought": true},
                    {"text": "canary-7f3a-answer"},
                    {"functionCall": {"name": "canary-7f3a-tool", "args": {"a": "canary-7f3a-b"}}}]},
                "groundingMetadata": {"webSearchQueries": ["canary-7f3a-query"]}}]})
    };
    let usage = |output: u64| {
        json!({"promptTokenCount": 23, "candidatesTokenCount": output, "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 8, "totalTokenCount": 27 + output})
    };
    Exchange {
        name,
        urls,
        request: json!({"systemInstruction": {"parts": [{"text": "canary-7f3a-system"}]},
            "contents": [{"role": "user", "parts": [{"text": "canary-7f3a-prompt"},
                {"inlineData": {"mimeType": "image/png", "data": "canary-7f3a-image"}},
                {"fileData": {"fileUri": "gs://canary-7f3a-bucket"}}]}],
            "tools": [{"functionDeclarations": [{"name": "canary-7f3a-tool"}]}],
            "labels": {"a": "canary-7f3a-label"}, "cachedContent": "canary-7f3a-cached",
            "generationConfig": {"maxOutputTokens": 100, "responseSchema": {"title": "canary-7f3a-schema"}}}),
        answer: answer(json!("STOP"), usage(5)),
        framed,
        pieces: vec![answer(Value::Null, usage(1)), answer(json!("STOP"), usage(5))],
        error: error(),
        stream_error: error(),
    }
}

fn embeddings() -> Exchange {
    let url = format!("{GEMINI}/gemini-embedding-001:embedContent");
    Exchange {
        name: "gemini embeddings",
        urls: [url.clone(), url],
        request: json!({"content": {"parts": [{"text": "canary-7f3a-prompt"}]}, "title": "canary-7f3a-title"}),
        answer: json!({"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 23}}),
        framed: Framed::Never,
        pieces: Vec::new(),
        error: error(),
        stream_error: Value::Null,
    }
}
