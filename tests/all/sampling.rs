//! What a sampler decides by, and what no log filter decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::support::loopback::{Loopback, answer};
use crate::support::observed::Observed;
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample,
};
use reqwest_middleware::ClientBuilder;
use tracing::instrument::{Instrument, WithSubscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

const REQUEST: &str = r#"{"model":"gpt-4o","messages":[],"temperature":0.5}"#;
const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;

/// What a sampler was asked: name, kind and attributes.
type Asked = (String, SpanKind, BTreeMap<String, String>);

/// Keeps what it is asked, and takes the calls of one model.
#[derive(Debug, Clone, Default)]
struct OneModel(Arc<Mutex<Vec<Asked>>>);

impl ShouldSample for OneModel {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        _trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let said: BTreeMap<String, String> = attributes
            .iter()
            .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
            .collect();
        let wanted = said.get("gen_ai.request.model").is_some_and(|model| model == "gpt-4o");
        self.0.lock().unwrap().push((name.to_owned(), kind.clone(), said));
        let decision = if wanted { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state: Default::default() }
    }
}

#[tokio::test]
async fn a_sampler_sees_the_five_attributes_it_may_decide_by() {
    let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    let (sampler, exporter, observed) =
        (OneModel::default(), InMemorySpanExporter::default(), Observed::default());
    let tracers = SdkTracerProvider::builder()
        .with_sampler(sampler.clone())
        .with_simple_exporter(exporter.clone())
        .build();
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(observed.builder().tracer_provider(tracers).provider("our-gateway").build())
        .build();
    for body in [REQUEST.to_owned(), REQUEST.replace("gpt-4o", "gpt-4o-mini")] {
        let request = client.post(server.url("/v1/chat/completions")).body(body);
        request.send().await.unwrap().bytes().await.unwrap();
    }
    let asked = sampler.0.lock().unwrap();
    let (name, kind, said) = &asked[0];
    assert_eq!((name.as_str(), kind), ("chat gpt-4o", &SpanKind::Client));
    let port = server.address.port().to_string();
    let wanted = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "our-gateway"),
        ("gen_ai.request.model", "gpt-4o"),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
    ];
    let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(said, wanted);
    assert_eq!(asked.len(), 2);
    let sampled = exporter.get_finished_spans().unwrap();
    assert_eq!(sampled.len(), 1, "the sampler left the other call out");
    assert_eq!(sampled[0].name, "chat gpt-4o");
}

#[tokio::test]
async fn no_log_filter_switches_the_audit_off() {
    for filter in ["off", "error", "spanledger=off,opentelemetry=off"] {
        let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
        let observed = Observed::default();
        let client = observed.client();
        // As an application sets it up: logs and spans below one filter.
        let tracer = observed.tracers.tracer("application");
        let subscriber = tracing_subscriber::registry()
            .with(EnvFilter::new(filter))
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::sink))
            .with(tracing_opentelemetry::layer().with_tracer(tracer));
        async {
            let request = client.post(server.url("/v1/chat/completions")).body(REQUEST);
            let handler = tracing::info_span!("handler");
            let response = request.send().instrument(handler).await.unwrap();
            response.bytes().await.unwrap();
        }
        .with_subscriber(subscriber)
        .await;
        let span = observed.spans().into_iter().find(|span| span.name == "chat gpt-4o");
        assert!(span.is_some(), "{filter}");
        assert_eq!(observed.metrics()["spanledger.client.calls"], 1.0, "{filter}");
    }
}
