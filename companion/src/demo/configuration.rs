//! The demo's configuration: the defaults, on ports that the system chooses, with budgets that fit the company.

use std::path::{Path, PathBuf};

use super::company::{Clock, SERVICES};
use crate::store::{Filter, Querier, StoreError};

/// How many times a usual day a budget allows: that of the agents leaves room, that of the batch hardly any.
const BUDGETS: [(&str, f64); 2] = [("coding-agent", 1.5), ("invoice-batch", 1.12)];

/// Writes the configuration for a company whose usual days are in the ledger, with a webhook where it has one.
pub(super) fn write(
    folder: &Path,
    webhook: Option<&str>,
    clock: Clock,
    querier: &dyn Querier,
) -> Result<PathBuf, super::DemoError> {
    let quoted = |path: PathBuf| toml::Value::from(path.to_string_lossy().into_owned());
    let mut text = format!(
        r#"# The demo's configuration. `spanledger serve --config` takes it as well.
[ledger]
path = {ledger}

[receiver]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"
note = "Demo: a seeded history of a small company, in UTC. What is newer is made now, by applications on this machine. Calls of an anomaly have the tag demo."

[journal]
dirs = [{journal}]
every = "1s"

[notify]
group_wait = "0s"
"#,
        ledger = quoted(folder.join("demo.db")),
        journal = quoted(folder.join("journal")),
    );
    text.extend(webhook.map(|url| format!("\n[[notify.webhook]]\nurl = \"{url}\"\n")));
    for (service, times) in BUDGETS {
        let usd = usual(querier, clock, service)? * times;
        text.push_str(&format!(
            "\n[[budget]]\nname = {service:?}\nusd = {usd:.2}\nperiod = \"day\"\ntimezone = \"{}\"\nservice = {service:?}\nnotify_at = [100]\n",
            clock.zone()
        ));
    }
    let file = folder.join("demo.toml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// What a service cost on the day before.
fn usual(querier: &dyn Querier, clock: Clock, service: &str) -> Result<f64, StoreError> {
    debug_assert!(SERVICES.iter().any(|known| known.name == service));
    let filter = Filter { service: Some(service.to_owned()), ..Filter::default() };
    Ok(querier.totals(clock.day(1), &filter)?.cost.as_usd().max(1.0))
}
