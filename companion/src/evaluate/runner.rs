//! Evaluates the rules of a running ledger at their interval.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::alert::Alert;
use crate::clock;
use crate::evaluate::evaluator::{Evaluator, Measured, RuleStatus};
use crate::evaluate::state_file::StateFile;
use crate::record::Timestamp;
use crate::rule::Answers;
use crate::rule::config::RulesConfig;
use crate::silence::Peace;
use crate::silence::keeper::SilenceKeeper;
use crate::silence::maintenance::MaintenanceConfig;
use crate::store::Querier;

/// The rules of `serve`: one task that starts every rule at each interval on a thread of its own, one per processor at a time,
/// so that a rule that hangs, fails or panics holds back no other for long.
#[derive(Debug)]
pub(crate) struct Runner {
    evaluator: Evaluator,
    interval: Duration,
    state: Option<Arc<StateFile>>,
    /// The silences that hold back alerts.
    silences: Option<SilenceKeeper>,
    peace: Peace,
    running: Vec<Option<Running>>,
    statuses: watch::Sender<Arc<Vec<RuleStatus>>>,
    alerts: watch::Sender<Arc<Vec<Alert>>>,
}

/// An evaluation that has not ended.
#[derive(Debug)]
struct Running {
    began: Instant,
    task: JoinHandle<Result<Measured, JoinError>>,
}

impl Running {
    /// What it brings when it ends. Not to be asked again after that.
    async fn end(&mut self) -> Measured {
        (&mut self.task).await.flatten().unwrap_or_else(|error| {
            Measured::failed(format!("the evaluation failed: {error}"), self.began.elapsed())
        })
    }
}

impl Runner {
    /// The rules of `config`, with the alerts that `state` remembers.
    #[must_use]
    pub(crate) fn new(config: &RulesConfig, state: Option<Arc<StateFile>>) -> Self {
        let mut evaluator = Evaluator::in_pieces(config);
        if let Some(state) = &state {
            evaluator.restore(state.get().alerts);
        }
        let running = evaluator.monitors().iter().map(|_| None).collect();
        let alerts = watch::Sender::new(Arc::new(evaluator.alerts()));
        Self {
            evaluator,
            interval: config.interval.duration(),
            state,
            silences: None,
            peace: Peace::default(),
            running,
            statuses: watch::Sender::new(Arc::default()),
            alerts,
        }
    }

    /// Reads the silences at each evaluation, and heeds the maintenance windows of the configuration.
    #[must_use]
    pub(crate) fn with_peace(mut self, silences: SilenceKeeper, maintenance: Vec<MaintenanceConfig>) -> Self {
        self.silences = Some(silences);
        self.peace.maintenance = maintenance;
        self
    }

    /// The result of the last evaluation; empty before the first.
    #[must_use]
    pub(crate) fn statuses(&self) -> watch::Receiver<Arc<Vec<RuleStatus>>> {
        self.statuses.subscribe()
    }

    /// All alerts that are not inactive, for the notifiers.
    #[must_use]
    pub(crate) fn alerts(&self) -> watch::Receiver<Arc<Vec<Alert>>> {
        self.alerts.subscribe()
    }

