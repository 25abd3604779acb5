//! What happens while a part of the way is down.

use std::time::Duration;

use spanledger_e2e::Result;
use spanledger_e2e::application::Application;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::exchange::{Exchange, Known, Tokens};
use spanledger_e2e::program::{free_address, tools};
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn calls_made_while_the_companion_is_down_arrive_once_when_it_is_back() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let exchanges = exchanges(60);
    let mut stack = Stack::start(&tools).await?;
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("outage-test", stack.collector.grpc, &provider)?;
    let (before, during) = exchanges.split_at(20);
    for exchange in before {
        application.call(exchange).await?;
    }
    application.flush().await?;
    stack.companion.rows(before.len()).await?;

    stack.companion.kill()?;
    for exchange in during {
        application.call(exchange).await?;
    }
    // The Collector takes them all the same: they wait in its queue.
    application.flush().await?;
    stack.companion.restart().await?;

    let rows = stack.companion.rows(exchanges.len()).await?;
    for exchange in &exchanges {
        assert_eq!(Known::of_row(&rows[&exchange.id]), exchange.known, "{}", exchange.id);
    }
    Ok(())
}

fn exchanges(count: usize) -> Vec<Exchange> {
    let tokens = Tokens { input: 9, output: 3 };
    let exchange = |number| Exchange::answered(format!("outage-{number}"), "gpt-4o", number % 2 == 0, tokens);
    (0..count).map(exchange).collect()
}

/// The companion is away while `calls` are made, one `every` so long, by an application that exports to it directly.
async fn loses_nothing(calls: usize, every: Duration) -> Result<()> {
    let exchanges = exchanges(calls + 1);
    let directory = tempfile::tempdir()?;
    let mut companion = Companion::start(directory.path(), free_address()?).await?;
    let provider = Provider::start(&exchanges).await?;
    let application = Application::with_helper("outage-test", companion.http, &provider)?;
    let (first, during) = exchanges.split_at(1);
    application.call(&first[0]).await?;
    application.flush().await?;
    companion.kill()?;
    call_regularly(&application, during, every).await?;
    companion.restart().await?;
    application.flush().await?;
    companion.rows(exchanges.len()).await?;
    Ok(())
}

async fn call_regularly(application: &Application, exchanges: &[Exchange], every: Duration) -> Result<()> {
    let mut ticks = tokio::time::interval(every.max(Duration::from_nanos(1)));
    for exchange in exchanges {
        ticks.tick().await;
        application.call(exchange).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_keeps_its_calls_while_the_companion_is_away() -> Result<()> {
    loses_nothing(1_200, Duration::ZERO).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute; its providers are global, so that ./test runs it alone"]
async fn an_application_keeps_its_calls_while_the_companion_is_away_for_a_minute() -> Result<()> {
    loses_nothing(60 * 50, Duration::from_millis(20)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute; its providers are global, so that ./test runs it alone"]
async fn an_application_keeps_its_calls_while_the_collector_is_away_for_a_minute() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let exchanges = exchanges(60 * 50 + 1);
    let mut stack = Stack::start(&tools).await?;
    let provider = Provider::start(&exchanges).await?;
    let application = Application::with_helper("outage-test", stack.collector.http, &provider)?;
    let (first, during) = exchanges.split_at(1);
    application.call(&first[0]).await?;
    application.flush().await?;
    stack.companion.rows(1).await?;
    stack.collector.program.kill()?;
    call_regularly(&application, during, Duration::from_millis(20)).await?;
    stack.collector.program.restart().await?;
    application.flush().await?;
    stack.companion.rows(exchanges.len()).await?;
    Ok(())
}
