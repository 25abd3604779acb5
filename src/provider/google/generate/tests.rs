use serde_json::json;

use crate::call::Operation;
use crate::provider::Framing;
use crate::provider::testing::{error, input, reasons, recognised, request, stream, whole};
use crate::semconv::{output_type, provider};
use crate::usage::Modality;

const URL: &str = "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:streamGenerateContent?alt=sse&key=secret";
const VERTEX: &str = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/\
                      publishers/google/models/gemini-x%3AgenerateContent";

#[test]
fn recognises_both_services_in_both_spellings() {
    let found = recognised(URL).unwrap();
    assert_eq!(found.operation, Operation::GenerateContent);
    assert_eq!(found.provider, Some(provider::GCP_GEMINI));
    assert_eq!((found.request.model.as_deref(), found.request.stream), (Some("gemini-x"), true));
    let found = recognised(VERTEX).unwrap();
    assert_eq!(found.provider, Some(provider::GCP_VERTEX_AI));
    assert_eq!((found.request.model.as_deref(), found.request.stream), (Some("gemini-x"), false));
    let tuned = "https://generativelanguage.googleapis.com/v1/tunedModels/mine:generateContent";
    assert_eq!(recognised(tuned).unwrap().request.model.as_deref(), Some("mine"));
    for other in
        ["models/gemini-x:countTokens", "models/gemini-x:batchGenerateContent", "models/gemini-x", "files"]
    {
        let url = format!("https://generativelanguage.googleapis.com/v1beta/{other}");
        assert!(recognised(&url).is_none(), "{other}");
    }
}

#[test]
fn reads_the_parameters_of_a_request_in_both_spellings() {
    let camel = json!({"serviceTier": "flex", "generationConfig": {"maxOutputTokens": 9, "temperature": 0.5,
        "topP": 0.9, "topK": 40.0, "seed": 7, "candidateCount": 2, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
        "stopSequences": ["a"], "responseMimeType": "application/json",
        "thinkingConfig": {"thinkingLevel": "LOW"}}});
    let snake = json!({"service_tier": "flex", "generation_config": {"max_output_tokens": 9, "temperature": 0.5,
        "top_p": 0.9, "top_k": 40, "seed": 7, "candidate_count": 2, "presence_penalty": 0.1,
        "frequency_penalty": 0.2, "stop_sequences": ["a"], "response_mime_type": "application/json",
        "thinking_config": {"thinking_level": "LOW"}}});
    let facts = request(URL, &camel);
    assert_eq!(request(URL, &snake), facts);
    assert_eq!((facts.max_tokens, facts.top_k, facts.seed), (Some(9), Some(40), Some(7)));
    assert_eq!((facts.temperature, facts.top_p, facts.choice_count), (Some(0.5), Some(0.9), Some(2)));
    assert_eq!((facts.presence_penalty, facts.frequency_penalty), (Some(0.1), Some(0.2)));
    assert_eq!((facts.stop_sequences, facts.output_type), (vec!["a".to_owned()], Some(output_type::JSON)));
    assert_eq!(facts.reasoning_level.as_deref(), Some("LOW"));
    assert_eq!(facts.service_tier.as_deref(), Some("flex"));
    let image = request(URL, &json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}));
    assert_eq!(image.output_type, Some(output_type::IMAGE));
    let tier_alone = request(URL, &json!({"serviceTier": "priority", "contents": []}));
    assert_eq!(tier_alone.service_tier.as_deref(), Some("priority"));
}

#[test]
fn counts_tool_prompts_as_input_and_thoughts_as_output() {
    let facts = whole(
        VERTEX,
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Hi"},
            {"functionCall":{"name":"f","args":{"a":1}}}],"role":"model"},"finishReason":"STOP"},
            {"content":{"parts":[{"text":"Ho"}]},"finishReason":"MAX_TOKENS","index":1}],
            "usageMetadata":{"promptTokenCount":10,"toolUsePromptTokenCount":5,"candidatesTokenCount":3,
            "thoughtsTokenCount":4,"cachedContentTokenCount":2,"totalTokenCount":22,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":8},{"modality":"AUDIO","tokenCount":2}],
            "toolUsePromptTokensDetails":[{"modality":"TEXT","tokenCount":5}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":3}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":2}],"serviceTier":"standard"},
            "modelVersion":"gemini-x-001","responseId":"r1"}"#,
    );
    let usage = &facts.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(15), Some(7)));
    assert_eq!((usage.cache_read_tokens, usage.reasoning_tokens), (Some(2), Some(4)));
    assert_eq!(usage.input_modality, Modality { text: Some(13), image: None, audio: Some(2) });
    assert_eq!(usage.output_modality, Modality { text: None, image: Some(3), audio: None });
    assert_eq!(usage.cache_read_modality, Modality { text: None, image: None, audio: Some(2) });
    assert_eq!((facts.id.as_deref(), facts.model.as_deref()), (Some("r1"), Some("gemini-x-001")));
    assert_eq!((reasons(&facts), facts.choices), (vec!["STOP", "MAX_TOKENS"], 2));
    assert_eq!(facts.output_bytes, "hmHifHo".len() as u64 + r#"{"a":1}"#.len() as u64);
}

