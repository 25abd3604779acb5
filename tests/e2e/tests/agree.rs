//! Whether ledger, Prometheus and the test's own count agree on calls and dollars, by service and environment, after an
//! outage of each program in turn and a new version of a service. In the ledger dollars agree to the nano-dollar, in
//! Prometheus as far as a double holds them.

use std::collections::BTreeMap;

use serde_json::Value;
use spanledger_e2e::application::Application;
use spanledger_e2e::exchange::{Exchange, Tokens};
use spanledger_e2e::program::tools;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::stack::Stack;
use spanledger_e2e::{Result, wait};

/// The model of all calls, and its list price in nano-dollars per token: input, input read from the cache, output.
const MODEL: &str = "gpt-4o";
const PRICE: [u64; 3] = [2_500, 1_250, 10_000];
/// Calls of one service in one step.
const CALLS: usize = 4;

const SHOP: &str = "agree-shop";
const HELPER: &str = "agree-helper";

/// Calls and nano-dollars by service and environment.
type Counts = BTreeMap<(String, String), (u64, u64)>;

/// What was asked of the provider, and what it costs.
#[derive(Debug, Default)]
struct Truth {
    exchanges: Vec<Exchange>,
    counts: Counts,
}

impl Truth {
    /// The next calls of a service.
    fn made(&mut self, service: &str, environment: &str) -> Vec<Exchange> {
        let made = self.exchanges.drain(..CALLS).collect::<Vec<_>>();
        let (calls, cost) = self.counts.entry((service.to_owned(), environment.to_owned())).or_default();
        for exchange in &made {
            let known = &exchange.known;
            let [input, cached, output] = [known.input_tokens, known.cache_read_tokens, known.output_tokens]
                .map(Option::unwrap_or_default);
            *calls += 1;
            *cost += (input - cached) * PRICE[0] + cached * PRICE[1] + output * PRICE[2];
        }
        made
    }
}

/// Tokens differ from call to call, so that no call can be mistaken for another.
fn exchanges(count: usize) -> Vec<Exchange> {
    let exchange = |number: usize| {
        let tokens = Tokens { input: 8 * (number as u64 + 1), output: 3 * number as u64 + 2 };
        Exchange::answered(format!("agree-{number}"), MODEL, number.is_multiple_of(2), tokens)
    };
    (0..count).map(exchange).collect()
}

async fn call(application: &Application, calls: &[Exchange]) -> Result<()> {
    for exchange in calls {
        application.call(exchange).await?;
    }
    Ok(())
}

async fn in_ledger(stack: &Stack) -> Result<Counts> {
    let mut counts = Counts::new();
    for row in stack.companion.calls().await? {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&row["service"]), text(&row["tags"]["environment"]));
        let (calls, cost) = counts.entry(key).or_default();
        *calls += 1;
        *cost += nanos(row["cost_usd"].as_f64().ok_or_else(|| format!("a call without a cost: {row}"))?);
    }
    Ok(counts)
}

/// The nearest whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test counts some calls and cents"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn nanos(dollars: f64) -> u64 {
    whole(dollars * 1e9)
}

async fn in_prometheus(stack: &Stack) -> Result<Counts> {
    let mut counts = Counts::new();
    for (metric, is_cost) in
        [("spanledger_client_calls_total", false), ("spanledger_client_cost_USD_total", true)]
    {
        // A process that ended has no newest sample, and its calls were made all the same.
        let by = "service_name, deployment_environment_name";
        let query = format!("sum by ({by}) (last_over_time({metric}[1h]))");
        for series in stack.prometheus.query(&query).await? {
            let text = |label: &str| series["metric"][label].as_str().unwrap_or_default().to_owned();
            let value: f64 = series["value"][1].as_str().unwrap_or_default().parse()?;
            let (calls, cost) =
                counts.entry((text("service_name"), text("deployment_environment_name"))).or_default();
            // A sum of doubles may differ from the sum of the decimals behind the fifteenth digit: far below a nano-dollar.
            if is_cost { *cost = nanos(value) } else { *calls = whole(value) }
        }
    }
    Ok(counts)
}

