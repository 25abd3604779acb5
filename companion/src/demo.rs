//! The whole way in one process: a ledger, a provider on loopback, an application that calls it through the real
//! middleware and exports over OTLP to the real receiver, rules that fire, and a webhook they reach.

mod application;
pub(crate) mod killed;
mod provider;
mod sink;
pub(crate) mod traffic;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::{self, Addresses, TaskEnded};
use crate::config::{Flag, Loaded, load};

/// The rules the demo waits for. More of them fire.
pub(crate) const EXPECTED: [&str; 2] = ["CostOverrun", "HighFailureRate"];

/// Rules are evaluated every second, so this is ample on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens while the demo runs.
#[derive(Debug)]
pub(crate) enum Event {
    /// The ledger serves.
    Ready(Addresses),
    /// Calls made so far, of all.
    Call(usize, usize),
    /// An application was killed, and its journal has brought this back.
    BroughtBack(killed::BroughtBack),
    /// An alert has reached the webhook.
    Alert {
        /// The rule.
        name: String,
        /// Its severity.
        severity: String,
        /// What fires.
        summary: String,
        /// What to do.
        advice: String,
    },
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// A server or a file of the demo.
    #[error("the demo cannot start: {0}")]
    Io(#[from] std::io::Error),
    /// The demo's own configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The companion.
    #[error(transparent)]
    Build(#[from] app::BuildError),
    /// The exporters.
    #[error("the demo's application cannot export: {0}")]
    Export(#[from] spanledger::otlp::InitError),
    /// The journal of the application that is killed.
    #[error("the demo's application has no journal: {0}")]
    Journal(#[from] spanledger::journal::JournalError),
    /// The application's client.
    #[error("the demo's application has no client: {0}")]
    Client(#[from] reqwest::Error),
    /// Calls that the journal did not bring back.
    #[error("the journal brought back {} calls that had ended and {} in flight", .0.ended, .0.interrupted)]
    NotWhole(killed::BroughtBack),
    /// An alert that did not come.
    #[error("within {} s no notice of {} reached the webhook", PATIENCE.as_secs(), missing.join(" and "))]
    Silent {
        /// The rules that were waited for.
        missing: Vec<String>,
    },
}

/// The running companion of a demo that has shown everything.
#[derive(Debug)]
pub(crate) struct Demo {
    /// The demo's configuration.
    pub loaded: Loaded,
    /// Where the companion listens.
    pub addresses: Addresses,
    stop: CancellationToken,
    companion: tokio::task::JoinHandle<Result<bool, TaskEnded>>,
}

impl Demo {
    /// Plays the demo with its files in `folder` and tells `news` of it. The companion goes on serving.
    ///
    /// # Errors
    /// [`DemoError`] for the first thing that fails.
    pub(crate) async fn play(folder: &Path, mut report: impl FnMut(Event)) -> Result<Self, DemoError> {
        let provider = sink::serve(provider::router()).await?;
        let (webhook, notices) = sink::router();
        let webhook = sink::serve(webhook).await?;
        let file = configuration(folder, &format!("http://{webhook}/alerts"))?;
        let flags: Vec<Flag> = Vec::new();
        let loaded = load(Some(&file), std::iter::empty(), &flags)?;
        let app = app::build(&loaded).await?;
        let addresses = app.addresses()?;
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "the demo holds it and awaits its end")]
        let companion = tokio::spawn(app.run(stop.clone()));
        report(Event::Ready(addresses));

        let telemetry = spanledger::otlp::builder()
            .service_name("demo")
            .endpoint(format!("http://{}", addresses.otlp_http))
            .bridge(false)
            .init()?;
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        application::run(provider, client, |made, all| report(Event::Call(made, all))).await;
        let journal = folder.join("journal");
        report(Event::BroughtBack(brought_back(&journal, provider, &loaded).await?));
        // What is gathered leaves now; the companion acknowledges it when it is durable.
        let telemetry = tokio::task::spawn_blocking(move || {
            let _all_taken = telemetry.flush();
            telemetry
        });
        hear(notices, &mut report).await?;
        drop(telemetry.await);
        Ok(Self { loaded, addresses, stop, companion })
    }

    /// Stops the companion in order; whether everything ended before the deadline.
    pub(crate) async fn stop(self) -> bool {
        self.stop.cancel();
        matches!(self.companion.await, Ok(Ok(true)))
    }
}

/// Kills an application, and waits until the companion has taken what that left in its journal.
async fn brought_back(
    journal: &Path,
    provider: SocketAddr,
    loaded: &Loaded,
) -> Result<killed::BroughtBack, DemoError> {
    let of = journal.to_owned();
    tokio::task::spawn_blocking(move || killed::kill(&of, provider))
        .await
        .map_err(std::io::Error::other)??;
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let brought = killed::brought_back(&loaded.config.ledger.path)?;
        if killed::is_whole(brought) {
            return Ok(brought);
        }
        if tokio::time::Instant::now() > until {
            return Err(DemoError::NotWhole(brought));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until every expected rule has reached the webhook.
async fn hear(
    mut notices: mpsc::Receiver<sink::Notice>,
    report: &mut impl FnMut(Event),
) -> Result<(), DemoError> {
    let mut missing = BTreeSet::from(EXPECTED);
    let heard = timeout(PATIENCE, async {
        while let Some(notice) = notices.recv().await {
            if notice.status != "firing" {
                continue;
            }
            for alert in notice.alerts {
                missing.remove(alert.labels.alertname.as_str());
                report(Event::Alert {
                    name: alert.labels.alertname,
                    severity: alert.labels.severity,
                    summary: alert.annotations.summary,
                    advice: alert.annotations.advice,
                });
            }
            if missing.is_empty() {
                return;
            }
        }
    });
    let silent = heard.await.is_err() || !missing.is_empty();
    if silent {
        return Err(DemoError::Silent { missing: missing.into_iter().map(str::to_owned).collect() });
    }
    Ok(())
}

/// Writes the demo's configuration: the defaults, but quick to judge and to tell, on ports the system chooses.
fn configuration(folder: &Path, webhook: &str) -> std::io::Result<PathBuf> {
    let ledger = toml::Value::from(folder.join("demo.db").to_string_lossy().into_owned());
    let journal = toml::Value::from(folder.join("journal").to_string_lossy().into_owned());
    let file = folder.join("demo.toml");
    let text = format!(
        r#"# The demo's configuration. `spanledger serve --config` takes it as well.
[ledger]
path = {ledger}

[receiver]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[journal]
dirs = [{journal}]
every = "1s"

[rules]
interval = "1s"
# Minutes give no past to learn from.
preset = "fixed"

[notify]
group_wait = "0s"
digest = "off"

[[notify.webhook]]
url = "{webhook}"
"#
    );
    std::fs::write(&file, text)?;
    Ok(file)
}
