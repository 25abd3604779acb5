//! The whole way on one machine: some days of a small company's calls, drawn from a seed, with the rules over them; then the
//! real thing: a ledger that serves, applications that call providers on loopback through the real middleware and export over
//! OTLP, an application that is killed, and a webhook that alerts reach.

mod anomalies;
mod company;
mod configuration;
mod draft;
mod history;
pub(crate) mod killed;
pub(crate) mod live;
mod provider;
pub(crate) mod quality;
mod sink;
pub(crate) mod traffic;
mod verdicts;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spanledger::PriceTable;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::company::Clock;
use self::history::History;
use self::live::Applications;
use crate::app::{self, Addresses, TaskEnded};
use crate::clock;
use crate::config::{Flag, Loaded, load};
use crate::evaluate::backtest::replay;
use crate::evaluate::history::History as RuleHistory;
use crate::evaluate::state_file::StateFile;
use crate::record::{Timestamp, Window};
use crate::rule::{RuleName, Severity};
use crate::store::sqlite::{Ledger, Options};
use crate::store::{Filter, Querier, StoreError};

pub(crate) use self::history::Settings;
pub(crate) use self::verdicts::{Verdict, Verdicts};

/// Rules are evaluated when the companion starts, so this is ample on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens while the demo runs.
#[derive(Debug)]
pub(crate) enum Event {
    /// So many calls of the history are in the ledger.
    History(usize),
    /// The last day is in the ledger as well, and the rules were evaluated so many times meanwhile.
    Evaluated {
        /// Calls of the whole history.
        calls: usize,
        /// Evaluations.
        evaluations: u64,
    },
    /// The ledger serves.
    Ready(Addresses),
    /// Calls of live applications that have arrived.
    Live(u64),
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
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The exporters.
    #[error("the demo's application cannot export: {0}")]
    Export(#[from] spanledger::otlp::InitError),
    /// The journal of the application that is killed.
    #[error("the demo's application has no journal: {0}")]
    Journal(#[from] spanledger::journal::JournalError),
    /// The application's client.
    #[error("the demo's application has no client: {0}")]
    Client(#[from] reqwest::Error),
    /// A folder that is used already.
    #[error("{} is there already; name another folder with --keep, or delete it", .0.display())]
    Exists(PathBuf),
    /// Calls that the journal did not bring back.
    #[error("the journal brought back {} calls that had ended and {} in flight", .0.ended, .0.interrupted)]
    NotWhole(killed::BroughtBack),
    /// Calls of live applications that did not arrive.
    #[error("within {} s only {calls} calls of the live applications arrived", PATIENCE.as_secs())]
    NotLive {
        /// How many.
        calls: u64,
    },
    /// An alert that did not come.
    #[error("within {} s no notice of {} reached the webhook", PATIENCE.as_secs(), missing.join(" and "))]
    Silent {
        /// The rules that were waited for.
        missing: Vec<String>,
    },
}

/// What a history was judged as.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The demo's configuration.
    pub(crate) loaded: Loaded,
    /// Which rule caught what.
    pub(crate) verdicts: Verdicts,
    values: RuleHistory,
    /// Rules that fire at the end, and whose alerts are sent at once.
    firing: BTreeSet<RuleName>,
}

/// Draws a history into a new ledger in `folder` and evaluates the rules over its last day. Blocks.
///
/// # Errors
/// [`DemoError`] for the first thing that fails.
pub(crate) fn judge(
    folder: &Path,
    webhook: &str,
    settings: Settings,
    now: Timestamp,
    report: &mut dyn FnMut(Event),
) -> Result<Judged, DemoError> {
    let ledger = folder.join("demo.db");
    if ledger.exists() {
        return Err(DemoError::Exists(ledger));
    }
    let company = Clock::at(now);
    let prices = PriceTable::bundled();
    let history = History::new(settings, company, &prices);
    let options = Options { now: Some(history.begins()), ..Options::default() };
    let mut appender = Ledger::open_writer(&ledger, &options)?.begins(history.begins())?;
    let mut today = history.append(&mut appender, |calls| report(Event::History(calls)))?;
    let querier = Ledger::open_reader(&ledger)?;
    let file = configuration::write(folder, Some(webhook), company, &querier)?;
    let flags: Vec<Flag> = Vec::new();
    let loaded = load(Some(&file), std::iter::empty(), &flags)?;
    // The webhook ends with the demo; the file stays, for `serve`.
    configuration::write(folder, None, company, &querier)?;
    let rules = &loaded.config.rules;
    let (values, mut alerts) = (RuleHistory::default(), Vec::new());
    let day = Window { from: company.midnight, to: now };
    let found =
        replay(rules, &querier, day, &mut |at| today.fill(&mut appender, at), &mut |at, evaluator| {
            values.note(evaluator.shown(), at);
            if at.plus_seconds(rules.interval.0) > now {
                alerts = evaluator.alerts();
            }
        })?;
    report(Event::Evaluated { calls: today.appended, evaluations: found.evaluations });
    drop((today, appender));
    let at_once = |alert: &&crate::alert::Alert| alert.firing() && alert.severity != Severity::Info;
    let firing = alerts.iter().filter(at_once).map(|alert| alert.rule).collect();
    StateFile::open(&ledger)?.update(|saved| saved.alerts = alerts)?;
    Ok(Judged { verdicts: Verdicts::of(&found, company, now), loaded, values, firing })
}

/// The running companion of a demo that has shown everything.
#[derive(Debug)]
pub(crate) struct Demo {
    /// The demo's configuration.
    pub(crate) loaded: Loaded,
    /// Where the companion listens.
    pub(crate) addresses: Addresses,
    /// Which rule caught what.
    pub(crate) verdicts: Verdicts,
    stop: CancellationToken,
    companion: tokio::task::JoinHandle<Result<bool, TaskEnded>>,
    applications: Applications,
}

impl Demo {
    /// Plays the demo with its files in `folder` and tells `report` of it. The companion goes on serving, and the live
    /// applications go on calling.
    ///
    /// # Errors
    /// [`DemoError`] for the first thing that fails.
    pub(crate) async fn play(
        folder: &Path,
        settings: Settings,
        mut report: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, DemoError> {
        let provider = sink::serve(provider::router()).await?;
        let (webhook, notices) = sink::router();
        let webhook = format!("http://{}/alerts", sink::serve(webhook).await?);
        let place = folder.to_owned();
        let judged = tokio::task::spawn_blocking(move || {
            judge(&place, &webhook, settings, clock::now(), &mut report).map(|judged| (judged, report))
        });
        let (judged, mut report) = judged.await.map_err(std::io::Error::other)??;
        let Judged { loaded, verdicts, values, firing } = judged;
        let app = app::build(&loaded).await?.with_history(values);
        let addresses = app.addresses()?;
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "the demo holds it and awaits its end")]
        let companion = tokio::spawn(app.run(stop.clone()));
        report(Event::Ready(addresses));
        let began = clock::now();
        let applications = Applications::start(&format!("http://{}", addresses.otlp_http))?;
        hear(notices, firing, &mut report).await?;
        let journal = folder.join("journal");
        report(Event::BroughtBack(brought_back(&journal, provider, &loaded).await?));
        report(Event::Live(arrived(&loaded, began).await?));
        Ok(Self { loaded, addresses, verdicts, stop, companion, applications })
    }

    /// Stops the applications, then the companion in order; whether everything ended before the deadline.
    pub(crate) async fn stop(self) -> bool {
        drop(self.applications);
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
    let mut last = killed::brought_back(&loaded.config.ledger.path)?;
    let whole = until(|| {
        last = killed::brought_back(&loaded.config.ledger.path)?;
        Ok(killed::is_whole(last))
    });
    if whole.await? { Ok(last) } else { Err(DemoError::NotWhole(last)) }
}

/// Waits until every live application has calls in the ledger; how many there are.
async fn arrived(loaded: &Loaded, began: Timestamp) -> Result<u64, DemoError> {
    let querier = Ledger::open_reader(&loaded.config.ledger.path)?;
    let mut calls = 0;
    let all = until(|| {
        let window = Window { from: began, to: clock::now() };
        let of = |service: &str| {
            let filter = Filter { service: Some(service.to_owned()), ..Filter::default() };
            querier.totals(window, &filter).map(|totals| totals.calls)
        };
        let each: Vec<u64> = live::services().map(of).collect::<Result<_, _>>()?;
        calls = each.iter().sum();
        Ok(each.iter().all(|calls| *calls > 0))
    });
    if all.await? { Ok(calls) } else { Err(DemoError::NotLive { calls }) }
}

/// Asks again and again, for as long as the demo is patient; whether it became true.
async fn until(mut is: impl FnMut() -> Result<bool, DemoError>) -> Result<bool, DemoError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if is()? {
            return Ok(true);
        }
        if tokio::time::Instant::now() > deadline {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until every rule that fires has reached the webhook.
async fn hear(
    mut notices: mpsc::Receiver<sink::Notice>,
    firing: BTreeSet<RuleName>,
    report: &mut impl FnMut(Event),
) -> Result<(), DemoError> {
    let mut missing: BTreeSet<&str> = firing.iter().map(|rule| rule.as_str()).collect();
    let heard = timeout(PATIENCE, async {
        while !missing.is_empty() {
            let Some(notice) = notices.recv().await else { return };
            if notice.status != "firing" {
                continue;
            }
            for alert in notice.alerts {
                missing.remove(alert.labels.alertname.as_str());
                let (name, severity) = (alert.labels.alertname, alert.labels.severity);
                report(Event::Alert { name, severity, summary: alert.annotations.summary });
            }
        }
    });
    let silent = heard.await.is_err() || !missing.is_empty();
    if silent {
        return Err(DemoError::Silent { missing: missing.into_iter().map(str::to_owned).collect() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
