//! Spans that the real Collector's exporter writes into ClickHouse's engine, and a companion whose ledger is there.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spanledger_e2e::application::Application;
use spanledger_e2e::collector::Collector;
use spanledger_e2e::companion::binary;
use spanledger_e2e::exchange::{Exchange, Known, Tokens};
use spanledger_e2e::program::{Program, free_address, tools};
use spanledger_e2e::provider::Provider;
use spanledger_e2e::{Result, python, root, wait};

/// What the companion lists of its ledger.
fn calls(binary: &Path, directory: &Path, store: &str) -> Result<Vec<Value>> {
    let listed = Command::new(binary)
        .args(["calls", "--last", "3650d", "--limit", "1000", "--format", "json", "--store", store])
        .current_dir(directory)
        .output()?;
    if !listed.status.success() {
        return Err(String::from_utf8_lossy(&listed.stderr).into_owned().into());
    }
    let mut document: Value = serde_json::from_slice(&listed.stdout)?;
    Ok(document["calls"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

async fn through_the_table(json: bool) -> Result<()> {
    let (Some(tools), Some(python)) = (tools()?, python("chdb")?) else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let path = directory.path();
    let (engine, admin) = (free_address()?, free_address()?);
    std::fs::create_dir(path.join("engine"))?;
    let mut command = Command::new(python);
    command
        .arg(root().join("tests/tools/clickhouse/front.py"))
        .arg(path.join("engine"))
        .arg(engine.port().to_string());
    let mut front = Program::start("engine", &mut command, path)?;
    front.ready(&format!("http://{engine}/ping")).await?;

    // The exporter makes the table, so the Collector comes first.
    let (grpc, http) = (free_address()?, free_address()?);
    let overlay = std::fs::read_to_string(root().join("collector/config.clickhouse.yaml"))?;
    let (endpoint, json) = (format!("http://{engine}"), json.to_string());
    let environment = [
        ("SPANLEDGER_CLICKHOUSE_ENDPOINT", endpoint.as_str()),
        // What the engine within a process does not do.
        ("SPANLEDGER_CLICKHOUSE_COMPRESS", "none"),
        ("SPANLEDGER_CLICKHOUSE_ASYNC", "false"),
        ("SPANLEDGER_CLICKHOUSE_JSON", json.as_str()),
    ];
    let collector = Collector::start(&tools, path, grpc, free_address()?, &overlay, &environment).await?;
    let store = format!("clickhouse://{engine}/otel");
    let binary = tokio::task::spawn_blocking(binary).await??;
    let mut command = Command::new(&binary);
    command.args(["serve", "--store", &store, "--ledger", "state"]);
    for (flag, address) in [("--otlp-grpc", grpc), ("--otlp-http", http), ("--admin", admin)] {
        command.arg(flag).arg(address.to_string());
    }
    let mut companion = Program::start("companion", &mut command, path)?;
    companion.ready(&format!("http://{admin}/readyz")).await?;

    let exchanges = [
        Exchange::answered("written-whole", "gpt-4o", false, Tokens { input: 7, output: 30 }),
        Exchange::answered("written-stream", "gpt-4o-mini", true, Tokens { input: 64, output: 16 }),
        Exchange::refused("written-refusal", "gpt-4o", 429, "rate_limit_exceeded"),
    ];
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("clickhouse-test", collector.grpc, &provider)?;
    for exchange in &exchanges {
        application.call(exchange).await?;
    }
    application.flush().await?;

    let found = wait::until("all calls in the ledger", async || {
        let found = calls(&binary, path, &store).ok()?;
        (found.len() >= exchanges.len()).then_some(found)
    })
    .await?;
    assert_eq!(found.len(), exchanges.len());
    for exchange in &exchanges {
        let call = found.iter().find(|call| Known::of_row(call) == exchange.known);
        assert!(call.is_some(), "{} as {:?} is not in {found:?}", exchange.id, exchange.known);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_the_exporter_writes_as_maps_are_calls_of_the_ledger() -> Result<()> {
    through_the_table(false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_the_exporter_writes_as_json_are_calls_of_the_ledger() -> Result<()> {
    through_the_table(true).await
}
