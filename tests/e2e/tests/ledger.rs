//! From a call through library, Collector and companion to the ledger's row.

use std::collections::BTreeMap;

use serde_json::Value;
use spanledger_e2e::application::Application;
use spanledger_e2e::exchange::{Exchange, Known, Tokens, corpus};
use spanledger_e2e::program::tools;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;
use spanledger_e2e::{Result, wait};

/// As many recordings as go through in some seconds.
const RECORDINGS: usize = 200;

fn written() -> Vec<Exchange> {
    vec![
        Exchange::answered("written-whole", "gpt-4o", false, Tokens { input: 120, output: 30 }),
        Exchange::answered("written-stream", "gpt-4o-mini", true, Tokens { input: 64, output: 16 }),
        Exchange::answered("written-unknown-model", "house-model-1", false, Tokens { input: 8, output: 8 }),
        Exchange::refused("written-refusal", "gpt-4o", 429, "rate_limit_exceeded"),
    ]
}

/// What a row of the ledger says, in the form of what is known of a recording.
fn row(call: &Value) -> Known {
    let text = |name: &str| call[name].as_str().map(str::to_owned);
    let number = |name: &str| call[name].as_u64();
    let reasons = call["finish_reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    Known {
        request_model: text("request_model"),
        response_model: text("response_model"),
        response_id: text("response_id"),
        stream: call["stream"] == true,
        status: number("status_code").and_then(|status| u16::try_from(status).ok()),
        input_tokens: number("input_tokens"),
        output_tokens: number("output_tokens"),
        cache_read_tokens: number("cache_read_tokens"),
        reasoning_tokens: number("reasoning_tokens"),
        finish_reasons: reasons.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        failed: call["outcome"] == "failed",
    }
}

/// The ledger's rows by the exchange they are about, once there are `count` of them.
async fn rows(stack: &Stack, count: usize) -> Result<BTreeMap<String, Value>> {
    let calls = wait::until("all calls in the ledger", async || {
        let calls = stack.companion.calls().await.ok()?;
        (calls.len() >= count).then_some(calls)
    })
    .await?;
    assert_eq!(calls.len(), count, "a call stands in the ledger twice");
    let rows: BTreeMap<String, Value> = calls
        .into_iter()
        .filter_map(|call| Some((call["conversation_id"].as_str()?.to_owned(), call)))
        .collect();
    assert_eq!(rows.len(), count, "rows that name no exchange, or name one twice");
    Ok(rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_says_of_each_call_what_is_known_of_it() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let mut exchanges = written();
    match corpus("openai.chat")? {
        Some(recorded) => exchanges.extend(recorded.into_iter().take(RECORDINGS)),
        None => eprintln!("no corpus: hand-written exchanges only"),
    }
    let stack = Stack::start(&tools).await?;
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("ledger-test", stack.collector.grpc, &provider)?;
    for exchange in &exchanges {
        application.call(exchange).await?;
    }
    application.flush().await?;

    let rows = rows(&stack, exchanges.len()).await?;
    for exchange in &exchanges {
        let call = rows.get(&exchange.id).ok_or_else(|| format!("{} is not in the ledger", exchange.id))?;
        assert_eq!(row(call), exchange.known, "{}", exchange.id);
        assert_eq!(call["service"], "ledger-test");
    }
    // Every call has its number, from 1 without gaps: the ledger can prove that none is missing.
    let mut sequence: Vec<u64> = rows.values().filter_map(|call| call["sequence"].as_u64()).collect();
    sequence.sort_unstable();
    let first = sequence.first().copied().unwrap_or_default();
    assert!(sequence.iter().copied().eq(first..first + exchanges.len() as u64), "{sequence:?}");

    let priced = &rows["written-whole"];
    assert_eq!(priced["cost_status"], "exact");
    assert!(priced["cost_usd"].as_f64().is_some_and(|usd| usd > 0.0), "{priced}");
    let unpriced = &rows["written-unknown-model"];
    assert_eq!(unpriced["cost_status"], "unpriced");
    assert_eq!(unpriced["cost_usd"], Value::Null);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_made_while_the_companion_is_down_arrive_once_when_it_is_back() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let exchanges: Vec<Exchange> = (0..60)
        .map(|number| {
            Exchange::answered(
                format!("outage-{number}"),
                "gpt-4o",
                number % 2 == 0,
                Tokens { input: 9, output: 3 },
            )
        })
        .collect();
    let mut stack = Stack::start(&tools).await?;
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("outage-test", stack.collector.grpc, &provider)?;
    let (before, during) = exchanges.split_at(20);
    for exchange in before {
        application.call(exchange).await?;
    }
    application.flush().await?;
    rows(&stack, before.len()).await?;

    stack.companion.kill()?;
    for exchange in during {
        application.call(exchange).await?;
    }
    // The Collector takes them all the same: they wait in its queue.
    application.flush().await?;
    stack.companion.restart().await?;

    let rows = rows(&stack, exchanges.len()).await?;
    for exchange in &exchanges {
        assert_eq!(row(&rows[&exchange.id]), exchange.known, "{}", exchange.id);
    }
    Ok(())
}
