//! The companion's parts of Prometheus' and of Tempo's HTTP API: asked by Prometheus' own clients, and by every panel of the
//! dashboards.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use spanledger_e2e::application::Application;
use spanledger_e2e::companion::Companion;
use spanledger_e2e::dashboard::{self, Query, RANGE_SECONDS};
use spanledger_e2e::exchange::{Exchange, Tokens};
use spanledger_e2e::program::{free_address, tools};
use spanledger_e2e::provider::Provider;
use spanledger_e2e::{Result, wait};
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

/// Calls of every kind that a panel shows, of which nine have a cost.
fn traffic() -> Vec<Exchange> {
    let tokens = Tokens { input: 400, output: 100 };
    let mut calls: Vec<Exchange> = (0..9)
        .map(|number| Exchange::answered(format!("good-{number}"), "gpt-4o", number % 2 == 0, tokens))
        .collect();
    calls.push(Exchange::answered("unpriced".to_owned(), "house-model-1", false, tokens));
    calls.push(Exchange::cut_after_usage("cut".to_owned(), "gpt-4o", tokens));
    let refused = |number| Exchange::refused(format!("limit-{number}"), "gpt-4o", 429, "rate_limit_exceeded");
    calls.extend((0..3).map(refused));
    calls
}

async fn made(companion: &Companion) -> Result<()> {
    let exchanges = traffic();
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("shop-api", companion.grpc, &provider)?;
    for call in &exchanges {
        application.call(call).await?;
    }
    application.flush().await?;
    companion.rows(exchanges.len()).await.map(drop)
}

#[expect(clippy::disallowed_methods, reason = "queries are about the times at which the programs ran")]
fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_own_clients_read_the_companion() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let companion = Companion::start(directory.path(), free_address()?).await?;
    made(&companion).await?;
    let calls = companion.calls().await?;
    let dollars: f64 = calls.iter().filter_map(|call| call["cost_usd"].as_f64()).sum();
    assert!(dollars > 0.0, "no call has a cost: {calls:?}");
    let end = (now()? + 1).to_string();
    let start = (now()? - 600).to_string();
    let total = "sum(increase(spanledger_client_calls_total[10m]))";
    let cost = "sum(increase(spanledger_client_cost_USD_total[10m]))";
    for (kind, rest, wanted) in [
        ("instant", &["1+1"][..], "scalar: 2".to_owned()),
        (
            "instant",
            &["spanledger_rule_state{rule=\"CostOverrun\"}"],
            "rule=\"CostOverrun\", severity=\"critical\"} => 0".to_owned(),
        ),
        ("instant", &["--time", &end, total], format!("{{}} => {} @", calls.len())),
        ("instant", &["--time", &start, total], String::new()),
        (
            "range",
            &["--start", &start, "--end", &end, "--step", "601s", total],
            format!("{} @[{end}]", calls.len()),
        ),
        ("labels", &["rule"], "CostOverrun".to_owned()),
        ("labels", &["service_name"], "shop-api".to_owned()),
        ("series", &["--match=spanledger_ledger_calls"], "__name__=\"spanledger_ledger_calls\"".to_owned()),
    ] {
        let (done, text) = wait::until(&format!("{kind} {rest:?}"), async || {
            let (done, text) = promtool(&tools, companion.admin, kind, rest).await.ok()?;
            text.contains(&wanted).then_some((done, text))
        })
        .await?;
        assert!(done, "{kind} {rest:?}: {text}");
    }
    let (done, text) =
        promtool(&tools, companion.admin, "instant", &["stddev(spanledger_rule_value)"]).await?;
    assert!(!done && text.contains("supported are selectors"), "{text}");

    let asked = Command::new(tools.join("promclient"))
        .args([&format!("http://{}", companion.admin), cost, "spanledger_client_calls_total", &start, &end])
        .output()
        .await?;
    let text = String::from_utf8(asked.stdout)?;
    assert!(asked.status.success(), "{text}");
    let answered = |method: &str| -> Result<Value> {
        let line = text.lines().find_map(|line| line.strip_prefix(method)?.strip_prefix(' '));
        Ok(serde_json::from_str(line.ok_or_else(|| format!("no {method} in {text}"))?)?)
    };
    let found: f64 = answered("query")?[0]["value"][1].as_str().ok_or("no value")?.parse()?;
    assert!((found - dollars).abs() < 1e-9, "{found} in the query, {dollars} in the ledger");
    let last = answered("query_range")?[0]["values"].as_array().and_then(|values| values.last().cloned());
    assert_eq!(last.as_ref().map(|point| &point[1]), Some(&answered("query")?[0]["value"][1]));
    assert_eq!(answered("values")?, serde_json::json!(["shop-api"]));
    assert_eq!(answered("metadata")?["spanledger_client_calls_total"][0]["type"], "counter");
    let groups = answered("rules")?;
    let listed = groups[0]["rules"].as_array().ok_or("no rules")?;
    assert!(listed.len() >= 12 && groups[0]["interval"].as_f64() == Some(1.0), "{groups}");
    let query =
        |name: &str| listed.iter().find(|rule| rule["name"] == name).map(|rule| rule["query"].clone());
    assert_eq!(query("AuthFailures"), Some("spanledger_rule_value{rule=\"AuthFailures\"} >= 5".into()));
    assert_eq!(query("RateLimited"), Some("spanledger_rule_value{rule=\"RateLimited\"} > 0.1".into()));
    assert!(
        answered("labels")?.as_array().is_some_and(|labels| labels.contains(&"gen_ai_request_model".into()))
    );
    // Panels with exemplars ask for them here too, and there are none.
    let exemplars =
        format!("http://{}/api/v1/query_exemplars?query=up&start={start}&end={end}", companion.admin);
    let found: Value = reqwest::get(exemplars).await?.error_for_status()?.json().await?;
    assert_eq!(found, serde_json::json!({"status": "success", "data": []}));
    Ok(())
}

