//! Prometheus with `alerts/prometheus.yml` and `alerts/spanledger.rules.yml`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::program::Restartable;
use crate::{Result, root};

/// The addresses that `alerts/prometheus.yml` names, each with its replacement in a test.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours {
    /// The companion's admin address.
    pub companion: SocketAddr,
    /// The Collector's own metrics.
    pub collector: SocketAddr,
    /// Alertmanager.
    pub alertmanager: SocketAddr,
}

/// The recording that `LedgerSilent` reads, and what that reads.
const SILENT: [&str; 2] =
    ["- record: spanledger:calls:increase15m\n", "- record: spanledger:ledger:silent\n"];

/// What makes their window 20 seconds: a test does not wait a quarter of an hour for silence.
const SILENCE: [(&str, &str); 3] = [
    (
        "last_over_time(spanledger_client_calls_total[15m])",
        "last_over_time(spanledger_client_calls_total[20s])",
    ),
    (" offset 15m", " offset 20s"),
    ("[17m]", "[140s]"),
];

/// The rules with a short window of `LedgerSilent`, and without the time that those of its group wait before they fire.
fn soon(rules: &str) -> Result<String> {
    let group = "\n  - name: spanledger-usual\n";
    let (alerts, rest) = rules
        .split_once(group)
        .ok_or_else(|| format!("alerts/spanledger.rules.yml no longer has {group:?}"))?;
    let waits = |line: &&str| line.starts_with("        for: ");
    let alerts: Vec<&str> = alerts.split('\n').filter(|line| !waits(line)).collect();
    let mut rules = format!("{}{group}{rest}", alerts.join("\n"));
    for block in SILENT {
        let (before, rest) = rules
            .split_once(block)
            .ok_or_else(|| format!("alerts/spanledger.rules.yml no longer has {block:?}"))?;
        let end = rest.find("\n      - ").unwrap_or(rest.len());
        let (inner, after) = rest.split_at(end);
        let short =
            SILENCE.iter().fold(inner.to_owned(), |text, (shipped, short)| text.replace(shipped, short));
        if short == inner {
            return Err(
                format!("alerts/spanledger.rules.yml no longer has a window of 15 min in {block:?}").into()
            );
        }
        rules = format!("{before}{block}{short}{after}");
    }
    Ok(rules)
}

/// The running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    client: reqwest::Client,
    /// Its process.
    pub program: Restartable,
}

impl Prometheus {
    /// Starts it on `address`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(
        tools: &Path,
        directory: &Path,
        address: SocketAddr,
        neighbours: Neighbours,
    ) -> Result<Self> {
        let directory = directory.join("prometheus");
        std::fs::create_dir_all(&directory)?;
        let mut config = std::fs::read_to_string(root().join("alerts/prometheus.yml"))?;
        for (ours, theirs) in [
            ("127.0.0.1:4319", neighbours.companion.to_string()),
            ("127.0.0.1:8888", neighbours.collector.to_string()),
            ("127.0.0.1:9093", neighbours.alertmanager.to_string()),
            // A test does not wait a quarter of a minute for the next point.
            ("scrape_interval: 15s", "scrape_interval: 1s".to_owned()),
        ] {
            if !config.contains(ours) {
                return Err(format!("alerts/prometheus.yml no longer says {ours}").into());
            }
            config = config.replace(ours, &theirs);
        }
        std::fs::write(directory.join("prometheus.yml"), config)?;
        let rules = std::fs::read_to_string(root().join("alerts/spanledger.rules.yml"))?;
        std::fs::write(directory.join("spanledger.rules.yml"), soon(&rules)?)?;
        let mut command = Command::new(tools.join("prometheus"));
        command.args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--web.enable-otlp-receiver",
        ]);
        // Alertmanager hears of an alert again and again; once per minute is too rare for a test.
        command.arg("--rules.alert.resend-delay=2s");
        command.arg(format!("--web.listen-address={address}"));
        let ready = format!("http://{address}/-/ready");
        let program = Restartable::start("prometheus", command, &directory, ready).await?;
        Ok(Self { address, client: reqwest::Client::new(), program })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The series of an instant query, each with `metric` and `value`.
    ///
    /// # Errors
    /// When the query is refused.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let data = self.get("query", &[("query", expression)]).await?;
        match data["resultType"].as_str() {
            Some("scalar") => Ok(vec![data["result"].clone()]),
            _ => Ok(data["result"].as_array().cloned().unwrap_or_default()),
        }
    }

    /// The series of the last `seconds`, each with `metric` and `values`.
    ///
    /// # Errors
    /// When the query is refused.
    pub async fn query_range(&self, expression: &str, seconds: u64) -> Result<Vec<Value>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let (start, end) = ((now - seconds).to_string(), now.to_string());
        let parameters = [("query", expression), ("start", &start), ("end", &end), ("step", "5")];
        let data = self.get("query_range", &parameters).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// The syntax tree of a query.
    ///
    /// # Errors
    /// When it is no query.
    pub async fn parse(&self, expression: &str) -> Result<Value> {
        self.get("parse_query", &[("query", expression)]).await
    }

    /// The values of `label` among the series that `selector` matches.
    ///
    /// # Errors
    /// When Prometheus does not answer.
    pub async fn label_values(&self, selector: &str, label: &str) -> Result<Vec<Value>> {
        let data = self.get(&format!("label/{label}/values"), &[("match[]", selector)]).await?;
        Ok(data.as_array().cloned().unwrap_or_default())
    }

    /// The names of all labels among the series that `selector` matches.
    ///
    /// # Errors
    /// When Prometheus does not answer.
    pub async fn label_names(&self, selector: &str) -> Result<BTreeSet<String>> {
        let data = self.get("labels", &[("match[]", selector)]).await?;
        let names = data.as_array().into_iter().flatten();
        Ok(names.filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// The names of the alerts that fire.
    ///
    /// # Errors
    /// When Prometheus does not answer.
    pub async fn firing(&self) -> Result<BTreeSet<String>> {
        let data = self.get("alerts", &[]).await?;
        let alerts = data["alerts"].as_array().into_iter().flatten();
        Ok(alerts
            .filter(|alert| alert["state"] == "firing")
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect())
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let answer: Value = self.client.get(url).query(parameters).send().await?.json().await?;
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(format!("{path} {parameters:?}: {}", answer["error"]).into())
        }
    }
}
