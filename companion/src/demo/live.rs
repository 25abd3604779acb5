//! The company's applications as processes of their own, which go on calling.

use std::process::{Child, Command, Stdio};

use clap::ValueEnum;

use super::traffic::Application;

/// What plays each service.
const PLAYED: [(&str, Application); 4] = [
    ("support-chat", Application::Chat),
    ("coding-agent", Application::Agent),
    ("docs-search", Application::Search),
    ("invoice-batch", Application::Batch),
];

/// The services that play live.
pub(super) fn services() -> impl Iterator<Item = &'static str> {
    PLAYED.into_iter().map(|(service, _)| service)
}

/// Running applications. They end with it.
#[derive(Debug)]
pub(super) struct Applications(Vec<Child>);

impl Applications {
    /// Starts all of them, with telemetry to `endpoint`.
    ///
    /// # Errors
    /// When one cannot be started.
    pub(super) fn start(endpoint: &str) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut running = Self(Vec::new());
        for (service, application) in PLAYED {
            let name = application.to_possible_value().map(|value| value.get_name().to_owned());
            let mut command = Command::new(&program);
            command.args(["demo", "--endpoint", endpoint, "--application", &name.unwrap_or_default()]);
            command.env("OTEL_SERVICE_NAME", service).env_remove("OTEL_RESOURCE_ATTRIBUTES");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            running.0.push(command.spawn()?);
        }
        Ok(running)
    }
}

impl Drop for Applications {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended by itself is gone already.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}
