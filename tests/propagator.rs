//! Trace headers come from the propagator of the process; this test has a process of its own.

use std::sync::{Arc, Mutex};

use http::{Extensions, HeaderMap};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use spanledger::GenAiMiddleware;

/// A provider without a network that keeps the headers of the last request.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<HeaderMap>>);

#[async_trait::async_trait]
impl Middleware for Provider {
    async fn handle(
        &self,
        request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.0.lock().unwrap_or_else(|error| error.into_inner()).clone_from(request.headers());
        Ok(http::Response::new("{}").into())
    }
}

#[tokio::test]
async fn sends_trace_headers_only_where_the_application_opted_in() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    for on in [false, true] {
        let (provider, spans) = (Provider::default(), InMemorySpanExporter::default());
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let client = ClientBuilder::new(reqwest::Client::new())
            .with(GenAiMiddleware::builder().tracer_provider(tracers).propagate(on).build())
            .with(provider.clone())
            .build();
        let request = client.post("https://api.openai.com/v1/chat/completions");
        let response = request.body(r#"{"model":"gpt-4o","messages":[]}"#).send().await.unwrap();
        response.bytes().await.unwrap();
        let headers = provider.0.lock().unwrap();
        let sent = headers.get("traceparent").map(|value| value.to_str().unwrap());
        let span = spans.get_finished_spans().unwrap()[0].span_context.span_id().to_string();
        assert_eq!(sent.is_some_and(|sent| sent.contains(&span)), on, "{sent:?}");
        assert_eq!(sent.is_some(), on);
    }
}
