use serde_json::json;

use super::*;
use crate::provider::testing::{asking, input, recognised, request};
use crate::semconv::output_type;

const URL: &str = "https://api.openai.com/v1/chat/completions";

#[test]
fn reads_the_parameters_of_a_request() {
    let facts = request(
        URL,
        &json!({"model": "gpt-4o", "stream": true, "max_tokens": 5, "max_completion_tokens": 7, "temperature": 0,
            "top_p": 0.5, "top_k": 40.0, "frequency_penalty": 0.1, "presence_penalty": -0.2, "stop": ["a", "b"],
            "seed": 11, "n": 2, "response_format": {"type": "json_schema"}, "reasoning_effort": "low",
            "service_tier": "flex"}),
    );
    assert_eq!((facts.model.as_deref(), facts.stream), (Some("gpt-4o"), true));
    assert_eq!(
        (facts.max_tokens, facts.top_k, facts.seed, facts.choice_count),
        (Some(7), Some(40), Some(11), Some(2))
    );
    assert_eq!((facts.temperature, facts.top_p), (Some(0.0), Some(0.5)));
    assert_eq!((facts.frequency_penalty, facts.presence_penalty), (Some(0.1), Some(-0.2)));
    assert_eq!(facts.stop_sequences, ["a", "b"]);
    assert_eq!((facts.output_type, facts.reasoning_level.as_deref()), (Some(output_type::JSON), Some("low")));
    assert_eq!(facts.service_tier.as_deref(), Some("flex"));
}

#[test]
fn reads_what_gateways_name_otherwise() {
    let facts = request(
        URL,
        &json!({"model": "m", "stop": "x", "random_seed": 3, "reasoning": {"effort": "high"},
            "modalities": ["text", "audio"], "max_tokens": 9}),
    );
    assert_eq!((facts.stop_sequences.as_slice(), facts.seed), (["x".to_owned()].as_slice(), Some(3)));
    assert_eq!((facts.reasoning_level.as_deref(), facts.max_tokens), (Some("high"), Some(9)));
    assert_eq!(facts.output_type, Some(output_type::SPEECH));
}

#[test]
fn takes_what_has_the_wrong_shape_for_absent() {
    let facts = request(
        URL,
        &json!({"model": 7, "stream": "yes", "max_tokens": 1.5, "temperature": "hot", "stop": {}, "n": null,
            "response_format": "json", "reasoning": []}),
    );
    assert_eq!(facts, RequestFacts::default());
}

#[test]
fn prefers_the_model_of_the_body_to_azures_deployment() {
    let url = "https://x.openai.azure.com/openai/deployments/mine/chat/completions?api-version=1";
    assert_eq!(request(url, &json!({})).model.as_deref(), Some("mine"));
    assert_eq!(request(url, &json!({"model": "gpt-4o"})).model.as_deref(), Some("gpt-4o"));
}

#[test]
fn asks_for_usage_in_streams_that_do_not_ask_yet() {
    // The caller's own spelling stays, whatever it is.
    for (text, wanted) in [
        (r#"{"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        (
            r#" { "model" : "m\u00e9", "seed": 1.0, "stream" : true } "#,
            r#" {"stream_options":{"include_usage":true}, "model" : "m\u00e9", "seed": 1.0, "stream" : true } "#,
        ),
        (
            r#"{"stream_options": null , "stream":true}"#,
            r#"{"stream_options": {"include_usage":true} , "stream":true}"#,
        ),
        (
            r#"{"stream":true, "stream_options": { }}"#,
            r#"{"stream":true, "stream_options": {"include_usage":true }}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ "include_obfuscation": false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true, "include_obfuscation": false}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"a":[{}], "include_usage": false }}"#,
            r#"{"stream":true,"stream_options":{"a":[{}], "include_usage": true }}"#,
        ),
        // Of a repeated member the last counts.
        (
            r#"{"stream_options":{"include_usage":true},"stream":true,"stream_option\u0073":{"include_usage":0}}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true,"stream_option\u0073":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(asking(URL, text).as_deref(), Some(wanted));
        assert_eq!(asking(URL, wanted), None, "{wanted}");
    }
    for body in [json!({}), json!({"stream": false}), json!({"stream": true, "stream_options": 1})] {
        assert_eq!(asking(URL, &body.to_string()), None, "{body}");
    }
}

#[test]
fn asks_no_provider_for_usage_that_would_refuse_the_question() {
    let body = json!({"stream": true, "messages": []}).to_string();
    let vertex = "https://aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/mistralai/models/m:";
    for url in [
        "https://api.mistral.ai/v1/chat/completions",
        "https://api.mistral.ai/v1/agents/completions",
        "https://api.mistral.ai/v1/fim/completions",
        &format!("{vertex}streamRawPredict"),
    ] {
        assert_eq!(asking(url, &body), None, "{url}");
    }
    let grounded = json!({"stream": true, "messages": [], "data_sources": [{"type": "azure_search"}]});
    assert_eq!(asking(URL, &grounded.to_string()), None);
}

#[test]
fn leaves_the_members_that_decide_nothing_out_of_the_hash() {
    let fields_not_hashed = recognised(URL).unwrap().format.fields_not_hashed();
    for name in [
        "stream",
        "stream_options",
        "user",
        "metadata",
        "store",
        "service_tier",
        "prompt_cache_options",
        "cache_control",
        "cache_salt",
        "priority",
        "trace",
    ] {
        assert!(fields_not_hashed.contains(&name), "{name}");
    }
    for name in [
        "messages",
        "model",
        "tools",
        "temperature",
        "seed",
        "n",
        "response_format",
        "reasoning_effort",
        "verbosity",
    ] {
        assert!(!fields_not_hashed.contains(&name), "{name}");
    }
}

#[test]
fn writes_messages_in_the_conventions_form() {
    let content = input(
        URL,
        &json!({"messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                {"type": "image_url", "image_url": "data:image/png;base64,aGk="},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "strange", "x": 1}]},
            {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{broken"}},
                {"id": "call_3", "type": "custom", "custom": {"name": "h", "input": "free text"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "42"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "web_search"}]}),
    );
    assert_eq!(
        content.tools,
        [json!({"type": "function", "name": "f"}), json!({"type": "web_search", "name": "web_search"})]
    );
    assert!(content.system.is_empty());
    let text = |text: &str| json!({"type": "text", "content": text});
    assert_eq!(
        content.messages,
        [
            json!({"role": "system", "parts": [text("be brief")]}),
            json!({"role": "user", "name": "ann", "parts": [
            text("look"),
            {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "aGk="},
            {"type": "file", "modality": "document", "file_id": "file-1"},
            {"type": "strange", "x": 1}]}),
            json!({"role": "assistant", "parts": [
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}},
            {"type": "tool_call", "id": "call_2", "name": "g", "arguments": "{broken"},
            {"type": "tool_call", "id": "call_3", "name": "h", "arguments": "free text"}]}),
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "42"}]}),
        ]
    );
}
