//! Every query of the dashboard returns data, every label it names exists, and every panel is drawn.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use spanledger_e2e::application::Application;
use spanledger_e2e::dashboard::{self, Query, RANGE_SECONDS};
use spanledger_e2e::exchange::{Exchange, Tokens};
use spanledger_e2e::program::tools;
use spanledger_e2e::prometheus::Prometheus;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;
use spanledger_e2e::{Result, root, wait};

/// Calls of every kind that a panel shows.
fn traffic(round: u32) -> Vec<Exchange> {
    let tokens = Tokens { input: 400, output: 100 };
    let mut calls: Vec<Exchange> = (0..12)
        .map(|number| Exchange::answered(format!("good-{round}-{number}"), "gpt-4o", number % 2 == 0, tokens))
        .collect();
    calls.push(Exchange::answered(format!("unpriced-{round}"), "house-model-1", false, tokens));
    calls.push(Exchange::cut_after_usage(format!("cut-{round}"), "gpt-4o", tokens));
    calls.push(Exchange::refused(format!("limit-{round}"), "gpt-4o", 429, "rate_limit_exceeded"));
    calls
}

/// Whether the response of a query has a number in it: `NaN` is Prometheus' way to say that there is none.
fn has_data(series: &[Value]) -> bool {
    let numbers = |series: &Value| -> Vec<Value> {
        let single = series.get("value").into_iter().cloned();
        single.chain(series["values"].as_array().into_iter().flatten().cloned()).collect()
    };
    series.iter().flat_map(numbers).any(|point| point[1].as_str().is_some_and(|number| number != "NaN"))
}

async fn asked(prometheus: &Prometheus, query: &Query) -> Result<Vec<Value>> {
    if query.instant {
        prometheus.query(&query.expression).await
    } else {
        prometheus.query_range(&query.expression, RANGE_SECONDS).await
    }
}

/// The labels that a syntax tree names, and the series it reads.
#[derive(Debug, Default)]
struct Named {
    labels: BTreeSet<String>,
    selectors: BTreeSet<String>,
}

impl Named {
    fn read(&mut self, node: &Value) {
        match node {
            Value::Array(nodes) => nodes.iter().for_each(|node| self.read(node)),
            Value::Object(fields) => {
                let grouping = node["grouping"].as_array().into_iter().flatten();
                self.labels.extend(grouping.filter_map(|label| label.as_str().map(str::to_owned)));
                if node["type"] == "vectorSelector" || node["type"] == "matrixSelector" {
                    self.read_selector(node);
                }
                fields.values().for_each(|node| self.read(node));
            }
            _ => {}
        }
    }

    fn read_selector(&mut self, selector: &Value) {
        for matcher in selector["matchers"].as_array().into_iter().flatten() {
            let (name, kind, value) = (&matcher["name"], &matcher["type"], &matcher["value"]);
            let (Some(name), Some(kind), Some(value)) = (name.as_str(), kind.as_str(), value.as_str()) else {
                continue;
            };
            if name == "__name__" {
                self.selectors.insert(format!("{{__name__{kind}{value:?}}}"));
            } else {
                self.labels.insert(name.to_owned());
            }
        }
    }
}

/// The state timeline shows -1, "no data", and not 0, "inactive", before the first call.
async fn rules_over_nothing_are_not_green(prometheus: &Prometheus) -> Result<()> {
    let queries = dashboard::queries()?;
    let states = queries.iter().find(|query| query.expression.contains("spanledger_rule_no_data"));
    let expression = &states.ok_or("no panel shows the states of the rules")?.expression;
    wait::until("rules without data", async || {
        let states = prometheus.query(expression).await.ok()?;
        let without = |rule: &str| {
            states.iter().any(|series| series["metric"]["rule"] == rule && series["value"][1] == "-1")
        };
        (without("HighFailureRate") && without("LedgerSilent")).then_some(())
    })
    .await
}

async fn made(application: &Application, calls: &[Exchange]) -> Result<()> {
    for call in calls {
        application.call(call).await?;
    }
    application.flush().await
}

