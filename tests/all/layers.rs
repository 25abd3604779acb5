//! Layers upon layers: however often a call passes us, it is one span and is counted once.

use crate::support::loopback::{Act, Loopback, answer, stream_end, stream_head};
use crate::support::observed::Observed;
use http::Extensions;
use opentelemetry::trace::SpanId;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};

const PATH: &str = "/v1/chat/completions";
const REQUEST: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Two and two?"}]}"#;
const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Four."}}],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#;

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A framework's transport: a service that hands each request to a client of its own, as those under rig and
/// async-openai do. Extensions end here.
struct Framework(ClientWithMiddleware);

#[async_trait::async_trait]
impl Middleware for Framework {
    async fn handle(
        &self,
        request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.0.execute(request).await
    }
}

/// Makes a call of its own before it lets the request pass.
struct Aside {
    inner: ClientWithMiddleware,
    url: String,
    body: &'static str,
}

#[async_trait::async_trait]
impl Middleware for Aside {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.inner.post(&self.url).body(self.body).send().await?.bytes().await?;
        next.run(request, extensions).await
    }
}

/// Our layer once, twice on one client, and in a client on top of a client that has it too.
fn stacks(observed: &Observed) -> [(&'static str, ClientWithMiddleware); 3] {
    let once = || ClientBuilder::new(http()).with(observed.builder().build());
    let twice = once().with(observed.builder().build()).build();
    let wrapped = once().with(Framework(twice.clone())).build();
    [("once", once().build()), ("twice", twice), ("wrapped", wrapped)]
}

fn events(texts: &[&str]) -> Vec<Act> {
    let chunks = texts.iter().map(|text| Act::Chunk(format!("data: {text}\n\n").into_bytes()));
    std::iter::once(stream_head()).chain(chunks).chain([stream_end()]).collect()
}

#[tokio::test]
async fn a_call_through_several_of_our_layers_is_one_span_and_counts_once() {
    let cases = [
        ("completed", answer("200 OK", "application/json", ANSWER)),
        ("completed", events(&[ANSWER, "[DONE]"])),
        ("failed", answer("429 Too Many Requests", "application/json", "{}")),
        ("failed", vec![Act::Abort]),
    ];
    for (outcome, acts) in cases {
        let server = Loopback::start(acts).await;
        let mut said = Vec::new();
        for name in ["once", "twice", "wrapped"] {
            let observed = Observed::default();
            let (_, client) = stacks(&observed).into_iter().find(|(stack, _)| *stack == name).unwrap();
            if let Ok(response) = client.post(server.url(PATH)).body(REQUEST).send().await {
                response.bytes().await.unwrap();
            }
            let span = observed.span();
            assert_eq!(span.outcome(), outcome, "{name}");
            // A failed connection of the inner client comes as the error of a layer; all else is the same.
            said.push((span.get("gen_ai.usage.cost"), span.get("gen_ai.usage.input_tokens")));
            let metrics = observed.metrics();
            assert_eq!(metrics["spanledger.client.calls"], 1.0, "{name}");
            if outcome == "completed" {
                assert_eq!(metrics["gen_ai.client.inference.usage.input_tokens"], 11.0, "{name}");
            }
        }
        assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
    }
}

#[tokio::test]
async fn a_call_that_a_layer_makes_for_itself_is_a_span_below() {
    let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    let other = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    // A guard asks something else in the same place; a copy asks the same elsewhere.
    let guard = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"May I?"}]}"#;
    for (url, body) in [(server.url(PATH), guard), (other.url(PATH), REQUEST)] {
        let observed = Observed::default();
        let client = ClientBuilder::new(http())
            .with(observed.builder().build())
            .with(Aside { inner: observed.client(), url, body })
            .build();
        client.post(server.url(PATH)).body(REQUEST).send().await.unwrap().bytes().await.unwrap();
        let [aside, call] = <[_; 2]>::try_from(observed.spans()).unwrap();
        assert_eq!(call.parent_span_id, SpanId::INVALID);
        assert_eq!(aside.parent_span_id, call.span_context.span_id());
        assert_eq!(observed.metrics()["spanledger.client.calls"], 2.0);
    }
}

#[tokio::test]
async fn calls_of_the_same_words_one_after_the_other_are_a_span_each() {
    let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    let observed = Observed::default();
    for (_, client) in stacks(&observed) {
        for _ in 0..2 {
            client.post(server.url(PATH)).body(REQUEST).send().await.unwrap().bytes().await.unwrap();
        }
    }
    assert_eq!(observed.spans().len(), 6);
    assert_eq!(observed.metrics()["spanledger.client.calls"], 6.0);
}

#[tokio::test]
async fn a_client_in_a_client_hides_the_usage_that_its_outer_layer_asked_for() {
    let words = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Four."}}]}"#;
    let last = r#"{"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let usage =
        r#"{"id":"c","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#;
    let server = Loopback::start(events(&[words, last, usage, "[DONE]"])).await;
    // The layer that asked hides the response, and a layer that steps aside asks for nothing.
    for (outer_asks, inner_asks) in [(true, true), (true, false), (false, true)] {
        let observed = Observed::default();
        let inner =
            ClientBuilder::new(http()).with(observed.builder().ask_for_usage(inner_asks).build()).build();
        let client = ClientBuilder::new(http())
            .with(observed.builder().ask_for_usage(outer_asks).build())
            .with(Framework(inner))
            .build();
        let body = r#"{"model":"gpt-4o","stream":true,"messages":[]}"#;
        let response = client.post(server.url(PATH)).body(body).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text.contains("prompt_tokens"), !outer_asks, "{text}");
        let asked = server.requests.lock().unwrap().pop().unwrap().contains("include_usage");
        assert_eq!(asked, outer_asks);
        assert_eq!(observed.span().get("gen_ai.usage.input_tokens").unwrap(), "11");
    }
}
