//! A backend that prices our spans by their attributes alone comes to our own cost.
//!
//! The conventions define `gen_ai.usage.input_tokens` as all input tokens, "including cached tokens", and
//! `gen_ai.usage.cache_read.input_tokens` and `gen_ai.usage.cache_write.input_tokens` as parts of them. A backend
//! whose price list has a line for each kind, as Langfuse's has, must therefore take the cached tokens out of the
//! input before it prices the three parts. One that adds them to the input instead charges them twice.

use crate::support::memory::Memory;
use crate::support::observed::Observed;
use crate::support::recorded::Recorded;
use crate::support::wire::{self, Exchange};
use bytes::Bytes;
use reqwest_middleware::ClientBuilder;
use spanledger::PriceTable;
use spanledger::semconv::attribute;

/// USD per million tokens; each so different that no error of one hides behind another.
const INPUT: f64 = 3.0;
const CACHE_READ: f64 = 0.3;
const CACHE_WRITE: f64 = 3.75;
const OUTPUT: f64 = 15.0;

/// The counts of a span, absent ones as zero.
fn count(span: &Recorded, name: &str) -> f64 {
    span.get(name).map_or(0.0, |count| count.parse().unwrap())
}

fn usd(tokens_and_prices: [(f64, f64); 4]) -> f64 {
    tokens_and_prices.iter().map(|(tokens, price)| tokens * price / 1e6).sum()
}

async fn span_of(exchange: &Exchange, stream: bool) -> Recorded {
    let (memory, observed) = (Memory::default(), Observed::default());
    memory.set(exchange.content_type(stream), vec![Bytes::from(exchange.answer(stream))]);
    let prices = PriceTable::from_toml(&format!(
        "[[price]]\nmodel = \"*\"\ninput = {INPUT}\ncache_read = {CACHE_READ}\ncache_write = {CACHE_WRITE}\noutput = {OUTPUT}\n"
    ));
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(observed.builder().prices(prices.unwrap()).build())
        .with(memory)
        .build();
    let request = client.post(&exchange.urls[usize::from(stream)]).body(exchange.request(stream));
    request.send().await.unwrap().bytes().await.unwrap();
    observed.span()
}

#[tokio::test]
async fn the_parts_of_the_input_priced_one_by_one_are_the_cost_and_the_cache_added_again_is_more() {
    let mut cached_formats = 0;
    for exchange in wire::all() {
        for stream in [false, true].into_iter().take(1 + usize::from(exchange.streams())) {
            let about = format!("{}, stream {stream}", exchange.name);
            let span = span_of(&exchange, stream).await;
            let input = count(&span, attribute::USAGE_INPUT_TOKENS);
            let read = count(&span, attribute::USAGE_CACHE_READ_TOKENS);
            let write = count(&span, attribute::USAGE_CACHE_WRITE_TOKENS);
            let output = count(&span, attribute::USAGE_OUTPUT_TOKENS);
            let uncached = input - read - write;
            assert!(uncached >= 0.0, "{about}: parts of {input} are {read} and {write}");
            let cost: f64 = span.get(attribute::USAGE_COST).unwrap().parse().unwrap();
            let parts = usd([(uncached, INPUT), (read, CACHE_READ), (write, CACHE_WRITE), (output, OUTPUT)]);
            assert!((parts - cost).abs() < 1e-12, "{about}: {parts} is not {cost}");
            let added = usd([(input, INPUT), (read, CACHE_READ), (write, CACHE_WRITE), (output, OUTPUT)]);
            let twice = (read + write) * INPUT / 1e6;
            assert!(
                (added - cost - twice).abs() < 1e-12,
                "{about}: {added} charges the cache once too often"
            );
            cached_formats += u32::from(read > 0.0);
        }
    }
    assert!(cached_formats >= 10, "{cached_formats} answers came from a cache");
}
