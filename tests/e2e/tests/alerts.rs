//! The same trouble raises the same alerts in the companion and in Prometheus, and a notification arrives.

use std::collections::BTreeSet;

use spanledger_e2e::application::Application;
use spanledger_e2e::exchange::{Exchange, Tokens};
use spanledger_e2e::program::tools;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;
use spanledger_e2e::{Result, wait};

/// The rules that the trouble below raises in both.
const BOTH: &[&str] = &[
    "HighRequestRate",
    "HighFailureRate",
    "CostOverrun",
    "UnpricedUsage",
    "UsageMissing",
    "AuthFailures",
    "RateLimited",
    "LedgerSilent",
];

/// An expensive quarter of an hour with an outage at its end, for which all of these rules but `LedgerSilent` are meant.
/// More than 150 calls per minute over 5 minutes, from where on a new service makes too many, are more than 750.
fn trouble() -> Result<Vec<Exchange>> {
    let modest = Tokens { input: 100, output: 20 };
    // 200 dollars by the price of 600 dollars for a million output tokens.
    let dear = Tokens { input: 10_000, output: 330_000 };
    let mut calls: Vec<Exchange> = (0..240)
        .map(|number| Exchange::answered(format!("good-{number}"), "gpt-4o", number % 2 == 0, modest))
        .collect();
    calls.push(Exchange::answered("dear", "o1-pro", false, dear));
    calls.push(Exchange::answered("unpriced", "house-model-1", false, modest));
    calls.extend(
        (0..440).map(|number| Exchange::refused(format!("auth-{number}"), "gpt-4o", 401, "invalid_api_key")),
    );
    calls
        .extend((0..90).map(|number| {
            Exchange::refused(format!("limit-{number}"), "gpt-4o", 429, "rate_limit_exceeded")
        }));
    calls.extend((0..3).map(|number| Exchange::cut(format!("cut-{number}"), "gpt-4o")));
    for number in 0..10 {
        calls.push(Exchange::without_usage(format!("unmeasured-{number}"), "gpt-4o")?);
    }
    Ok(calls)
}

/// What the alerts over the audit itself read, as far as it is there before anything fails.
const SELF: [&str; 6] = [
    "spanledger_rule_error",
    "spanledger_ledger_failed_calls_total",
    "spanledger_notifications_total{result=\"failed\"}",
    "otelcol_receiver_refused_spans",
    "otelcol_receiver_refused_metric_points",
    "otelcol_exporter_queue_size / otelcol_exporter_queue_capacity",
];

fn of_both(names: &BTreeSet<String>) -> BTreeSet<&str> {
    names.iter().map(String::as_str).filter(|name| BOTH.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_alerts_fire_in_companion_and_prometheus_and_are_sent() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let expected: BTreeSet<&str> = BOTH.iter().copied().collect();
    let calls = trouble()?;
    let stack = Stack::start(&tools).await?;
    // Nothing fires over nothing.
    assert_eq!(of_both(&stack.companion.firing().await?), BTreeSet::new());
    assert_eq!(of_both(&stack.prometheus.firing().await?), BTreeSet::new());

    let provider = Provider::start(&calls).await?;
    let application = Application::start("alert-test", stack.collector.grpc, &provider)?;
    for call in &calls {
        application.call(call).await?;
    }
    application.flush().await?;

    // `LedgerSilent` is the last: after the calls there are none for as long as its window, which is short here.
    wait::until("the alerts of the companion", async || {
        let firing = stack.companion.firing().await.ok()?;
        (of_both(&firing) == expected).then_some(())
    })
    .await?;
    let mut firing = BTreeSet::new();
    wait::until("the same alerts of Prometheus", async || {
        firing = stack.prometheus.firing().await.ok()?;
        (of_both(&firing) == expected).then_some(())
    })
    .await
    .map_err(|error| format!("{error}: {firing:?}"))?;

    // Both send to Alertmanager, and one incident is one message: that of Prometheus, which names itself by its own path, is
    // held back while the companion has the same.
    let wanted: BTreeSet<(String, bool, bool)> = expected
        .iter()
        .flat_map(|name| [true, false].map(|prometheus| ((*name).to_owned(), prometheus, prometheus)))
        .collect();
    let mut seen = BTreeSet::new();
    wait::until("each alert from both, that of Prometheus held back", async || {
        let alerts = stack.alertmanager.alerts().await.ok()?;
        let of_both = alerts.into_iter().filter(|alert| BOTH.contains(&alert.name.as_str()));
        seen.extend(of_both.map(|alert| {
            let prometheus = alert.source.contains("/graph?g0.expr=");
            (alert.name, prometheus, alert.inhibited)
        }));
        wanted.is_subset(&seen).then_some(())
    })
    .await
    .map_err(|error| format!("{error}: {seen:?}"))?;

    for series in SELF {
        assert!(!stack.prometheus.query(series).await?.is_empty(), "no series of {series}");
    }

    wait::until("the critical ones at the webhook", async || {
        let received = stack.webhook.received();
        ["HighFailureRate", "CostOverrun", "AuthFailures"]
            .iter()
            .all(|name| received.contains(*name))
            .then_some(())
    })
    .await?;
    Ok(())
}
