//! No text from outside can multiply metric series.

use std::collections::BTreeSet;

use crate::support::loopback::{Loopback, answer};
use crate::support::observed::Observed;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

/// How many hostile names are tried.
const NAMES: usize = 100_000;
/// Calls under way at a time.
const TOGETHER: usize = 64;

/// Echoes the request's model as the model that answered, with an error code of its own for every third.
async fn echo(
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Full<bytes::Bytes>>, std::convert::Infallible> {
    use http_body_util::BodyExt;
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let model = body["model"].as_str().unwrap();
    let number: usize = model.rsplit('-').next().unwrap().parse().unwrap();
    let answer = if number.is_multiple_of(3) {
        serde_json::json!({"error": {"code": format!("code-{number}"), "message": "no"}})
    } else {
        serde_json::json!({"model": model, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    };
    Ok(http::Response::new(Full::new(answer.to_string().into())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_hostile_names_mint_a_bounded_number_of_series() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(stream), service_fn(echo)).await.unwrap_or_default();
            });
        }
    });
    let observed = Observed::default();
    // Only the metrics are of interest; the spans would fill the memory.
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(spanledger::GenAiMiddleware::builder().meter_provider(observed.meters.clone()).build())
            .build();
    let url = format!("http://{address}/v1/chat/completions");
    let mut calls = tokio::task::JoinSet::new();
    for lane in 0..TOGETHER {
        let (client, url) = (client.clone(), url.clone());
        calls.spawn(async move {
            for number in (lane..NAMES).step_by(TOGETHER) {
                let body = format!(r#"{{"model":"gpt-4o-{number}"}}"#);
                client.post(&url).body(body).send().await.unwrap().bytes().await.unwrap();
            }
        });
    }
    calls.join_all().await;
    let points = observed.points();
    let counted: f64 =
        points.iter().filter(|(name, ..)| name == "spanledger.client.calls").map(|(.., count)| count).sum();
    assert_eq!(counted, NAMES as f64, "every call is counted");
    for label in ["gen_ai.request.model", "gen_ai.response.model", "error.type"] {
        let values: BTreeSet<_> = points.iter().filter_map(|(_, labels, _)| labels.get(label)).collect();
        assert!(values.len() <= 257, "{label} has {} values", values.len());
        assert!(values.iter().any(|value| *value == "_OTHER"), "{label} has a place for the rest");
    }
}

#[tokio::test]
async fn a_name_nobody_confirmed_is_labelled_with_the_tables_own() {
    const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn",
        "usage":{"inputTokens":3,"outputTokens":1,"totalTokens":4}}"#;
    for (model, label) in [
        ("us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx", "_OTHER"),
    ] {
        let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
        let observed = Observed::default();
        let client =
            reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
                .with(observed.builder().provider_of_host("127.0.0.1", "aws.bedrock").build())
                .build();
        let url = server.url(&format!("/model/{model}/converse"));
        client.post(url).body(r#"{"messages":[]}"#).send().await.unwrap().bytes().await.unwrap();
        let points = observed.points();
        let labels: BTreeSet<_> =
            points.iter().filter_map(|(_, labels, _)| labels.get("gen_ai.request.model")).collect();
        assert_eq!(labels.into_iter().collect::<Vec<_>>(), [label], "{model}");
    }
}