    /// Evaluates until `stop`. A time that an overloaded machine misses is left out.
    pub(crate) async fn run(mut self, querier: Arc<dyn Querier>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut reading = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
                more = self.learn(&querier), if reading => {
                    reading = more;
                    continue;
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.evaluate(&querier, clock::now()) => reading = true,
            }
        }
    }

    /// Reads the next piece of the past that the rules compare with, so that it is whole within seconds; returns whether there
    /// was one. A failure shows at the next evaluation.
    async fn learn(&self, querier: &Arc<dyn Querier>) -> bool {
        let (pasts, querier) = (self.evaluator.pasts(), Arc::clone(querier));
        let piece = tokio::task::spawn_blocking(move || pasts.learn(querier.as_ref(), clock::now()));
        matches!(piece.await, Ok(Ok(true)))
    }

    /// Evaluates all rules at `now`. A rule that takes longer than the interval is left running and logged; when it
    /// has ended, its result counts and it is evaluated again.
    pub(crate) async fn evaluate(&mut self, querier: &Arc<dyn Querier>, now: Timestamp) {
        let monitors = self.evaluator.monitors();
        // More at a time than the machine has processors are no faster, and take more memory.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (answers, turns) = (Arc::new(Answers::default()), Arc::new(Semaphore::new(processors)));
        let deadline = tokio::time::Instant::now() + self.interval;
        let mut late = vec![false; monitors.len()];
        // What earlier evaluations brought after their time. It counts unless this one brings something newer.
        let mut overdue: Vec<Option<Measured>> = vec![None; monitors.len()];
        for (index, slot) in self.running.iter_mut().enumerate() {
            if let Some(running) = slot {
                if !running.task.is_finished() {
                    late[index] = true;
                    continue;
                }
                overdue[index] = Some(running.end().await);
            }
            let (monitors, querier) = (Arc::clone(&monitors), Arc::clone(querier));
            let (answers, turns) = (Arc::clone(&answers), Arc::clone(&turns));
            let patience = self.interval / 2;
            #[expect(clippy::disallowed_methods, reason = "`Running` owns it")]
            let task = tokio::spawn(async move {
                // A rule that hangs keeps its turn, and the others have theirs nevertheless.
                let turn = tokio::time::timeout(patience, turns.acquire()).await;
                let measure = move || monitors[index].measure(querier.as_ref(), &answers, now);
                let measured = tokio::task::spawn_blocking(measure).await;
                drop(turn);
                measured
            });
            *slot = Some(Running { began: clock::instant(), task });
        }
        let mut measured = Vec::with_capacity(monitors.len());
        for ((slot, late), overdue) in self.running.iter_mut().zip(late).zip(overdue) {
            let Some(running) = slot else { continue };
            // Nothing waits for a rule that would be late again.
            let slow = overdue.as_ref().is_some_and(|overdue| overdue.took() >= self.interval);
            let result = match late || slow {
                true => None,
                false => tokio::time::timeout_at(deadline, running.end()).await.ok(),
            };
            let took = running.began.elapsed();
            if result.is_some() {
                *slot = None;
            }
            measured.push(result.or(overdue).unwrap_or_else(|| {
                let seconds = took.max(self.interval).as_secs();
                Measured::failed(format!("the evaluation has not ended after {seconds} s"), took)
            }));
        }
        let mut statuses = self.evaluator.apply(measured, now);
        self.read_silences().await;
        let alerts = self.evaluator.alerts();
        self.peace.mark(&alerts, statuses.iter_mut().flat_map(|status| &mut status.alerts), now);
        for status in statuses.iter().filter(|status| status.error.is_some()) {
            tracing::warn!(rule = %status.name, error = status.error.as_deref(), "the rule could not be evaluated");
        }
        self.statuses.send_replace(Arc::new(statuses));
        let mut marked = alerts.clone();
        if self.evaluator.changed() {
            self.save(alerts.clone()).await;
        }
        self.peace.mark(&alerts, marked.iter_mut(), now);
        self.alerts.send_replace(Arc::new(marked));
    }

    /// Those that cannot be read stay as they were.
    async fn read_silences(&mut self) {
        let Some(silences) = self.silences.clone() else { return };
        match tokio::task::spawn_blocking(move || silences.read()).await {
            Ok(Ok(silences)) => self.peace.silences = silences,
            Ok(Err(error)) => tracing::warn!(%error, "the silences stay as they were"),
            Err(error) => tracing::error!(%error, "the silences were not read"),
        }
    }

    async fn save(&self, alerts: Vec<Alert>) {
        let Some(state) = self.state.clone() else { return };
        let written = tokio::task::spawn_blocking(move || state.update(|saved| saved.alerts = alerts));
        if let Ok(Err(error)) = written.await {
            tracing::error!(%error, "the state of the alerts could not be written");
        }
    }
}