/// Cache and reasoning tokens have no metric in the older conventions; these are the companion's and the Collector's.
fn has_service(query: &Query) -> bool {
    query.expression.contains("service_name=~") && !query.expression.contains("_cache_read_")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_returns_data_and_every_label_exists() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let (first, second) = (traffic(1), traffic(2));
    let (third, fourth) = (traffic(3), traffic(4));
    let stack = Stack::start(&tools).await?;
    rules_over_nothing_are_not_green(&stack.prometheus).await?;
    let exchanges = [first.clone(), second.clone(), third.clone(), fourth.clone()].concat();
    let provider = Provider::start(&exchanges).await?;
    let application = Application::start("dashboard-test", stack.collector.grpc, &provider)?;
    let older = Application::start_older("older-test", stack.collector.grpc, &provider)?;
    made(&application, &first).await?;
    made(&older, &third).await?;
    // A rate has data from the second value on, so the first must have arrived before the next calls are made.
    wait::until("the first values in Prometheus", async || {
        let calls = stack.prometheus.query("sum(spanledger_client_calls_total)").await.ok()?;
        has_data(&calls).then_some(())
    })
    .await?;
    made(&application, &second).await?;
    made(&older, &fourth).await?;

    let queries = dashboard::queries()?;
    assert!(queries.len() > 40, "only {} queries in the dashboard", queries.len());
    // Every query over all services, and again over the one with the older conventions (and a namespace, which changes
    // `job` and not `service_name`).
    let older = queries.iter().filter(|query| has_service(query)).map(|query| Query {
        expression: query.expression.replace("service_name=~\".*\"", "service_name=~\"older-test\""),
        ..query.clone()
    });
    let mut empty: Vec<Query> = queries.iter().cloned().chain(older).collect();
    let filled = wait::until("data in every panel", async || {
        let mut left = Vec::new();
        for query in empty.clone() {
            if !asked(&stack.prometheus, &query).await.is_ok_and(|series| has_data(&series)) {
                left.push(query);
            }
        }
        empty = left;
        empty.is_empty().then_some(())
    })
    .await;
    assert!(filled.is_ok(), "no data: {empty:#?}");
    for query in &queries {
        let mut named = Named::default();
        named.read(&stack.prometheus.parse(&query.expression).await?);
        let mut existing = BTreeSet::new();
        for selector in &named.selectors {
            existing.extend(stack.prometheus.label_names(selector).await?);
        }
        let missing: BTreeSet<&String> = named.labels.difference(&existing).collect();
        assert!(missing.is_empty(), "{}: no series of {:?} has {missing:?}", query.panel, named.selectors);
    }
    for variable in dashboard::variables()? {
        let values = stack.prometheus.label_values(&variable.selector, &variable.label).await?;
        assert!(!values.is_empty(), "no value of {} in {}", variable.label, variable.selector);
    }
    Ok(())
}

/// Calls go on for as long as the dashboards are drawn: a panel of rates over the last minute has data meanwhile.
async fn call_on(applications: &[Application; 2], rounds: &[Vec<Exchange>]) -> Result<Infallible> {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut rounds = rounds.iter().cycle();
    loop {
        for application in applications {
            seconds.tick().await;
            made(application, rounds.next().ok_or("no calls")?).await?;
        }
    }
}

#[ignore = "draws in a browser with the page of tests/drawing, which ./test builds before"]
#[tokio::test(flavor = "multi_thread")]
async fn every_panel_is_drawn_over_the_whole_stack() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let stack = Stack::start(&tools).await?;
    let rounds: Vec<Vec<Exchange>> = (0..200).map(traffic).collect();
    let provider = Provider::start(&rounds.concat()).await?;
    let applications = [
        Application::start("dashboard-test", stack.collector.grpc, &provider)?,
        Application::start_older("older-test", stack.collector.grpc, &provider)?,
    ];
    // They stay there, to be looked at.
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboards");
    std::fs::create_dir_all(&pictures)?;
    let mut command = tokio::process::Command::new("node");
    command
        .arg(root().join("tests/drawing/build/draw.mjs"))
        .args([stack.prometheus.url(), format!("http://{}", stack.companion.admin)])
        .arg(pictures)
        .kill_on_drop(true);
    let drawn = tokio::select! {
        drawn = command.output() => drawn?,
        stopped = call_on(&applications, &rounds) => match stopped? {},
    };
    let (out, err) = (String::from_utf8_lossy(&drawn.stdout), String::from_utf8_lossy(&drawn.stderr));
    assert!(drawn.status.success(), "{out}{err}");
    // Three dashboards, and nothing without data: here no panel is excused.
    let last =
        |board: &str| out.lines().rfind(|line| line.contains(&format!("/{board}.webp: "))).map(str::to_owned);
    for board in ["overview", "cost", "audit"] {
        let line = last(board).ok_or_else(|| format!("{board} is not drawn: {out}"))?;
        assert!(line.ends_with(", 0 without, 0 in error"), "{line}");
    }
    Ok(())
}
