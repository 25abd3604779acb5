//! Any member of any usage object is read, known to cost nothing, or noted.

use serde_json::{Value, json};

use crate::provider::testing::whole;

/// A whole response of every dialect: where it is from, and every object below the member that the table reads.
fn responses() -> Vec<(&'static str, Value, &'static str)> {
    let chat = "https://api.openai.com/v1/chat/completions";
    let messages = "https://api.anthropic.com/v1/messages";
    vec![
        (
            chat,
            json!({"id": "c", "model": "m", "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "cost": {"total_cost": 0.1},
                    "prompt_tokens_details": {"cached_tokens": 3, "cached_tokens_details": {"text_tokens": 3}},
                    "completion_tokens_details": {"reasoning_tokens": 2}, "cost_details": {"upstream_inference_cost": 0.1},
                    "server_tool_use": {"web_search_requests": 1}, "context_details": {"input_tokens": 9}}}),
            "/usage",
        ),
        (
            chat,
            json!({"id": "c", "model": "m", "choices": [], "copilot_usage": {"total_nano_aiu": 5,
                "token_details": [{"token_type": "input", "token_count": 3, "cost_per_batch": 1, "batch_size": 10}]}}),
            "/copilot_usage",
        ),
        (
            chat,
            json!({"id": "c", "model": "m", "choices": [], "usage_breakdown": {"models": [{"model": "n",
                "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}}]}}),
            "/usage_breakdown",
        ),
        (
            "https://api.openai.com/v1/responses",
            json!({"id": "r", "model": "m", "status": "completed", "output": [],
                "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13, "input_tokens_details": {"cached_tokens": 3},
                    "output_tokens_details": {"reasoning_tokens": 2}}}),
            "/usage",
        ),
        (
            "https://api.openai.com/v1/embeddings",
            json!({"model": "m", "data": [], "usage": {"prompt_tokens": 9, "total_tokens": 9}}),
            "/usage",
        ),
        (
            messages,
            json!({"id": "m", "model": "m", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
                "usage": {"input_tokens": 9, "output_tokens": 4, "cache_creation": {"ephemeral_1h_input_tokens": 1},
                    "cache_creation_input_tokens": 1, "output_tokens_details": {"thinking_tokens": 1},
                    "server_tool_use": {"web_search_requests": 1},
                    "iterations": [{"type": "compaction", "input_tokens": 1, "output_tokens": 1,
                        "cache_creation": {"ephemeral_5m_input_tokens": 1}}]}}),
            "/usage",
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
            json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}]}}),
            "/usageMetadata",
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
            json!({"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn",
                "usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13,
                    "cacheDetails": [{"ttl": "1h", "inputTokens": 2}]}}),
            "/usage",
        ),
        (
            "https://api.cohere.com/v2/chat",
            json!({"id": "c", "message": {"content": [{"text": "Hi"}]}, "finish_reason": "COMPLETE",
                "usage": {"billed_units": {"input_tokens": 9, "output_tokens": 4}, "tokens": {"input_tokens": 9}}}),
            "/usage",
        ),
    ]
}

/// The pointers of all objects at and below `value`.
fn objects(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            all.push(at.to_owned());
            for (name, member) in members {
                objects(member, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                objects(element, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn noted(url: &str, body: &Value) -> Vec<String> {
    let facts = whole(url, &body.to_string());
    let mut paths = facts.coverage.paths().to_vec();
    paths.extend_from_slice(facts.unpriced.paths());
    paths
}

#[test]
fn a_member_that_no_table_knows_is_noted_at_every_level_of_every_dialect() {
    for (url, body, member) in responses() {
        assert_eq!(noted(url, &body), [""; 0], "{url}");
        let mut places = Vec::new();
        objects(body.pointer(member).unwrap(), member, &mut places);
        assert!(!places.is_empty());
        for place in places {
            for value in [
                json!(7),
                json!(0.5),
                json!("7"),
                json!("gold"),
                json!(true),
                json!({"deep": [{"er": 1}]}),
                json!([3]),
            ] {
                let mut body = body.clone();
                body.pointer_mut(&place).unwrap()["sorcery_units"] = value.clone();
                let paths = noted(url, &body);
                assert!(
                    paths.iter().any(|path| path.contains("sorcery_units") || path.ends_with("deep.er")),
                    "{url} {place} {value}: {paths:?}"
                );
            }
            for value in [
                json!(0),
                json!(0.0),
                json!(""),
                json!(false),
                json!(null),
                json!({}),
                json!([]),
                json!({"a": [0, null]}),
            ] {
                let mut body = body.clone();
                body.pointer_mut(&place).unwrap()["sorcery_units"] = value.clone();
                assert_eq!(noted(url, &body), [""; 0], "{url} {place} {value}");
            }
        }
    }
}

#[test]
fn a_path_is_short_and_printable_whatever_a_member_is_called() {
    let (url, body, _) = &responses()[0];
    for name in ["\u{1F980}", "a b\u{7}c", &"long".repeat(100), "\"\\"] {
        let mut body = body.clone();
        body["usage"][name] = json!(1);
        let [path] = noted(url, &body).try_into().unwrap();
        assert!(path.len() <= 64 && path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
    }
}

#[test]
fn a_shape_that_a_member_does_not_have_is_noted_too() {
    let (url, body, _) = &responses()[0];
    for (name, value) in [
        ("prompt_tokens", json!(-1)),
        ("prompt_tokens", json!(1.5)),
        ("prompt_tokens", json!("many")),
        ("prompt_tokens", json!([9])),
        ("cost", json!(-0.1)),
        ("cost", json!("a lot")),
        ("prompt_tokens_details", json!(3)),
        ("cost_details", json!([1])),
    ] {
        let mut body = body.clone();
        body["usage"][name] = value.clone();
        assert_eq!(noted(url, &body), [format!("usage.{name}")], "{value}");
    }
}

#[test]
fn a_count_may_be_written_as_a_text() {
    let (url, body, _) = &responses()[0];
    let mut body = body.clone();
    body["usage"]["prompt_tokens"] = json!(" 12 ");
    assert_eq!(whole(url, &body.to_string()).usage.input_tokens, Some(12));
}

#[test]
fn charges_are_read_in_the_unit_of_each_provider() {
    let (url, body, _) = &responses()[0];
    let charge = |member: &str, value: Value| {
        let mut body = body.clone();
        body["usage"] = json!({"prompt_tokens": 9, "completion_tokens": 4});
        body["usage"][member] = value;
        whole(url, &body.to_string()).charge.reported()
    };
    use crate::charge::Reported::{Unclear, Usd};
    for (member, value, usd) in [
        ("cost", json!(0.0021), 0.0021),
        ("cost", json!("0.0021"), 0.0021),
        ("cost", json!({"total_cost": 0.0021, "request_cost": 0.002}), 0.0021),
        ("estimated_cost", json!(0.0021), 0.0021),
        ("cost_in_usd_ticks", json!(21_000_000), 0.0021),
        ("cost_usd_total", json!(0.0021), 0.0021),
        ("pydantic_ai_gateway", json!({"cost_estimate": 0.0021}), 0.0021),
    ] {
        let Usd(read) = charge(member, value.clone()) else { panic!("{member} {value}") };
        assert!((read - usd).abs() < 1e-12, "{member} {value}: {read}");
    }
    assert_eq!(charge("cost", json!(0)), Unclear);
}
