//! Gemini and its embeddings.

use serde_json::json;

use crate::provider::Framing;
use crate::provider::sweep::requests::sweep_request;
use crate::provider::sweep::sweep;

#[test]
fn gemini_loses_only_what_was_changed() {
    const URL: &str = "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Hi"},{"functionCall":{"name":"f","args":{"a":1}}},
            {"inlineData":{"mimeType":"image/png","data":"AA=="}}],"role":"model"},"finishReason":"STOP","index":0,"safetyRatings":[]}],
            "promptFeedback":{"safetyRatings":[]},
            "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":2,"cachedContentTokenCount":3,"totalTokenCount":15,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":9}],"serviceTier":"standard"},"modelVersion":"m","responseId":"r"}"#,
        ],
        &[
            ("id", &["/0/responseId"]),
            ("model", &["/0/modelVersion"]),
            ("tier", &["/0/usageMetadata/serviceTier"]),
            ("input", &["/0/usageMetadata/promptTokenCount", "/0/usageMetadata/cachedContentTokenCount"]),
            ("output", &["/0/usageMetadata/candidatesTokenCount", "/0/usageMetadata/thoughtsTokenCount"]),
            ("reasons", &["/0/candidates/0/finishReason", "/0/candidates/0/index"]),
            ("bytes", &["/0/candidates/0/content"]),
        ],
    );
    for framing in [Framing::Sse, Framing::JsonArray] {
        sweep(
            URL,
            framing,
            &[
                r#"{"candidates":[{"content":{"parts":[{"text":"H"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
                r#"{"candidates":[{"content":{"parts":[{"text":"i"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":2},"modelVersion":"m","responseId":"r"}"#,
            ],
            &[
                ("id", &["/*/responseId"]),
                ("model", &["/*/modelVersion"]),
                ("input", &["/*/usageMetadata/promptTokenCount"]),
                ("output", &["/1/usageMetadata/candidatesTokenCount", "/1/usageMetadata/thoughtsTokenCount"]),
                ("reasons", &["/1/candidates/0/finishReason", "/1/candidates/0/index"]),
                ("bytes", &["/*/candidates/0/content"]),
            ],
        );
    }
}

#[test]
fn gemini_embeddings_lose_only_what_was_changed() {
    const URL: &str = "https://generativelanguage.googleapis.com/v1beta/models/g:embedContent";
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":9,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}]}}"#,
        ],
        &[("input", &["/0/usageMetadata/promptTokenCount"]), ("end", &["/0"])],
    );
    sweep(
        URL,
        Framing::Whole,
        &[
            r#"{"predictions":[{"embeddings":{"values":[0.5],"statistics":{"truncated":false,"token_count":9}}}],"metadata":{"billableCharacterCount":4}}"#,
        ],
        &[("input", &["/0/predictions/0/embeddings/statistics/token_count"]), ("end", &["/0"])],
    );
}

#[test]
fn requests_to_google_lose_only_what_was_changed() {
    sweep_request(
        "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent",
        &json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}, {"functionCall": {"name": "f", "args": {}}}]}],
                "systemInstruction": {"parts": [{"text": "s"}]}, "serviceTier": "flex", "generationConfig": {"maxOutputTokens": 9,
                "temperature": 0.5, "topP": 0.5, "topK": 4, "seed": 7, "candidateCount": 2, "presencePenalty": 1, "frequencyPenalty": 1,
                "stopSequences": ["a"], "responseMimeType": "application/json", "thinkingConfig": {"thinkingLevel": "LOW"}}}),
    );
}
