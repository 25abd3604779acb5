//! However the network cuts a response, span and bytes are the same.

use std::collections::BTreeMap;

use crate::support::memory::Memory;
use crate::support::observed::Observed;
use crate::support::wire::{self, Exchange};
use bytes::Bytes;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use reqwest_middleware::ClientWithMiddleware;

/// All that a span says, without what differs from call to call: the number, and how long the first chunk took.
fn said(span: &SpanData) -> (String, Status, BTreeMap<String, String>) {
    let attributes = span
        .attributes
        .iter()
        .filter(|attribute| attribute.key.as_str() != "spanledger.sequence")
        .map(|attribute| match attribute.key.as_str() {
            name @ "gen_ai.response.time_to_first_chunk" => (name.to_owned(), "is there".to_owned()),
            name => (name.to_owned(), attribute.value.to_string()),
        })
        .collect();
    (span.name.to_string(), span.status.clone(), attributes)
}

/// One exchange through the real middleware, its body cut as wanted.
struct Cutting {
    memory: Memory,
    observed: Observed,
    client: ClientWithMiddleware,
    exchange: Exchange,
    stream: bool,
}

impl Cutting {
    fn new(exchange: Exchange, stream: bool) -> Self {
        let (memory, observed) = (Memory::default(), Observed::default());
        let client = memory.client(&observed);
        Self { memory, observed, client, exchange, stream }
    }

    /// What the span says of `body` in these frames. The caller gets the same bytes.
    async fn run(&self, body: &Bytes, frames: Vec<Bytes>) -> (String, Status, BTreeMap<String, String>) {
        self.memory.set(self.exchange.content_type(self.stream), frames);
        let request = self.client.post(&self.exchange.urls[usize::from(self.stream)]);
        let response = request.body(self.exchange.request(self.stream)).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap(), body);
        let spans = self.observed.take_spans();
        assert_eq!(spans.len(), 1);
        said(&spans[0])
    }

    /// Asserts that every cut in two, and the body byte by byte, says what the whole body says, and gives that.
    async fn every_cut(&self, body: Vec<u8>) -> BTreeMap<String, String> {
        let body = Bytes::from(body);
        let expected = self.run(&body, vec![body.clone()]).await;
        let about = self.exchange.name;
        for at in 0..=body.len() {
            let seen = self.run(&body, vec![body.slice(..at), body.slice(at..)]).await;
            assert_eq!(seen, expected, "{about}, cut at {at} of {}", body.len());
        }
        let bytewise = (0..body.len()).map(|at| body.slice(at..=at)).collect();
        assert_eq!(self.run(&body, bytewise).await, expected, "{about}, byte by byte");
        expected.2
    }
}

#[tokio::test]
async fn every_cut_of_a_stream_gives_the_same_span() {
    for exchange in wire::all().into_iter().filter(Exchange::streams) {
        let cutting = Cutting::new(exchange.clone(), true);
        let said = cutting.every_cut(exchange.answer(true)).await;
        assert_eq!(said["spanledger.outcome"], "completed", "{}", exchange.name);
        assert_eq!(said["gen_ai.usage.input_tokens"], wire::INPUT_TOKENS, "{}", exchange.name);
        assert_eq!(said["gen_ai.usage.output_tokens"], wire::OUTPUT_TOKENS, "{}", exchange.name);
        assert!(said.contains_key("gen_ai.response.time_to_first_chunk"), "{}", exchange.name);
    }
}

#[tokio::test]
async fn every_cut_of_a_stream_with_an_error_gives_the_same_span() {
    for exchange in wire::all().into_iter().filter(Exchange::streams) {
        let cutting = Cutting::new(exchange.clone(), true);
        let said = cutting.every_cut(exchange.failing_stream()).await;
        assert_eq!(said["spanledger.outcome"], "failed", "{}", exchange.name);
        assert!(said.contains_key("error.type"), "{}", exchange.name);
    }
}

#[tokio::test]
async fn every_cut_of_a_whole_answer_gives_the_same_span() {
    // One document is read at its end, whatever its format: two of them are enough.
    for exchange in
        wire::all().into_iter().filter(|exchange| matches!(exchange.name, "anthropic messages" | "vertex ai"))
    {
        let cutting = Cutting::new(exchange.clone(), false);
        let said = cutting.every_cut(exchange.answer(false)).await;
        assert_eq!(said["spanledger.outcome"], "completed", "{}", exchange.name);
        assert_eq!(said["gen_ai.usage.output_tokens"], wire::OUTPUT_TOKENS, "{}", exchange.name);
    }
}
