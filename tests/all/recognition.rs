//! Which requests become calls: by host and path where these are known, by the body where they are not.

use spanledger::semconv::attribute;

use crate::support::replay::{self, Exchange, Replay};

/// Bodies of APIs that have nothing to do with models.
const SMS: &str = r#"{"to": "15550100", "from": "Tarn", "channel": "sms", "text": "Your code is 1"}"#;
const SURVEY: &str = r#"{"survey": "s1", "answers": {"q1": 5}, "input": "free text"}"#;
const WEB_CHAT: &str = r#"{"id": "c1", "trigger": "submit", "messages":
    [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]}"#;
const WEB_CHAT_WITH_MODEL: &str = r#"{"model": "gpt-5.5", "messages":
    [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]}"#;
/// Bodies of calls.
const CHAT: &str = r#"{"model": "tarn-9", "messages": [{"role": "user", "content": "Hi"}]}"#;
const NO_MODEL: &str = r#"{"messages": [{"role": "user", "content": "Hi"}]}"#;
const PROMPT: &str = r#"{"model": "tarn-9", "prompt": "Hi"}"#;
const INPUT: &str = r#"{"model": "tarn-9", "input": "Hi"}"#;
const CONTENTS: &str = r#"{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}"#;

fn exchange(method: &str, url: &str, request: Option<&str>, response: &str) -> Exchange {
    let headers = serde_json::json!({"content-type": "application/json"});
    serde_json::from_value(serde_json::json!({
        "id": format!("{method} {url}"),
        "request": {"method": method, "url": url, "headers": headers, "body": request},
        "response": {"status": 200, "headers": headers, "body": response},
    }))
    .unwrap()
}

async fn spans(replay: &Replay, url: &str, body: &str) -> usize {
    replay.run(&exchange("POST", url, Some(body), "{}")).await.unwrap().spans.len()
}

#[tokio::test]
async fn makes_no_call_of_paths_that_look_alike_on_unknown_hosts() {
    let replay = Replay::start(1).await.unwrap();
    for url in [
        "https://sms.tarn.example/v1/messages",
        "https://surveys.tarn.example/v1/responses",
        "https://surveys.tarn.example/v3/responses",
        "https://app.tarn.example/completions",
        "https://app.tarn.example/api/chat",
        "https://app.tarn.example/api/generate",
        "https://app.tarn.example/v2/chat",
        "https://app.tarn.example/v1/embeddings",
        "https://app.tarn.example/v1/chat/completions",
        "https://app.tarn.example/model/x/invoke",
        "https://app.tarn.example/models/x:generateContent",
    ] {
        for body in [SMS, SURVEY, WEB_CHAT, WEB_CHAT_WITH_MODEL, "[]", "no JSON", "{\"a\": 1}"] {
            let distinct = url.ends_with("chat/completions") || url.ends_with("generateContent");
            // What is no JSON object cannot be judged, and no other API has these paths.
            let wanted = usize::from(distinct && !body.starts_with('{'));
            assert_eq!(spans(&replay, url, body).await, wanted, "{url} {body}");
        }
    }
}

#[tokio::test]
async fn makes_a_call_of_bodies_that_are_one_on_unknown_hosts() {
    let replay = Replay::start(1).await.unwrap();
    for (url, body) in [
        ("https://llm.tarn.example/v1/messages", CHAT),
        ("https://llm.tarn.example/v1/chat/completions", CHAT),
        ("https://llm.tarn.example/api/chat", CHAT),
        ("https://llm.tarn.example/v2/chat", CHAT),
        ("https://llm.tarn.example/v1/responses", INPUT),
        ("https://llm.tarn.example/v1/embeddings", INPUT),
        ("https://llm.tarn.example/v1/completions", PROMPT),
        ("https://llm.tarn.example/api/generate", PROMPT),
        ("https://llm.tarn.example/v1beta/models/tarn-9:generateContent", CONTENTS),
        ("https://llm.tarn.example/openai/deployments/tarn-9/chat/completions", NO_MODEL),
        ("https://llm.tarn.example/model/tarn-9/converse", NO_MODEL),
    ] {
        assert_eq!(spans(&replay, url, body).await, 1, "{url} {body}");
    }
}

#[tokio::test]
async fn takes_known_and_private_hosts_by_their_path() {
    let replay = Replay::start(1).await.unwrap();
    for host in
        ["api.openai.com", "localhost:8000", "10.4.0.9:4000", "[fd00::1]:4000", "vllm:8000", "llm.internal"]
    {
        for path in ["v1/messages", "v1/responses", "v1/chat/completions", "v1/completions"] {
            let url = format!("http://{host}/{path}");
            assert_eq!(spans(&replay, &url, NO_MODEL).await, 1, "{url}");
        }
    }
}

#[tokio::test]
async fn takes_a_host_that_the_application_names_by_its_path() {
    let replay =
        Replay::start_with(1, |builder| builder.provider_of_host("llm.tarn.example", "tarn")).await.unwrap();
    let replayed = replay
        .run(&exchange("POST", "https://llm.tarn.example/v1/messages", Some(NO_MODEL), "{}"))
        .await
        .unwrap();
    let [span] = replayed.spans.as_slice() else { panic!("{} spans", replayed.spans.len()) };
    assert_eq!(replay::attributes(span)[attribute::PROVIDER_NAME], "tarn");
}

/// An endpoint may serve models of any kind, and its name says nothing.
#[tokio::test]
async fn asks_endpoints_of_the_customers_own_for_a_prompt() {
    let replay = Replay::start(1).await.unwrap();
    let url = "https://adb-1.2.azuredatabricks.net/serving-endpoints/tarn-claude/invocations";
    assert_eq!(spans(&replay, url, NO_MODEL).await, 1);
    assert_eq!(spans(&replay, url, r#"{"dataframe_split": {"columns": ["a"], "data": [[1]]}}"#).await, 0);
}
