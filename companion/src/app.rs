//! The application: the only file that knows all others. Build, run, ordered stop.

mod build;
mod ledger;
mod signals;
mod supervisor;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use build::{BuildError, build, prices, retention};
pub(crate) use ledger::{clickhouse, exporter, kept_alerts, needs_a_file, querier, silences};
pub(crate) use signals::stop_token;
pub(crate) use supervisor::TaskEnded;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanledger::PriceTable;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::admin::recent::{EVERY_SECONDS, Recent};
use crate::admin::{self, AccessPolicy, AdminState, LedgerTotals};
use crate::archive::keeper::Keeper;
use crate::clock;
use crate::config::JournalConfig;
use crate::convert::Converter;
use crate::evaluate::evaluator::RuleStatus;
use crate::evaluate::history::History;
use crate::evaluate::runner::Runner;
use crate::evaluate::state_file::StateFile;
use crate::journal::watcher::Watcher;
use crate::metrics::Metrics;
use crate::net::listener::Listener;
use crate::notify::target::Target;
use crate::notify::task::Dispatcher;
use crate::page::{self, PageState, Silences};
use crate::receiver::admission::Admission;
use crate::receiver::{self, Intake};
use crate::report::rule_states::report_states;
use crate::rule::budget::Budgets;
use crate::rule::config::RulesConfig;
use crate::silence::keeper::SilenceKeeper;
use crate::silence::maintenance::MaintenanceConfig;
use crate::store::Querier;
use crate::store::archival::Archival;
use crate::store::clickhouse::SpanTable;
use crate::store::export::Exporter;
use crate::store::own_clock::OwnClock;
use crate::store::writer::WriterHandle;
use crate::traces::TraceReader;
use supervisor::Supervisor;

/// How often the ledger's totals are read for `/metrics`, while that is quick.
const LEDGER_TOTALS_EVERY: Duration = Duration::from_secs(15);
/// Reading them takes at most one part in so many of the time, whatever the size of the ledger.
const LEDGER_TOTALS_SHARE: u32 = 50;

/// Queries that read the ledger together.
const QUERIES: usize = 2;

/// Everything built and bound, nothing served yet.
pub(crate) struct App {
    grpc: Listener,
    http: Listener,
    admin: Listener,
    admission: Admission,
    access: AccessPolicy,
    converter: Arc<Converter>,
    prices: Arc<PriceTable>,
    metrics: Arc<Metrics>,
    clock: OwnClock,
    writer: WriterHandle,
    querier: Arc<dyn Querier>,
    /// A table that a Collector writes spans to.
    spans: Option<SpanTable>,
    /// Becomes true when this companion must write no more, or can.
    lease: Option<watch::Receiver<bool>>,
    /// Whether this companion writes the ledger, evaluates rules and notifies; others answer questions.
    writes: bool,
    rules: RulesConfig,
    budgets: Budgets,
    maintenance: Vec<MaintenanceConfig>,
    targets: Vec<Target>,
    alerts: Arc<StateFile>,
    silences: SilenceKeeper,
    archive: Option<Archive>,
    journal: JournalConfig,
    deadline: Duration,
    history: Arc<History>,
    note: String,
}

/// Where calls are archived before they are deleted, how far that is, and where they are read.
type Archive = (PathBuf, (Archival, Arc<dyn Exporter>));

/// Where the application listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Addresses {
    /// OTLP over gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP over HTTP.
    pub otlp_http: SocketAddr,
    /// Metrics, health and the report page.
    pub admin: SocketAddr,
}

impl App {
    /// Goes on with values of the rules from before the start.
    pub(crate) fn with_history(mut self, history: History) -> Self {
        self.history = Arc::new(history);
        self
    }

