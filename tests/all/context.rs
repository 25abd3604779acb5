//! Parents, children and the facts only the application knows.

use crate::support::loopback::{Loopback, answer};
use crate::support::observed::Observed;
use http::Extensions;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{SpanId, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Sampler;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use spanledger::CallContext;

const PATH: &str = "/v1/chat/completions";
const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;

async fn server() -> Loopback {
    Loopback::start(answer("200 OK", "application/json", ANSWER)).await
}

fn request(client: &ClientWithMiddleware, server: &Loopback) -> reqwest_middleware::RequestBuilder {
    client.post(server.url(PATH)).body(r#"{"model":"gpt-4o","messages":[]}"#)
}

async fn call(request: reqwest_middleware::RequestBuilder) {
    request.send().await.unwrap().bytes().await.unwrap();
}

#[tokio::test]
async fn hangs_on_the_context_of_the_caller_across_tasks() {
    let (server, observed) = (server().await, Observed::default());
    let tracer = observed.tracers.tracer("application");
    let span = tracer.start("handler");
    let parent = Context::new().with_span(span);
    let request = request(&observed.client(), &server);
    let outer = parent.clone();
    tokio::spawn(
        async move {
            let response = request.send().await.unwrap();
            // The body is read elsewhere, outside of the caller's context.
            tokio::spawn(async move { response.bytes().await.unwrap() }).await.unwrap();
        }
        .with_context(parent),
    )
    .await
    .unwrap();
    outer.span().end();
    let spans = observed.spans();
    let handler = spans.iter().find(|span| span.name == "handler").unwrap();
    let call = spans.iter().find(|span| span.name == "chat gpt-4o").unwrap();
    assert_eq!(call.parent_span_id, handler.span_context.span_id());
    assert_eq!(call.span_context.trace_id(), handler.span_context.trace_id());
}

#[tokio::test]
async fn stands_alone_where_nothing_is_current() {
    let (server, observed) = (server().await, Observed::default());
    call(request(&observed.client(), &server)).await;
    assert_eq!(observed.span().0.parent_span_id, SpanId::INVALID);
}

/// A layer behind ours that makes a span of its own.
struct Attempts(opentelemetry_sdk::trace::SdkTracer);

#[async_trait::async_trait]
impl Middleware for Attempts {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let _span = self.0.start("attempt");
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn is_the_parent_of_what_inner_layers_begin() {
    let (server, observed) = (server().await, Observed::default());
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(observed.builder().build())
        .with(Attempts(observed.tracers.tracer("inner")))
        .build();
    call(request(&client, &server)).await;
    let spans = observed.spans();
    let attempt = spans.iter().find(|span| span.name == "attempt").unwrap();
    let call = spans.iter().find(|span| span.name == "chat gpt-4o").unwrap();
    assert_eq!(attempt.parent_span_id, call.span_context.span_id());
}

#[tokio::test]
async fn carries_what_the_application_says_on_the_span_and_never_on_a_metric() {
    let (server, observed) = (server().await, Observed::default());
    let context = CallContext::new()
        .user_id("alice")
        .client_address("203.0.113.9")
        .conversation_id("thread-7")
        .attribute(KeyValue::new("app.feature", "search"));
    call(request(&observed.client(), &server).with_extension(context)).await;
    let span = observed.span();
    assert_eq!(span.get("user.id").unwrap(), "alice");
    assert_eq!(span.get("client.address").unwrap(), "203.0.113.9");
    assert_eq!(span.get("gen_ai.conversation.id").unwrap(), "thread-7");
    assert_eq!(span.get("app.feature").unwrap(), "search");
    for (metric, labels, _) in observed.points() {
        for value in ["alice", "203.0.113.9", "thread-7", "search"] {
            assert!(!labels.values().any(|label| label == value), "{value} is a label of {metric}");
        }
    }
}

#[tokio::test]
async fn records_tags_with_the_defaults_of_the_client_and_never_on_a_metric() {
    let (server, observed) = (server().await, Observed::default());
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(observed.builder().tag("team", "platform").tag("env", "prod").build())
        .build();
    let context = CallContext::new().tag("team", "search").tag("not a key", "x");
    call(request(&client, &server).with_extension(context)).await;
    let span = observed.span();
    assert_eq!(span.get("spanledger.tag.team").unwrap(), "search");
    assert_eq!(span.get("spanledger.tag.env").unwrap(), "prod");
    assert_eq!(span.get("spanledger.tags.cut").unwrap(), "1");
    for (metric, labels, _) in observed.points() {
        let tagged = labels.iter().any(|(label, value)| label.contains("tag") || value == "search");
        assert!(!tagged, "{metric}: {labels:?}");
    }
}

#[tokio::test]
async fn reads_baggage_only_where_the_application_opted_in() {
    for on in [false, true] {
        let (server, observed) = (server().await, Observed::default());
        let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(observed.builder().read_baggage(on).build())
            .build();
        let baggage = Context::new().with_baggage([
            KeyValue::new("user.id", "from-baggage"),
            KeyValue::new("gen_ai.conversation.id", "thread-b"),
        ]);
        let request =
            request(&client, &server).with_extension(CallContext::new().conversation_id("thread-c"));
        call(request).with_context(baggage).await;
        let span = observed.span();
        assert_eq!(span.get("user.id").is_some(), on);
        assert_eq!(span.get("gen_ai.conversation.id").unwrap(), "thread-c", "the request's word comes first");
    }
}

#[tokio::test]
async fn numbers_sampled_calls_without_gaps() {
    let (server, observed) = (server().await, Observed::default());
    let unsampled =
        opentelemetry_sdk::trace::SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    let sampled_client = observed.client();
    let unsampled_client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(
            spanledger::GenAiMiddleware::builder()
                .tracer_provider(unsampled)
                .meter_provider(observed.meters.clone())
                .build(),
        )
        .build();
    // Other tests of this process count on the same sequence, so only order and instance are known here;
    // `a_process_counts_from_one` has a process of its own.
    for _ in 0..3 {
        call(request(&sampled_client, &server)).await;
        call(request(&unsampled_client, &server)).await;
    }
    let spans = observed.spans();
    let value = |index: usize, name: &str| {
        let attribute = spans[index].attributes.iter().find(|attribute| attribute.key.as_str() == name);
        attribute.unwrap().value.to_string()
    };
    assert_eq!(spans.len(), 3);
    assert_eq!(value(0, "spanledger.instance"), value(2, "spanledger.instance"));
    assert_eq!(value(0, "spanledger.instance").len(), 32);
    let numbers: Vec<u64> =
        (0..3).map(|index| value(index, "spanledger.sequence").parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert_eq!(observed.metrics()["spanledger.client.calls"], 6.0, "metrics count unsampled calls too");
}
