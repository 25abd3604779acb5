//! `collector/add-to-yours.yaml` over the configuration of somebody else: their pipelines stay, and only spans about work with
//! a model travel to the ledger.

use serde_json::{Value, json};
use spanledger_e2e::collector::Collector;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::program::{free_address, tools};
use spanledger_e2e::{Result, wait};

const THEIRS: &str = "
extensions:
  health_check:
    endpoint: ${env:HEALTH}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:GRPC}
      http:
        endpoint: ${env:HTTP}
exporters:
  file:
    path: theirs.json
    flush_interval: 100ms
service:
  extensions: [health_check]
  telemetry:
    metrics:
      level: none
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [file]
";

fn span(number: u64, name: &str, attributes: &[(&str, &str)]) -> Value {
    let attributes =
        attributes.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}));
    json!({
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": format!("{number:016x}"),
        "name": name,
        "kind": 3,
        "startTimeUnixNano": "1767225600000000000",
        "endTimeUnixNano": "1767225601000000000",
        "attributes": attributes.collect::<Vec<_>>(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn their_pipelines_stay_and_only_calls_travel_to_the_ledger() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let companion = Companion::start(directory.path(), free_address()?).await?;
    let collector = Collector::theirs(&tools, directory.path(), companion.grpc, THEIRS).await?;
    let chat =
        [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "gpt-4o"), ("gen_ai.system", "openai")];
    let spans = [span(1, "GET /orders", &[("http.request.method", "GET")]), span(2, "chat gpt-4o", &chat)];
    let resource = [("service.name", "web"), ("k8s.pod.uid", "5f1c")]
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}));
    let request =
        json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": spans}]}]});
    let url = format!("http://{}/v1/traces", collector.http);
    let client = reqwest::Client::new();
    client.post(url).json(&request).send().await?.error_for_status()?;

    wait::until("both spans in their own pipeline", async || {
        let text = std::fs::read_to_string(directory.path().join("theirs.json")).ok()?;
        (text.contains("GET /orders") && text.contains("chat gpt-4o")).then_some(())
    })
    .await?;
    let calls = wait::until("the call in the ledger", async || {
        let calls = companion.calls().await.ok()?;
        (!calls.is_empty()).then_some(calls)
    })
    .await?;
    assert_eq!((calls.len(), &calls[0]["service"]), (1, &json!("web")), "{calls:?}");
    let metrics = client.get(format!("http://{}/metrics", companion.admin)).send().await?.text().await?;
    let ignored = "spanledger_receiver_spans_total{result=\"ignored\"} 0";
    assert!(metrics.contains(ignored), "the other span travelled to the ledger:\n{metrics}");
    Ok(())
}