    /// The bound addresses, with the ports the system chose.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn addresses(&self) -> std::io::Result<Addresses> {
        Ok(Addresses {
            otlp_grpc: self.grpc.address()?,
            otlp_http: self.http.address()?,
            admin: self.admin.address()?,
        })
    }

    /// Serves until `stop`, then drains in the order of the flow: entrances, rules, notifiers, ledger, admin. Returns
    /// whether all of it was done before the deadline.
    ///
    /// # Errors
    /// [`TaskEnded`] when a part ended by itself; the others are drained as at `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<bool, TaskEnded> {
        let (stops, supervisor) = (Stops::default(), Supervisor::default());
        let intake = Intake::new(self.converter, self.writer.clone(), self.metrics.clone(), self.clock);
        let receivers = [
            supervisor.spawn(
                "the gRPC receiver",
                self.grpc
                    .serve(receiver::grpc_router(intake.clone(), &self.admission), stops.receivers.clone()),
            ),
            supervisor.spawn(
                "the HTTP receiver",
                self.http
                    .serve(receiver::http_router(intake.clone(), &self.admission), stops.receivers.clone()),
            ),
        ];
        let lease = self.lease.map(|mut lease| {
            let stop = stops.receivers.clone();
            supervisor.spawn("the lease of the ledger", async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = lease.wait_for(|changed| *changed) => {}
                }
            })
        });
        let reader = self.spans.map(|table| {
            let reader = TraceReader::new(table, intake.clone());
            supervisor.spawn("the reader of spans", reader.run(stops.receivers.clone()))
        });
        let JournalConfig { dirs, every } = self.journal;
        let watcher = (!dirs.is_empty()).then(|| {
            let watcher = Watcher::new(dirs, every.duration(), intake);
            supervisor.spawn("the watcher of journals", watcher.run(stops.receivers.clone()))
        });
        let archival = self.archive.as_ref().map(|(_, (archival, _))| archival.clone());
        let keeper = self.archive.map(|(dir, (archival, exporter))| {
            let keeper = Keeper::new(dir, exporter, archival);
            supervisor.spawn("the archiver", keeper.run(stops.receivers.clone()))
        });
        let known = self.writes.then(|| self.alerts.clone());
        let runner =
            Runner::new(&self.rules, known.clone()).with_peace(self.silences.clone(), self.maintenance);
        let (statuses, alerts) = (runner.statuses(), runner.alerts());
        let (judges, querier, stop_rules) = (self.writes, self.querier.clone(), stops.rules.clone());
        let rules = supervisor.spawn("the runner of the rules", async move {
            match judges {
                true => runner.run(querier, stop_rules).await,
                false => {
                    stop_rules.cancelled().await;
                    // Until then it is what others ask for alerts, of which it has none.
                    drop(runner);
                }
            }
        });
        let targets = if self.writes { self.targets } else { Vec::new() };
        let mut notifiers = Dispatcher::start(targets, &alerts, known.as_ref(), &stops.notifiers);
        let history = self.history;
        let state = Arc::new(AdminState {
            metrics: self.metrics,
            writer: self.writer.clone(),
            archival,
            rules: statuses,
            notifiers: notifiers.counts().to_vec(),
            ledger: Mutex::default(),
            unready: Mutex::new(None),
            querier: self.querier.clone(),
            interval: self.rules.interval.duration(),
            recent: Recent::default(),
            history: history.clone(),
            queries: Arc::new(Semaphore::new(QUERIES)),
        });
        #[expect(clippy::disallowed_methods, reason = "it is awaited when the application stops")]
        let followed = tokio::spawn(follow_rules(history.clone(), state.rules.clone(), stops.rules.clone()));
        let may_change = self.access.has_token();
        let budgets = Arc::new(self.budgets);
        let page = PageState {
            querier: self.querier.clone(),
            prices: self.prices,
            history: history.clone(),
            note: self.note,
            rules: {
                let state = state.clone();
                Arc::new(move || report_states(&state.rules.borrow()))
            },
            budgets: budgets.clone(),
            silences: Silences { ledger: self.silences, may_change },
            clock: Arc::new(clock::now),
        };
        let routes = admin::router(state.clone(), page::router(page), self.access);
        #[expect(clippy::disallowed_methods, reason = "it is awaited when the application stops")]
        let totals = tokio::spawn(read_totals(state.clone(), self.querier, budgets, stops.rules.clone()));
        let remembered =
            supervisor.spawn("the memory of the metrics", remember(state.clone(), stops.rules.clone()));
        let admin = supervisor.spawn("the admin listener", self.admin.serve(routes, stops.admin.clone()));

        let ended_task = tokio::select! {
            () = stop.cancelled() => None,
            () = self.writer.ended() => Some(TaskEnded("the ledger's writer")),
            () = notifiers.ended() => Some(TaskEnded("a notifier")),
            part = supervisor.ended() => Some(part),
        };
        if let Some(part) = ended_task {
            tracing::error!(%part, "stopping");
        }
        state.set_unready(Some("stopping"));
        let drain = Drain { deadline: Instant::now() + self.deadline };
        let mut clean = true;
        stops.receivers.cancel();
        for receiver in receivers {
            clean &= drain.step("receivers", ended(receiver)).await;
        }
        for (name, task) in [("lease", lease), ("spans", reader)] {
            if let Some(task) = task {
                clean &= drain.step(name, ended(task)).await;
            }
        }
        if let Some(watcher) = watcher {
            clean &= drain.step("journals", ended(watcher)).await;
        }
        if let Some(keeper) = keeper {
            clean &= drain.step("archiver", ended(keeper)).await;
        }
        stops.rules.cancel();
        clean &= drain.step("rules", ended(rules)).await;
        clean &= drain.step("ledger totals", ended(totals)).await;
        clean &= drain.step("history of the rules", ended(followed)).await;
        clean &= drain.step("metrics", ended(remembered)).await;
        stops.notifiers.cancel();
        clean &= drain.step("notifiers", notifiers.join()).await;
        // The last step that matters is given a time even when the others used up the time.
        let left = drain.deadline.saturating_duration_since(Instant::now()).max(LAST_CHANCE);
        let written = self.writer.stop(left).await;
        tracing::info!(step = "ledger", done = written, "stopped");
        stops.admin.cancel();
        clean &= drain.step("admin", ended(admin)).await;
        ended_task.map_or(Ok(clean && written), Err)
    }
}

