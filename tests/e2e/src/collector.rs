//! The Collector with `collector/config.yaml`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::program::{Restartable, free_address};
use crate::{Result, root};

/// The running Collector.
#[derive(Debug)]
pub struct Collector {
    /// Where it takes OTLP over gRPC.
    pub grpc: SocketAddr,
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    /// Where it shows its own metrics.
    pub metrics: SocketAddr,
    /// Its process.
    pub program: Restartable,
}

impl Collector {
    /// Starts it between the applications and `companion` and `prometheus`. `overlay` is laid over the configuration
    /// last, and an empty one changes nothing; `environment` is set besides what names the addresses.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(
        tools: &Path,
        directory: &Path,
        companion: SocketAddr,
        prometheus: SocketAddr,
        overlay: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let (grpc, http, metrics, health) =
            (free_address()?, free_address()?, free_address()?, free_address()?);
        let laid_over = directory.join("overlay.yaml");
        std::fs::write(&laid_over, overlay)?;
        let mut command = Command::new(tools.join("otelcol"));
        command
            .arg("--config")
            .arg(root().join("collector/config.yaml"))
            .arg("--config")
            .arg(root().join("collector/config.local.yaml"))
            .arg("--config")
            .arg(laid_over)
            .envs(environment.iter().copied())
            .env("SPANLEDGER_COLLECTOR_GRPC", grpc.to_string())
            .env("SPANLEDGER_COLLECTOR_HTTP", http.to_string())
            .env("SPANLEDGER_COLLECTOR_HEALTH", health.to_string())
            .env("SPANLEDGER_COLLECTOR_HOST", metrics.ip().to_string())
            .env("SPANLEDGER_COLLECTOR_PORT", metrics.port().to_string())
            .env("SPANLEDGER_COLLECTOR_STORAGE", directory.join("queue"))
            .env("SPANLEDGER_COMPANION_ENDPOINT", companion.to_string())
            .env("SPANLEDGER_PROMETHEUS_ENDPOINT", format!("http://{prometheus}/api/v1/otlp"));
        let program =
            Restartable::start("collector", command, directory, format!("http://{health}/")).await?;
        Ok(Self { grpc, http, metrics, program })
    }
    /// Starts one with the configuration of somebody else, `theirs`, and `collector/add-to-yours.yaml` over it. `theirs`
    /// listens for OTLP on `${env:GRPC}` and `${env:HTTP}`, and for health checks on `${env:HEALTH}`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn theirs(tools: &Path, directory: &Path, companion: SocketAddr, theirs: &str) -> Result<Self> {
        let (grpc, http, health) = (free_address()?, free_address()?, free_address()?);
        let file = directory.join("theirs.yaml");
        std::fs::write(&file, theirs)?;
        let mut command = Command::new(tools.join("otelcol"));
        command
            .arg("--config")
            .arg(file)
            .arg("--config")
            .arg(root().join("collector/add-to-yours.yaml"))
            .env("GRPC", grpc.to_string())
            .env("HTTP", http.to_string())
            .env("HEALTH", health.to_string())
            .env("SPANLEDGER_COMPANION_ENDPOINT", companion.to_string());
        let program =
            Restartable::start("collector", command, directory, format!("http://{health}/")).await?;
        Ok(Self { grpc, http, metrics: health, program })
    }
}
