//! From a call through library, Collector and companion to the ledger's row.

use serde_json::Value;
use spanledger_e2e::Result;
use spanledger_e2e::application::Application;
use spanledger_e2e::exchange::{Exchange, Known, Tokens, corpus};
use spanledger_e2e::program::tools;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;

/// Wire formats of the recordings, and how many of each go through within some seconds.
const APIS: [&str; 4] = ["openai.chat", "openai.responses", "anthropic.messages", "gemini.generate_content"];
const RECORDINGS: usize = 60;

fn written() -> Vec<Exchange> {
    vec![
        // So little input that no part of it is a cache write, for which this model has no price.
        Exchange::answered("written-whole", "gpt-4o", false, Tokens { input: 7, output: 30 }),
        Exchange::answered("written-stream", "gpt-4o-mini", true, Tokens { input: 64, output: 16 }),
        Exchange::answered("written-unknown-model", "house-model-1", false, Tokens { input: 8, output: 8 }),
        Exchange::refused("written-refusal", "gpt-4o", 429, "rate_limit_exceeded"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_says_of_each_call_what_is_known_of_it() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let mut exchanges = written();
    for api in APIS {
        match corpus(api)? {
            Some(recorded) => exchanges.extend(recorded.into_iter().take(RECORDINGS)),
            None => eprintln!("no corpus: hand-written exchanges instead of {api}"),
        }
    }
    let stack = Stack::start(&tools).await?;
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("ledger-test", stack.collector.grpc, &provider)?;
    for exchange in &exchanges {
        application.call(exchange).await?;
    }
    application.flush().await?;

    let rows = stack.companion.rows(exchanges.len()).await?;
    for exchange in &exchanges {
        let call = rows.get(&exchange.id).ok_or_else(|| format!("{} is not in the ledger", exchange.id))?;
        assert_eq!(Known::of_row(call), exchange.known, "{}", exchange.id);
        assert_eq!(call["service"], "ledger-test");
    }
    // Every call of this process has its number: the ledger can prove that none is missing.
    let mut sequence: Vec<u64> = rows.values().filter_map(|call| call["sequence"].as_u64()).collect();
    sequence.sort_unstable();
    assert!(sequence.iter().copied().eq(1..=exchanges.len() as u64), "{sequence:?}");

    let priced = &rows["written-whole"];
    assert_eq!(priced["cost_status"], "exact");
    assert!(priced["cost_usd"].as_f64().is_some_and(|usd| usd > 0.0), "{priced}");
    let unpriced = &rows["written-unknown-model"];
    assert_eq!(unpriced["cost_status"], "unpriced");
    assert_eq!(unpriced["cost_usd"], Value::Null);
    Ok(())
}
