//! What the real Collector removes on the way.

use std::path::Path;

use serde_json::{Value, json};
use spanledger::semconv::attribute;
use spanledger_e2e::collector::Collector;
use spanledger_e2e::program::{free_address, tools};
use spanledger_e2e::{Result, wait};

/// Is part of everything that must not arrive.
const SECRET: &str = "CANARY";

/// Names under which this library and others record what was asked and answered.
const CONTENT: [&str; 12] = [
    attribute::INPUT_MESSAGES,
    attribute::OUTPUT_MESSAGES,
    attribute::SYSTEM_INSTRUCTIONS,
    attribute::TOOL_DEFINITIONS,
    attribute::REQUEST_PREVIEW,
    attribute::RESPONSE_PREVIEW,
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.completion.0.content",
    "llm.input_messages.0.message.content",
    "input.value",
    "traceloop.entity.output",
];

/// Facts that look alike and must stay.
const KEPT: [&str; 3] = ["gen_ai.prompt.name", "llm.token_count.prompt", attribute::REQUEST_HASH];

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// One span with content, secrets and facts, as OTLP in JSON.
fn request() -> Value {
    let key = format!("sk-proj-{SECRET}{SECRET}{SECRET}");
    let url = format!(
        "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent?alt=sse&key={SECRET}&x=1"
    );
    let failed = format!("error sending request for url ({url}): timed out");
    let mut attributes: Vec<Value> = CONTENT.map(|name| text(name, "PROMPT")).into();
    attributes.extend(KEPT.map(|name| text(name, "FACT")));
    attributes.extend([
        text("http.request.header.authorization", &format!("Bearer {SECRET}")),
        text("http.request.header.x-goog-api-key", SECRET),
        text(attribute::URL_FULL, &url),
        text("url.query", &format!("key={SECRET}")),
        text("error.message", &format!("Incorrect API key provided: {key}.")),
        text("authorization.copy", &format!("Bearer {SECRET}{SECRET}{SECRET}")),
    ]);
    let event = json!({"name": "exception", "timeUnixNano": "1700000001000000000",
        "attributes": [text("exception.message", &failed), text("gen_ai.event.content", "PROMPT")]});
    let span = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat g",
        "kind": 3, "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000",
        "attributes": attributes, "events": [event], "status": {"code": 2, "message": failed}});
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

/// What the Collector hands on of [`request`], as text.
async fn handed_on(tools: &Path, keep_content: &str) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("handed-on.json");
    // Instead of the ledger a file: the same processors, and all that comes out of them.
    let overlay = json!({
        "exporters": {"file": {"path": file, "flush_interval": "100ms"}},
        "service": {"pipelines": {"traces": {"exporters": ["file"]}}},
    });
    let environment = [("SPANLEDGER_KEEP_CONTENT", keep_content)];
    let (nobody, neither) = (free_address()?, free_address()?);
    let collector =
        Collector::start(tools, directory.path(), nobody, neither, &overlay.to_string(), &environment)
            .await?;
    let url = format!("http://{}/v1/traces", collector.http);
    reqwest::Client::new().post(url).json(&request()).send().await?.error_for_status()?;
    wait::until("the span in the file", async || {
        std::fs::read_to_string(&file).ok().filter(|text| text.contains("eee19b7ec3c1b174"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn removes_content_and_secrets_and_keeps_the_facts() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let spans = handed_on(&tools, "no").await?;
    assert!(!spans.contains(SECRET), "{spans}");
    assert!(!spans.contains("PROMPT"), "{spans}");
    for name in KEPT {
        assert!(spans.contains(name), "{name} is missing in {spans}");
    }
    // Scrubbed in place, not removed: the rest of the URL and of the message is needed.
    assert!(spans.contains("?alt=sse&key=REDACTED&x=1"), "{spans}");
    assert!(spans.contains("Incorrect API key provided: REDACTED."), "{spans}");
    assert!(spans.contains("timed out"), "{spans}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lets_content_through_when_configured_and_secrets_never() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let spans = handed_on(&tools, "yes").await?;
    assert!(!spans.contains(SECRET), "{spans}");
    for name in CONTENT {
        assert!(spans.contains(name), "{name} is missing in {spans}");
    }
    Ok(())
}
