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
async fn a_web_application_that_lets_the_page_choose_a_model_is_no_model_server() {
    let replay = Replay::start(1).await.unwrap();
    let page = r#"{"id": "c1", "model": "tarn-9", "stream": true, "messages":
        [{"id": "m1", "role": "user", "content": "Hi", "parts": [{"type": "text", "text": "Hi"}]}]}"#;
    for (url, body) in [("https://app.tarn.example/api/chat", page), ("http://localhost:3000/api/chat", page)]
    {
        assert_eq!(spans(&replay, url, body).await, 0, "{url} {body}");
    }
    assert_eq!(spans(&replay, "http://localhost:11434/api/chat", CHAT).await, 1);
}

#[tokio::test]
async fn a_model_that_is_loaded_is_asked_for_nothing() {
    let replay = Replay::start(1).await.unwrap();
    for (path, body) in [
        ("generate", r#"{"model": "tarn-9"}"#),
        ("generate", r#"{"model": "tarn-9", "prompt": "", "keep_alive": 0}"#),
        ("chat", r#"{"model": "tarn-9", "messages": [], "keep_alive": 0}"#),
        ("chat", r#"{"model": "tarn-9", "keep_alive": -1}"#),
    ] {
        let url = format!("http://localhost:11434/api/{path}");
        assert_eq!(spans(&replay, &url, body).await, 0, "{url} {body}");
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

/// Paths of providers, gateways and private servers: the name of the provider, where the call is one.
#[tokio::test]
async fn takes_every_path_through_which_people_call_a_model() {
    let replay = Replay::start(1).await.unwrap();
    let mut wrong = Vec::new();
    for (url, body, wanted) in [
        // Google.
        (
            "https://aiplatform.googleapis.com/v1/publishers/google/models/wren-2:generateContent",
            CONTENTS,
            "gcp.vertex_ai",
        ),
        (
            "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/tarn/locations/europe-west4/endpoints/openapi/chat/completions",
            CHAT,
            "gcp.vertex_ai",
        ),
        // Clouds.
        ("https://tarn-eu.snowflakecomputing.com/api/v2/cortex/v1/chat/completions", CHAT, "snowflake"),
        ("https://tarn-eu.snowflakecomputing.com/api/v2/cortex/v1/messages", CHAT, "snowflake"),
        (
            "https://api.ai.prod.us-east-1.aws.ml.hana.ondemand.com/v2/inference/deployments/da7/chat/completions",
            NO_MODEL,
            "sap_ai_core",
        ),
        ("https://api.cloudflare.com/client/v4/accounts/0a1b/ai/v1/chat/completions", CHAT, "cloudflare"),
        (
            "https://gateway.ai.cloudflare.com/v1/0a1b/tarn/workers-ai/@cf/meta/wren-8b",
            NO_MODEL,
            "cloudflare",
        ),
        ("https://adb-5.6.azuredatabricks.net/ai-gateway/anthropic/v1/messages", CHAT, "databricks"),
        ("https://adb-5.6.azuredatabricks.net/ai-gateway/openai/v1/responses", INPUT, "databricks"),
        ("https://adb-5.6.azuredatabricks.net/serving-endpoints/anthropic/v1/messages", CHAT, "databricks"),
        ("https://adb-5.6.azuredatabricks.net/serving-endpoints/embeddings", INPUT, "databricks"),
        (
            "https://adb-5.6.azuredatabricks.net/serving-endpoints/gemini/v1beta/models/tarn-9:generateContent",
            CONTENTS,
            "databricks",
        ),
        ("https://adb-5.6.azuredatabricks.net/serving-endpoints/responses", INPUT, "databricks"),
        ("https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages", CHAT, "alibaba_cloud"),
        ("https://ark.cn-beijing.volces.com/api/v3/context/chat/completions", CHAT, "volcengine"),
        ("https://spark-api-open.xf-yun.com/v1/chat/completions", CHAT, "iflytek"),
        // Gateways and routers.
        ("https://ai-gateway.helicone.ai/v1/chat/completions", CHAT, "helicone"),
        ("https://anthropic.helicone.ai/v1/messages", CHAT, "helicone"),
        ("https://api.kilo.ai/api/openrouter/chat/completions", CHAT, "kilo"),
        ("https://gateway.braintrust.dev/v1/chat/completions", CHAT, "braintrust"),
        ("https://opencode.ai/zen/v1/messages", CHAT, "opencode"),
        ("https://router.huggingface.co/v1/responses", INPUT, "huggingface"),
        // Providers.
        ("https://api.perplexity.ai/v1/responses", INPUT, "perplexity"),
        ("https://api.voyageai.com/v1/embeddings", INPUT, "voyage_ai"),
        ("https://api.x.ai/v1/messages", CHAT, "x_ai"),
        // Private servers.
        ("http://10.7.0.3:4000/gemini/v1beta/models/wren-2:generateContent", CONTENTS, "gcp.gemini"),
        ("http://vllm.internal:8000/v1/embeddings", INPUT, "vllm.internal"),
    ] {
        let replayed = replay.run(&exchange("POST", url, Some(body), "{}")).await.unwrap();
        let names: Vec<_> = replayed
            .spans
            .iter()
            .map(|span| replay::attributes(span)[attribute::PROVIDER_NAME].as_str().unwrap().to_owned())
            .collect();
        if names != [wanted] {
            wrong.push(format!("{url}: {names:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn makes_no_call_of_other_work_of_providers_and_of_other_services() {
    let replay = Replay::start(1).await.unwrap();
    let mut wrong = Vec::new();
    for (url, bodies) in [
        // Sessions, searches and tokenizers, which run no model whose tokens are billed with the response.
        ("https://api.openai.com/v1/realtime/calls", [CHAT, INPUT]),
        ("https://api.openai.com/v1/vector_stores/vs_9a/search", [INPUT, CHAT]),
        ("https://api.perplexity.ai/search", [INPUT, CHAT]),
        ("http://vllm.internal:8000/tokenize", [PROMPT, CHAT]),
        // Other services.
        ("https://rest.tarn.example/messages", [SMS, SURVEY]),
        ("https://api.tarn.example/v2/messages", [SMS, SURVEY]),
        ("https://graph.tarn.example/v23.0/9001/messages", [SMS, SURVEY]),
        ("https://api.tarn.example/forms/f7/responses", [SMS, SURVEY]),
        ("https://api.tarn.example/v3/collectors/12/responses", [SMS, SURVEY]),
        ("https://school.tarn.example/api/courses/31/completions", [SMS, SURVEY]),
        ("https://teams.tarn.example/api/chat.postMessage", [SMS, WEB_CHAT]),
    ] {
        for body in bodies {
            let spans = spans(&replay, url, body).await;
            if spans != 0 {
                wrong.push(format!("{url} {body}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
