//! The telemetry of known calls, name by name. `UPDATE_GOLDEN=1` rewrites the files: then read the difference,
//! because a changed name is a breaking change for dashboards and alerts.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::support::loopback::{Act, Loopback, answer, stream_end, stream_head};
use crate::support::observed::Observed;
use spanledger::{CallContext, PriceTable, Semconv};

const REQUEST: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Two and two?"}],
"temperature":0.5,"top_p":0.9,"max_completion_tokens":64,"stop":["END"],"seed":7,"n":2,"presence_penalty":0.1,
"frequency_penalty":0.2,"response_format":{"type":"json_object"},"service_tier":"flex","reasoning_effort":"low""#;
const USAGE: &str = r#"{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200,
"prompt_tokens_details":{"cached_tokens":400,"audio_tokens":100},"completion_tokens_details":{"reasoning_tokens":50}}"#;

fn whole() -> Vec<Act> {
    let body = format!(
        r#"{{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1",
        "choices":[{{"index":0,"message":{{"content":"4"}},"finish_reason":"stop"}},
        {{"index":1,"message":{{"content":"Four"}},"finish_reason":"length"}}],"usage":{USAGE}}}"#
    );
    answer("200 OK", "application/json", &body)
}

fn streamed() -> Vec<Act> {
    let event = |data: String| Act::Chunk(format!("data: {}\n\n", data.replace('\n', "")).into_bytes());
    let chunk = |choices: &str, usage: &str| {
        event(format!(
            r#"{{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":{choices},"usage":{usage}}}"#
        ))
    };
    vec![
        stream_head(),
        chunk(r#"[{"index":0,"delta":{"role":"assistant","content":""}}]"#, "null"),
        chunk(r#"[{"index":0,"delta":{"content":"Fo"}}]"#, "null"),
        chunk(r#"[{"index":0,"delta":{"content":"ur"}}]"#, "null"),
        chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#, "null"),
        chunk("[]", USAGE),
        event("[DONE]".to_owned()),
        stream_end(),
    ]
}

fn refused() -> Vec<Act> {
    let body =
        r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    answer("401 Unauthorized", "application/json", body)
}

/// Values that differ from run to run.
fn masked(name: &str, value: &str) -> String {
    match name {
        "server.port" => "<port>",
        "spanledger.instance" => "<instance>",
        "spanledger.sequence" => "<number>",
        "gen_ai.response.time_to_first_chunk" => "<seconds>",
        _ => value,
    }
    .to_owned()
}

/// One call's telemetry as text.
async fn telemetry(semconv: Semconv, acts: Vec<Act>, stream: bool) -> String {
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(
                observed.builder().semconv(semconv).prices(PriceTable::bundled().private_hosts(true)).build(),
            )
            .build();
    let request = client
        .post(server.url("/v1/chat/completions"))
        .body(format!("{REQUEST},\"stream\":{stream}}}"))
        .with_extension(CallContext::new().user_id("alice").conversation_id("thread-7"));
    request.send().await.unwrap().bytes().await.unwrap();

    let span = observed.span().0;
    let mut text = format!("span {:?} {:?} {:?}\n", span.name, span.span_kind, span.status);
    let scope = &span.instrumentation_scope;
    writeln!(text, "scope {} {:?}", scope.name(), scope.schema_url()).unwrap();
    let attributes: BTreeMap<_, _> = span
        .attributes
        .iter()
        .map(|attribute| {
            (attribute.key.as_str(), masked(attribute.key.as_str(), &attribute.value.to_string()))
        })
        .collect();
    for (name, value) in attributes {
        writeln!(text, "  {name} = {value}").unwrap();
    }
    let mut points = observed.points();
    points.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    for (name, labels, value) in points {
        writeln!(text, "metric {name} = {value}").unwrap();
        for (label, value) in labels {
            writeln!(text, "  {label} = {}", masked(&label, &value)).unwrap();
        }
    }
    text
}

#[tokio::test]
async fn telemetry_equals_the_golden_files() {
    for (semconv, generation) in [(Semconv::Latest, "latest"), (Semconv::V1_41, "v1_41")] {
        for (name, acts, stream) in
            [("whole", whole(), false), ("stream", streamed(), true), ("refused", refused(), false)]
        {
            let text = telemetry(semconv, acts, stream).await;
            let path = format!("{}/tests/golden/{name}-{generation}.txt", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(text, golden, "{path} differs; UPDATE_GOLDEN=1 rewrites it");
        }
    }
}

#[tokio::test]
async fn a_credential_shows_as_its_keyed_fingerprint_alone() {
    for (opted_in, shown) in [(true, Some("bb092c68aa98")), (false, None)] {
        let server = Loopback::start(refused()).await;
        let observed = Observed::default();
        let middleware = observed.builder().hash_key("hash key").key_fingerprint(opted_in).build();
        let client =
            reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
                .with(middleware)
                .build();
        let request = client.post(server.url("/v1/chat/completions")).bearer_auth("sk-credential").body("{}");
        request.send().await.unwrap().bytes().await.unwrap();
        let span = observed.span();
        assert_eq!(span.get("spanledger.key.fingerprint").as_deref(), shown);
        assert!(!format!("{span:?}{:?}", observed.points()).contains("sk-credential"));
    }
}