#[test]
fn names_the_numbers_of_enum_encoding_int_as_each_service_counts_them() {
    let answer = |number: u32| format!(r#"{{"candidates":[{{"finishReason":{number}}}]}}"#);
    assert_eq!(reasons(&whole(VERTEX, &answer(1))), ["STOP"]);
    assert_eq!(reasons(&whole(VERTEX, &answer(9))), ["MALFORMED_FUNCTION_CALL"]);
    assert_eq!(reasons(&whole(URL, &answer(9))), ["SPII"]);
    assert_eq!(reasons(&whole(URL, &answer(99))), ["99"]);
    let facts = whole(VERTEX, r#"{"usageMetadata":{"promptTokensDetails":[{"modality":1,"tokenCount":5}]}}"#);
    assert_eq!(facts.usage.input_modality.text, Some(5));
}

const PIECES: [&str; 2] = [
    r#"{"candidates":[{"content":{"parts":[{"text":"He"}],"role":"model"}}],"usageMetadata":{"promptTokenCount":4,"thoughtsTokenCount":6,"totalTokenCount":10},"modelVersion":"m"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"llo"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":6,"totalTokenCount":12},"modelVersion":"m","responseId":"r"}"#,
];

#[test]
fn reads_events_and_an_array_alike() {
    let events = format!("data: {}\r\n\r\ndata: {}\r\n\r\n", PIECES[0], PIECES[1]);
    let array = format!("[{}\r\n,\r\n{}]\n", PIECES[0], PIECES[1]);
    let facts = stream(URL, Framing::Sse, events.as_bytes());
    assert_eq!(stream(URL, Framing::JsonArray, array.as_bytes()), facts);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(4), Some(8)));
    assert_eq!((reasons(&facts), facts.output_bytes, facts.choices), (vec!["STOP"], 5, 1));
    // Nothing asked for a stream, yet an array came.
    let mut whole = whole(URL, &array);
    (whole.ended, whole.counted) = (false, facts.counted);
    assert_eq!(whole, facts);
}

#[test]
fn keeps_what_came_before_a_stream_was_cut() {
    let array = format!("[{},\n{{\"candidates\":[{{\"cont", PIECES[0]);
    let facts = stream(URL, Framing::JsonArray, array.as_bytes());
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(4), Some(6)));
    assert!(!facts.ended && facts.finish_reasons.is_empty());
}

#[test]
fn tells_why_a_prompt_was_blocked() {
    let facts = whole(
        URL,
        r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":7}}"#,
    );
    assert_eq!((reasons(&facts), facts.usage.input_tokens), (vec!["PROHIBITED_CONTENT"], Some(7)));
}

#[test]
fn reads_errors_wherever_they_stand() {
    let quota = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[]}}"#;
    for facts in [
        whole(URL, quota),
        whole(URL, &format!("[{quota}]")),
        stream(URL, Framing::JsonArray, format!("[{quota}\n]").as_bytes()),
        stream(URL, Framing::JsonArray, quota.as_bytes()),
        stream(URL, Framing::Sse, format!("data: {}\n\ndata: {quota}\n\n", PIECES[0]).as_bytes()),
    ] {
        assert_eq!(error(&facts), Some((Some("RESOURCE_EXHAUSTED"), Some("m"))));
    }
}

#[test]
fn writes_contents_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"systemInstruction": {"parts": [{"text": "Be brief"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"},
                    {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}},
                    {"file_data": {"mime_type": "application/pdf", "file_uri": "gs://b/a.pdf"}}]},
                {"role": "model", "parts": [{"text": "hm", "thought": true},
                    {"functionCall": {"name": "f", "args": {"a": 1}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": 2}}}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]}),
    );
    assert_eq!(content.system, [json!({"type": "text", "content": "Be brief"})]);
    assert_eq!(
        content.messages,
        [
            json!({"role": "user", "parts": [{"type": "text", "content": "Hi"},
                {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "AA=="},
                {"type": "uri", "modality": "document", "mime_type": "application/pdf", "uri": "gs://b/a.pdf"}]}),
            json!({"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "name": "f", "arguments": {"a": 1}}]}),
            json!({"role": "user", "parts": [{"type": "tool_call_response", "id": "f", "response": {"r": 2}}]}),
        ]
    );
    assert_eq!(
        content.tools,
        [json!({"type": "function", "name": "f"}), json!({"type": "googleSearch", "name": "googleSearch"})]
    );
}
