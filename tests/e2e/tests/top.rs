//! `spanledger top` in a real terminal of 80 columns, over a ledger that is written meanwhile and over a running companion.

use spanledger_e2e::Result;
use spanledger_e2e::application::Application;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::exchange::{Exchange, Tokens};
use spanledger_e2e::program::free_address;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::terminal::Terminal;

const TOKENS: Tokens = Tokens { input: 400, output: 100 };

fn traffic() -> Vec<Exchange> {
    let mut calls: Vec<Exchange> = (0..5)
        .map(|number| Exchange::answered(format!("good-{number}"), "gpt-4o", number % 2 == 0, TOKENS))
        .collect();
    // The rule UnpricedUsage fires at once.
    calls.push(Exchange::answered("unpriced".to_owned(), "house-model-1", false, TOKENS));
    calls.push(Exchange::refused("limit".to_owned(), "gpt-4o", 429, "rate_limit_exceeded"));
    calls.push(Exchange::answered("late".to_owned(), "gpt-4o-mini", false, TOKENS));
    calls.push(Exchange::answered("followed".to_owned(), "gpt-4.1", false, TOKENS));
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_the_present_in_a_terminal_and_restores_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(terminal) = Terminal::start(folder.path(), "top")? else { return Ok(()) };
    let companion = Companion::start(folder.path(), free_address()?).await?;
    let exchanges = traffic();
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("shop-api", companion.grpc, &provider)?;
    let (followed, rest) = exchanges.split_last().ok_or("no calls")?;
    let (late, first) = rest.split_last().ok_or("no calls")?;
    for call in first {
        application.call(call).await?;
    }
    application.flush().await?;
    companion.rows(first.len()).await?;

    // What a shell has before and after: line editing and echo.
    let modes = "stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo | tr '\\n' ' '; echo ended";
    let top = |flags: &str| format!("{} top --every 1s {flags}; {modes}", companion.binary().display());
    let ledger = format!("--ledger {}", companion.ledger().display());
    terminal.run(&top(&ledger))?;
    let screen =
        terminal.shows(&["calls/min", "gpt-4o", "failed 429", "Newest calls, following", "q end"]).await?;
    assert!(
        screen.lines().count() <= 24 && screen.lines().all(|line| line.chars().count() <= 80),
        "{screen}"
    );
    assert!(screen.contains("spanledger top") && screen.contains("/h"), "{screen}");

    // `serve` saves what fires, with value and threshold.
    let screen = terminal.shows(&["firing UnpricedUsage"]).await?;
    assert!(screen.contains("1, threshold 0"), "{screen}");

    // A selected call stays selected, and does not follow, until `f`.
    terminal.press(&["j", "j"])?;
    terminal.hides("following").await?;

    // The companion goes on writing, and what it writes appears.
    application.call(late).await?;
    application.flush().await?;
    companion.rows(rest.len()).await?;
    terminal.shows(&["gpt-4o-mini"]).await?;
    terminal.press(&["f"])?;
    terminal.shows(&["Newest calls, following"]).await?;

    // One call with its timeline and its bill.
    terminal.press(&["Home", "Enter"])?;
    terminal.shows(&["Timeline", "asked openai"]).await?;
    terminal.press(&["PageDown"])?;
    terminal.shows(&["Bill", "per million"]).await?;
    terminal.press(&["Escape"])?;
    terminal.shows(&["Newest calls"]).await?;

    terminal.press(&["s"])?;
    terminal.shows(&["Services of the last minute", "shop-api"]).await?;
    terminal.press(&["o"])?;
    terminal.shows(&["by failed"]).await?;
    terminal.press(&["/", "4", "2", "9", "Enter"])?;
    terminal.shows(&["filter: 429"]).await?;
    // What follows Escape at once would be read with it, as a key with Alt.
    terminal.press(&["Escape"])?;
    terminal.shows(&["gpt-4o-mini"]).await?;
    terminal.press(&["Space"])?;
    terminal.shows(&["paused"]).await?;
    terminal.press(&["?"])?;
    terminal.shows(&["any key goes back"]).await?;
    terminal.press(&["Escape"])?;
    terminal.shows(&["Newest calls"]).await?;
    terminal.press(&["q"])?;
    let screen = terminal.shows(&["icanon echo ended"]).await?;
    assert!(!screen.contains("Newest calls"), "the screen of before is back: {screen}");

    // The same of a running companion.
    terminal.run("clear")?;
    terminal.run(&top(&format!("--url http://{}", companion.admin)))?;
    terminal.shows(&["gpt-4o-mini", "calls/min", "failed 429"]).await?;
    terminal.press(&["Enter"])?;
    terminal.shows(&["Timeline"]).await?;
    terminal.press(&["C-c"])?;
    terminal.shows(&["icanon echo ended"]).await?;

    // The list follows as well, each call once, and ends with Ctrl-C.
    terminal.run("clear")?;
    terminal
        .run(&format!("{} calls --follow --limit 2 {ledger}; echo ended", companion.binary().display()))?;
    terminal.shows(&["gpt-4o-mini"]).await?;
    application.call(followed).await?;
    application.flush().await?;
    let screen = terminal.shows(&["gpt-4.1"]).await?;
    assert_eq!(screen.matches("gpt-4.1").count(), 1, "{screen}");
    terminal.press(&["C-c"])?;
    terminal.shows(&["^Cended"]).await?;

    // A signal ends it in order.
    terminal.run("clear")?;
    let own =
        format!("sh -c 'echo $$ >top.pid; exec {} top {ledger}'; {modes}", companion.binary().display());
    terminal.run(&own)?;
    terminal.shows(&["Newest calls"]).await?;
    let pid = std::fs::read_to_string(folder.path().join("top.pid"))?;
    let killed = std::process::Command::new("kill").args(["-TERM", pid.trim()]).status()?;
    assert!(killed.success());
    terminal.shows(&["icanon echo ended"]).await.map(drop)
}
