//! `spanledger mcp` asked by the official Python client, and by nothing that this project wrote.

use std::process::Command;

use serde_json::Value;
use spanledger_e2e::application::Application;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::exchange::{Exchange, Tokens};
use spanledger_e2e::program::free_address;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::{Result, python, root};

#[tokio::test(flavor = "multi_thread")]
async fn answers_the_questions_of_an_agent() -> Result<()> {
    let Some(python) = python("mcp")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let companion = Companion::start(folder.path(), free_address()?).await?;
    let tokens = |input| Tokens { input, output: 100 };
    let exchanges = [
        Exchange::answered("small".to_owned(), "gpt-4o-mini", false, tokens(100)),
        Exchange::answered("large".to_owned(), "gpt-4o", true, tokens(50_000)),
        Exchange::answered("unpriced".to_owned(), "house-model-1", false, tokens(100)),
        Exchange::refused("limit".to_owned(), "gpt-4o", 429, "rate_limit_exceeded"),
    ];
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("shop-api", companion.grpc, &provider)?;
    for call in &exchanges {
        application.call(call).await?;
    }
    application.flush().await?;
    companion.rows(exchanges.len()).await?;

    let mut command = Command::new(python);
    command.arg(root().join("tests/e2e/tests/agent.py")).arg(companion.binary()).arg(companion.ledger());
    let done = tokio::task::spawn_blocking(move || command.output()).await??;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let out: Value = serde_json::from_slice(&done.stdout)?;

    let tools = out["tools"].as_object().ok_or("no tools")?;
    assert_eq!(tools.len(), 5);
    assert!(tools.values().all(|read_only| *read_only == true), "{tools:?}");
    assert!(out["instructions"].as_str().is_some_and(|text| text.contains("Read-only")));
    let text = |name: &str| -> Result<Value> {
        let answer = &out[name];
        assert_eq!(answer["failed"], false, "{name}: {answer}");
        let text = answer["text"].as_str().ok_or("no text")?;
        assert!(text.len() <= 32 * 1024);
        Ok(serde_json::from_str(text)?)
    };
    let spend = text("spend")?;
    assert_eq!((&spend["total"]["calls"], &spend["rests_on"]["unpriced_calls"]), (&4.into(), &1.into()));
    assert_eq!(spend["by"]["service"][0]["name"], "shop-api");
    assert!(spend["periods"].as_array().is_some_and(|periods| !periods.is_empty()));
    assert_eq!(text("owners")?["by"]["environment"][0]["name"], "prod");
    let top = text("top")?;
    assert_eq!(top["calls"].as_array().map(Vec::len), Some(3));
    assert!(top["calls"][0]["model"].as_str().is_some_and(|model| model.starts_with("gpt-4o")));
    let one = text("one")?;
    assert_eq!(one["bill"]["adds_up"], true, "{one}");
    let lines = one["bill"]["lines"].as_array().ok_or("no lines")?;
    let is_input = |line: &&Value| line["item"] != "output" && line["item"] != "reasoning";
    let input: u64 = lines.iter().filter(is_input).filter_map(|line| line["quantity"].as_u64()).sum();
    assert_eq!(input, 50_000, "{lines:?}");
    assert_eq!(text("content")?["bill"], one["bill"]);
    let rules = text("rules")?;
    let names: Vec<_> = rules["rules"]
        .as_array()
        .ok_or("no rules")?
        .iter()
        .filter_map(|rule| rule["name"].as_str())
        .collect();
    assert!(names.contains(&"UnpricedUsage") && names.contains(&"SequenceGap"), "{names:?}");
    assert_eq!(text("missing")?["missing_calls"], 0);
    for (name, words) in [
        ("unknown", "no call has an id"),
        ("wrong", "\"soon\" is not a valid duration"),
        ("mistyped", "unknown argument \"lst\""),
        ("untyped", "expected a sequence"),
    ] {
        assert_eq!(out[name]["failed"], true);
        assert!(out[name]["text"].as_str().is_some_and(|text| text.contains(words)), "{}", out[name]);
    }
    Ok(())
}