/// What the ledger gets to write its queue even after the deadline.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// One token a step.
#[derive(Debug, Default)]
struct Stops {
    receivers: CancellationToken,
    rules: CancellationToken,
    notifiers: CancellationToken,
    admin: CancellationToken,
}

/// The steps of the stop, under one deadline.
struct Drain {
    deadline: Instant,
}

impl Drain {
    async fn step(&self, name: &'static str, work: impl Future<Output = ()>) -> bool {
        let done = timeout_at(self.deadline, work).await.is_ok();
        if done {
            tracing::info!(step = name, done, "stopped");
        } else {
            tracing::warn!(step = name, done, "not stopped before the deadline");
        }
        done
    }
}

async fn ended(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "a task failed");
    }
}

/// How long after a reading of the ledger's totals that `took` so long the next one begins: the more there is to sum,
/// the less often.
fn pause(took: Duration) -> Duration {
    LEDGER_TOTALS_EVERY.max(took * LEDGER_TOTALS_SHARE)
}

/// Remembers the series of `/metrics`, for queries of a past time.
async fn remember(state: Arc<AdminState>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(EVERY_SECONDS.unsigned_abs()));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => state.remember(clock::now()),
        }
    }
}

/// Notes the values of the rules as they are evaluated.
async fn follow_rules(
    history: Arc<History>,
    mut rules: watch::Receiver<Arc<Vec<RuleStatus>>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = rules.changed() => if changed.is_err() { return },
        }
        history.record(&rules.borrow_and_update(), clock::now());
    }
}

/// Keeps the state's totals of the ledger up to date.
async fn read_totals(
    state: Arc<AdminState>,
    querier: Arc<dyn Querier>,
    budgets: Arc<Budgets>,
    stop: CancellationToken,
) {
    loop {
        let began = Instant::now();
        let (querier, budgets) = (querier.clone(), budgets.clone());
        let read =
            tokio::task::spawn_blocking(move || LedgerTotals::read(querier.as_ref(), &budgets, clock::now()));
        tokio::select! {
            () = stop.cancelled() => return,
            read = read => match read {
                Ok(Ok(totals)) => state.set_ledger(totals),
                Ok(Err(error)) => tracing::warn!(%error, "the ledger's totals could not be read"),
                Err(error) => tracing::error!(%error, "reading the ledger's totals failed"),
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause(began.elapsed())) => {}
        }
    }
}
