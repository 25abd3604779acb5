//! The companion's part of Prometheus' HTTP API, asked by Prometheus' own client: `promtool query`.

use std::net::SocketAddr;
use std::path::Path;

use spanledger_e2e::Result;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::program::{free_address, tools};
use tokio::process::Command;

async fn promtool(tools: &Path, admin: SocketAddr, kind: &str, rest: &[&str]) -> Result<(bool, String)> {
    let mut command = Command::new(tools.join("promtool"));
    command.args(["query", kind]);
    if kind == "series" {
        command.args(rest).arg(format!("http://{admin}"));
    } else {
        command.arg(format!("http://{admin}")).args(rest);
    }
    let done = command.output().await?;
    let text = [done.stdout, done.stderr].concat();
    Ok((done.status.success(), String::from_utf8(text)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_reads_the_companion_as_a_prometheus() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let companion = Companion::start(directory.path(), free_address()?).await?;
    for (kind, rest, wanted) in [
        ("instant", &["1+1"][..], "scalar: 2"),
        (
            "instant",
            &["spanledger_rule_state{rule=\"CostOverrun\"}"],
            "rule=\"CostOverrun\", severity=\"critical\"} => 0",
        ),
        ("labels", &["rule"], "CostOverrun"),
        ("series", &["--match=spanledger_ledger_calls"], "__name__=\"spanledger_ledger_calls\""),
    ] {
        let (done, text) = spanledger_e2e::wait::until(&format!("{kind} {rest:?}"), async || {
            let (done, text) = promtool(&tools, companion.admin, kind, rest).await.ok()?;
            text.contains(wanted).then_some((done, text))
        })
        .await?;
        assert!(done, "{kind} {rest:?}: {text}");
    }
    let (done, text) =
        promtool(&tools, companion.admin, "instant", &["rate(spanledger_receiver_spans_total[5m])"]).await?;
    assert!(!done && text.contains("supported are numbers"), "{text}");

    let rules: serde_json::Value =
        reqwest::get(format!("http://{}/api/v1/rules?type=alert", companion.admin)).await?.json().await?;
    let listed = rules["data"]["groups"][0]["rules"].as_array().ok_or("no rules")?;
    assert!(listed.len() >= 12 && listed.iter().all(|rule| rule["type"] == "alerting"), "{rules}");
    Ok(())
}
