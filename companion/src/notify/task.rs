//! The task of each notifier: inspects the alerts when something is due, sends, and records what was sent.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::schedule::Schedule;
use super::{Notification, Notifier, SendError};
use crate::alert::Alert;
use crate::clock;
use crate::evaluate::state_file::StateFile;
use crate::notify::target::Target;
use crate::text::log_throttle::LogThrottle;
use crate::text::seconds::Seconds;

/// A send that takes longer is given up and tried again. Beyond the timeouts of the protocols.
const GIVE_UP: Duration = Duration::from_secs(30);

/// Failures of one target are logged once in this time.
const LOG_INTERVAL: Seconds = Seconds(60);

/// What a notifier has done since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// The counts of one notifier, to be read.
#[derive(Debug, Clone)]
pub(crate) struct NotifierCounts {
    /// The notifier's name.
    pub name: String,
    counts: Arc<Counts>,
}

impl NotifierCounts {
    /// Messages the target has taken.
    #[must_use]
    pub(crate) fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }

    /// Attempts that failed; most are tried again.
    #[must_use]
    pub(crate) fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }

    /// Groups of alerts that fired and resolved while the target could not be reached.
    #[must_use]
    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

/// The running notifiers.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    tasks: JoinSet<()>,
    counts: Vec<NotifierCounts>,
}

impl Dispatcher {
    /// Starts a task for each target. They end with `stop`, or when the alerts end; a message in
    /// flight is then abandoned and sent again after the restart.
    #[must_use]
    pub(crate) fn start(
        targets: Vec<Target>,
        alerts: &watch::Receiver<Arc<Vec<Alert>>>,
        state: Option<&Arc<StateFile>>,
        stop: &CancellationToken,
    ) -> Self {
        let mut logs = state.map(|state| state.get().notified).unwrap_or_default();
        let mut dispatcher = Self { tasks: JoinSet::new(), counts: Vec::new() };
        for Target { notifier, grouping } in targets {
            let counts = Arc::new(Counts::default());
            dispatcher
                .counts
                .push(NotifierCounts { name: notifier.name().to_owned(), counts: Arc::clone(&counts) });
            let schedule = Schedule::new(grouping, logs.remove(notifier.name()).unwrap_or_default());
            let failures = LogThrottle::new(LOG_INTERVAL);
            let task = Task { schedule, notifier, counts, state: state.cloned(), failures };
            dispatcher.tasks.spawn(task.run(alerts.clone(), stop.clone()));
        }
        dispatcher
    }

    /// The counts of every notifier.
    #[must_use]
    pub(crate) fn counts(&self) -> &[NotifierCounts] {
        &self.counts
    }

    /// Waits until any task has ended; forever when there is none.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Err(error)) => tracing::error!(%error, "a notifier failed"),
            Some(Ok(())) => {}
        }
    }

    /// Waits until every task has ended.
    pub(crate) async fn join(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a notifier failed");
            }
        }
    }
}

struct Task {
    schedule: Schedule,
    notifier: Arc<dyn Notifier>,
    counts: Arc<Counts>,
    state: Option<Arc<StateFile>>,
    /// A target that is away fails for each group of alerts and each attempt.
    failures: LogThrottle,
}

impl Task {
    async fn run(mut self, mut alerts: watch::Receiver<Arc<Vec<Alert>>>, stop: CancellationToken) {
        loop {
            let snapshot = Arc::clone(&alerts.borrow_and_update());
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.tell(&snapshot) => {}
            }
            let wait = self.schedule.next().map(|next| next.0.saturating_sub(clock::now().0).max(0));
            let wait = Duration::from_nanos(wait.map_or(u64::MAX, i64::unsigned_abs));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = alerts.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Sends the message that is due for longest. The next one is made when this one is done, so that a target that
    /// hangs does not receive outdated messages afterwards.
    async fn tell(&mut self, alerts: &[Alert]) {
        let due = self.schedule.due(alerts, clock::now());
        self.counts.dropped.store(self.schedule.dropped(), Ordering::Relaxed);
        let Some(notification) = due.into_iter().next() else { return };
        let result = match tokio::time::timeout(GIVE_UP, self.notifier.send(&notification)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::passing(format!("no response within {} s", GIVE_UP.as_secs()))),
        };
        self.note(&notification, result);
        self.remember().await;
    }

    fn note(&mut self, notification: &Notification, result: Result<(), SendError>) {
        let notifier = self.notifier.name();
        match result {
            Ok(()) => {
                self.counts.sent.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    notifier,
                    status = notification.status(),
                    firing = notification.firing.len(),
                    resolved = notification.resolved.len(),
                    "notification sent"
                );
                self.schedule.sent(notification, clock::now());
            }
            Err(error) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                if let Some(suppressed) = self.failures.allow(clock::now()) {
                    let mut alerts = notification.firing.iter().chain(&notification.resolved);
                    let alert = alerts.next().map_or("", |alert| alert.rule.as_str());
                    let retry = error.retry;
                    tracing::warn!(notifier, alert, %error, retry, suppressed, "notification failed");
                }
                self.schedule.failed(notification, error.retry, jitter(), clock::now());
            }
        }
    }

    async fn remember(&self) {
        let Some(state) = self.state.clone() else { return };
        let (name, log) = (self.notifier.name().to_owned(), self.schedule.log());
        let written = tokio::task::spawn_blocking(move || {
            state.update(|saved| {
                saved.notified.insert(name, log);
            })
        });
        if let Ok(Err(error)) = written.await {
            tracing::error!(%error, "what was notified could not be written");
        }
    }
}

/// A number from 0 to 1. Spreads retries; needs no quality beyond that.
#[expect(clippy::cast_precision_loss, reason = "only the order of magnitude matters")]
fn jitter() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}
