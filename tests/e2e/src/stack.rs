//! The whole stack of one test.

use std::path::Path;

use tempfile::TempDir;

use crate::Result;
use crate::alertmanager::Alertmanager;
use crate::collector::Collector;
use crate::companion::Companion;
use crate::program::free_address;
use crate::prometheus::{Neighbours, Prometheus};
use crate::webhook::Webhook;

/// Every program, ended when dropped, and then the directory they wrote to.
#[derive(Debug)]
pub struct Stack {
    /// OTLP from the applications.
    pub collector: Collector,
    /// Metrics and rules.
    pub prometheus: Prometheus,
    /// The ledger.
    pub companion: Companion,
    /// Alerts of both.
    pub alertmanager: Alertmanager,
    /// The notifications.
    pub webhook: Webhook,
    _directory: TempDir,
}

impl Stack {
    /// Starts everything.
    ///
    /// # Errors
    /// When a program does not come up.
    pub async fn start(tools: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        let (alerts, metrics) = (free_address()?, free_address()?);
        let webhook = Webhook::start().await?;
        let alertmanager = Alertmanager::start(tools, path, alerts, webhook.address()).await?;
        let companion = Companion::start(path, alerts).await?;
        let collector = Collector::start(tools, path, companion.grpc, metrics, "", &[]).await?;
        let neighbours =
            Neighbours { companion: companion.admin, collector: collector.metrics, alertmanager: alerts };
        let prometheus = Prometheus::start(tools, path, metrics, neighbours).await?;
        Ok(Self { collector, prometheus, companion, alertmanager, webhook, _directory: directory })
    }
}
