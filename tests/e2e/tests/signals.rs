//! What the companion reads of metrics and logs comes through the Collector as well, and nothing else of them.

#![expect(clippy::disallowed_methods, reason = "tests read clocks")]

use serde_json::{Value, json};
use spanledger_e2e::application::Application;
use spanledger_e2e::collector::Collector;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::exchange::Exchange;
use spanledger_e2e::program::{free_address, tools};
use spanledger_e2e::provider::Provider;
use spanledger_e2e::{Result, wait};

/// A log record in which Claude Code reports a call, and one with a prompt.
fn logs() -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let record = |name: &str, more: Value| {
        let mut attributes = vec![text("event.name", name), text("session.id", "s1")];
        attributes.extend(more.as_array().cloned().unwrap_or_default());
        json!({"timeUnixNano": now(), "body": {"stringValue": format!("claude_code.{name}")}, "attributes": attributes})
    };
    let usage =
        json!([text("model", "claude-sonnet-4-5"), text("input_tokens", "10"), text("output_tokens", "5")]);
    json!({"resourceLogs": [{"scopeLogs": [{
        "scope": {"name": "com.anthropic.claude_code.events"},
        "logRecords": [record("user_prompt", json!([text("prompt", "a secret")])), record("api_request", usage)],
    }]}]})
}

fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_companion_gets_the_events_and_the_counter_that_it_reads() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let companion = Companion::start(directory.path(), free_address()?).await?;
    let collector =
        Collector::start(&tools, directory.path(), companion.grpc, free_address()?, "", &[]).await?;
    let client = reqwest::Client::new();
    let sent = client.post(format!("http://{}/v1/logs", collector.http)).json(&logs()).send().await?;
    sent.error_for_status()?;

    let dream = Exchange {
        path: "/v1/dreams".to_owned(),
        ..Exchange::refused("dream", "gpt-4o", 404, "no_such_path")
    };
    let provider = Provider::start(std::slice::from_ref(&dream)).await?;
    let application = Application::start("signals-test", collector.grpc, &provider)?;
    application.call(&dream).await?;
    application.flush().await?;

    let report = wait::until("the request in the report", async || {
        let url = format!("http://{}/report.json", companion.admin);
        let report: Value = client.get(url).send().await.ok()?.json().await.ok()?;
        let skipped = report["skipped"].as_array()?;
        let found = skipped.iter().any(|entry| entry["reason"] == "unrecognised_request");
        (found && report["totals"]["calls"] == 1).then_some(report)
    })
    .await?;
    assert_eq!(report["skipped"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["skipped"][0]["spans"], 1);
    assert_eq!(report["totals"]["input_tokens"], 10);
    let metrics = client.get(format!("http://{}/metrics", companion.admin)).send().await?.text().await?;
    // The prompt did not leave the Collector.
    let count = |result: &str| {
        metrics.contains(&format!("spanledger_receiver_log_records_total{{result=\"{result}\"}} 1\n"))
    };
    assert_eq!([count("accepted"), count("ignored")], [true, false], "{metrics}");
    Ok(())
}
