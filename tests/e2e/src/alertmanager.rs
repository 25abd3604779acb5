//! Alertmanager with `alerts/alertmanager.yml`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::Restartable;
use crate::{Result, root};

/// The webhook that `alerts/alertmanager.yml` names as an example.
const WEBHOOK: &str = "127.0.0.1:5001";

/// The running Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    address: SocketAddr,
    client: reqwest::Client,
    /// Its process.
    pub program: Restartable,
}

/// An alert as Alertmanager has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alert {
    /// The rule's name.
    pub name: String,
    /// How urgent it is.
    pub severity: String,
    /// Where the sender says more: Prometheus puts its own address there.
    pub source: String,
    /// Whether another alert holds it back.
    pub inhibited: bool,
}

impl Alertmanager {
    /// Starts it on `address`; its messages go to `webhook`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(
        tools: &Path,
        directory: &Path,
        address: SocketAddr,
        webhook: SocketAddr,
    ) -> Result<Self> {
        let directory = directory.join("alertmanager");
        std::fs::create_dir_all(&directory)?;
        let config = std::fs::read_to_string(root().join("alerts/alertmanager.yml"))?;
        if !config.contains(WEBHOOK) {
            return Err(format!("alerts/alertmanager.yml no longer names the webhook {WEBHOOK}").into());
        }
        std::fs::write(directory.join("alertmanager.yml"), config.replace(WEBHOOK, &webhook.to_string()))?;
        let mut command = Command::new(tools.join("alertmanager"));
        command.args(["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]);
        command.arg(format!("--web.listen-address={address}"));
        let ready = format!("http://{address}/-/ready");
        let program = Restartable::start("alertmanager", command, &directory, ready).await?;
        Ok(Self { address, client: reqwest::Client::new(), program })
    }

    /// All alerts it has.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn alerts(&self) -> Result<Vec<Alert>> {
        let url = format!("http://{}/api/v2/alerts", self.address);
        let answer: Value = self.client.get(url).send().await?.json().await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alerts = answer.as_array().into_iter().flatten();
        Ok(alerts
            .map(|alert| Alert {
                name: text(&alert["labels"]["alertname"]),
                severity: text(&alert["labels"]["severity"]),
                source: text(&alert["generatorURL"]),
                inhibited: alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty()),
            })
            .collect())
    }
}