async fn has_data(companion: &Companion, query: &Query) -> Result<bool> {
    let (path, end) = (if query.instant { "query" } else { "query_range" }, now()?.to_string());
    let start = (now()? - RANGE_SECONDS).to_string();
    let times = [("time", end.as_str()), ("start", &start), ("end", &end), ("step", "15")];
    let form = [("query", query.expression.as_str())].into_iter().chain(times).collect::<Vec<_>>();
    let url = reqwest::Url::parse_with_params(&format!("http://{}/api/v1/{path}", companion.admin), &form)?;
    let response: Value = reqwest::get(url).await?.json().await?;
    if response["status"] != "success" {
        return Err(format!("{}: {}: {response}", query.panel, query.expression).into());
    }
    let series = response["data"]["result"].as_array().ok_or("no result")?;
    let numbers = series.iter().flat_map(|series| {
        let many = series["values"].as_array().cloned().unwrap_or_default();
        many.into_iter().chain(series.get("value").cloned())
    });
    Ok(numbers.into_iter().any(|point| point[1].as_str().is_some_and(|number| number != "NaN")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_works_on_the_ledger_alone_or_says_that_it_does_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let companion = Companion::start(directory.path(), free_address()?).await?;
    made(&companion).await?;
    let queries = dashboard::queries()?;
    let noted = dashboard::empty_on_the_ledger()?;
    let mut left: Vec<Query> = queries.clone();
    // No query may fail, with data or without.
    for query in &queries {
        has_data(&companion, query).await?;
    }
    let empty = |left: &[Query]| left.iter().map(|query| query.panel.clone()).collect::<BTreeSet<_>>();
    let filled = wait::until("data in every panel but those that say no", async || {
        let mut still = Vec::new();
        for query in left.clone() {
            if !has_data(&companion, &query).await.is_ok_and(|found| found) {
                still.push(query);
            }
        }
        left = still;
        (empty(&left) == noted).then_some(())
    })
    .await;
    assert!(filled.is_ok(), "without data: {:?}\nand said to be so: {noted:?}", empty(&left));
    println!(
        "{} queries of {} have data; empty, as noted: {noted:?}",
        queries.len() - left.len(),
        queries.len()
    );
    for query in dashboard::trace_queries()? {
        let query = ["service", "provider", "model"]
            .iter()
            .fold(query, |query, variable| query.replace(&format!("${{{variable}:pipe}}"), ".*"));
        let url = format!("http://{}/api/search", companion.admin);
        let found = reqwest::get(reqwest::Url::parse_with_params(&url, [("q", &query)])?).await?;
        let found: Value = found.error_for_status()?.json().await?;
        assert!(found["traces"].as_array().is_some_and(|traces| !traces.is_empty()), "{query}: {found}");
    }
    for variable in dashboard::variables()? {
        let url = format!("http://{}/api/v1/label/{}/values", companion.admin, variable.label);
        let asked =
            reqwest::get(reqwest::Url::parse_with_params(&url, [("match[]", &variable.selector)])?).await?;
        assert!(asked.status().is_success(), "{variable:?}: {}", asked.text().await?);
    }
    Ok(())
}
