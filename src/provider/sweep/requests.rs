//! Requests: a value of the wrong shape costs no more than its own absence would.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{pointers, replaced, replacements};
use crate::call::RequestFacts;
use crate::hash::{HashKey, request_hash};
use crate::provider::testing::{input, recognised, request};

/// Facts by name.
fn facts(facts: RequestFacts) -> Vec<(&'static str, String)> {
    macro_rules! named {
        ($($name:ident),*) => {{
            let RequestFacts { $($name),* } = facts;
            vec![$((stringify!($name), format!("{:?}", $name))),*]
        }};
    }
    named!(
        model,
        stream,
        max_tokens,
        temperature,
        top_p,
        top_k,
        frequency_penalty,
        presence_penalty,
        stop_sequences,
        seed,
        choice_count,
        output_type,
        reasoning_level,
        previous_response_id,
        conversation_id,
        service_tier,
        encoding_formats,
        dimensions,
        guardrail_id,
        prompt_name,
        prompt_version
    )
}

/// The facts in which two requests differ.
fn difference(url: &str, one: &Value, other: &Value) -> BTreeSet<&'static str> {
    let pairs = facts(request(url, one)).into_iter().zip(facts(request(url, other)));
    pairs.filter(|(one, other)| one != other).map(|((name, _), _)| name).collect()
}

#[test]
fn loses_only_what_was_changed() {
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}]}]);
    for (url, body) in [
        (
            "https://api.openai.com/v1/chat/completions",
            json!({"model": "m", "stream": true, "stream_options": {"include_obfuscation": true}, "messages": messages,
                "max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 4, "frequency_penalty": 1, "presence_penalty": 1,
                "stop": ["a"], "seed": 7, "n": 2, "response_format": {"type": "json_object"}, "modalities": ["text", "audio"],
                "reasoning": {"effort": "low"}, "service_tier": "flex", "tools": [{"type": "function", "function": {"name": "f"}}]}),
        ),
        (
            "https://api.openai.com/v1/responses",
            json!({"model": "m", "stream": true, "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"}], "max_output_tokens": 9,
                "temperature": 0.5, "text": {"format": {"type": "json_schema"}}, "reasoning": {"effort": "low"},
                "previous_response_id": "r", "conversation": {"id": "c"}, "prompt": {"id": "p", "version": "1"}, "service_tier": "flex"}),
        ),
        (
            "https://api.openai.com/v1/embeddings",
            json!({"model": "m", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 8}),
        ),
        (
            "https://api.anthropic.com/v1/messages",
            json!({"model": "m", "stream": true, "system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "x"}, {"type": "image", "source": {"type": "url", "url": "u"}}]}],
                "max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 4, "stop_sequences": ["a"], "service_tier": "auto",
                "output_config": {"effort": "low", "format": {"type": "json_schema"}}}),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}, {"functionCall": {"name": "f", "args": {}}}]}],
                "systemInstruction": {"parts": [{"text": "s"}]}, "serviceTier": "flex", "generationConfig": {"maxOutputTokens": 9,
                "temperature": 0.5, "topP": 0.5, "topK": 4, "seed": 7, "candidateCount": 2, "presencePenalty": 1, "frequencyPenalty": 1,
                "stopSequences": ["a"], "responseMimeType": "application/json", "thinkingConfig": {"thinkingLevel": "LOW"}}}),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
            json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "system": [{"text": "s"}], "inferenceConfig": {"maxTokens": 9,
                "temperature": 0.5, "topP": 0.5, "stopSequences": ["a"]}, "additionalModelRequestFields": {"top_k": 4},
                "guardrailConfig": {"guardrailIdentifier": "g"}, "serviceTier": {"type": "flex"}}),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke",
            json!({"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0.5, "topP": 0.5, "stopSequences": ["a"]}}),
        ),
        (
            "https://api.cohere.com/v1/chat",
            json!({"model": "m", "stream": true, "message": "Hi", "chat_history": [{"role": "USER", "message": "Hi"}], "max_tokens": 9,
                "temperature": 0.5, "p": 0.5, "k": 4, "conversation_id": "c"}),
        ),
        (
            "https://api.cohere.com/v2/chat",
            json!({"model": "m", "stream": true, "messages": messages, "max_tokens": 9, "seed": 7, "stop_sequences": ["a"],
                "response_format": {"type": "json_object"}}),
        ),
        (
            "http://localhost:11434/api/chat",
            json!({"model": "m", "stream": false, "messages": messages, "format": "json", "think": "low",
                "options": {"num_predict": 9, "temperature": 0.5, "top_k": 4, "stop": ["a"]}}),
        ),
    ] {
        let mut all = Vec::new();
        pointers(&body, "", &mut all);
        for pointer in all.iter().filter(|pointer| !pointer.is_empty()) {
            let own = difference(url, &body, &replaced(&body, pointer, None));
            for by in replacements() {
                let changed = replaced(&body, pointer, by.as_ref());
                let lost = difference(url, &body, &changed);
                assert!(lost.is_subset(&own), "{url}: {pointer} by {by:?} changes {lost:?}");
                input(url, &changed);
                let format = recognised(url).unwrap().format;
                format.ask_for_usage(&mut changed.clone());
                let hash = |body: &Value| {
                    let body = body.to_string();
                    let body = crate::json::Json::read(body.as_bytes()).unwrap();
                    request_hash(&HashKey::default(), &body, format.undeciding(), None)
                };
                let names = pointer.split('/').nth(1).unwrap();
                let decides = !format.undeciding().contains(&names);
                assert_eq!(
                    hash(&changed) != hash(&body),
                    decides && changed != body,
                    "{url}: {pointer} by {by:?}"
                );
            }
        }
    }
}