/// Waits until both have what `truth` has; otherwise shows all three.
async fn agree(stack: &Stack, truth: &Truth, after: &str) -> Result<()> {
    let mut seen = (Counts::new(), Counts::new());
    let agreed = wait::until(&format!("agreement after {after}"), async || {
        seen = (in_ledger(stack).await.unwrap_or_default(), in_prometheus(stack).await.unwrap_or_default());
        (seen.0 == truth.counts && seen.1 == truth.counts).then_some(())
    })
    .await;
    let shown =
        |error| format!("{error}\nmade: {:?}\nledger: {:?}\nPrometheus: {:?}", truth.counts, seen.0, seen.1);
    agreed.map_err(|error| shown(error).into())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_dollars_agree_after_an_outage_of_each_program() -> Result<()> {
    let Some(tools) = tools()? else { return Ok(()) };
    let all = exchanges(14 * CALLS);
    let mut stack = Stack::start(&tools).await?;
    let provider = Provider::start(&all).await?;
    let mut truth = Truth { exchanges: all, ..Truth::default() };
    let deployed = |environment: &str, version: &str| {
        Application::deployed(SHOP, environment, version, stack.collector.grpc, &provider)
    };
    let (dev, new, mut prod) =
        (deployed("dev", "2.0.0-rc1")?, deployed("prod", "1.1.0")?, deployed("prod", "1.0.0")?);
    let helper = Application::with_helper(HELPER, stack.collector.http, &provider)?;

    for (application, service, environment) in
        [(&prod, SHOP, "prod"), (&dev, SHOP, "dev"), (&helper, HELPER, "")]
    {
        call(application, &truth.made(service, environment)).await?;
        application.flush().await?;
    }
    agree(&stack, &truth, "a start").await?;

    // A new version takes the place of the old one.
    prod = new;
    call(&prod, &truth.made(SHOP, "prod")).await?;
    prod.flush().await?;
    agree(&stack, &truth, "a new version").await?;

    // The Collector keeps what Prometheus and the companion do not take. Both environments go on.
    stack.prometheus.program.kill()?;
    for (application, environment) in [(&prod, "prod"), (&dev, "dev")] {
        call(application, &truth.made(SHOP, environment)).await?;
        application.flush().await?;
    }
    stack.prometheus.program.restart().await?;
    agree(&stack, &truth, "an outage of Prometheus").await?;

    stack.companion.kill()?;
    for (application, environment) in [(&prod, "prod"), (&dev, "dev")] {
        call(application, &truth.made(SHOP, environment)).await?;
        application.flush().await?;
    }
    stack.companion.restart().await?;
    agree(&stack, &truth, "an outage of the companion").await?;

    // Nothing of calls passes Alertmanager.
    stack.alertmanager.program.kill()?;
    call(&prod, &truth.made(SHOP, "prod")).await?;
    prod.flush().await?;
    agree(&stack, &truth, "an outage of Alertmanager, while it lasts").await?;
    stack.alertmanager.program.restart().await?;

    // `spanledger::otlp` keeps spans until the Collector takes them.
    stack.collector.program.kill()?;
    call(&helper, &truth.made(HELPER, "")).await?;
    stack.collector.program.restart().await?;
    helper.flush().await?;
    agree(&stack, &truth, "an outage of the Collector").await?;

    // Where they may not agree: an exporter of the SDK alone gives up spans that the Collector does not take, while counters
    // hold the calls until the next export. Prometheus then has what the ledger lacks, and nothing else differs.
    stack.collector.program.kill()?;
    let lost = truth.made(SHOP, "dev");
    call(&dev, &lost).await?;
    assert!(dev.flush().await.is_err(), "no Collector took the spans");
    stack.collector.program.restart().await?;
    call(&dev, &truth.made(SHOP, "dev")).await?;
    dev.flush().await?;
    wait::until("all calls in Prometheus", async || {
        (in_prometheus(&stack).await.ok()? == truth.counts).then_some(())
    })
    .await?;
    let key = (SHOP.to_owned(), "dev".to_owned());
    wait::until("the calls after the outage in the ledger", async || {
        let found = in_ledger(&stack).await.ok()?;
        (found.get(&key)?.0 == truth.counts[&key].0 - lost.len() as u64).then_some(())
    })
    .await?;
    let mut ledger = in_ledger(&stack).await?;
    let mut made = truth.counts.clone();
    ledger.remove(&key);
    made.remove(&key);
    assert_eq!(ledger, made, "the others");
    Ok(())
}
