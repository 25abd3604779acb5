//! Instruments of the SDK are bound to their labels, those of any other provider are not; both count alike.

use std::collections::BTreeMap;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use spanledger::Semconv;

use crate::support::loopback::{Loopback, answer};
use crate::support::observed::Observed;

/// A provider of another type than the SDK's.
struct Other(SdkMeterProvider);

impl MeterProvider for Other {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        self.0.meter_with_scope(scope)
    }
}

const WHOLE: &str = r#"{"id":"1","model":"gpt-4o-mini-2024-07-18",
    "choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hi"}}],
    "usage":{"prompt_tokens":1200,"completion_tokens":100,"total_tokens":1300,
    "prompt_tokens_details":{"cached_tokens":1000,"audio_tokens":100}}}"#;
const UNKNOWN: &str = r#"{"id":"1","model":"no-such-model","choices":[{"index":0,"finish_reason":"stop",
    "message":{"role":"assistant","content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
const STREAM: &str = "data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n\
    data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\n\
    data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\
    \"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
const REFUSED: &str = r#"{"error":{"code":"rate_limit_exceeded","message":"no"}}"#;

type Points = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// What calls of all kinds, one after the other, add to the metrics of a client in each of several rounds.
async fn rounds(
    temporality: Temporality,
    semconv: Semconv,
    bound: bool,
    servers: &[Loopback],
) -> Vec<Points> {
    let observed = Observed::with_temporality(temporality);
    let builder = observed.builder().semconv(semconv);
    let builder = if bound { builder } else { builder.meter_provider(Other(observed.meters.clone())) };
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(builder.provider_of_host("127.0.0.1", "openai").build())
            .build();
    let mut rounds = Vec::new();
    // In the fourth round nothing is called: a series without a measurement is not exported, and comes back.
    for calls in [1, 2, 3, 0, 2] {
        for _ in 0..calls {
            for (index, server) in servers.iter().enumerate() {
                let stream = index == 2;
                let body = format!(r#"{{"model":"gpt-4o-mini","stream":{stream},"messages":[]}}"#);
                let url = server.url("/v1/chat/completions");
                client.post(url).body(body).send().await.unwrap().bytes().await.unwrap();
            }
        }
        let points = observed.points().into_iter().map(|(name, labels, value)| ((name, labels), value));
        rounds.push(points.collect());
    }
    rounds
}

#[tokio::test]
async fn bound_instruments_count_what_others_do() {
    let mut servers = Vec::new();
    for (status, kind, body) in [
        ("200 OK", "application/json", WHOLE),
        ("200 OK", "application/json", UNKNOWN),
        ("200 OK", "text/event-stream", STREAM),
        ("429 Too Many Requests", "application/json", REFUSED),
    ] {
        servers.push(Loopback::start(answer(status, kind, body)).await);
    }
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        for semconv in [Semconv::Latest, Semconv::V1_41] {
            let bound = rounds(temporality, semconv, true, &servers).await;
            let other = rounds(temporality, semconv, false, &servers).await;
            for (round, (bound, other)) in bound.iter().zip(&other).enumerate() {
                assert!(round == 3 || !other.is_empty());
                assert_eq!(bound, other, "{temporality:?} {semconv:?}, round {round}");
            }
        }
    }
}
