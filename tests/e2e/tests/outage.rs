//! What happens while a part of the way is down.

use spanledger_e2e::Result;
use spanledger_e2e::application::Application;
use spanledger_e2e::exchange::{Exchange, Known, Tokens};
use spanledger_e2e::program::tools;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;

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
