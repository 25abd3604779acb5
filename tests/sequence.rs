//! The sequence of a process; this test has a process of its own.

use http::Extensions;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use spanledger::GenAiMiddleware;

/// A provider without a network, whose every response is empty.
struct Provider;

#[async_trait::async_trait]
impl Middleware for Provider {
    async fn handle(
        &self,
        _request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        Ok(http::Response::new("").into())
    }
}

#[tokio::test]
async fn a_process_counts_from_one() {
    let spans = InMemorySpanExporter::default();
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(GenAiMiddleware::builder().tracer_provider(tracers).build())
        .with(Provider)
        .build();
    for _ in 0..5 {
        let request = client.post("https://api.openai.com/v1/chat/completions").body("{}");
        request.send().await.unwrap().bytes().await.unwrap();
    }
    let numbers: Vec<String> = spans
        .get_finished_spans()
        .unwrap()
        .iter()
        .flat_map(|span| &span.attributes)
        .filter(|attribute| attribute.key.as_str() == "spanledger.sequence")
        .map(|attribute| attribute.value.to_string())
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
}
